"""A picture is the same however it is given: path, bytes, open file, PIL image or array."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from handmade import display_p3_profile, encoded, gray_profile, noise, opened, png_chunk
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from impasto.errors import InputError
from impasto.images import read_picture

RGB_PROFILE, GRAY_PROFILE = display_p3_profile(1.8), gray_profile(1.8)
GAMMA = png_chunk(b"gAMA", struct.pack(">I", 55556))


@st.composite
def files(draw) -> bytes:
    """A lossless file with 8 bits a channel: any mode, transparency, orientation, and description of its colors."""
    height, width = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    mode = draw(st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"]))
    image = Image.fromarray(noise(height, width, 4, seed=draw(st.integers(0, 99))))
    image = image.convert("RGB").quantize(4) if mode == "P" else image.convert("RGB" if mode == "CMYK" else mode)
    image = image.convert("CMYK") if mode == "CMYK" else image
    kind = draw(st.sampled_from({"CMYK": ["TIFF"], "P": ["PNG", "GIF", "TIFF"]}.get(mode, ["PNG", "TIFF"])))
    exif = Image.Exif()
    exif[0x0112] = draw(st.integers(1, 8))
    options = {} if kind == "GIF" else {"exif": exif}
    if mode == "P" and draw(st.booleans()) and kind != "TIFF":
        options["transparency"] = 1
    if kind != "GIF" and mode != "CMYK" and draw(st.booleans()):
        options["icc_profile"] = GRAY_PROFILE if mode in ("1", "L", "LA") else RGB_PROFILE
    data = encoded(image, kind, **options)
    states_gamma = kind == "PNG" and "icc_profile" not in options and draw(st.booleans())
    return data[:33] + GAMMA + data[33:] if states_gamma else data


@settings(max_examples=40)
@given(files())
def test_the_same_picture_given_in_every_way_has_the_same_pixels(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "drawn"
    path.write_bytes(data)
    first = read_picture(data)
    with path.open("rb") as file:
        sources = [path, str(path), bytearray(data), memoryview(data), io.BytesIO(data), file, opened(data)]
        others = [read_picture(source) for source in sources]
    for other in others:
        np.testing.assert_array_equal(other.pixels, first.pixels)
        np.testing.assert_array_equal(other.alpha, first.alpha)


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 2, 3, 4]), st.sampled_from([np.uint8, np.uint16]))
def test_an_array_its_floats_and_its_file_have_the_same_pixels(height, width, channels, kind):
    largest = np.iinfo(kind).max
    array = np.random.default_rng(height).integers(0, largest, (height, width, channels), dtype=kind, endpoint=True)
    first, floats = read_picture(array), read_picture(array / largest)
    again = read_picture(first.encoded)
    np.testing.assert_allclose(floats.pixels, first.pixels, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(again.pixels, first.pixels)
    np.testing.assert_array_equal(again.alpha, first.alpha)


def test_a_file_object_is_read_from_where_it_is(tmp_path):
    data = encoded(Image.fromarray(noise()), "PNG")
    file = io.BytesIO(b"before" + data)
    file.seek(6)
    assert np.array_equal(read_picture(file).pixels, read_picture(data).pixels)


@pytest.mark.parametrize("source", [io.StringIO("text"), io.BytesIO(), bytearray()])
def test_a_file_object_without_a_picture_is_refused(source):
    with pytest.raises(InputError, match=r"open it in binary mode|is empty"):
        read_picture(source)


def test_a_path_of_any_kind_is_a_path(tmp_path):
    class Place:
        def __fspath__(self) -> str:
            return str(tmp_path / "a.png")

    Path(tmp_path / "a.png").write_bytes(encoded(Image.fromarray(noise()), "PNG"))
    assert read_picture(Place()).name == "a"
