"""Files written byte by byte from the formats' descriptions, for what no library at hand writes."""

import io
import struct
import zlib
from typing import Any

import numpy as np
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


def tiff(values: np.ndarray, *, photometric: int, extra: int | None = None) -> bytes:
    """An uncompressed little-endian TIFF of one strip (TIFF 6.0); extra = 1 associated, 2 unassociated alpha."""
    height, width = values.shape[:2]
    samples = 1 if values.ndim == 2 else values.shape[2]
    sample_format = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    tags = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [values.dtype.itemsize * 8] * samples),
        259: ("H", [1]),
        262: ("H", [photometric]),
        273: ("I", [0]),
        277: ("H", [samples]),
        278: ("I", [height]),
        279: ("I", [len(data)]),
        339: ("H", [sample_format] * samples),
    }
    if extra is not None:
        tags[338] = ("H", [extra])
    long_values = sum(struct.calcsize(f"{len(v)}{c}") for c, v in tags.values() if struct.calcsize(f"{len(v)}{c}") > 4)
    values_at = 8 + 2 + 12 * len(tags) + 4
    tags[273] = ("I", [values_at + long_values])
    table, behind = struct.pack("<H", len(tags)), b""
    for tag, (code, numbers) in sorted(tags.items()):
        packed = struct.pack(f"<{len(numbers)}{code}", *numbers)
        table += struct.pack("<HHI", tag, 3 if code == "H" else 4, len(numbers))
        if len(packed) > 4:
            table += struct.pack("<I", values_at + len(behind))
            behind += packed
        else:
            table += packed.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", 8) + table + bytes(4) + behind + data


def png_header_only(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nearly nothing."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def gray_profile(gamma: float) -> bytes:
    """An ICC version 2 profile for gray pictures with a pure power curve."""
    return _profile(b"GRAY", [(b"kTRC", _power_curve(gamma))])


def display_p3_profile() -> bytes:
    """An ICC version 2 profile with the primaries of Display P3 (adapted to D50) and a power curve of 2.2."""
    primaries = {b"r": (0.5151, 0.2412, -0.0011), b"g": (0.2920, 0.6922, 0.0419), b"b": (0.1571, 0.0666, 0.7841)}
    colors = [(name + b"XYZ", _xyz(*primary)) for name, primary in primaries.items()]
    return _profile(b"RGB ", colors + [(name + b"TRC", _power_curve(2.2)) for name in primaries])


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
    return (
        head
        + directory(main | pointers, 8)
        + directory(photo, photo_at)
        + directory({29: (2, b"SECRETPLACE\0")}, gps_at)
    )


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
