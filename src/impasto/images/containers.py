"""Lays EXIF and XMP into a finished file where libvips would change them or has no place for them."""

import struct
import zlib

from impasto.images.exif import add_to_tiff
from impasto.images.formats import OutputFormat

_WEBP_HAS_EXIF = 0x08


def add_exif(data: bytes, kind: OutputFormat, exif: bytes) -> bytes:
    """Return the encoded picture with EXIF added, byte for byte.

    `data` is a file of that kind as libvips wrote it, without EXIF and with an ICC profile; `exif` is what `clean_exif`
    gives.
    """
    if kind == "jpeg":
        return _add_to_jpeg(data, exif)
    if kind == "png":
        return _add_to_png(data, b"eXIf", exif)
    return add_to_tiff(data, exif) if kind == "tiff" else _add_to_webp(data, exif)


def add_xmp_to_png(data: bytes, packet: bytes) -> bytes:
    """Return the PNG with an XMP packet, byte for byte, in the uncompressed text chunk that the XMP standard asks for.

    libvips writes a compressed one that is defined for Latin-1 only and that many programs do not search.
    """
    return _add_to_png(data, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)


def _add_to_jpeg(data: bytes, exif: bytes) -> bytes:
    """Put the segment behind the JFIF header, which has to be the first one."""
    start = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    segment = b"\xff\xe1" + struct.pack(">H", 2 + 6 + len(exif)) + b"Exif\0\0" + exif
    return data[:start] + segment + data[start:]


def _add_to_png(data: bytes, name: bytes, body: bytes) -> bytes:
    """Put a chunk behind the header, which is always the first and has always the same length."""
    start = 8 + 4 + 4 + 13 + 4
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return data[:start] + chunk + data[start:]


def _add_to_webp(data: bytes, exif: bytes) -> bytes:
    """Put the chunk where the format's description wants it: behind the picture, before XMP."""
    position = 12
    while position < len(data) and data[position : position + 4] != b"XMP ":
        size = struct.unpack_from("<I", data, position + 4)[0]
        position += 8 + size + size % 2
    chunk = b"EXIF" + struct.pack("<I", len(exif)) + exif + bytes(len(exif) % 2)
    # The first chunk is VP8X, as it is in every file with a profile; its first byte tells what else is in the file.
    flags = bytes([data[20] | _WEBP_HAS_EXIF])
    body = data[8:20] + flags + data[21:position] + chunk + data[position:]
    return b"RIFF" + struct.pack("<I", len(body)) + body
