"""From the bytes of a file to pixels: upright, sRGB, straight alpha."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import numpy as np
import pyvips
from jaxtyping import Float

from impasto.errors import InputError
from impasto.images.exif import clean_exif
from impasto.images.formats import HEAD_LENGTH, InputFormat, sniff
from impasto.images.heic import open_heic
from impasto.images.sources import check_head
from impasto.images.transparency import fill_transparent

_LOADERS: Final[dict[InputFormat, str]] = {
    "jpeg": "jpegload_buffer",
    "png": "pngload_buffer",
    "webp": "webpload_buffer",
    "tiff": "tiffload_buffer",
    "gif": "gifload_buffer",
    "avif": "heifload_buffer",
    "heic": "heifload_buffer",
}
_COLOR_BANDS: Final = {"b-w": 1, "grey16": 1, "cmyk": 4}
_CIE_SPACES: Final = frozenset({"lab", "labs"})
_FLOATS: Final = frozenset({"float", "double"})
_MOST_BANDS: Final = 16  # a crafted TIFF may claim thousands, and each takes memory
_LARGEST: Final = {"uchar": 255, "ushort": 65535, "uint": 2**32 - 1}


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """What is in a file: see `Picture`, which adds where it came from."""

    pixels: Float[np.ndarray, "h w 3"]
    alpha: Float[np.ndarray, "h w"] | None
    exif: bytes | None
    bits: Literal[8, 16]


def open_header(data: bytes, name: str) -> pyvips.Image:
    """Return the picture with its metadata and no pixel decoded; InputError if the file is none or is damaged."""
    check_head(data[:HEAD_LENGTH], name)
    kind = sniff(data[:HEAD_LENGTH])
    assert kind is not None
    with _explained(name):
        # A milder level than `error` lets an uncompressed TIFF pass that is cut off.
        return getattr(pyvips.Image, _LOADERS[kind])(data, fail_on="error")


def decode(data: bytes, name: str, max_megapixels: float) -> Decoded:
    """Return the pixels of a file's first picture.

    The EXIF orientation is applied; an embedded colour profile is converted to sRGB (relative colorimetric, black point
    compensated), CMYK without one through the built-in profile of libvips; floats are taken as linear light with the
    primaries of sRGB (scRGB), as libvips does, and clipped. Raises InputError for a damaged file, a picture with more
    than `max_megapixels` million pixels (before it is decoded), NaN or infinity, and pixels that hold no colour.
    """
    check = partial(_check_size, name=name, most=max_megapixels)
    kind = sniff(data[:HEAD_LENGTH])
    image = open_heic(data, name, check) if kind == "heic" else open_header(data, name)
    check(image.width, image.height)
    exif = data if kind == "tiff" else image.get("exif-data") if image.get_typeof("exif-data") else b""
    with _explained(name):
        # HEIC says in its own way how to turn the picture, and what EXIF says as well does not count.
        upright = image if kind == "heic" else image.autorot()
        pixels, alpha = _pixels(_all_bits(upright), name)
    if alpha is not None:
        # Alpha that hides nothing says nothing.
        pixels, alpha = (fill_transparent(pixels, alpha), alpha) if alpha.min() < 1 else (pixels, None)
    return Decoded(pixels=pixels, alpha=alpha, exif=clean_exif(exif), bits=8 if image.format == "uchar" else 16)


def _pixels(image: pyvips.Image, name: str) -> tuple[Float[np.ndarray, "h w 3"], Float[np.ndarray, "h w"] | None]:
    bands = _COLOR_BANDS.get(image.interpretation, 3)
    known = image.format in _LARGEST or image.format in _FLOATS or image.interpretation in _CIE_SPACES
    if not known or not bands <= image.bands <= _MOST_BANDS:
        raise InputError(f"{name} holds {image.bands} x {image.format} a pixel, which impasto cannot take for colours")
    colors = image.extract_band(0, n=bands)
    if image.interpretation in _CIE_SPACES:
        return _fractions(colors.colourspace("rgb16"), name), None
    alpha = _fractions(image.extract_band(bands), name)[..., 0] if image.bands == bands + 1 else None
    is_linear = image.format in _FLOATS
    pixels = _encode_srgb(_fractions(colors, name)) if is_linear else _fractions(_to_srgb(colors), name)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy(), alpha


def _all_bits(image: pyvips.Image) -> pyvips.Image:
    """Spread values of 10, 12 or 32 bits over the whole range of 16; other images are returned as they are."""
    bits = image.get("bits-per-sample") if image.get_typeof("bits-per-sample") else 0
    if image.format == "uint":
        factor = 65535 / _LARGEST["uint"]
    elif image.format == "ushort" and 8 < bits < 16:
        factor = 65535 / (65536 - 2 ** (16 - bits))  # their lowest bits are 0, so that white falls short
    else:
        return image
    kind = "grey16" if image.bands < 3 else "rgb16"
    return (image * factor).rint().cast("ushort").copy(interpretation=kind)


def _to_srgb(colors: pyvips.Image) -> pyvips.Image:
    if colors.interpretation != "cmyk" and not colors.get_typeof("icc-profile-data"):
        return colors
    return colors.icc_transform(
        "srgb",
        embedded=True,
        input_profile="cmyk" if colors.interpretation == "cmyk" else "srgb",
        intent="relative",
        black_point_compensation=True,
        depth=16 if colors.format == "ushort" else 8,
    )


def _fractions(image: pyvips.Image, name: str) -> Float[np.ndarray, "h w c"]:
    """Decode to float32 in [0, 1]."""
    values: np.ndarray = image.numpy().reshape(image.height, image.width, image.bands)
    if image.format in _LARGEST:
        return values.astype(np.float32) / np.float32(_LARGEST[image.format])
    if not np.isfinite(values).all():
        raise InputError(f"{name} holds NaN or infinite values: replace them and save it again")
    return values.astype(np.float32).clip(0, 1)


def _encode_srgb(linear: Float[np.ndarray, "h w c"]) -> Float[np.ndarray, "h w c"]:
    """IEC 61966-2-1: from linear light to the encoded values that files hold."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


def _check_size(width: int, height: int, name: str, most: float) -> None:
    if width * height > most * 1e6:
        raise InputError(
            f"{name} has {width} x {height} pixels, {width * height / 1e6:.3g} megapixels, above the limit of "
            f"{most:g}: make it smaller, or raise the limit with --max-megapixels"
        )


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Say in one line what libvips says in several."""
    try:
        yield
    except pyvips.Error as error:
        first = next((line.strip() for line in str(error.detail).splitlines() if line.strip()), "no reason given")
        raise InputError(f"{name} is damaged or cut off ({first})") from None
    except UnicodeDecodeError:
        # The message quotes bytes of the file; left in the buffer, it would spoil every later message.
        pyvips.vips_lib.vips_error_clear()
        raise InputError(f"{name} is damaged or cut off") from None
