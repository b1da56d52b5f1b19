"""Writes pictures: encoded by the file's extension, tagged sRGB, and never half a file."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import numpy as np
import pyvips
from jaxtyping import Float, UInt8

from impasto.errors import InputError
from impasto.images.containers import add_exif, add_xmp_to_png
from impasto.images.formats import OutputFormat, output_format
from impasto.images.metadata import write_packet, xmp_of
from impasto.images.transparency import over_white

_LONGEST_SIDE: Final[dict[OutputFormat, int]] = {"jpeg": 65_535, "webp": 16_383}
_PIXELS_PER_MM: Final = 72 / 25.4
_HIDDEN: Final = ".impasto-"
_TEMPORARY: Final = ".tmp"


def check_destination(path: Path) -> None:
    """Raise InputError unless a picture can be written to `path`; to be asked before the long work begins.

    Checked are that no folder or device has the name, the extension, and that the folder exists and takes a new file.
    """
    with _explained(path):
        target = _replaceable(path)
        output_format(path)
        with _temporary_file(target.parent):
            pass


def quantize(pixels: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Return the 8-bit values as they are saved: clipped to [0, 1], times 255, a half rounded up."""
    return _integers(pixels, 8)


def encode_picture(
    pixels: Float[np.ndarray, "h w c"] | UInt8[np.ndarray, "h w c"],
    suffix: str,
    *,
    alpha: Float[np.ndarray, "h w"] | UInt8[np.ndarray, "h w"] | None = None,
    exif: bytes | None = None,
    metadata: Mapping[str, Any] | None = None,
    bits: Literal[8, 16] = 8,
    quality: int = 95,
) -> bytes:
    """Return the bytes of a picture file of the kind that `suffix` (".png", ".jpg"...) names.

    `pixels` are RGB or, with one channel, grey; they and `alpha` are floats, clipped to [0, 1], or uint8. `exif` is a
    block as `Picture.exif` holds it, `metadata` a JSON object that `read_metadata` gives back. `bits` counts for PNG
    and TIFF; JPEG and WebP have 8. `quality` is that of JPEG and WebP, 1 to 100; WebP of quality 100 is lossless. JPEG
    cannot be transparent: the picture is laid on white.

    Raises InputError for an unknown suffix, NaN, a side or a record too long for the format.
    """
    kind = output_format(suffix)
    height, width = pixels.shape[:2]
    if max(height, width) > _LONGEST_SIDE.get(kind, max(height, width)):
        raise InputError(
            f"{suffix} holds at most {_LONGEST_SIDE[kind]} pixels a side, not {width} x {height}: use .png"
        )
    if not 1 <= quality <= 100:
        raise InputError(f"the quality must lie from 1 to 100, not {quality}")
    if alpha is not None and kind == "jpeg":
        pixels, alpha = over_white(_as_float(pixels), _as_float(alpha)), None
    depth: Literal[8, 16] = bits if kind in ("png", "tiff") else 8
    planes = [_integers(pixels, depth)] + ([] if alpha is None else [_integers(alpha, depth)[..., None]])
    packet = None if metadata is None else write_packet(metadata)
    data = _encode(np.concatenate(planes, axis=2), kind, packet, quality)
    return add_exif(data, kind, exif) if exif else data


def write_picture(
    path: Path,
    pixels: Float[np.ndarray, "h w c"] | UInt8[np.ndarray, "h w c"],
    *,
    alpha: Float[np.ndarray, "h w"] | UInt8[np.ndarray, "h w"] | None = None,
    exif: bytes | None = None,
    metadata: Mapping[str, Any] | None = None,
    bits: Literal[8, 16] = 8,
    quality: int = 95,
) -> None:
    """Encode by the extension of `path` (see `encode_picture`) and write atomically (see `atomic_write`)."""
    output_format(path)
    options: dict[str, Any] = {"alpha": alpha, "exif": exif, "metadata": metadata, "bits": bits, "quality": quality}
    atomic_write(path, encode_picture(pixels, path.suffix, **options))


def atomic_write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: whatever happens, `path` holds either its old content or all of the new.

    The bytes go to a temporary file in the same folder, reach the disk, and then take the name. An old file's
    permissions are kept, a new one gets those of any new file; a symbolic link is followed. Raises InputError.
    """
    with _explained(path):
        target = _replaceable(path)
        with _temporary_file(target.parent) as (file, temporary):
            if target.exists():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            file.close()
            os.replace(temporary, target)
    # The new name survives a power failure only once the folder is on the disk too; not every system can do that.
    with contextlib.suppress(OSError):
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def is_leftover(path: Path) -> bool:
    """Tell whether a file is what `atomic_write` leaves behind when its process is killed: of no use to anybody."""
    return path.name.startswith(_HIDDEN) and path.suffix == _TEMPORARY


def _encode(values: np.ndarray, kind: OutputFormat, packet: bytes | None, quality: int) -> bytes:
    height, width, bands = values.shape
    wide = values.dtype == np.uint16
    image = pyvips.Image.new_from_memory(
        np.ascontiguousarray(values), width, height, bands, "ushort" if wide else "uchar"
    )
    # A grey picture holds values to be taken as they are: no profile, except in WebP, which has no grey.
    is_grey = bands < 3
    space = {False: ("srgb", "rgb16"), True: ("b-w", "grey16")}[is_grey][wide]
    profile = {"profile": "srgb"} if not is_grey or kind == "webp" else {}
    image = image.copy(interpretation=space, xres=_PIXELS_PER_MM, yres=_PIXELS_PER_MM)
    if packet is not None and kind != "png":
        image.set_type(pyvips.GValue.blob_type, "xmp-data", packet)
    options: dict[OutputFormat, dict[str, Any]] = {
        "png": {"compression": 6},
        "jpeg": {"Q": quality, "optimize_coding": True},
        "webp": {"lossless": True, "exact": True} if quality == 100 else {"Q": quality},
        "tiff": {"compression": "deflate", "predictor": "horizontal"},
    }
    try:
        data: bytes = getattr(image, f"{kind}save_buffer")(keep="icc|xmp", **profile, **options[kind])
    except pyvips.Error as error:
        raise InputError(f"the picture cannot be written as {kind.upper()}: {' '.join(str(error).split())}") from None
    if packet is not None and kind == "png":
        data = add_xmp_to_png(data, packet)
    if packet is not None and xmp_of(data) != packet:
        # JPEG has about 64 kB for it and libvips leaves out what is too long without a word.
        raise InputError(f"the record of {len(packet)} bytes does not fit into {kind.upper()}: use .png")
    return data


def _integers(values: np.ndarray, bits: Literal[8, 16]) -> np.ndarray:
    if values.dtype == np.uint8:
        return values if bits == 8 else values.astype(np.uint16) * np.uint16(257)
    if not np.isfinite(values).all():
        raise InputError("the picture holds NaN or infinite values and cannot be saved")
    rounded: np.ndarray = np.floor(values.clip(0, 1) * np.float32(2**bits - 1) + 0.5)
    return rounded.astype(np.uint8 if bits == 8 else np.uint16)


def _as_float(values: np.ndarray) -> Float[np.ndarray, "..."]:
    if values.dtype == np.uint8:
        return values.astype(np.float32) / np.float32(255)
    clipped: np.ndarray = values.clip(0, 1)
    return clipped


def _replaceable(path: Path) -> Path:
    """Return the file behind symbolic links; InputError if it is no place for a regular file."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise InputError(f"cannot write {path}: it is a folder")
    if target.exists() and not target.is_file():
        raise InputError(f"cannot write {path}: it is a device, not a file")
    if not target.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {target.parent} does not exist, create it first")
    return target


@contextlib.contextmanager
def _temporary_file(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Make a hidden file with the permissions of any new file (mkstemp's are 0600); removed if it is left over."""
    temporary = folder / f"{_HIDDEN}{secrets.token_hex(8)}{_TEMPORARY}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(descriptor, "wb") as file:
            yield file, temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what the system says into one line for the person."""
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    except ValueError as error:  # a name with a null character
        raise InputError(f"cannot write {str(path)!r}: {error}") from None
