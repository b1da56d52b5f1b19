"""EXIF of a picture: taken from its file, cleaned of what must not or cannot be kept, laid into the result.

EXIF is a small TIFF structure (TIFF 6.0, section 2; Exif 2.32, section 4.6): a header, and directories of entries that
point to their values. It is rebuilt here byte by byte because the general libraries turn every letter outside ASCII
into a question mark, and names are full of those.
"""

import struct
from typing import Final, Literal, NamedTuple, TypeAlias

ByteOrder: TypeAlias = Literal["<", ">"]

# Bytes of one value, and of the number that is swapped when the byte order changes, by the kind of entry.
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_WORDS: Final = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4}

_EXIF_POINTER: Final = 0x8769
_ORIENTATION: Final = 0x0112
_COLOR_SPACE: Final = 0xA001
_MAKER_NOTE: Final = 0x927C
# Description, camera, software, time, artist, host, rating, copyright, and the titles that Windows writes. All else in
# the main directory tells how the old file's pixels were stored, or (0x8825) where the photo was taken.
_KEPT: Final = frozenset(
    {0x010E, 0x010F, 0x0110, _ORIENTATION, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298}
    | set(range(0x9C9B, 0x9CA0))
)
# The position if a program put it here, the old pixel size, and the pointer to colour interoperability.
_DROPPED: Final = frozenset({0x8825, 0xA002, 0xA003, 0xA005})
_MOST_ENTRIES: Final = 1000
_LIMIT: Final = 65_000  # JPEG keeps all of it in one segment of at most 65,535 bytes


class Entry(NamedTuple):
    """One entry of a directory; `value` is in the byte order of the block it was read from."""

    tag: int
    kind: int
    length: int
    value: bytes


def clean_exif(block: bytes) -> bytes | None:
    r"""Return a new EXIF block that holds what describes the photo, or None if there is nothing (or nothing readable).

    `block` is EXIF with or without the leading `Exif\0\0`, or a whole TIFF file. GPS, the thumbnail and what tells of
    the old file's pixels are left out, orientation is reset to 1 and the colour space set to sRGB, as the pixels are by
    then. Maker notes are kept, unless they would make the block too large for a JPEG file.
    """
    try:
        order, main = _read_block(block.removeprefix(b"Exif\0\0"))
        pointer = next((entry for entry in main if entry.tag == _EXIF_POINTER), None)
        photo = _read_directory(block.removeprefix(b"Exif\0\0"), order, _number(pointer, order)) if pointer else []
    except (struct.error, ValueError):
        return None
    one = struct.pack(order + "H", 1)
    kept = [_reset(entry, _ORIENTATION, one) for entry in main if entry.tag in _KEPT]
    photo = [_reset(entry, _COLOR_SPACE, one) for entry in photo if entry.tag not in _DROPPED]
    for candidate in (photo, [entry for entry in photo if entry.tag != _MAKER_NOTE]):
        cleaned = _header(order) + _write_directories(kept, candidate, order, 8)
        if (kept or candidate) and len(cleaned) <= _LIMIT:
            return cleaned
    return None


def add_to_tiff(tiff: bytes, exif: bytes) -> bytes:
    """Return the TIFF file with the entries of a cleaned EXIF block added to its first directory."""
    order, main = _read_block(tiff, largest=len(tiff))
    theirs, extra = _read_block(exif)
    pointer = next((entry for entry in extra if entry.tag == _EXIF_POINTER), None)
    photo = _read_directory(exif, theirs, _number(pointer, theirs)) if pointer else []
    known = {entry.tag for entry in main}
    added = [_swap(entry, theirs, order) for entry in extra if entry.tag not in known | {_EXIF_POINTER}]
    start = len(tiff) + len(tiff) % 2
    directories = _write_directories(main + added, [_swap(entry, theirs, order) for entry in photo], order, start)
    return tiff[:4] + struct.pack(order + "I", start) + tiff[8:].ljust(start - 8, b"\0") + directories


def _read_block(block: bytes, largest: int = _LIMIT) -> tuple[ByteOrder, list[Entry]]:
    if block[:4] not in (b"II*\0", b"MM\0*"):
        raise ValueError("neither EXIF nor TIFF")
    order: ByteOrder = "<" if block[:1] == b"I" else ">"
    return order, _read_directory(block, order, struct.unpack_from(order + "I", block, 4)[0], largest)


def _read_directory(block: bytes, order: ByteOrder, start: int, largest: int = _LIMIT) -> list[Entry]:
    """Read the entries that are whole; values above `largest` bytes are left out, lest a crafted file fills memory."""
    (length,) = struct.unpack_from(order + "H", block, start)
    if length > _MOST_ENTRIES:
        raise ValueError("not a directory of EXIF")
    entries: dict[int, Entry] = {}
    for position in range(start + 2, start + 2 + 12 * length, 12):
        tag, kind, count = struct.unpack_from(order + "HHI", block, position)
        size = _SIZES.get(kind, 0) * count
        at = position + 8 if size <= 4 else struct.unpack_from(order + "I", block, position + 8)[0]
        if 0 < size <= min(len(block) - at, largest):
            entries.setdefault(tag, Entry(tag, kind, count, block[at : at + size]))
    return sorted(entries.values())


def _write_directories(main: list[Entry], photo: list[Entry], order: ByteOrder, start: int) -> bytes:
    """Lay out the main directory at offset `start` (even) and the photo's own directory behind it."""
    main = [entry for entry in main if entry.tag != _EXIF_POINTER]
    if not photo:
        return _write_directory(main, order, start)
    draft = Entry(_EXIF_POINTER, 4, 1, bytes(4))
    behind = start + len(_write_directory([*main, draft], order, start))
    pointer = draft._replace(value=struct.pack(order + "I", behind))
    return _write_directory([*main, pointer], order, start) + _write_directory(photo, order, behind)


def _write_directory(entries: list[Entry], order: ByteOrder, start: int) -> bytes:
    table, values = struct.pack(order + "H", len(entries)), b""
    behind = start + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in sorted(entries):
        table += struct.pack(order + "HHI", tag, kind, count)
        if len(value) <= 4:
            table += value.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", behind + len(values))
            values += value + bytes(len(value) % 2)
    return table + bytes(4) + values


def _header(order: ByteOrder) -> bytes:
    return (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)


def _number(entry: Entry, order: ByteOrder) -> int:
    return int.from_bytes(entry.value, "little" if order == "<" else "big")


def _reset(entry: Entry, tag: int, value: bytes) -> Entry:
    return Entry(tag, 3, 1, value) if entry.tag == tag else entry


def _swap(entry: Entry, theirs: ByteOrder, ours: ByteOrder) -> Entry:
    word = _WORDS.get(entry.kind, 1)
    if theirs == ours or word == 1:
        return entry
    words = [entry.value[at : at + word][::-1] for at in range(0, len(entry.value), word)]
    return entry._replace(value=b"".join(words))
