"""EXIF: kept and removed entries, and storage in every format."""

import struct

import numpy as np
import pytest
from handmade import encoded, exif_block, noise, opened, smooth
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from impasto.images import encode_picture, read_picture
from impasto.images.exif import clean_exif

ARTIST = "Zoë Müller 王".encode() + b"\0"
MAIN = {0x010F: (2, b"Camera\0"), 0x013B: (2, ARTIST), 0x0100: (4, bytes(4)), 0x0128: (3, bytes(2))}
NOTE = b"MAKER" + bytes(range(256))


def block_of(order: str, note: bytes = NOTE) -> bytes:
    photo = {
        0x829A: (5, struct.pack(order + "II", 1, 125)),
        0x9003: (2, b"2020:01:02 03:04:05\0"),
        0x8827: (3, struct.pack(order + "H", 400)),
        0x927C: (7, note),
        0xA001: (3, struct.pack(order + "H", 65535)),
        0xA002: (4, struct.pack(order + "I", 4000)),
    }
    return exif_block(order, MAIN | {0x0112: (3, struct.pack(order + "H", 6))}, photo)


def assert_cleaned(exif: Image.Exif) -> None:
    photo = exif.get_ifd(0x8769)
    assert exif[0x010F] == "Camera"
    assert exif[0x0112] == 1
    assert exif[0x013B].encode("latin-1") in (ARTIST[:-1], ARTIST)
    assert float(photo[0x829A]) == pytest.approx(1 / 125)
    assert photo[0x9003] == "2020:01:02 03:04:05"
    assert photo[0x8827] == 400
    assert photo[0xA001] == 1
    assert photo[0x927C] == NOTE
    assert 0xA002 not in photo
    assert not exif.get_ifd(0x8825)


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_description_of_the_photo_is_kept_and_its_place_removed(order):
    assert b"SECRETPLACE" in block_of(order)
    cleaned = clean_exif(b"Exif\0\0" + block_of(order))
    assert b"SECRETPLACE" not in cleaned
    assert ARTIST in cleaned
    exif = Image.Exif()
    exif.load(cleaned)
    assert_cleaned(exif)
    assert 0x0100 not in exif
    assert 0x0128 not in exif


def test_cleaning_twice_changes_nothing():
    cleaned = clean_exif(block_of(">"))
    assert clean_exif(cleaned) == cleaned


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("metadata", [None, {"seed": 1}])
def test_every_format_stores_the_exif_of_the_photo_in_the_result(suffix, order, metadata):
    photo = read_picture(encoded(Image.fromarray(smooth()), "JPEG", exif=b"Exif\0\0" + block_of(order)))
    assert (photo.width, photo.height) == (48, 64)
    data = encode_picture(photo.pixels, suffix, exif=photo.exif, metadata=metadata)
    assert b"SECRETPLACE" not in data
    image = opened(data)
    image.load()
    assert image.size == (48, 64)
    assert_cleaned(image.getexif())
    again = read_picture(data)
    assert np.abs(again.pixels - photo.pixels).max() < 0.1
    if suffix != ".tif":
        assert again.exif == photo.exif


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_is_found_in_every_kind_of_file(kind):
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    exif.get_ifd(0x8769)[0x8827] = 400
    picture = read_picture(encoded(Image.fromarray(noise()), kind, exif=exif.tobytes()))
    kept = Image.Exif()
    kept.load(picture.exif)
    assert kept[0x010F] == "Camera"
    assert kept.get_ifd(0x8769)[0x8827] == 400


def test_the_thumbnail_is_removed():
    block = bytearray(block_of("<"))
    entries = int.from_bytes(block[8:10], "little")
    next_directory = 10 + 12 * entries
    block[next_directory : next_directory + 4] = struct.pack("<I", len(block))
    # Start and length of the thumbnail.
    at = len(block) + 2 + 2 * 12 + 4
    block += struct.pack("<H" + "HHII" * 2 + "I", 2, 0x0201, 4, 1, at, 0x0202, 4, 1, 9, 0) + b"THUMBNAIL"
    exif = Image.Exif()
    exif.load(bytes(block))
    assert exif.get_ifd(ExifTags.IFD.IFD1)[0x0202] == 9
    cleaned = clean_exif(bytes(block))
    assert b"THUMBNAIL" not in cleaned
    again = Image.Exif()
    again.load(cleaned)
    assert not again.get_ifd(ExifTags.IFD.IFD1)


def test_maker_notes_too_long_for_a_jpeg_are_removed():
    cleaned = clean_exif(block_of("<", note=bytes(64_990)))
    assert len(cleaned) < 1000
    exif = Image.Exif()
    exif.load(cleaned)
    assert exif.get_ifd(0x8769)[0x8827] == 400


def test_exif_is_stored_byte_for_byte_in_its_png_chunk():
    cleaned = clean_exif(block_of("<"))
    data = encode_picture(noise(), ".png", exif=cleaned)
    assert b"eXIf" + cleaned in data


THOUSANDS_OF_ENTRIES = b"II*\0\x08\0\0\0\xff\xff" + bytes(12 * 65535)


@pytest.mark.parametrize(
    "block", [b"", b"Exif\0\0", b"II*\0", b"II*\0\xff\xff\xff\xff", b"nonsense" * 9, THOUSANDS_OF_ENTRIES]
)
def test_unreadable_exif_is_dropped(block):
    assert clean_exif(block) is None


@given(st.binary(max_size=80), st.integers(8, 200), st.binary(min_size=1, max_size=12))
def test_no_bytes_make_cleaning_fail(tail, at, garbage):
    block = bytearray(block_of("<"))
    block[at : at + len(garbage)] = garbage
    for broken in (bytes(block), bytes(block[:at]), b"MM\0*" + tail):
        cleaned = clean_exif(broken)
        assert cleaned is None or len(cleaned) <= 65_000
