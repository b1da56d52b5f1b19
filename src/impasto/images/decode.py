"""Decodes the bytes of a JPEG, PNG, WebP, TIFF, AVIF, GIF or HEIC file to upright sRGB pixels with straight alpha.

Of the file of a learned style the pixels are those of its style image.
"""

import hashlib
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np
import pyvips
from jaxtyping import Float
from PIL import Image

from impasto.errors import InputError, is_out_of_memory
from impasto.images.colorimetry import coded_profile, png_profile
from impasto.images.exif import clean_exif
from impasto.images.geometry import map_planes
from impasto.images.learned import is_learned, read_learned
from impasto.images.tiff import check_tiff

# Messages of libvips may quote bytes of a file, on which pyvips would fail, leaving them to join later messages.
pyvips._to_string = pyvips.error._to_string = lambda text: pyvips.ffi.string(text).decode(errors="replace")

# What GLib says of impossible values in a header goes to pyvips's logger, as what libvips says, not to standard error.
for _domain in (b"GLib", b"GLib-GObject"):
    pyvips.glib_lib.g_log_set_handler(_domain, 0xFC, pyvips._log_handler_cb, pyvips.ffi.NULL)  # all levels

InputFormat: TypeAlias = Literal["jpeg", "png", "webp", "tiff", "gif", "avif", "heic", "safetensors"]

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
_VIDEOS: Final = (b"\x1a\x45\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3", b"\x30\x26\xb2\x75", b"FLV\1")
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_COLOR_BANDS: Final = {"b-w": 1, "grey16": 1, "srgb": 3, "rgb16": 3, "scrgb": 3, "cmyk": 4, "lab": 3, "labs": 3}
_ALPHA: Final = "alpha-band"  # our field of an image: number of the alpha after the colors; -1: none
_CIE_SPACES: Final = frozenset({"lab", "labs"})
_PROFILE_CLASSES: Final = (b"scnr", b"mntr", b"prtr", b"spac")
_FLOATS: Final = frozenset({"float", "double"})
_DARK: Final = 65536  # numbers of 32 bits below it are all black: they were made for 8 or 16 bits
_BYTES: Final = {"uchar": 1, "ushort": 2, "short": 2}  # of a number; others have at most 8
_FLOAT: Final = 4  # bytes of a decoded number
_USUAL_PIXEL: Final = 18  # bytes of a pixel of RGB with 8 bits a channel while it is decoded: 3 floats, 2 x 3 bytes
_BY_ROWS: Final = frozenset({"jpeg", "png", "tiff"})  # other decoders hold the whole picture once more
_MOST_OUTSIDE: Final = 1 / 3
"""Share of floats below 0 or above 1 (zeros not counted) from which on they are no linear light with white at 1.

Highlights of a photo are above 1; numbers up to 255, or from -1 to 1, would become a white or black picture.
"""
# What decoders say of files that are whole, but of a kind that they do not read.
_UNREADABLE: Final = re.compile(
    r"not (supported|configured|implemented|compiled)|unsupported (?!or )|no decod|precision|unhandled|plugin",
    re.IGNORECASE,
)


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
    def is_learned(self) -> bool:
        """Whether the file holds a learned style, of which the pixels are the style image."""
        return is_learned(self.encoded)

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])


_processes: Final[set[int]] = set()
"""This process and those that it was forked from, if they have used libvips."""


def check_process() -> None:
    """Raise InputError in a process that was forked from one that has used libvips, whose threads are not there."""
    _processes.add(os.getpid())
    if len(_processes) > 1:
        raise InputError(
            "this process was forked after impasto had begun to work, and would wait for ever: start processes with "
            'multiprocessing.get_context("spawn")'
        )


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
    return "safetensors" if is_learned(head) else None


def check_format(head: bytes, name: str) -> InputFormat:
    """Return the format of a file; raise InputError if impasto does not read it."""
    if not head:
        raise InputError(f"{name} is empty")
    kind = sniff(head[:HEAD_LENGTH])
    if kind is None:
        video = f"{name} is a video: `impasto video` paints films" if _is_video(head) else ""
        raise InputError(video or f"{name} is not a picture that impasto reads ({_READABLE})")
    return kind


_STILLS: Final = (b"crx ", b"mif2", b"avci", b"miaf")
"""Brands of files like MP4 that hold photos: raw ones of cameras, and those of HEIF."""


def _is_video(head: bytes) -> bool:
    """Return True for the beginning of a file that often holds a video: MP4, Matroska, AVI, MPEG, ASF or FLV."""
    return (
        (head[4:8] == b"ftyp" and head[8:12] not in _STILLS)
        or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
        or head.startswith(_VIDEOS)
    )


def open_header(data: bytes, name: str) -> pyvips.Image:
    """Return the picture with its metadata before any pixel is decoded; raise InputError if it is damaged."""
    kind = check_format(data, name)
    if kind == "safetensors":
        raise InputError(f"{name} is no picture, but a file of safetensors: it may be a learned style")
    loader = "heifload" if kind in ("avif", "heic") else f"{kind}load"
    checked, alpha = check_tiff(data, name) if kind == "tiff" else (data, 0)
    check_process()
    with decoder_errors(name):
        # Less strict levels than `error` accept a truncated uncompressed TIFF.
        image = getattr(pyvips.Image, f"{loader}_buffer")(checked, fail_on="error").copy()
    image.set_type(pyvips.GValue.gint_type, _ALPHA, -1 if alpha is None else alpha)
    return image


def peek_size(data: bytes, name: str) -> tuple[int, int] | None:
    """Return width and height from the header of a file; None for HEIC, a learned style and what is not a picture.

    Raises:
        InputError: The file, which the message calls `name`, is damaged.
    """
    if sniff(data[:HEAD_LENGTH]) in (None, "heic", "safetensors"):
        return None
    header = open_header(data, name)
    return header.width, header.height


def decode(data: bytes, shown: str, max_megapixels: float, *, name: str = "picture") -> DecodedImage:
    """Decode the first picture of a file; error messages call it `shown`.

    docs/formats.md says what every kind of file becomes. Raises InputError for a damaged file, a picture that needs
    more memory than one of `max_megapixels` million pixels with 8 bits a channel (before it is decoded), NaN or
    infinity, and pixels that are no colors.
    """
    kind = check_format(data, shown)
    if kind == "safetensors":
        picture = decode(read_learned(data, shown).style, f"the style image in {shown}", max_megapixels, name=name)
        return replace(picture, exif=None, encoded=data, sha256=hashlib.sha256(data).hexdigest())
    image = (_open_heic if kind == "heic" else _open)(data, shown, max_megapixels)
    exif = data if kind == "tiff" else image.get("exif-data") if image.get_typeof("exif-data") else b""
    with decoder_errors(shown):
        # HEIC stores the orientation outside EXIF, and its decoder has applied it.
        upright = image if kind == "heic" else image.autorot()
    pixels, alpha = _read_pixels(_full_range(upright), shown)
    if alpha is not None:
        pixels, alpha = (fill_transparent(pixels, alpha), alpha) if alpha.min() < 1 else (pixels, None)
    digest = hashlib.sha256(data).hexdigest()
    return DecodedImage(pixels=pixels, alpha=alpha, exif=clean_exif(exif), name=name, encoded=data, sha256=digest)


def _open(data: bytes, name: str, max_megapixels: float) -> pyvips.Image:
    """Return a picture of libvips; what a PNG or AVIF file says by numbers about its colors is its profile."""
    image = open_header(data, name)
    _check_size(image.width, image.height, image.bands, _BYTES.get(image.format, 8), data, name, max_megapixels)
    profile = png_profile(data, name) if data.startswith(_SIGNATURES["png"]) else None
    # The box of a color space in the header of AVIF (ISO 14496-12, 12.1.5).
    at = data.find(b"colrnclx", 0, max(data.find(b"mdat"), 0)) if data[4:8] == b"ftyp" else -1
    if at > 0 and not image.get_typeof("icc-profile-data"):
        primaries, transfer = struct.unpack_from(">HH", data, at + 8)
        profile = coded_profile(primaries, transfer, name)
    if profile is not None:
        image.remove("icc-profile-data")
    if profile:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image


def _open_heic(data: bytes, name: str, max_megapixels: float) -> pyvips.Image:
    """Decode HEIC, for which libvips is usually built without a decoder, by pillow-heif.

    The result is upright and has the color profile, EXIF and `bits-per-sample` that libvips sets for AVIF.
    """
    import pillow_heif

    with decoder_errors(name):
        picture = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
        (width, height), (mode, _, deep) = picture.size, picture.mode.partition(";")
    _check_size(width, height, len(mode), 2 if deep else 1, data, name, max_megapixels)
    with decoder_errors(name):
        pixels = np.asarray(picture)
    image = to_vips(pixels)
    image.set_type(pyvips.GValue.gint_type, "bits-per-sample", picture.info["bit_depth"])
    codes, profile = picture.info.get("nclx_profile"), picture.info.get("icc_profile")
    if codes and not profile:
        profile = coded_profile(codes["color_primaries"], codes["transfer_characteristics"], name)
    for field, value in (("icc-profile-data", profile), ("exif-data", picture.info.get("exif"))):
        if value:
            image.set_type(pyvips.GValue.blob_type, field, value)
    return image.unpremultiply().cast(image.format) if picture.premultiplied_alpha else image


def to_vips(values: np.ndarray) -> pyvips.Image:
    """Return an array of uint8 or uint16, (h, w) or (h, w, channels), as a gray or RGB image of libvips."""
    bands, deep = 1 if values.ndim == 2 else values.shape[2], values.dtype == np.uint16
    check_process()
    flat = np.ascontiguousarray(values)
    image = pyvips.Image.new_from_memory(flat, flat.shape[1], flat.shape[0], bands, "ushort" if deep else "uchar")
    return image.copy(interpretation=(("b-w", "srgb"), ("grey16", "rgb16"))[deep][bands > 2])


def _read_pixels(image: pyvips.Image, name: str) -> tuple[Float[np.ndarray, "h w 3"], Float[np.ndarray, "h w"] | None]:
    bands = _COLOR_BANDS.get(image.interpretation, image.bands + 1)
    if image.bands < bands or image.format not in (*_BYTES, *_FLOATS, "uint"):
        raise InputError(
            f"{name} holds {image.bands} x {image.format} a pixel, which impasto cannot interpret as colors"
        )
    band = image.get(_ALPHA) if image.get_typeof(_ALPHA) else 0
    has_alpha = band >= 0 and image.bands > bands + band
    alpha = _fractions(image.extract_band(bands + band), name)[..., 0] if has_alpha else None
    colors = image.extract_band(0, n=bands)
    if image.format in _FLOATS or image.format == "uint":
        light = _fractions(colors, name)
        if image.format in _FLOATS and not _has_profile(image):
            return _as_rgb(_encode_srgb(light)), alpha
        colors = to_vips(np.rint(light * 65535).astype(np.uint16))
        if _has_profile(image):
            colors.set_type(pyvips.GValue.blob_type, "icc-profile-data", bytes(image.get("icc-profile-data")))
    with decoder_errors(name):
        colors = colors.colourspace("rgb16") if image.interpretation in _CIE_SPACES else _to_srgb(colors)
    return _as_rgb(_fractions(colors, name)), alpha


def _encode_srgb(linear: Float[np.ndarray, "h w c"]) -> Float[np.ndarray, "h w c"]:
    """Encode linear light as sRGB (IEC 61966-2-1)."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


def _full_range(image: pyvips.Image) -> pyvips.Image:
    """Scale values of 10 or 12 bits to the whole range of 16; return other images as they are."""
    bits = image.get("bits-per-sample") if image.get_typeof("bits-per-sample") else 0
    if image.format != "ushort" or not 8 < bits < 16:
        return image
    factor = 65535 / (65536 - 2 ** (16 - bits))  # the lowest bits are 0, so that white is below 65535
    return (image * factor).rint().cast("ushort").copy(interpretation=image.interpretation)


def _to_srgb(colors: pyvips.Image) -> pyvips.Image:
    """Convert colors to sRGB by their profile; CMYK without one by the built-in profile of libvips."""
    is_cmyk, embedded = colors.interpretation == "cmyk", _has_profile(colors)
    if not is_cmyk and not embedded:
        return colors
    return colors.icc_transform(
        "srgb",
        embedded=embedded,
        input_profile="cmyk" if is_cmyk else "srgb",
        intent="relative",
        black_point_compensation=True,
        depth=16 if colors.format == "ushort" else 8,
    )


def _has_profile(image: pyvips.Image) -> bool:
    """Return True if there is a color profile (ICC.1, 7.2), for colors of this kind; others are ignored."""
    profile = bytes(image.get("icc-profile-data")) if image.get_typeof("icc-profile-data") else b""
    space = {1: b"GRAY", 3: b"RGB ", 4: b"CMYK"}[_COLOR_BANDS[image.interpretation]]
    return profile[36:40] == b"acsp" and profile[16:20] == space and profile[12:16] in _PROFILE_CLASSES


def _as_rgb(pixels: Float[np.ndarray, "h w c"]) -> Float[np.ndarray, "h w 3"]:
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)


def _fractions(image: pyvips.Image, name: str) -> Float[np.ndarray, "h w c"]:
    """Evaluate an image to float32 in [0, 1]."""
    with decoder_errors(name):
        values: np.ndarray = image.numpy().reshape(image.height, image.width, image.bands)
    if image.format == "short":  # alpha beside Lab: unsigned numbers, which libvips takes as signed
        values = values.view(np.uint16)
    if image.format == "uint" and values.max() < _DARK:
        raise InputError(f"{name} holds numbers up to {values.max()}, but white is 2^32 - 1: scale them")
    if image.format not in _FLOATS:
        found = values.astype(np.float32)
        found /= np.float32(np.iinfo(values.dtype).max)
        return found
    if not np.isfinite(values).all():
        raise InputError(f"{name} holds NaN or infinite values: replace them and save it again")
    if np.mean((values < 0) | (values > 1)) > _MOST_OUTSIDE * np.mean(values != 0):
        raise InputError(
            f"{name} holds numbers from {values.min():g} to {values.max():g}, but 0 is black and 1 is white in floats: "
            "scale them, or save it with 8 or 16 bits a channel"
        )
    return values.astype(np.float32).clip(0, 1)


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


def _check_size(width: int, height: int, bands: int, number: int, data: bytes, name: str, most: float) -> None:
    """Raise InputError if a picture, of so many numbers a pixel and bytes a number, needs too much memory."""
    count = width * height / 1e6
    copies = 2 if sniff(data[:HEAD_LENGTH]) in _BY_ROWS else 3
    pixel = min(max(3, bands), 4) * _FLOAT + copies * bands * number
    needed = count * max(1, pixel / _USUAL_PIXEL)
    if needed > most:
        as_much = f", which need as much memory as {needed:.3g}" if needed > count else ""
        raise InputError(
            f"{name} has {width} x {height} pixels, {count:.3g} megapixels{as_much}, above the limit of "
            f"{most:g}: make it smaller, or raise the limit with --max-megapixels"
        )


@contextmanager
def decoder_errors(name: str) -> Iterator[None]:
    """Turn what a decoder raises into one line; only calls of decoders belong into the block.

    libvips has errors of several lines, and damaged files cause nearly any exception of Pillow and its plugins.
    """
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        detail = str(getattr(error, "detail", error))
        if is_out_of_memory(error):
            raise MemoryError(detail) from None
        reason = next((" ".join(line.split()) for line in detail.splitlines() if line.strip()), "no reason given")
        what = "of a kind that impasto cannot read" if _UNREADABLE.search(detail) else "damaged or cut off"
        raise InputError(f"{name} is {what} ({reason})") from None
