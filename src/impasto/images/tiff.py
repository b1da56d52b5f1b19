"""TIFF directories (TIFF 6.0, section 2; BigTIFF; EXIF), and what the tags of a TIFF say about its pixels.

libvips returns some kinds of colors as they are stored. The kinds that it converts are listed here, others are refused.
"""

import itertools
import struct
from typing import Final, Literal, NamedTuple, TypeAlias

from impasto.errors import InputError

ByteOrder: TypeAlias = Literal["<", ">"]
Tags: TypeAlias = dict[int, tuple[int, ...]]

# By type of entry: how `struct` writes one value, in parts whose byte order matters.
_TYPES: Final = dict(enumerate(["B", "B", "H", "I", "II", "b", "B", "h", "i", "ii", "f", "d", "I"], start=1))
_TYPES.update({16: "Q", 17: "q", 18: "Q"})
_MOST_ENTRIES: Final = 1000
_LARGEST_TAG: Final = 65_000  # longer values, such as lists of strips, say nothing about colors

_BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _FORMAT = 258, 259, 262, 277, 339
_SUBFILE, _INK_SET, _EXTRA_SAMPLES, _SUBSAMPLING = 254, 332, 338, 530
_LARGEST_VALID: Final = {274: 8, 296: 3}  # orientation and unit of resolution; libtiff refuses a picture for others
_CMYK, _YCBCR, _LAB = 5, 6, 8
# By photometric interpretation: channels of a color, and the numbers that libvips reads and whose white is defined.
_STORED: Final = {
    0: (1, "u1 u2 u4 u8 u16 u32"),
    1: (1, "u1 u2 u4 u8 u16 u32 f16 f32"),
    2: (3, "u8 u16 u32 f16 f32"),
    3: (1, "u1 u2 u4 u8"),
    _CMYK: (4, "u8 u16"),
    _YCBCR: (3, "u8"),
    _LAB: (3, "u16"),
}
_OTHERS: Final = {4: "a mask", 9: "ICC Lab", 10: "ITU Lab", 32803: "raw", 34892: "raw", 32844: "LogL", 32845: "LogLuv"}
_NUMBERS: Final = {1: "unsigned numbers", 2: "integers with sign", 3: "floats", 4: "unsigned numbers"}
_ASSOCIATED, _STRAIGHT = 1, 2
_JPEG: Final = 7


class Entry(NamedTuple):
    """One entry of a directory; `value` is in the byte order of the block, where it begins at `at`."""

    tag: int
    kind: int
    length: int
    value: bytes
    at: int = 0

    def numbers(self, order: ByteOrder) -> tuple[int, ...]:
        """Return the numbers of an entry of integers."""
        return struct.unpack(order + _TYPES[self.kind] * self.length, self.value)


def word_size(kind: int) -> int:
    """Return the bytes of a value of some type whose order depends on the byte order."""
    return struct.calcsize("=" + _TYPES[kind][0])


def read_header(block: bytes) -> tuple[ByteOrder, bool, int]:
    """Return the byte order, whether it is a BigTIFF, and where the first directory is; ValueError, struct.error."""
    order: ByteOrder = "<" if block[:1] == b"I" else ">"
    if block[:4] in (b"II*\0", b"MM\0*"):
        return order, False, struct.unpack_from(order + "I", block, 4)[0]
    if block[:4] in (b"II+\0", b"MM\0+"):
        return order, True, struct.unpack_from(order + "Q", block, 8)[0]
    raise ValueError("neither EXIF nor TIFF")


def read_directory(block: bytes, order: ByteOrder, start: int, largest: int, *, big: bool = False) -> list[Entry]:
    """Read the entries that are complete, except values above `largest` bytes, which a crafted file may contain.

    Raises ValueError if there is no directory at `start`, struct.error if it is cut off.
    """
    head, entry, pointer, room = ("Q", "HHQ", "Q", 8) if big else ("H", "HHI", "I", 4)
    if start > len(block):
        raise ValueError("no directory there")
    (length,) = struct.unpack_from(order + head, block, start)
    if length > _MOST_ENTRIES:
        raise ValueError("not a directory of EXIF")
    start += struct.calcsize("=" + head)
    step = struct.calcsize("=" + entry) + room
    entries: dict[int, Entry] = {}
    for position in range(start, start + step * length, step):
        tag, kind, count = struct.unpack_from(order + entry, block, position)
        size, at = struct.calcsize("=" + _TYPES.get(kind, "")) * count, position + step - room
        if size > room:
            (at,) = struct.unpack_from(order + pointer, block, at)
        if 0 < size <= min(len(block) - at, largest):
            entries.setdefault(tag, Entry(tag, kind, count, block[at : at + size], at))
    return sorted(entries.values())


def check_tiff(data: bytes, name: str) -> tuple[bytes, int | None]:
    """Check that the colors of a TIFF file are of a kind that libvips converts.

    Returns:
        The file, with orientation and unit of resolution set to 1 if they were invalid, and the number of the band,
        after those of the colors, that is the alpha.

    Raises:
        InputError: They are not; the message calls the file `name`.
    """
    try:
        order, big, start = read_header(data)
        entries = read_directory(data, order, start, _LARGEST_TAG, big=big)
    except (struct.error, ValueError):
        return data, None  # libvips reports the damage
    tags = {entry.tag: entry.numbers(order) for entry in entries if _TYPES[entry.kind] in "BHIQbhiq"}
    for entry in entries:
        largest = _LARGEST_VALID.get(entry.tag)
        if entry.kind == 3 and largest and not 1 <= tags[entry.tag][0] <= largest:
            data = data[: entry.at] + struct.pack(order + "H", 1) + data[entry.at + 2 :]
    reason = _fault(tags)
    if reason:
        raise InputError(f"{name} {reason}, which impasto cannot show: save it as RGB with 8 or 16 bits a channel")
    further = tags.get(_SAMPLES, (1,))[0] - _STORED[tags.get(_PHOTOMETRIC, (1,))[0]][0]
    extra = tags.get(_EXTRA_SAMPLES, (_STRAIGHT,) if further == 1 else ())  # as Pillow and libvips take it
    return data, next((number for number, kind in enumerate(extra) if kind in (_ASSOCIATED, _STRAIGHT)), None)


def _fault(tags: Tags) -> str:
    """Return why the colors of a TIFF cannot be shown; empty if they can."""
    photometric, extra = tags.get(_PHOTOMETRIC, (1,))[0], tags.get(_EXTRA_SAMPLES, ())
    if photometric not in _STORED:
        return f"is {_OTHERS.get(photometric, f'of an unknown kind ({photometric})')}"
    is_ycbcr = photometric == _YCBCR and tags.get(_COMPRESSION) != (_JPEG,) and tags.get(_SUBSAMPLING) == (1, 1)
    faults = {
        "begins with a small preview of another picture (a raw photo?)": tags.get(_SUBFILE, (0,))[0] % 2 == 1,
        "is for other inks than CMYK": photometric == _CMYK and tags.get(_INK_SET, (1,))[0] != 1,
        "is YCbCr with a color for every pixel and no JPEG compression": is_ycbcr,
        # libvips divides the colors by the first further channel, as unsigned numbers.
        "is multiplied by an alpha in an unusual place": _ASSOCIATED in extra[photometric != _LAB :],
    }
    for bits, form in itertools.product(tags.get(_BITS, (1,)), tags.get(_FORMAT, (1,))):
        numbers = _NUMBERS.get(form, "complex numbers")
        is_known = f"{numbers[0]}{bits}" in _STORED[photometric][1].split()
        faults[f"stores colors as {numbers} of {bits} bits"] = not is_known
    return next((fault for fault, is_there in faults.items() if is_there), "")
