import numpy as np
import pytest
from handmade import encoded, noise
from PIL import Image

from impasto.errors import InputError
from impasto.images.formats import HEAD_LENGTH, output_format, sniff


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF"])
def test_each_kind_is_told_from_its_first_bytes(kind):
    data = encoded(Image.fromarray(noise()), kind)
    assert sniff(data[:HEAD_LENGTH]) == kind.lower()


def test_both_byte_orders_and_big_tiff_are_tiff():
    assert {sniff(start) for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")} == {"tiff"}
    assert sniff(encoded(Image.fromarray(noise()), "TIFF", big_tiff=True)) == "tiff"


def test_the_brands_tell_avif_from_heic():
    assert sniff(b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1miaf") == "avif"
    assert sniff(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic") == "heic"
    assert sniff(b"\0\0\0\x14ftypheic\0\0\0\0") == "heic"
    assert sniff(b"\0\0\0\x18ftypisom\0\0\0\0isomavif"[:20] + b"mp42") is None
    assert sniff(b"\0\0\0\x14ftypqt  \0\0\0\0heic") == "heic"
    assert sniff(b"\0\0\0\x10ftypqt  \0\0\0\0heic") is None


def test_short_and_random_beginnings_are_no_picture():
    random = np.random.default_rng(0)
    for length in range(HEAD_LENGTH):
        assert sniff(b"\0" + random.bytes(length)) is None


def test_extensions_name_the_kind_in_any_case():
    names = ("a.png", "b.JPG", "c.jpeg", "d.webp", "e.TIF", "f.tiff", ".png")
    assert [output_format(name) for name in names] == ["png", "jpeg", "jpeg", "webp", "tiff", "tiff", "png"]


@pytest.mark.parametrize("name", ["a.bmp", "a", "png", "a.png.txt", "a.", "a.avif"])
def test_an_unknown_extension_is_refused_with_the_known_ones(name):
    with pytest.raises(InputError, match=r"known are \.png, \.jpg, \.jpeg, \.webp, \.tif, \.tiff$"):
        output_format(name)
