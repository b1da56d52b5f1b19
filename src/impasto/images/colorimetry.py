"""Color profiles for files that describe their colors by numbers: PNG (cICP, gAMA, cHRM), AVIF and HEIC (nclx)."""

import struct
from typing import Final, TypeAlias

import numpy as np

from impasto.errors import InputError

Primaries: TypeAlias = tuple[float, ...]  # chromaticities x and y of white, red, green and blue

SRGB_PRIMARIES: Final = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
# ITU-T H.273, tables 2 and 3. All others, which were made for video and are meant to look alike, are taken as sRGB.
_PRIMARIES: Final = {
    9: (0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
_POWERS: Final = {4: 2.2, 5: 2.8, 8: 1.0}
_HDR: Final = {16: "PQ", 18: "HLG"}
_TOLERANCE: Final = 0.05  # of 1 / 2.2, within which a gamma means the curve of sRGB, as in libpng
_D50: Final = np.array([0.9642, 1, 0.8249])
_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def coded_profile(primaries: int, transfer: int, name: str) -> bytes:
    """Return the profile of two numbers of ITU-T H.273; raise InputError for HDR."""
    if transfer in _HDR:
        raise InputError(f"{name} is HDR ({_HDR[transfer]}), which impasto cannot show: save it with standard range")
    return make_profile(_PRIMARIES.get(primaries, SRGB_PRIMARIES), _POWERS.get(transfer))


def png_profile(data: bytes, name: str) -> bytes | None:
    """Return the profile that numbers in a PNG file state; None if they are missing, or the file has a profile.

    The order is that of the PNG specification (third edition, 12.1): cICP, iCCP, sRGB, gAMA and cHRM.
    """
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at + 8 <= len(data) and data[at + 4 : at + 8] != b"IDAT":
        length, kind = struct.unpack_from(">I4s", data, at)
        chunks.setdefault(kind, data[at + 8 : at + 8 + length])
        at += 12 + length
    codes, corners = chunks.get(b"cICP", b""), chunks.get(b"cHRM", b"")
    if len(codes) == 4:
        if codes[2:] != b"\0\1":
            raise InputError(
                f"{name} holds video levels (cICP), which impasto cannot show: save it with the full range"
            )
        return coded_profile(codes[0], codes[1], name)
    if chunks.keys() & {b"iCCP", b"sRGB"} or not chunks.keys() & {b"gAMA", b"cHRM"}:
        return None
    primaries = tuple(n / 1e5 for n in struct.unpack(">8I", corners)) if len(corners) == 32 else SRGB_PRIMARIES
    return gamma_profile(int.from_bytes(chunks.get(b"gAMA", b"")) / 1e5, primaries, gray=data[25] in (0, 4))


def gamma_profile(gamma: float, primaries: Primaries = SRGB_PRIMARIES, *, gray: bool = False) -> bytes:
    """Return the profile of gAMA and cHRM; impossible ones are taken as those of sRGB."""
    power = 1 / gamma if 0.1 <= gamma <= 10 and abs(gamma * 2.2 - 1) > _TOLERANCE else None
    points = np.array(primaries).reshape(4, 2)
    corners = np.vstack([points[1:].T, np.ones(3)])
    is_possible = points[:, 1].min() > 0 and abs(np.linalg.det(corners)) > 1e-3
    is_possible = is_possible and np.linalg.solve(corners, [*points[0], 1]).min() > 0  # white is inside
    return make_profile(primaries if is_possible else SRGB_PRIMARIES, power, gray=gray)


def make_profile(primaries: Primaries, power: float | None, *, gray: bool = False) -> bytes:
    """Return an ICC profile (version 4) of primaries and an exponent, None: the curve of sRGB; empty if it is sRGB."""
    if power is None and np.abs(np.subtract(primaries, SRGB_PRIMARIES)).max() < 2e-3:
        return b""
    x, y = np.array(primaries).reshape(4, 2).T
    white, *colors = np.stack([x / y, np.ones(4), (1 - x - y) / y], axis=1)
    adapt = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD
    columns = adapt @ np.transpose(colors) @ np.diag(np.linalg.solve(np.transpose(colors), white))
    curve = (3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045) if power is None else (0, power)
    shape = b"para" + struct.pack(f">IHH{len(curve) - 1}i", 0, curve[0], 0, *(round(n * 65536) for n in curve[1:]))
    tags = {b"wtpt": _D50} | ({} if gray else dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True)))
    blocks = {tag: b"XYZ " + struct.pack(">I3i", 0, *(round(n * 65536) for n in xyz)) for tag, xyz in tags.items()}
    blocks |= dict.fromkeys((b"kTRC",) if gray else (b"rTRC", b"gTRC", b"bTRC"), shape)
    at, table = 128 + 4 + 12 * len(blocks), struct.pack(">I", len(blocks))
    for tag, block in blocks.items():
        table += tag + struct.pack(">II", at, len(block))
        at += len(block)
    head = struct.pack(">I4xI4s4s4s12x4s28x", at, 0x04200000, b"mntr", b"GRAY" if gray else b"RGB ", b"XYZ ", b"acsp")
    return head + blocks[b"wtpt"][8:] + bytes(48) + table + b"".join(blocks.values())
