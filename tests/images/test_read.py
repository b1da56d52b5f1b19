import hashlib

import numpy as np
import pytest
from handmade import encoded, noise, opened, png_header_only, smooth, tiff
from PIL import Image, features

from impasto.errors import InputError
from impasto.images import read_picture


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_lossless_files_give_the_very_values_that_pillow_wrote(kind, tmp_path):
    values = noise()
    path = tmp_path / "photo.of.mine.any"
    path.write_bytes(encoded(Image.fromarray(values), kind, **({"lossless": True} if kind == "WEBP" else {})))
    picture = read_picture(path)
    assert picture.pixels.dtype == np.float32
    assert np.array_equal(picture.pixels, values.astype(np.float32) / np.float32(255))
    assert (picture.width, picture.height, picture.bits) == (36, 24, 8)
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


def test_a_path_may_be_a_string_and_the_bytes_of_the_file_are_kept_with_their_hash(tmp_path):
    data = encoded(Image.fromarray(noise()), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    picture = read_picture(str(tmp_path / "a.png"))
    assert picture.encoded == data
    assert picture.sha256 == hashlib.sha256(data).hexdigest()


def test_bytes_are_called_stdin_and_images_and_arrays_picture():
    data = encoded(Image.fromarray(noise()), "PNG")
    assert read_picture(data).name == "stdin"
    assert read_picture(Image.fromarray(noise())).name == "picture"
    assert read_picture(noise()).name == "picture"


def test_the_kind_is_told_from_the_content_and_not_from_the_extension(tmp_path):
    path = tmp_path / "really_a_png.jpg"
    path.write_bytes(encoded(Image.fromarray(noise()), "PNG"))
    assert read_picture(path).width == 36


def test_a_file_that_changed_is_read_anew(tmp_path):
    path = tmp_path / "a.png"
    for value in (10, 200):
        path.write_bytes(encoded(Image.new("RGB", (8, 8), (value, 0, 0)), "PNG"))
        assert read_picture(path).pixels[0, 0, 0] == np.float32(value / 255)


def test_one_pixel_is_a_picture():
    assert read_picture(encoded(Image.new("RGB", (1, 1), (255, 0, 51)), "PNG")).pixels.tolist() == [
        [[1, 0, np.float32(0.2)]]
    ]


def _refusal(source, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_picture(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_missing_file_is_refused(tmp_path):
    assert _refusal(tmp_path / "none.jpg") == f"{tmp_path}/none.jpg does not exist"


def test_a_folder_is_refused(tmp_path):
    assert "is a folder" in _refusal(tmp_path)
    assert "is a folder" in _refusal("")


def test_an_endless_device_is_refused():
    assert "is a device" in _refusal("/dev/zero")


def test_a_name_that_no_system_takes_is_refused(tmp_path):
    assert "cannot read" in _refusal("a\0b.png")
    assert "cannot read" in _refusal(tmp_path / ("x" * 300 + ".png"))


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    def deny(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", deny)
    assert _refusal(tmp_path / "a.png").endswith("Permission denied")


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "a.png"
    path.touch()
    assert "is empty" in _refusal(path)
    assert "is empty" in _refusal(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"hello, I am a letter",
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        b"%PDF-1.7\n",
        b"1,2,3\n4,5,6\n",
        b"P6 2 2 255\n" + bytes(12),
        b"\0\0\0\x1cftypmp42\0\0\0\0",
        b"\x89PN",
    ],
    ids=["text", "svg", "pdf", "csv", "ppm", "mp4", "start"],
)
def test_what_is_no_picture_or_a_dangerous_kind_is_refused_with_the_known_kinds(data):
    assert "is not a picture that impasto reads (JPEG, PNG" in _refusal(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_refused(kind, share):
    data = encoded(Image.fromarray(noise(100, 150)), kind)
    assert "damaged or cut off" in _refusal(data[: int(len(data) * share)])


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate", "jpeg"])
def test_a_truncated_tiff_is_refused_whatever_its_compression(compression):
    data = encoded(Image.fromarray(noise(100, 150)), "TIFF", compression=compression)
    assert "damaged or cut off" in _refusal(data[: len(data) // 2])


def test_a_png_with_flipped_bits_is_refused():
    data = bytearray(encoded(Image.fromarray(noise(100, 150)), "PNG"))
    data[len(data) // 2] ^= 0xFF
    assert "damaged or cut off" in _refusal(bytes(data))


def test_a_damage_that_libvips_describes_in_no_language_leaves_no_trace():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(noise()), "AVIF", exif=exif)
    assert b"irot" in data
    _refusal(data.replace(b"irot", b"\x80rot"))
    assert "rot" not in _refusal(png_header_only(10, 0))


def test_a_decompression_bomb_is_refused_from_its_header():
    message = _refusal(png_header_only(30_000, 30_000))
    assert "30000 x 30000" in message
    assert "--max-megapixels" in message


def test_the_limit_can_be_moved():
    data = encoded(Image.fromarray(noise(100, 150)), "PNG")
    assert "0.015 megapixels" in _refusal(data, max_megapixels=0.01)
    assert read_picture(data, max_megapixels=0.015).width == 150


def test_a_png_without_height_is_refused():
    assert "damaged" in _refusal(png_header_only(10, 0))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_float_tiff_with_nan_or_infinity_is_refused(bad):
    values = np.full((4, 5, 3), 0.5, np.float32)
    values[2, 3, 1] = bad
    assert "NaN or infinite" in _refusal(tiff(values, photometric=2))


def test_a_tiff_with_thousands_of_channels_is_refused():
    assert "2000 x uchar" in _refusal(tiff(np.zeros((4, 5, 2000), np.uint8), photometric=2))


def test_signed_numbers_are_refused():
    assert "cannot take for colours" in _refusal(tiff(np.zeros((4, 5), np.int16), photometric=1))
