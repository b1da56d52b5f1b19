import numpy as np
import pytest
from handmade import display_p3_profile, encoded, noise, opened
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from impasto.errors import InputError
from impasto.images import read_picture


def test_an_array_of_bytes_is_read_exactly_and_its_png_shows_it_to_pillow():
    values = noise()
    picture = read_picture(values)
    assert np.array_equal(picture.pixels, values.astype(np.float32) / np.float32(255))
    assert np.array_equal(np.asarray(opened(picture.encoded)), values)
    assert picture.bits == 8


def test_an_array_of_floats_is_kept_to_a_65535th():
    values = np.random.default_rng(0).random((20, 30, 3))
    picture = read_picture(values)
    assert picture.bits == 16
    assert np.abs(picture.pixels - values).max() <= 0.502 / 65535


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 2), (5, 7, 3), (5, 7, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_grey_and_alpha_are_told_from_the_shape(shape, dtype):
    largest = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[dtype]
    values = (np.random.default_rng(0).uniform(0.1, 1, shape) * largest).astype(dtype)
    picture = read_picture(values)
    channels = np.atleast_3d(values) / largest
    count = channels.shape[2]
    assert np.abs(picture.pixels - channels[..., : 3 if count > 2 else 1]).max() < 1e-5
    if count in (2, 4):
        assert np.abs(picture.alpha - channels[..., -1]).max() < 1e-5
    else:
        assert picture.alpha is None


def test_arrays_that_are_not_laid_out_in_a_row_are_read_right():
    values = noise(20, 20)
    for view in (values[::2, ::3], values.transpose(1, 0, 2), values[..., ::-1], values.astype(">u2") * 257):
        assert np.abs(read_picture(view).pixels * 255 - (view if view.dtype == np.uint8 else view / 257)).max() < 1e-4


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((0, 5, 3)), "shape"),
        (np.zeros(5), "shape"),
        (np.zeros((2, 3, 5)), "shape"),
        (np.zeros((1, 2, 3, 3)), "shape"),
        (np.zeros((2, 2, 3), np.int64), "int64"),
        (np.full((2, 2, 3), np.nan), "NaN"),
        (np.full((2, 2, 3), 255.0), "from 0 to 1"),
        (np.full((2, 2, 3), -1.0), "from 0 to 1"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(array, reason):
    with pytest.raises(InputError, match=reason):
        read_picture(array)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "YCbCr", "HSV", "RGBX"])
def test_pil_images_of_every_mode_keep_their_colours(mode):
    image = Image.fromarray(noise())
    image = image.quantize(16) if mode == "P" else image.convert(mode)
    assert np.array_equal(np.rint(read_picture(image).pixels * 255), np.asarray(image.convert("RGB")))


def test_pil_images_of_sixteen_bits_keep_them():
    values = np.random.default_rng(0).integers(0, 65536, (5, 7), dtype=np.uint16)
    for image in (Image.fromarray(values), Image.fromarray(values.astype(np.int32))):
        assert np.array_equal(np.rint(read_picture(image).pixels[..., 1] * 65535), values)


def test_a_pil_image_in_cmyk_is_read_as_its_file_is():
    image = Image.fromarray(noise(channels=4), "CMYK")
    assert np.array_equal(read_picture(image).pixels, read_picture(encoded(image, "TIFF")).pixels)


def test_the_profile_of_a_pil_image_is_converted():
    data = encoded(Image.fromarray(noise()), "PNG", icc_profile=display_p3_profile())
    assert np.array_equal(read_picture(opened(data)).pixels, read_picture(data).pixels)


def test_the_transparent_colour_of_a_pil_image_becomes_alpha():
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.info["transparency"] = 0
    assert read_picture(image).alpha.tolist() == [[0, 1]]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_pil_image_is_turned_upright_and_keeps_its_exif(kind):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    exif.get_ifd(0x8825)[29] = "SECRETPLACE"
    picture = read_picture(opened(encoded(Image.fromarray(noise(10, 20)), kind, exif=exif)))
    assert (picture.width, picture.height) == (10, 20)
    kept = Image.Exif()
    kept.load(picture.exif)
    assert kept[0x010F] == "Camera"
    assert b"SECRETPLACE" not in picture.encoded


def test_text_in_a_pil_image_does_not_change_its_hash():
    notes = PngInfo()
    notes.add_text("Title", "mine")
    data = encoded(Image.fromarray(noise()), "PNG", pnginfo=notes)
    assert read_picture(opened(data)).sha256 == read_picture(Image.fromarray(noise())).sha256


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.new("RGB", (0, 5)), "no pixels"),
        (Image.new("F", (5, 5)), "mode F"),
        (Image.new("LAB", (5, 5)), "mode LAB"),
        (Image.new("I", (5, 5), 70_000), "from 0 to 65535"),
    ],
)
def test_pil_images_without_agreed_colours_are_refused(image, reason):
    with pytest.raises(InputError, match=reason):
        read_picture(image)


def test_a_pil_image_of_a_truncated_file_is_refused():
    data = encoded(Image.fromarray(noise(100, 100)), "JPEG")
    with pytest.raises(InputError, match="cannot be read"):
        read_picture(opened(data[: len(data) // 2]))


def test_the_size_limit_holds_for_images_and_arrays():
    for source in (noise(), Image.fromarray(noise())):
        with pytest.raises(InputError, match="--max-megapixels"):
            read_picture(source, max_megapixels=1e-4)
