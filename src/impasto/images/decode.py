"""Decodes the bytes of a JPEG, PNG, WebP, TIFF, AVIF, GIF or HEIC file to upright sRGB pixels with straight alpha."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import pyvips
from jaxtyping import Float
from PIL import Image

from impasto.errors import InputError
from impasto.images.exif import clean_exif
from impasto.images.geometry import map_planes

InputFormat: TypeAlias = Literal["jpeg", "png", "webp", "tiff", "gif", "avif", "heic"]

PICTURE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif", ".gif", ".heic", ".heif")
"""Usual extensions of the pictures that can be read."""
HEAD_LENGTH: Final = 64  # bytes at the start of a file from which its format is recognized
_READABLE: Final = "JPEG, PNG, WebP, TIFF, AVIF, GIF, HEIC"
_SIGNATURES: Final[dict[InputFormat, tuple[bytes, ...]]] = {
    "jpeg": (b"\xff\xd8\xff",),
    "png": (b"\x89PNG\r\n\x1a\n",),
    "gif": (b"GIF87a", b"GIF89a"),
    "tiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_COLOR_BANDS: Final = {"b-w": 1, "grey16": 1, "cmyk": 4}
_CIE_SPACES: Final = frozenset({"lab", "labs"})
_FLOATS: Final = frozenset({"float", "double"})
_MOST_BANDS: Final = 16  # a crafted TIFF may claim thousands, and each takes memory
_LARGEST: Final = {"uchar": 255, "ushort": 65535, "uint": 2**32 - 1}


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodedImage:
    r"""A picture file and its pixels.

    Attributes:
        pixels: Upright, sRGB-encoded, in [0, 1]; wholly transparent pixels have the color of their surroundings.
        alpha: In [0, 1]; None if the whole picture is opaque.
        exif: EXIF block that the result may carry: no `Exif\0\0`, GPS or thumbnail, orientation reset.
        name: Stem for the names of results.
        suffix: Extension of the file, such as `.jpg`; empty if it has none, is no file, or is a built-in style.
        encoded: The bytes of the file (of a lossless PNG or TIFF for a PIL image or an array).
        sha256: Their hash in hexadecimal.
    """

    pixels: Float[np.ndarray, "h w 3"]
    alpha: Float[np.ndarray, "h w"] | None
    exif: bytes | None
    name: str
    suffix: str = ""
    encoded: bytes
    sha256: str

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])


def sniff(head: bytes) -> InputFormat | None:
    """Return the format that the first `HEAD_LENGTH` bytes of a file show; None if impasto does not read it.

    Only the loaders of these formats are ever called. libvips has many more (SVG, PDF, CSV...) that an attacker could
    use, and blocking them would change libvips for the whole process.
    """
    for kind, signatures in _SIGNATURES.items():
        if head.startswith(signatures):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4], "big"), len(head))
        brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
        return "avif" if brands & _AVIF_BRANDS else "heic" if brands & _HEIC_BRANDS else None
    return None


def check_format(head: bytes, name: str) -> InputFormat:
    """Return the format of a file; raise InputError if impasto does not read it."""
    if not head:
        raise InputError(f"{name} is empty")
    kind = sniff(head[:HEAD_LENGTH])
    if kind is None:
        raise InputError(f"{name} is not a picture that impasto reads ({_READABLE})")
    return kind


def open_header(data: bytes, name: str) -> pyvips.Image:
    """Return the picture with its metadata before any pixel is decoded; raise InputError if it is damaged."""
    kind = check_format(data, name)
    loader = "heifload" if kind in ("avif", "heic") else f"{kind}load"
    with _one_line_errors(name):
        # Less strict levels than `error` accept a truncated uncompressed TIFF.
        return getattr(pyvips.Image, f"{loader}_buffer")(data, fail_on="error")


def peek_size(data: bytes, name: str) -> tuple[int, int] | None:
    """Return width and height from the header of a file; None for HEIC and for what is not a picture.

    Raises:
        InputError: The file, which the message calls `name`, is damaged.
    """
    if sniff(data[:HEAD_LENGTH]) in (None, "heic"):
        return None
    header = open_header(data, name)
    return header.width, header.height


def decode(data: bytes, shown: str, max_megapixels: float, *, name: str = "picture") -> DecodedImage:
    """Decode the first picture of a file; error messages call it `shown`.

    The EXIF orientation is applied. An embedded color profile is converted to sRGB (relative colorimetric, black point
    compensated), CMYK without one through the built-in profile of libvips. Floats are taken as linear light with the
    primaries of sRGB (scRGB), as libvips does, and clipped. Raises InputError for a damaged file, a picture with more
    than `max_megapixels` million pixels (before it is decoded), NaN or infinity, and pixels that hold no color.
    """
    kind = check_format(data, shown)
    image = _open_heic(data, shown, max_megapixels) if kind == "heic" else open_header(data, shown)
    _check_size(image.width, image.height, shown, max_megapixels)
    exif = data if kind == "tiff" else image.get("exif-data") if image.get_typeof("exif-data") else b""
    with _one_line_errors(shown):
        # HEIC stores the orientation outside EXIF, and its decoder has applied it.
        upright = image if kind == "heic" else image.autorot()
        pixels, alpha = _read_pixels(_full_range(upright), shown)
    if alpha is not None:
        pixels, alpha = (fill_transparent(pixels, alpha), alpha) if alpha.min() < 1 else (pixels, None)
    digest = hashlib.sha256(data).hexdigest()
    return DecodedImage(pixels=pixels, alpha=alpha, exif=clean_exif(exif), name=name, encoded=data, sha256=digest)


def _open_heic(data: bytes, name: str, max_megapixels: float) -> pyvips.Image:
    """Decode HEIC, for which libvips is usually built without a decoder, by pillow-heif.

    The result is upright and has the color profile, EXIF and `bits-per-sample` that libvips sets for AVIF.
    """
    try:
        import pillow_heif
    except ImportError:
        raise InputError(
            f"{name} is HEIC, which needs one more package: pip install 'impasto[heic]' (or save it as JPEG)"
        ) from None
    try:
        picture = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
        _check_size(picture.size[0], picture.size[1], name, max_megapixels)
        pixels = np.asarray(picture)
    except InputError:
        raise
    except Exception as error:  # damaged files cause nearly any exception, even IndexError
        raise InputError(f"{name} is damaged or cut off ({' '.join(str(error).split())})") from None
    image = to_vips(pixels)
    image.set_type(pyvips.GValue.gint_type, "bits-per-sample", picture.info["bit_depth"])
    for field, key in (("icc-profile-data", "icc_profile"), ("exif-data", "exif")):
        if picture.info.get(key):
            image.set_type(pyvips.GValue.blob_type, field, picture.info[key])
    return image.unpremultiply().cast(image.format) if picture.premultiplied_alpha else image


def to_vips(values: np.ndarray) -> pyvips.Image:
    """Return an array of uint8 or uint16, (h, w) or (h, w, channels), as a gray or RGB image of libvips."""
    bands, deep = 1 if values.ndim == 2 else values.shape[2], values.dtype == np.uint16
    flat = np.ascontiguousarray(values)
    image = pyvips.Image.new_from_memory(flat, flat.shape[1], flat.shape[0], bands, "ushort" if deep else "uchar")
    return image.copy(interpretation=(("b-w", "srgb"), ("grey16", "rgb16"))[deep][bands > 2])


def _read_pixels(image: pyvips.Image, name: str) -> tuple[Float[np.ndarray, "h w 3"], Float[np.ndarray, "h w"] | None]:
    bands = _COLOR_BANDS.get(image.interpretation, 3)
    known = image.format in _LARGEST or image.format in _FLOATS or image.interpretation in _CIE_SPACES
    if not known or not bands <= image.bands <= _MOST_BANDS:
        raise InputError(
            f"{name} holds {image.bands} x {image.format} a pixel, which impasto cannot interpret as colors"
        )
    colors = image.extract_band(0, n=bands)
    if image.interpretation in _CIE_SPACES:
        return _fractions(colors.colourspace("rgb16"), name), None
    alpha = _fractions(image.extract_band(bands), name)[..., 0] if image.bands == bands + 1 else None
    is_linear = image.format in _FLOATS
    pixels = _encode_srgb(_fractions(colors, name)) if is_linear else _fractions(_to_srgb(colors), name)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy(), alpha


def _full_range(image: pyvips.Image) -> pyvips.Image:
    """Scale values of 10, 12 or 32 bits to the whole range of 16; return other images as they are."""
    bits = image.get("bits-per-sample") if image.get_typeof("bits-per-sample") else 0
    if image.format == "uint":
        factor = 65535 / _LARGEST["uint"]
    elif image.format == "ushort" and 8 < bits < 16:
        factor = 65535 / (65536 - 2 ** (16 - bits))  # the lowest bits are 0, so that white is below 65535
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
    """Evaluate an image to float32 in [0, 1]."""
    values: np.ndarray = image.numpy().reshape(image.height, image.width, image.bands)
    if image.format in _LARGEST:
        return values.astype(np.float32) / np.float32(_LARGEST[image.format])
    if not np.isfinite(values).all():
        raise InputError(f"{name} holds NaN or infinite values: replace them and save it again")
    return values.astype(np.float32).clip(0, 1)


def _encode_srgb(linear: Float[np.ndarray, "h w c"]) -> Float[np.ndarray, "h w c"]:
    """Encode linear light as sRGB (IEC 61966-2-1)."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


def fill_transparent(pixels: Float[np.ndarray, "h w 3"], alpha: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
    """Give wholly transparent pixels the color of visible ones around them; other pixels are unchanged.

    The colors of transparent pixels in files are arbitrary, often black, and hard edges would be painted. Visible
    colors spread by averages over ever larger squares, weighted by alpha ("pull-push", Gortler et al., "The Lumigraph",
    1996). A picture without a visible pixel is returned unchanged.
    """
    if not alpha.any() or alpha.all():
        return pixels
    spread = _enlarge(_spread(_halve(pixels * alpha[..., None]), _halve(alpha)), *alpha.shape)
    return np.where(alpha[..., None] == 0, spread, pixels)


def _spread(weighted: Float[np.ndarray, "h w 3"], weight: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
    """Return the mean color of positions with weight, and of coarser squares for all others."""
    if weight.all():
        return np.asarray(weighted / weight[..., None])
    filled = _enlarge(_spread(_halve(weighted), _halve(weight)), *weight.shape)
    visible = weight > 0
    filled[visible] = weighted[visible] / weight[visible, None]
    return filled


def _halve(values: Float[np.ndarray, "h w *c"]) -> Float[np.ndarray, "_h _w *c"]:
    """Return the mean of every square of 2 x 2 positions; squares at the edges may be smaller."""
    return map_planes(values, lambda plane: plane.reduce(2))


def _enlarge(colors: Float[np.ndarray, "_h _w 3"], height: int, width: int) -> Float[np.ndarray, "{height} {width} 3"]:
    return map_planes(colors, lambda plane: plane.resize((width, height), Image.Resampling.BILINEAR))


def _check_size(width: int, height: int, name: str, most: float) -> None:
    if width * height > most * 1e6:
        raise InputError(
            f"{name} has {width} x {height} pixels, {width * height / 1e6:.3g} megapixels, above the limit of "
            f"{most:g}: make it smaller, or raise the limit with --max-megapixels"
        )


@contextmanager
def _one_line_errors(name: str) -> Iterator[None]:
    """Turn the several lines of an error of libvips into one."""
    try:
        yield
    except pyvips.Error as error:
        first = next((line.strip() for line in str(error.detail).splitlines() if line.strip()), "no reason given")
        raise InputError(f"{name} is damaged or cut off ({first})") from None
    except UnicodeDecodeError:
        # Otherwise the message, which may quote bytes of the file, stays in libvips' buffer and joins later ones.
        pyvips.vips_lib.vips_error_clear()
        raise InputError(f"{name} is damaged or cut off") from None
