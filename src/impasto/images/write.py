"""Encodes pictures in the format of a file's extension, tagged sRGB, and writes files atomically."""

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeAlias

import numpy as np
import pyvips
from jaxtyping import Float, UInt8

from impasto.errors import InputError, check_type
from impasto.filesystem import doing_without, flush, is_read_only, move_file
from impasto.images.decode import to_vips
from impasto.images.deep_zoom import check_deep_zoom, is_deep_zoom, write_deep_zoom
from impasto.images.exif import add_exif, add_png_chunk
from impasto.images.geometry import strips
from impasto.images.metadata import pack_metadata, xmp_packet
from impasto.images.read import one_line_errors

OutputFormat: TypeAlias = Literal["png", "jpeg", "webp", "tiff"]
Values: TypeAlias = Float[np.ndarray, "h w c"] | UInt8[np.ndarray, "h w c"]
Alpha: TypeAlias = Float[np.ndarray, "h w"] | UInt8[np.ndarray, "h w"]

_FORMATS: Final[dict[str, OutputFormat]] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
    ".tif": "tiff",
    ".tiff": "tiff",
}
_LONGEST_SIDE: Final[dict[OutputFormat, int]] = {"jpeg": 65_535, "webp": 16_383}
_PIXELS_PER_MM: Final = 72 / 25.4
_TEMPORARY: Final = (".impasto-", ".tmp")  # prefix and suffix of temporary files

_SMALL_FILE: Final = 50e6
"""Bytes of a file below which nobody asks whether there is room for it."""
TILED_BYTES: Final = 40 * 2**20
"""Bytes of pixels from which on a TIFF is written in tiles."""
BIG_BYTES: Final = 2**31
"""Bytes of pixels from which on a TIFF is a BigTIFF."""


def output_format(path: str | Path) -> OutputFormat:
    """Return the format that the extension of a path names.

    Raises:
        InputError: The extension is unknown; the message lists the known ones.
    """
    # A text may be an extension; a file `.png` has none.
    suffix = (path if isinstance(path, Path) else Path(f"_{path}")).suffix
    if suffix.lower() not in _FORMATS:
        wrong = f"unknown extension {suffix!r} of {path}" if suffix else f"{path} has no extension"
        raise InputError(f"{wrong}; known are {', '.join(_FORMATS)}")
    return _FORMATS[suffix.lower()]


def quantize(pixels: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Return the 8-bit values of a saved picture: clipped to [0, 1], times 255, a half rounded up.

    Raises:
        InputError: A value is NaN or infinite.
    """
    return _to_integers(pixels, 8)


def encode_picture(
    pixels: Values,
    suffix: str,
    *,
    alpha: Alpha | None = None,
    exif: bytes | None = None,
    metadata: Mapping[str, Any] | None = None,
    bits: Literal[8, 16] = 8,
    quality: int = 95,
) -> bytes:
    """Return the bytes of a picture file.

    Args:
        pixels: RGB or, with one channel, gray; floats, which are clipped to [0, 1], or uint8.
        suffix: `.png`, `.jpg`, `.jpeg`, `.webp`, `.tif` or `.tiff`.
        alpha: Opacity, floats or uint8. For JPEG, which has none, the picture is composited on white.
        exif: EXIF block from `DecodedImage.exif`.
        metadata: JSON object that `read_metadata` returns from the file.
        bits: Bits per channel of PNG and TIFF; JPEG and WebP always have 8.
        quality: Quality of JPEG and WebP, 1 to 100; WebP of quality 100 is lossless.

    Raises:
        InputError: Unknown suffix, bits or quality, NaN, or a side or metadata too long for the format.
    """
    check_encoding(bits, quality)
    kind = output_format(suffix)
    height, width = pixels.shape[:2]
    if max(height, width) > _LONGEST_SIDE.get(kind, max(height, width)):
        raise InputError(
            f"{suffix} holds at most {_LONGEST_SIDE[kind]} pixels a side, not {width} x {height}: use .png"
        )
    if alpha is not None and kind == "jpeg":
        pixels, alpha = _on_white(pixels, alpha), None
    depth: Literal[8, 16] = bits if kind in ("png", "tiff") else 8
    planes = [_to_integers(pixels, depth)] + ([] if alpha is None else [_to_integers(alpha, depth)[..., None]])
    packet = None if metadata is None else pack_metadata(metadata)
    data = _encode(np.concatenate(planes, axis=2), kind, packet, int(quality))
    return add_exif(data, kind, exif) if exif else data


def write_picture(path: Path, pixels: Values, **options: Any) -> None:
    """Encode a picture by the extension of `path` (see `encode_picture`) and write it atomically.

    A Deep Zoom picture, `.dzi`, is a folder of JPEGs, which hold no metadata.
    """
    if is_deep_zoom(path):
        alpha, quality = options.get("alpha"), options.get("quality", 95)
        check_encoding(8, quality)
        composited = pixels if alpha is None else _on_white(pixels, alpha)
        write_deep_zoom(path, _to_integers(composited, 8), quality=quality)
        return
    output_format(path)
    atomic_write(path, encode_picture(pixels, path.suffix, **options))


def check_destination(path: Path) -> None:
    """Check before a long run that a picture can be written to `path`.

    Raises:
        InputError: Unknown extension, a folder, device or read-only file of that name, or no folder that takes a new
            file.
    """
    with one_line_errors("write", path):
        _resolve_target(path)
        if is_deep_zoom(path):
            check_deep_zoom(path)
        else:
            output_format(path)
    check_writable(path)


def check_writable(path: Path) -> None:
    """Check before a long run that a file of any format can be written; raises InputError like `check_destination`."""
    with one_line_errors("write", path), _temporary_file(_resolve_target(path).parent):
        pass


def check_space(path: Path, width: int, height: int, bits: int = 8) -> None:
    """Check before a long run that there is room for a large picture.

    Raises:
        InputError: There is not, about; the message says how much is needed.
    """
    of_pixel = 2.5 * bits / 8 if path.suffix.lower() in (".png", ".tif", ".tiff") else 1.5
    needed = of_pixel * width * height
    if needed < _SMALL_FILE:
        return
    with one_line_errors("write", path):
        free = shutil.disk_usage(Path(os.path.realpath(path)).parent).free
    if free < needed:
        gigabytes = f"{path} needs about {needed / 1e9:.2g}GB, and only {free / 1e9:.2g}GB are free"
        raise InputError(f"{gigabytes}: make room, or choose another place with -o")


def atomic_write(path: Path, data: bytes) -> None:
    """Write a file completely or not at all: at any moment `path` holds either its old content or the new one.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and the file is renamed. The
    permissions of an existing file are kept; a symbolic link is followed; a read-only file is not replaced.

    Raises:
        InputError: The file cannot be written.
    """
    with one_line_errors("write", path):
        target = _resolve_target(path)
        with _temporary_file(target.parent) as (file, temporary):
            if target.exists():
                _copy_mode(target, temporary)
            file.write(data)
            file.flush()
            flush(file.fileno())
            file.close()
            move_file(temporary, target)
    flush_folder(target.parent)


def flush_folder(path: Path) -> None:
    """Wait until new file names in a folder are on disk, so that they survive a power failure."""
    # Windows cannot open folders, and some network file systems cannot flush them; renaming is atomic anyway.
    with contextlib.suppress(OSError):
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def is_leftover(path: Path) -> bool:
    """Return True for a temporary file that `atomic_write` left behind when its process was killed."""
    return path.name.startswith(_TEMPORARY[0]) and path.suffix == _TEMPORARY[1]


def _encode(values: np.ndarray, kind: OutputFormat, packet: bytes | None, quality: int) -> bytes:
    image = to_vips(values).copy(xres=_PIXELS_PER_MM, yres=_PIXELS_PER_MM)
    # Gray pictures are masks, whose values are not colors: no profile, except in WebP, which has no gray.
    profile = {} if image.bands < 3 and kind != "webp" else {"profile": "srgb"}
    if packet is not None and kind != "png":
        image.set_type(pyvips.GValue.blob_type, "xmp-data", packet)
    options: dict[OutputFormat, dict[str, Any]] = {
        "png": {"compression": 6},
        "jpeg": {"Q": quality, "optimize_coding": True},
        "webp": {"lossless": True, "exact": True} if quality == 100 else {"Q": quality},
        "tiff": {"compression": "deflate", "predictor": "horizontal"} | _large_tiff(values),
    }
    try:
        data: bytes = getattr(image, f"{kind}save_buffer")(keep="icc|xmp", **profile, **options[kind])
    except pyvips.Error as error:
        raise InputError(f"the picture cannot be written as {kind.upper()}: {' '.join(str(error).split())}") from None
    if packet is not None and kind == "png":
        # libvips writes a compressed chunk, which is defined for Latin-1 only and which many programs do not read.
        data = add_png_chunk(data, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    if packet is not None and xmp_packet(data) != packet:
        # A segment of JPEG holds at most 64 kB; libvips silently leaves out longer ones.
        raise InputError(f"the metadata, {len(packet)} bytes, does not fit into {kind.upper()}: use .png")
    return data


def _large_tiff(values: np.ndarray) -> dict[str, Any]:
    """Return the options with which programs read a part of a large TIFF, and write one of more than 4 GB."""
    tiles = {"tile": True, "tile_width": 256, "tile_height": 256} if values.nbytes >= TILED_BYTES else {}
    return tiles | ({"bigtiff": True} if values.nbytes >= BIG_BYTES else {})


def _to_integers(values: np.ndarray, bits: Literal[8, 16]) -> np.ndarray:
    if values.dtype == np.uint8:
        return values if bits == 8 else values.astype(np.uint16) * np.uint16(257)
    if not np.isfinite(values).all():
        raise InputError("the picture holds NaN or infinite values and cannot be saved")
    rounded = np.empty(values.shape, dtype=np.uint8 if bits == 8 else np.uint16)
    flat, result = (each.reshape(len(values), -1) for each in (values, rounded))
    for rows in strips(*flat.shape):
        result[rows] = np.floor(flat[rows].clip(0, 1) * np.float32(2**bits - 1) + 0.5)
    return rounded


def _to_floats(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) / np.float32(255) if values.dtype == np.uint8 else np.asarray(values.clip(0, 1))


def check_encoding(bits: Any, quality: Any) -> None:
    """Raise InputError unless these are bits per channel and a quality that pictures can have."""
    if bits not in (8, 16):
        raise InputError(f"bits must be 8 or 16, not {bits!r}")
    check_type(quality, Integral, "quality", "a whole number from 1 to 100")
    if not 1 <= quality <= 100:
        raise InputError(f"the quality must be from 1 to 100, not {quality}")


def _on_white(pixels: Values, alpha: Alpha) -> Float[np.ndarray, "h w c"]:
    opacity = _to_floats(alpha)[..., None]
    return np.asarray(_to_floats(pixels) * opacity + (1 - opacity))


def _resolve_target(path: Path) -> Path:
    """Return the file behind symbolic links; raise InputError if no regular file can be there."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise InputError(f"cannot write {path}: it is a folder, so name a file in it")
    if target.exists() and not target.is_file():
        raise InputError(f"cannot write {path}: it is a device, not a file")
    if target.exists() and is_read_only(target):
        raise InputError(f"cannot write {path}: it is read-only, make it writable or choose another name")
    if not target.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {target.parent} does not exist, create it first")
    return target


def _copy_mode(source: Path, target: Path) -> None:
    mode = stat.S_IMODE(source.stat().st_mode)
    with doing_without(f"this file system does not keep the permissions of {source}"):
        if stat.S_IMODE(target.stat().st_mode) != mode:
            target.chmod(mode)


@contextlib.contextmanager
def _temporary_file(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Create a hidden file with the permissions of any new file (mkstemp's are 0600); delete it if it is left over."""
    temporary = folder / secrets.token_hex(8).join(_TEMPORARY)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(descriptor, "wb") as file:
            yield file, temporary
    finally:
        temporary.unlink(missing_ok=True)
