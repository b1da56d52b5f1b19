"""EXIF: removes private and outdated entries, and inserts the rest into JPEG, PNG, WebP and TIFF files.

EXIF is a small TIFF structure (TIFF 6.0, section 2; Exif 2.32, section 4.6): a header, and directories of entries that
point to their values. It is copied entry by entry because Pillow changes the types of entries and replaces non-ASCII
letters of names by question marks, and libvips adds entries of its own and writes none to TIFF.
"""

import struct
import zlib
from typing import Final, Literal

from impasto.images.tiff import ByteOrder, Entry, read_directory, read_header, word_size

_EXIF_POINTER: Final = 0x8769
_ORIENTATION: Final = 0x0112
_COLOR_SPACE: Final = 0xA001
_MAKER_NOTE: Final = 0x927C
# Description, camera, software, time, artist, host, rating, copyright, and the titles that Windows writes. Everything
# else in the main directory describes how the old pixels were stored, or (0x8825) where the photo was taken.
_KEPT: Final = frozenset(
    {0x010E, 0x010F, 0x0110, _ORIENTATION, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298}
    | set(range(0x9C9B, 0x9CA0))
)
# GPS position (written here by some programs), the old pixel size, and the pointer to color interoperability.
_DROPPED: Final = frozenset({0x8825, 0xA002, 0xA003, 0xA005})
_LIMIT: Final = 65_000  # a JPEG segment has at most 65,535 bytes
_WEBP_HAS_EXIF: Final = 0x08


def clean_exif(block: bytes) -> bytes | None:
    r"""Return a new EXIF block with the entries that describe the photo, or None if no readable entry remains.

    GPS, thumbnail and what describes the old file's pixels are left out, the orientation is set to 1 and the color
    space to sRGB. Maker notes are kept unless they would make the block too large for a JPEG file.

    Args:
        block: EXIF with or without the leading `Exif\0\0`, or a whole TIFF file.
    """
    try:
        order, main, photo = _parse(block.removeprefix(b"Exif\0\0"))
    except (struct.error, ValueError):
        return None
    one = struct.pack(order + "H", 1)
    main = [_reset(entry, _ORIENTATION, one) for entry in main if entry.tag in _KEPT]
    photo = [_reset(entry, _COLOR_SPACE, one) for entry in photo if entry.tag not in _DROPPED]
    header = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    for candidate in (photo, [entry for entry in photo if entry.tag != _MAKER_NOTE]):
        cleaned = header + _pack_directories(main, candidate, order, len(header))
        if (main or candidate) and len(cleaned) <= _LIMIT:
            return cleaned
    return None


def add_exif(data: bytes, kind: Literal["png", "jpeg", "webp", "tiff"], exif: bytes) -> bytes:
    """Return a picture file with EXIF added.

    Args:
        data: A file of that kind as libvips wrote it, without EXIF and with an ICC profile.
        kind: Its format.
        exif: A block that `clean_exif` returned; stored byte for byte, in TIFF as entries of the first directory.
    """
    if kind == "png":
        return add_png_chunk(data, b"eXIf", exif)
    return {"jpeg": _add_to_jpeg, "webp": _add_to_webp, "tiff": _add_to_tiff}[kind](data, exif)


def add_png_chunk(data: bytes, name: bytes, body: bytes) -> bytes:
    """Return the PNG file with a chunk inserted after the header, whose position and length are fixed."""
    start = 8 + 4 + 4 + 13 + 4
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return data[:start] + chunk + data[start:]


def _add_to_jpeg(data: bytes, exif: bytes) -> bytes:
    """Insert the segment after the JFIF header, which must be the first segment."""
    start = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    segment = b"\xff\xe1" + struct.pack(">H", 2 + 6 + len(exif)) + b"Exif\0\0" + exif
    return data[:start] + segment + data[start:]


def _add_to_webp(data: bytes, exif: bytes) -> bytes:
    """Insert the chunk where the format demands it: after the picture, before XMP."""
    position = 12
    while position < len(data) and data[position : position + 4] != b"XMP ":
        size = struct.unpack_from("<I", data, position + 4)[0]
        position += 8 + size + size % 2
    chunk = b"EXIF" + struct.pack("<I", len(exif)) + exif + bytes(len(exif) % 2)
    # The first chunk is VP8X, as in every file with a profile; its first byte lists the other chunks.
    flags = bytes([data[20] | _WEBP_HAS_EXIF])
    body = data[8:20] + flags + data[21:position] + chunk + data[position:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _add_to_tiff(data: bytes, exif: bytes) -> bytes:
    """Append a copy of the first directory that includes the entries of the EXIF block."""
    order, main, _ = _parse(data, largest=len(data))
    exif_order, added, photo = _parse(exif)
    known = {entry.tag for entry in main}
    main += [_swap(entry, exif_order, order) for entry in added if entry.tag not in known]
    start = len(data) + len(data) % 2
    directories = _pack_directories(main, [_swap(entry, exif_order, order) for entry in photo], order, start)
    return data[:4] + struct.pack(order + "I", start) + data[8:].ljust(start - 8, b"\0") + directories


def _parse(block: bytes, largest: int = _LIMIT) -> tuple[ByteOrder, list[Entry], list[Entry]]:
    """Return byte order, main directory (without the pointer) and EXIF directory of a block."""
    order, big, start = read_header(block)
    main = read_directory(block, order, start, largest, big=big)
    pointer = next((entry for entry in main if entry.tag == _EXIF_POINTER), None)
    if pointer is None or pointer.kind not in (4, 13):
        return order, main, []
    photo = read_directory(block, order, pointer.numbers(order)[0], _LIMIT, big=big)
    return order, [entry for entry in main if entry.tag != _EXIF_POINTER], photo


def _pack_directories(main: list[Entry], photo: list[Entry], order: ByteOrder, start: int) -> bytes:
    """Return the main directory, to be put at offset `start` (even), followed by the EXIF directory."""
    if not photo:
        return _pack_directory(main, order, start)
    pointer = Entry(_EXIF_POINTER, 4, 1, bytes(4))
    photo_start = start + len(_pack_directory([*main, pointer], order, start))
    pointer = pointer._replace(value=struct.pack(order + "I", photo_start))
    return _pack_directory([*main, pointer], order, start) + _pack_directory(photo, order, photo_start)


def _pack_directory(entries: list[Entry], order: ByteOrder, start: int) -> bytes:
    table, values = struct.pack(order + "H", len(entries)), b""
    values_start = start + 2 + 12 * len(entries) + 4
    for tag, kind, count, value, _ in sorted(entries):
        table += struct.pack(order + "HHI", tag, kind, count)
        if len(value) <= 4:
            table += value.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", values_start + len(values))
            values += value + bytes(len(value) % 2)
    return table + bytes(4) + values


def _reset(entry: Entry, tag: int, value: bytes) -> Entry:
    return Entry(tag, 3, 1, value) if entry.tag == tag else entry


def _swap(entry: Entry, source: ByteOrder, target: ByteOrder) -> Entry:
    """Convert the value of an entry to another byte order."""
    word = word_size(entry.kind)
    if source == target or word == 1:
        return entry
    words = [entry.value[at : at + word][::-1] for at in range(0, len(entry.value), word)]
    return entry._replace(value=b"".join(words))
