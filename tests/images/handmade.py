"""Pictures and files for tests; written byte by byte from the descriptions of formats where no library does it."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import tifffile
from PIL import Image


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def noise(height: int = 24, width: int = 36, channels: int = 3, seed: int = 0) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def smooth(height: int = 48, width: int = 64) -> np.ndarray:
    """Soft gradients, which survive lossy compression."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 / (width - 1), y * 255 / (height - 1), 255 - x * 255 / (width - 1)], -1).astype(np.uint8)


def tiff(values: np.ndarray, **options: Any) -> bytes:
    """An uncompressed TIFF of (h, w) or (h, w, channels), of any type of numbers, as tifffile writes it."""
    buffer = io.BytesIO()
    if values.ndim == 3:
        options = {"photometric": "rgb", "planarconfig": "contig"} | options
    tifffile.imwrite(buffer, values, metadata=None, **options)
    return buffer.getvalue()


def bare_tiff(values: np.ndarray, tags: dict[int, tuple[int, list[int]]], raw: bytes | None = None) -> bytes:
    """A TIFF of one strip whose tags, {number: (type, values)}, are those given, however strange they are.

    Size, samples and their kind follow from `values` (h, w) or (h, w, channels), unless a tag says otherwise; `raw` are
    the bytes of the strip if they are not those of `values`.
    """
    raw = np.ascontiguousarray(values).tobytes() if raw is None else raw
    height, width, samples = (*values.shape, 1)[:3]
    usual = {
        256: (4, [width]), 257: (4, [height]), 258: (3, [8 * values.dtype.itemsize] * samples), 259: (3, [1]),
        262: (3, [2 if samples > 2 else 1]), 277: (3, [samples]), 278: (4, [height]), 279: (4, [len(raw)]),
        284: (3, [1]), 339: (3, [{"u": 1, "i": 2, "f": 3, "c": 6}[values.dtype.kind]] * samples),
    }  # fmt: skip
    letters = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I"}
    entries = usual | {273: (4, [0])} | tags
    behind = 8 + 2 + 12 * len(entries) + 4
    sizes = [len(numbers) * struct.calcsize(letters[kind]) for kind, numbers in entries.values()]
    entries[273] = (4, [behind + sum(size + size % 2 for size in sizes if size > 4)])
    table, long = struct.pack("<H", len(entries)), b""
    for tag, (kind, numbers) in sorted(entries.items()):
        value = struct.pack(f"<{len(numbers)}{letters[kind]}", *numbers)
        table += struct.pack("<HHI", tag, kind, len(numbers) // (2 if kind == 5 else 1))
        table += value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", behind + len(long))
        long += value + bytes(len(value) % 2) if len(value) > 4 else b""
    return b"II*\0" + struct.pack("<I", 8) + table + bytes(4) + long + raw


def png_with(values: np.ndarray, chunks: dict[bytes, bytes], **options: Any) -> bytes:
    """A PNG with more chunks behind its header."""
    data = encoded(Image.fromarray(values), "PNG", **options)
    return data[:33] + b"".join(png_chunk(*chunk) for chunk in chunks.items()) + data[33:]


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_header_only(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nearly nothing."""

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + png_chunk(b"IEND", b"")
    )


def gray_profile(gamma: float) -> bytes:
    """An ICC version 2 profile for gray pictures with a pure power curve."""
    return _profile(b"GRAY", [(b"kTRC", _power_curve(gamma))])


def display_p3_profile(gamma: float = 2.2) -> bytes:
    """An ICC version 2 profile with the primaries of Display P3 (adapted to D50) and a power curve."""
    primaries = {b"r": (0.5151, 0.2412, -0.0011), b"g": (0.2920, 0.6922, 0.0419), b"b": (0.1571, 0.0666, 0.7841)}
    colors = [(name + b"XYZ", _xyz(*primary)) for name, primary in primaries.items()]
    return _profile(b"RGB ", colors + [(name + b"TRC", _power_curve(gamma)) for name in primaries])


def exif_block(order: str, main: dict[int, tuple[int, bytes]], photo: dict[int, tuple[int, bytes]]) -> bytes:
    """An EXIF block from {tag: (kind, value)} of both directories, with a GPS directory that says SECRETPLACE."""

    def directory(entries: dict[int, tuple[int, bytes]], start: int) -> bytes:
        sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
        table, behind = struct.pack(order + "H", len(entries)), b""
        for tag, (kind, value) in sorted(entries.items()):
            table += struct.pack(order + "HHI", tag, kind, len(value) // sizes[kind])
            if len(value) > 4:
                table += struct.pack(order + "I", start + 2 + 12 * len(entries) + 4 + len(behind))
                behind += value + bytes(len(value) % 2)
            else:
                table += value.ljust(4, b"\0")
        return table + bytes(4) + behind

    pointers = {0x8769: (4, bytes(4)), 0x8825: (4, bytes(4))}
    photo_at = 8 + len(directory(main | pointers, 8))
    gps_at = photo_at + len(directory(photo, photo_at))
    pointers = {0x8769: (4, struct.pack(order + "I", photo_at)), 0x8825: (4, struct.pack(order + "I", gps_at))}
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(order + "I", 8)
    gps = directory({29: (2, b"SECRETPLACE\0")}, gps_at)
    return head + directory(main | pointers, 8) + directory(photo, photo_at) + gps


def _power_curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def _xyz(*numbers: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">iii", *(round(n * 65536) for n in numbers))


def _profile(space: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    white = _xyz(0.9642, 1, 0.8249)
    about = [(b"desc", b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)), (b"wtpt", white)]
    tags = [*about, (b"cprt", b"text" + bytes(4) + b"none\0"), *tags]
    start = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags:
        padded = data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", start + len(body), len(padded))
        body += padded
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"none", 0x02100000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + white[8:]
    return head.ljust(128, b"\0") + table + body


def srgb_encode(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-12) ** (1 / 2.4) - 0.055)
