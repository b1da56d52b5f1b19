"""Reading from files, bytes, PIL images and arrays, and refusing what is not a picture."""

import hashlib
import re
import struct

import numpy as np
import pillow_heif
import pytest
from handmade import bare_tiff, display_p3_profile, encoded, noise, opened, png_header_only, smooth, tiff
from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

from impasto.errors import InputError
from impasto.images import peek_size, read_picture, sniff
from impasto.images.decode import HEAD_LENGTH

pillow_heif.register_heif_opener()

EVERY_KIND = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_lossless_files_have_the_values_that_pillow_wrote(kind, tmp_path):
    values, path = noise(), tmp_path / "photo.of.mine.any"
    path.write_bytes(encoded(Image.fromarray(values), kind, **({"lossless": True} if kind == "WEBP" else {})))
    picture = read_picture(path)
    assert picture.pixels.dtype == np.float32
    assert np.array_equal(picture.pixels, values.astype(np.float32) / np.float32(255))
    assert (picture.width, picture.height) == (36, 24)
    assert picture.alpha is None
    assert picture.exif is None
    assert picture.name == "photo.of.mine"


@pytest.mark.parametrize("kind", ["JPEG", "AVIF", "GIF", "WEBP"])
def test_lossy_files_are_decoded_as_pillow_decodes_them(kind):
    assert features.check("avif")
    data = encoded(Image.fromarray(smooth()), kind, **({"subsampling": "4:4:4"} if kind == "AVIF" else {}))
    expected = np.asarray(opened(data).convert("RGB")).astype(int)
    got = np.rint(read_picture(data).pixels * 255).astype(int)
    assert abs(got - expected).max() <= 3
    assert abs(got - expected).mean() < 0.3


def test_the_bytes_of_the_file_are_kept_with_their_hash(tmp_path):
    data = encoded(Image.fromarray(noise()), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    picture = read_picture(str(tmp_path / "a.png"))
    assert picture.encoded == data
    assert picture.sha256 == hashlib.sha256(data).hexdigest()


def test_bytes_are_named_stdin_and_images_and_arrays_picture():
    sources = (encoded(Image.fromarray(noise()), "PNG"), Image.fromarray(noise()), noise())
    assert [read_picture(source).name for source in sources] == ["stdin", "picture", "picture"]


def test_a_file_that_changed_is_read_again(tmp_path):
    path = tmp_path / "a.png"
    for value in (10, 200):
        path.write_bytes(encoded(Image.new("RGB", (8, 8), (value, 0, 0)), "PNG"))
        assert read_picture(path).pixels[0, 0, 0] == np.float32(value / 255)


# Formats


def test_a_video_is_refused_with_the_command_that_paints_it():
    assert "`impasto video` paints films" in refusal(b"\0\0\0\x1cftypmp42\0\0\0\0")


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_the_first_bytes_determine_format_and_size(kind):
    data = encoded(Image.fromarray(noise()), kind)
    assert sniff(data[:HEAD_LENGTH]) == kind.lower()
    assert peek_size(data, "a") == (36, 24)


def test_both_byte_orders_and_big_tiff_are_tiff():
    assert {sniff(start) for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")} == {"tiff"}
    assert sniff(encoded(Image.fromarray(noise()), "TIFF", big_tiff=True)) == "tiff"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1miaf", "avif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x14ftypheic\0\0\0\0", "heic"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0heic", "heic"),
        (b"\0\0\0\x10ftypqt  \0\0\0\0heic", None),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42", None),
    ],
)
def test_brands_distinguish_avif_from_heic(head, kind):
    assert sniff(head) == kind
    if kind != "avif":
        assert peek_size(head, "a") is None


def test_short_and_random_bytes_are_not_a_picture():
    random = np.random.default_rng(0)
    assert [sniff(b"\0" + random.bytes(length)) for length in range(HEAD_LENGTH)] == [None] * HEAD_LENGTH


# Files that are refused


def refusal(source, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_picture(source, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_not_a_readable_file_is_refused(tmp_path):
    (tmp_path / "empty.png").touch()
    assert refusal(tmp_path / "none.jpg") == f"{tmp_path}/none.jpg does not exist"
    assert "is a folder" in refusal(tmp_path)
    assert "is a folder" in refusal("")
    assert "is a device" in refusal("/dev/zero")
    assert "cannot read" in refusal("a\0b.png")
    assert "cannot read" in refusal(tmp_path / ("x" * 300 + ".png"))
    assert "is empty" in refusal(tmp_path / "empty.png")
    assert "is empty" in refusal(b"")


def test_a_file_without_read_permission_is_refused(tmp_path, monkeypatch):
    def deny(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", deny)
    assert refusal(tmp_path / "a.png").endswith("Permission denied")


@pytest.mark.parametrize(
    "data",
    [
        b"hello, I am a letter",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        b"%PDF-1.7\n",
        b"1,2,3\n4,5,6\n",
        b"P6 2 2 255\n" + bytes(12),
        b"\x89PN",
    ],
    ids=["text", "svg", "pdf", "csv", "ppm", "start"],
)
def test_other_and_dangerous_formats_are_refused_with_the_known_ones(data):
    assert "is not a picture that impasto reads (JPEG, PNG" in refusal(data)


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_refused(kind, share):
    data = encoded(Image.fromarray(noise(100, 150)), kind)
    assert "damaged or cut off" in refusal(data[: int(len(data) * share)])


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate", "jpeg"])
def test_a_truncated_tiff_is_refused_for_every_compression(compression):
    data = encoded(Image.fromarray(noise(100, 150)), "TIFF", compression=compression)
    assert "damaged or cut off" in refusal(data[: len(data) // 2])


def test_a_png_with_flipped_bits_is_refused():
    data = bytearray(encoded(Image.fromarray(noise(100, 150)), "PNG"))
    data[len(data) // 2] ^= 0xFF
    assert "damaged or cut off" in refusal(bytes(data))


def test_an_undecodable_message_of_libvips_does_not_spoil_later_ones():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(noise()), "AVIF", exif=exif)
    assert b"irot" in data
    refusal(data.replace(b"irot", b"\x80rot"))
    message = refusal(png_header_only(10, 0))
    assert "damaged" in message
    assert "rot" not in message


def test_a_decompression_bomb_is_refused_from_its_header():
    message = refusal(png_header_only(30_000, 30_000))
    assert "30000 x 30000" in message
    assert "--max-megapixels" in message


def claiming(kind: str, side: int) -> bytes:
    """A small file whose header states a side of many pixels."""
    data = encoded(Image.fromarray(noise(64, 64)), "HEIF" if kind == "HEIC" else kind)
    narrow, wide = struct.pack(">HH", side, side), struct.pack(">II", side, side)
    if kind == "JPEG":
        return re.sub(rb"(?s)(\xff\xc0...)....", lambda found: found[1] + narrow, data, count=1)
    if kind == "GIF":
        screen = data[:6] + struct.pack("<HH", side, side) + data[10:]
        frame = b",\0\0\0\0" + struct.pack("<HH", 64, 64)
        return screen.replace(frame, b",\0\0\0\0" + struct.pack("<HH", side, side))
    if kind == "WEBP":
        return re.sub(
            rb"(?s)(\x9d\x01\x2a)....", lambda found: found[1] + struct.pack("<HH", side, side), data, count=1
        )
    if kind == "TIFF":
        return bare_tiff(noise(), {256: (4, [side]), 257: (4, [side]), 278: (4, [side])})
    return re.sub(rb"(?s)(ispe....)........", lambda found: found[1] + wide, data)


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "WEBP", "TIFF", "AVIF", "HEIC"])
def test_every_format_is_judged_by_its_header(kind):
    data = claiming(kind, 13_900)
    assert "13900 x 13900 pixels, 193 megapixels" in refusal(data, max_megapixels=100.0)


def test_the_size_limit_can_be_changed_and_applies_to_every_source():
    data = encoded(Image.fromarray(noise(100, 150)), "PNG")
    for source in (data, opened(data), noise(100, 150)):
        assert "0.015 megapixels" in refusal(source, max_megapixels=0.01)
        assert read_picture(source, max_megapixels=0.015).width == 150


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_float_tiff_with_nan_or_infinity_is_refused(bad):
    values = np.full((4, 5, 3), 0.5, np.float32)
    values[2, 3, 1] = bad
    assert "NaN or infinite" in refusal(tiff(values))


def test_a_picture_of_many_channels_is_judged_by_the_memory_that_it_needs():
    data = tiff(np.zeros((100, 100, 300), np.uint8))
    assert "need as much memory as 0.342" in refusal(data, max_megapixels=0.34)
    assert read_picture(data, max_megapixels=0.35).width == 100


@pytest.mark.parametrize(
    ("kind", "counted"), [("JPEG", 1), ("TIFF", 1), ("WEBP", 21 / 18), ("AVIF", 21 / 18), ("HEIC", 21 / 18)]
)
def test_every_format_is_counted_by_the_bytes_that_decoding_needs(kind, counted):
    data = claiming(kind, 1000)
    as_much = f", which need as much memory as {counted:.3g}" if counted > 1 else ""
    assert f"1 megapixels{as_much}, above" in refusal(data, max_megapixels=counted - 0.01)


# Arrays and PIL images


def test_an_array_of_bytes_is_encoded_exactly():
    values = noise()
    picture = read_picture(values)
    assert np.array_equal(picture.pixels, values.astype(np.float32) / np.float32(255))
    assert np.array_equal(np.asarray(opened(picture.encoded)), values)


def test_an_array_of_floats_is_kept_to_a_65535th():
    values = np.random.default_rng(0).random((20, 30, 3))
    assert np.abs(read_picture(values).pixels - values).max() <= 0.502 / 65535


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 2), (5, 7, 3), (5, 7, 4)])
@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_the_shape_distinguishes_gray_and_alpha(shape, dtype, largest):
    values = (np.random.default_rng(0).uniform(0.1, 1, shape) * largest).astype(dtype)
    picture = read_picture(values)
    channels = np.atleast_3d(values) / largest
    count = channels.shape[2]
    assert np.abs(picture.pixels - channels[..., : 3 if count > 2 else 1]).max() < 1e-5
    if count in (2, 4):
        assert np.abs(picture.alpha - channels[..., -1]).max() < 1e-5
    else:
        assert picture.alpha is None


def test_arrays_that_are_not_contiguous_are_read():
    values = noise(20, 20)
    for view in (values[::2, ::3], values.transpose(1, 0, 2), values[..., ::-1]):
        assert np.abs(read_picture(view).pixels * 255 - view).max() < 1e-4


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
        (Image.new("RGB", (0, 5)), "no pixels"),
        (Image.new("F", (5, 5)), "mode F"),
        (Image.new("LAB", (5, 5)), "mode LAB"),
        (Image.new("I", (5, 5), 70_000), "from 0 to 65535"),
    ],
)
def test_arrays_and_images_that_are_not_pictures_are_refused(array, reason):
    assert reason in refusal(array)


def test_a_pil_image_of_a_truncated_file_is_refused():
    data = encoded(Image.fromarray(noise(100, 100)), "JPEG")
    assert "the PIL image is damaged or cut off" in refusal(opened(data[: len(data) // 2]))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "YCbCr", "HSV", "RGBX"])
def test_pil_images_of_every_mode_keep_their_colors(mode):
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


def test_the_transparent_color_of_a_pil_image_becomes_alpha():
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.info["transparency"] = 0
    assert read_picture(image).alpha.tolist() == [[0, 1]]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_pil_image_is_rotated_upright_and_keeps_its_exif(kind):
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
