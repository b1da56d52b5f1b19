"""Every row of the tables in docs/formats.md: files drawn here, against definitions and other libraries."""

import io
import re
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import pyvips
from handmade import bare_tiff, display_p3_profile, encoded, gray_profile, opened, png_with, smooth, srgb_encode, tiff
from PIL import Image, ImageCms
from skimage.color import lab2rgb

from impasto.errors import InputError
from impasto.images import read_picture

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
TABLES = [re.findall(r"^\| (.+?) \| (.+?) \|$", part, flags=re.MULTILINE) for part in PAGE.read_text().split("\n## ")]
ROWS = {cell: picture for table in TABLES for cell, picture in table[1:]}

VALUES = np.random.default_rng(1).integers(1, 256, (8, 12, 5), dtype=np.uint8)
GRAY, RGB, RGBA, CMYK = VALUES[..., 0], VALUES[..., :3], VALUES[..., :4], VALUES[..., :4]
FLOATS = (RGB / 255).astype(np.float32)
BLOCKS = np.kron(VALUES[:4, :6, :3], np.ones((2, 2, 1), np.uint8))
WIDE = np.array([[1.22494, -0.22494, 0], [-0.04206, 1.04206, 0], [-0.01964, -0.07864, 1.09827]])
"""From Display P3 to sRGB, both linear (Lindbloom's method, as published with CSS Color 4)."""


def shorts(*numbers: int) -> tuple[int, list[int]]:
    return 3, list(numbers)


def gray(values: np.ndarray) -> np.ndarray:
    return np.repeat(np.asarray(values)[..., None], 3, axis=2)


def packed(values: np.ndarray, bits: int) -> bytes:
    """Rows of numbers of 1, 2 or 4 bits, or of 10 to 14, each row filled up to a whole byte."""
    lines = [np.unpackbits(row.astype(">u2")[:, None].view(np.uint8), axis=1)[:, 16 - bits :] for row in values]
    return b"".join(np.packbits(line.ravel()).tobytes() for line in lines)


def few(values: np.ndarray, bits: int, **tags: tuple[int, list[int]]) -> bytes:
    """A TIFF of numbers with few or with odd numbers of bits."""
    return bare_tiff(values, {258: shorts(bits), **{int(k[1:]): v for k, v in tags.items()}}, packed(values, bits))


def scaled(bits: int) -> np.ndarray:
    """Gray levels of a depth of up to 32 bits."""
    levels = np.float64(GRAY) / 255 * (2.0**bits - 1)
    return np.rint(levels).astype(np.uint8 if bits <= 8 else f"u{bits // 8}")


def integers(white_is_zero: bool) -> list[tuple[bytes, np.ndarray]]:
    kind, cases = shorts(0 if white_is_zero else 1), []
    for bits in (1, 2, 4, 8, 16, 32):
        share = scaled(bits) / (2.0**bits - 1)
        data = few(scaled(bits), bits, t262=kind) if bits < 8 else bare_tiff(scaled(bits), {262: kind})
        cases.append((data, gray(1 - share if white_is_zero else share)))
    return cases


def from_profile(data: bytes, profile: bytes) -> np.ndarray:
    """Convert what Pillow shows to sRGB by LittleCMS."""
    source, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    image = ImageCms.profileToProfile(opened(data), source, srgb, renderingIntent=intent, outputMode="RGB", flags=flags)
    return np.asarray(image) / 255


def ycbcr_to_rgb(values: np.ndarray) -> np.ndarray:
    """JFIF 1.02."""
    y, cb, cr = (values[..., n].astype(float) for n in range(3))
    red, blue = y + 1.402 * (cr - 128), y + 1.772 * (cb - 128)
    green = y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128)
    return np.stack([red, green, blue], axis=-1).clip(0, 255) / 255


def sampled_by_two(values: np.ndarray) -> bytes:
    """Data units of 2 x 2 lightnesses and one color (TIFF 6.0, section 21)."""
    units = [values[y : y + 2, x : x + 2] for y in range(0, len(values), 2) for x in range(0, values.shape[1], 2)]
    return b"".join(bytes([*unit[..., 0].ravel(), *unit[0, 0, 1:]]) for unit in units)


def lab(values: np.ndarray, deep: bool) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of a TIFF and the picture, of colors inside sRGB."""
    light, ab = 20 + values[..., 0] / 255 * 60, values[..., 1:3] / 255 * 30 - 15
    full, step = (65535, 256) if deep else (255, 1)
    numbers = np.dstack([light / 100 * full, np.rint(ab * step) % (full + 1)])
    return np.rint(numbers).astype(np.uint16 if deep else np.uint8), lab2rgb(np.dstack([light, ab]))


def p3_to_srgb(values: np.ndarray, power: float | None = None) -> np.ndarray:
    part = values / 255
    light = part**power if power else np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return srgb_encode((light @ WIDE.T).clip(0, 1))


def gama(gamma: float) -> dict[bytes, bytes]:
    return {b"gAMA": struct.pack(">I", round(gamma * 1e5))}


P3_CORNERS = {b"cHRM": struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)}
P3 = display_p3_profile(1.8)
GENERAL = bytes(pyvips.Image.profile_load("cmyk"))
OTHERS = [
    *(ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes() for name in ("LAB", "XYZ")),
    GENERAL,
    gray_profile(1.8),
]  # fmt: skip


def cicp(primaries: int, transfer: int, matrix: int = 0, full: int = 1) -> dict[bytes, bytes]:
    return {b"cICP": bytes([primaries, transfer, matrix, full])}


def coded(primaries: int, transfer: int, **options: object) -> list[bytes]:
    """AVIF and HEIC of smooth colors that state these codes."""
    buffer, image = io.BytesIO(), Image.fromarray(smooth())
    pillow_heif.from_pillow(image).save(buffer, quality=-1, chroma=444, **options)
    avif = encoded(image, "AVIF", quality=100, subsampling="4:4:4", **options)
    change = struct.pack(">HH", primaries, transfer)
    return [re.sub(rb"(?s)colrnclx....", b"colrnclx" + change, data) for data in (avif, buffer.getvalue())]


def oriented(number: int, kind: int = 3) -> bytes:
    return bare_tiff(RGB, {274: (kind, [number])})


def turned(number: int) -> np.ndarray:
    turns: list[Callable[[np.ndarray], np.ndarray]] = [
        lambda a: a, np.fliplr, lambda a: np.rot90(a, 2), np.flipud,
        lambda a: a.transpose(1, 0, 2), lambda a: np.rot90(a, -1),
        lambda a: np.rot90(a, 2).transpose(1, 0, 2), np.rot90,
    ]  # fmt: skip
    return turns[number - 1](RGB / 255)


def odd_exif() -> list[bytes]:
    """JPEG files whose EXIF has one entry with an impossible type, length or place."""
    files = []
    for kind in (0, 1, 2, 5, 11, 13, 16, 99):
        for count in (0, 20, 2**31, 2**32 - 1):
            for tag in (0x0112, 0x8769, 0x010F):
                block = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIIxxxx", tag, kind, count, 26) + b"\xff" * 40
                files.append(encoded(Image.fromarray(BLOCKS), "JPEG", exif=b"Exif\0\0" + block))
    return files


def contradicting() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="3"/></rdf:RDF></x:xmpmeta>'
    )
    return encoded(Image.fromarray(RGB), "WEBP", lossless=True, exif=exif, xmp=packet)


def swatches() -> tuple[bytes, bytes]:
    """PNG and GIF of a palette whose first color is transparent."""
    image = Image.fromarray((GRAY % 2).astype(np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    return encoded(image, "PNG", transparency=0), encoded(image, "GIF", transparency=0)


PALETTE = {n: np.random.default_rng(n).integers(0, 256, (3, 2**n)) for n in (1, 2, 4, 8)}
LAB8, LAB16 = lab(VALUES, deep=False), lab(VALUES, deep=True)
ALPHA = VALUES[..., 3] / 255
MULTIPLIED = np.dstack([np.floor(RGB * ALPHA[..., None]), RGBA[..., 3]]).astype(np.uint8)

Shown = Sequence[tuple[bytes, np.ndarray] | tuple[bytes, np.ndarray, float]]
PICTURES: dict[str, Shown] = {
    "BlackIsZero, integers of 1, 2, 4, 8, 16 or 32 bits": integers(white_is_zero=False),
    "WhiteIsZero, integers of 1, 2, 4, 8, 16 or 32 bits": integers(white_is_zero=True),
    "RGB, integers of 8, 16 or 32 bits": [
        (bare_tiff(RGB.astype(kind) * factor, {}), RGB / 255)
        for kind, factor in ((np.uint8, 1), (np.uint16, 257), (np.uint32, 16843009))
    ],
    "RGB, each channel in its own plane": [
        (tiff(np.ascontiguousarray(RGB.transpose(2, 0, 1)), planarconfig="separate"), RGB / 255),
        (tiff(RGB, planarconfig="contig", tile=(16, 16)), RGB / 255),
    ],
    "gray or RGB, floats of 16 or 32 bits": [
        (bare_tiff(FLOATS, {}), srgb_encode(FLOATS)),
        (bare_tiff(FLOATS.astype(np.float16), {}), srgb_encode(FLOATS), 1e-3),
        (bare_tiff(FLOATS[..., 0], {}), gray(srgb_encode(FLOATS[..., 0]))),
    ],
    "floats with a color profile": [
        (tiff(FLOATS, iccprofile=P3), p3_to_srgb(RGB, 1.8), 0.03),
        (tiff(FLOATS[..., 0], iccprofile=gray_profile(1.8)), gray(srgb_encode(FLOATS[..., 0] ** 1.8)), 0.01),
    ],
    "floats, some of them below 0 or above 1": [
        (bare_tiff((FLOATS * 1.3 - 0.1).astype(np.float32), {}), srgb_encode((FLOATS * 1.3 - 0.1).clip(0, 1))),
    ],
    "palette of 1, 2, 4 or 8 bits": [
        (
            few(GRAY & (2**n - 1), n, t262=shorts(3), t320=shorts(*(colors * 257).ravel())),
            colors.T[GRAY & (2**n - 1)] / 255,
        )
        for n, colors in PALETTE.items()
    ],
    "CMYK of 8 or 16 bits": [
        (bare_tiff(CMYK, {262: shorts(5)}), from_profile(bare_tiff(CMYK, {262: shorts(5)}), GENERAL), 0.01),
        (
            bare_tiff(CMYK.astype(np.uint16) * 257, {262: shorts(5)}),
            from_profile(bare_tiff(CMYK, {262: shorts(5)}), GENERAL),
            0.01,
        ),
    ],
    "YCbCr of 8 bits, compressed as JPEG": [
        (encoded(Image.fromarray(smooth()), "TIFF", compression="jpeg", quality=100), smooth() / 255, 0.02),
    ],
    "YCbCr of 8 bits, with a color for 2 x 2 pixels": [
        (bare_tiff(BLOCKS, {262: shorts(6), 530: shorts(2, 2)}, sampled_by_two(BLOCKS)), ycbcr_to_rgb(BLOCKS), 0.02),
    ],
    r"CIE L\*a\*b\* of 16 bits": [
        (bare_tiff(LAB16[0], {262: shorts(8)}), LAB16[1], 0.01),
        (bare_tiff(LAB16[0], {262: shorts(8), 34675: (1, list(P3))}), LAB16[1], 0.01),
    ],
    "a 64-bit file (BigTIFF)": [(tiff(RGB, bigtiff=True), RGB / 255)],
    "of these colors (gray, RGB or CMYK)": [
        (tiff(RGB, iccprofile=P3), from_profile(tiff(RGB), P3), 0.01),
        (tiff(GRAY, iccprofile=gray_profile(1.8)), gray(srgb_encode((GRAY / 255) ** 1.8)), 0.01),
        (
            bare_tiff(CMYK, {262: shorts(5), 34675: (1, list(GENERAL))}),
            from_profile(bare_tiff(CMYK, {262: shorts(5)}), GENERAL),
            0.01,
        ),
    ],
    "broken": [
        (encode(profile), expected)
        for profile in (b"nonsense" * 40, P3[:150], P3[:128] + bytes(4), b"\0", P3[:36] + b"none" + P3[40:])
        for encode, expected in (
            (lambda profile: encoded(Image.fromarray(RGB), "PNG", icc_profile=profile), RGB / 255),
            (lambda profile: tiff(RGB, iccprofile=profile), RGB / 255),
        )
    ],
    "of other colors, such as Lab, CMYK or gray in an RGB file": [
        *((tiff(RGB, iccprofile=profile), RGB / 255) for profile in OTHERS),
        (tiff(GRAY, iccprofile=P3), gray(GRAY / 255)),
    ],
    "for something else than pictures, such as a device link": [
        (tiff(RGB, iccprofile=P3[:12] + name + P3[16:]), RGB / 255) for name in (b"link", b"abst", b"nmcl")
    ],
    "PNG: gAMA and cHRM": [
        (png_with(RGB, gama(1 / 1.8)), srgb_encode((RGB / 255) ** 1.8), 0.003),
        (png_with(RGB, P3_CORNERS | gama(1 / 1.8)), p3_to_srgb(RGB, 1.8), 0.005),
        (png_with(RGB, P3_CORNERS), p3_to_srgb(RGB), 0.005),
        (png_with(GRAY, P3_CORNERS | gama(1.0)), gray(srgb_encode(GRAY / 255)), 0.025),
    ],
    "PNG: gAMA within 5 % of 1/2.2": [(png_with(RGB, gama(gamma)), RGB / 255) for gamma in (0.45455, 0.45, 0.47)],
    "PNG: gAMA or cHRM that is impossible": [
        (png_with(RGB, chunk), RGB / 255)
        for chunk in (gama(0), gama(40_000), {b"cHRM": bytes(32)}, {b"cHRM": b"\0\0\0\1" * 8})
    ],
    "PNG: sRGB or a profile beside gAMA and cHRM": [
        (png_with(RGB, {b"sRGB": b"\0"} | P3_CORNERS | gama(1.0)), RGB / 255),
        (png_with(RGB, P3_CORNERS | gama(1.0), icc_profile=P3), from_profile(png_with(RGB, {}), P3), 0.01),
    ],
    "PNG: cICP of standard range": [
        (png_with(RGB, cicp(12, 13)), p3_to_srgb(RGB), 0.005),
        (png_with(RGB, cicp(1, 13), icc_profile=P3), RGB / 255),
        (png_with(RGB, cicp(1, 8) | {b"sRGB": b"\0"}), srgb_encode(RGB / 255), 0.003),
        (png_with(RGB, cicp(2, 2)), RGB / 255),
    ],
    "AVIF and HEIC: color codes (nclx) of standard range": [
        *((data, p3_to_srgb(smooth()), 0.08) for data in coded(12, 13)),
        *((data, smooth() / 255, 0.03) for data in coded(1, 13)),
    ],
    "TIFF, straight alpha": [(tiff(RGBA, extrasamples=["unassalpha"]), RGBA / 255)],
    "TIFF, associated alpha": [
        (
            tiff(MULTIPLIED, extrasamples=["assocalpha"]),
            np.dstack([np.floor(MULTIPLIED[..., :3] / ALPHA[..., None]) / 255, ALPHA]),
            0.005,
        ),
    ],
    "TIFF, one further channel of no stated kind": [
        (bare_tiff(RGBA, {}), RGBA / 255),
        (bare_tiff(VALUES[..., :2], {262: shorts(1)}), np.dstack([gray(GRAY), VALUES[..., 1]]) / 255),
    ],
    "TIFF, a further channel stated to be something else": [
        (bare_tiff(RGBA, {338: shorts(0)}), RGB / 255),
        (bare_tiff(VALUES, {338: shorts(0, 0)}), RGB / 255),
        (bare_tiff(VALUES, {262: shorts(1), 338: shorts(0, 0, 0, 0)}), gray(GRAY / 255)),
    ],
    "TIFF, alpha after another further channel": [
        (bare_tiff(VALUES, {338: shorts(0, 2)}), np.dstack([RGB, VALUES[..., 4]]) / 255),
    ],
    r"TIFF, CMYK or CIE L\*a\*b\* with straight alpha": [
        (
            bare_tiff(VALUES, {262: shorts(5), 338: shorts(2)}),
            np.dstack([from_profile(bare_tiff(CMYK, {262: shorts(5)}), GENERAL), VALUES[..., 4] / 255]),
            0.01,
        ),
        (
            bare_tiff(np.dstack([LAB16[0], RGBA[..., 3].astype(np.uint16) * 257]), {262: shorts(8), 338: shorts(2)}),
            np.dstack([LAB16[1], ALPHA]),
            0.02,
        ),
    ],
    "PNG or GIF, a transparent color": [
        (data, np.dstack([gray(GRAY * 0.0)[..., :2], np.ones(GRAY.shape), GRAY % 2])) for data in swatches()
    ],
    "orientation 1 to 8, as a short or a long number": [
        (oriented(number, kind), turned(number)) for number in range(1, 9) for kind in (3, 4)
    ],
    "orientation 0, 9 or 65535": [(oriented(number), RGB / 255) for number in (0, 9, 65535)],
    "an impossible unit of resolution": [(bare_tiff(RGB, {296: shorts(number)}), RGB / 255) for number in (0, 4)],
    "EXIF with entries of impossible types, lengths and places": [
        (data, np.asarray(opened(data)) / 255, 0.02) for data in odd_exif()
    ],
    "XMP with another orientation": [(contradicting(), turned(6))],
}  # fmt: skip

REFUSED: dict[str, Sequence[bytes]] = {
    "floats, more than a third of them below 0 or above 1": [
        bare_tiff(RGB.astype(np.float32), {}),
        bare_tiff(FLOATS[..., 0] * 2 - 1, {}),
        bare_tiff(np.where(GRAY > 200, GRAY, 0).astype(np.float32), {}),
    ],
    "floats that are not finite": [bare_tiff(np.where(FLOATS > 0.9, bad, FLOATS), {}) for bad in (np.inf, np.nan)],
    "integers of 32 bits, all below 65,536": [bare_tiff(RGB.astype(np.uint32) * 257, {})],
    "integers with sign": [bare_tiff(RGB.astype(kind), {}) for kind in (np.int8, np.int16, np.int32)],
    "floats of 64 bits": [bare_tiff(RGB / 255, {}), bare_tiff(GRAY / 255, {})],
    "complex numbers": [bare_tiff(GRAY.astype(np.complex64), {})],
    "integers of 10, 12 or 14 bits": [few(GRAY.astype(np.uint16), bits) for bits in (10, 12, 14)],
    "CMYK or WhiteIsZero as floats": [
        bare_tiff((CMYK / 255).astype(np.float32), {262: shorts(5)}),
        bare_tiff(FLOATS, {262: shorts(5)}),
        bare_tiff(FLOATS[..., 0], {262: shorts(0)}),
    ],
    "other inks than CMYK": [bare_tiff(CMYK, {262: shorts(5), 332: shorts(2)})],
    "YCbCr with a color for every pixel, not compressed as JPEG": [bare_tiff(RGB, {262: shorts(6), 530: shorts(1, 1)})],
    r"CIE L\*a\*b\* of 8 bits": [bare_tiff(LAB8[0], {262: shorts(8)})],
    "a transparency mask, ICC Lab, ITU Lab, sensor data, LogL, LogLuv, a depth map, an unknown kind": [
        bare_tiff(RGB, {262: shorts(number)}) for number in (4, 9, 10, 32803, 34892, 32844, 32845, 51177, 777)
    ],
    "a small preview before the picture (DNG and other raw photos)": [bare_tiff(RGB, {254: (4, [1])})],
    "a compression that libtiff lacks": [bare_tiff(RGB, {259: shorts(number)}) for number in (34712, 7777)],
    "TIFF, associated alpha after another further channel": [bare_tiff(VALUES, {338: shorts(0, 1)})],
    "PNG: cICP of HDR (PQ, HLG)": [png_with(RGB, cicp(9, transfer)) for transfer in (16, 18)],
    "PNG: cICP with video levels": [png_with(RGB, cicp(1, 13, full=0))],
    "AVIF and HEIC: color codes of HDR (PQ, HLG)": [data for transfer in (16, 18) for data in coded(9, transfer)],
}


def test_every_row_of_the_page_is_tested():
    shown = {row for row, picture in ROWS.items() if not picture.startswith("refused: ")}
    assert shown == set(PICTURES)
    assert set(ROWS) - shown == set(REFUSED)


@pytest.mark.parametrize("row", PICTURES)
def test_a_file_shows_the_picture_that_the_page_says(row):
    for data, expected, *tolerance in PICTURES[row]:
        picture = read_picture(data)
        assert (picture.alpha is not None) == (expected.shape[2] == 4)
        visible = np.ones(expected.shape[:2], bool) if picture.alpha is None else picture.alpha > 0
        wanted, most = expected[..., :3][visible], (*tolerance, 2 / 65535)[0]
        np.testing.assert_allclose(picture.pixels[visible], wanted, rtol=0, atol=most)
        if picture.alpha is not None:
            np.testing.assert_allclose(picture.alpha, expected[..., 3], rtol=0, atol=1e-6)


@pytest.mark.parametrize("row", REFUSED)
def test_what_cannot_be_shown_is_refused_for_the_reason_that_the_page_gives(row):
    reason = re.fullmatch(r'refused: "(.+)"', ROWS[row])[1]
    for data in REFUSED[row]:
        with pytest.raises(InputError, match=re.escape(reason)) as caught:
            read_picture(data)
        assert "\n" not in str(caught.value)
        assert "damaged" not in str(caught.value)
