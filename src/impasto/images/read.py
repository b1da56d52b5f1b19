"""Reads a picture from a file, from bytes, from a PIL image or from an array."""

import contextlib
import io
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

import numpy as np
from PIL import Image, ImageOps

from impasto.errors import InputError, check_type, did_you_mean, file_error, reason_of, similar
from impasto.images.colorimetry import SRGB_PRIMARIES, gamma_profile
from impasto.images.decode import (
    HEAD_LENGTH,
    PICTURE_SUFFIXES,
    DecodedImage,
    check_format,
    decode,
    decoder_errors,
    to_vips,
)
from impasto.images.exif import clean_exif

# Modes of PIL that PNG does not have, and the modes they are converted to without loss of color.
_SAME_COLORS: Final = {
    "RGBa": "RGBA",
    "La": "LA",
    "PA": "RGBA",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
    "I": "I;16",
}
_STORED_MODES: Final = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B", "I;16L", "CMYK"})
_GRAY: Final = frozenset({"1", "L", "LA", "I;16", "I;16B", "I;16L"})
_MOST_CHANNELS: Final = 4
_TOLERANCE: Final = 1e-3  # interpolation moves floats slightly out of range; 255 is a mistake


@runtime_checkable
class _Readable(Protocol):
    """A file that is open in binary mode."""

    def read(self) -> bytes: ...


@runtime_checkable
class _Tensor(Protocol):
    """A tensor of torch, which this package does not import."""

    def detach(self) -> Any: ...
    def is_floating_point(self) -> bool: ...


_File: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | _Readable
Source: TypeAlias = _File | Image.Image | np.ndarray | _Tensor
"""A picture: a path, the bytes of a file or a file object, a PIL image, an array, or a tensor of torch."""

PICTURE: Final = "a path, the bytes of a file, a file open in binary mode, a PIL image, an array or a tensor"
PICTURE_TYPES: Final = (str, os.PathLike, bytes, bytearray, memoryview, _Readable, Image.Image, np.ndarray, _Tensor)


def read_picture(source: Source, *, max_megapixels: float = 200.0, role: str = "the picture") -> DecodedImage:
    """Read the first picture of a JPEG, PNG, WebP, TIFF, AVIF, GIF or HEIC file, a PIL image or an array.

    docs/formats.md says what each kind of file becomes.

    Args:
        source: Path or bytes of a file, or a file object; a PIL image; or an array of shape (h, w) or (h, w, channels)
            with one (gray), two (gray, alpha), three (RGB) or four (RGB, alpha) channels of uint8, uint16, bool or
            floats in [0, 1]; or a tensor of this shape or with the channels first.
        max_megapixels: Pictures that need more memory than one of this size with 8 bits a channel are refused before
            they are decoded.
        role: What messages call a picture that is not a file.

    Raises:
        InputError: There is no such file, or it is empty, damaged, too large or not a picture, or holds NaN.
    """
    check_type(source, PICTURE_TYPES, role, PICTURE)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        shown, suffix = (os.fsencode(part).decode("utf-8", "replace") for part in (path.stem, path.suffix))
        return replace(decode(read_bytes(path), str(source), max_megapixels, name=shown), suffix=suffix)
    if isinstance(source, Image.Image | np.ndarray | _Tensor):
        try:
            source = _as_array(source) if isinstance(source, _Tensor) else source
            encoded = _encode_image(source) if isinstance(source, Image.Image) else _encode_array(source)
        except InputError as error:
            raise InputError(f"{role}: {error}") from None
        return decode(encoded, role, max_megapixels)
    data: Any
    try:
        data = source.read() if isinstance(source, _Readable) else source
    except UnicodeDecodeError:
        data = ""
    except (OSError, ValueError) as error:  # a closed file is a ValueError
        raise file_error(f"cannot read {role}: {reason_of(error)}", error) from None
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InputError(f"{role} is a file that gives text: open it in binary mode")
    given = getattr(source, "name", "")
    if not isinstance(given, str) or not given or given.startswith("<"):
        return decode(bytes(data), role, max_megapixels, name="stdin")
    name = PurePath(given)
    return replace(decode(bytes(data), given, max_megapixels, name=name.stem), suffix=name.suffix)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a picture file.

    Raises:
        InputError: There is no such file, or its first bytes are not those of a picture.
    """
    with one_line_errors("read", path):
        try:
            with path.open("rb") as file:
                if stat.S_ISCHR(os.fstat(file.fileno()).st_mode):
                    raise InputError(f"{path} is a device, not a picture")
                head = file.read(HEAD_LENGTH)
                check_format(head, str(path))
                return head + file.read()
        except FileNotFoundError:
            raise missing_file(path) from None
        except IsADirectoryError:
            raise InputError(f"{path} is a folder, not a picture") from None


def missing_file(path: str | Path) -> InputError:
    """Return the error of a picture file that does not exist, with one of a similar name if its folder holds one."""
    return InputError(": ".join(filter(None, (f"{path} does not exist", did_you_mean(similar_file(path))))))


def similar_file(path: str | Path) -> str:
    """Return the picture file in the same folder that is probably meant; empty if none is like it."""
    folder, wanted = Path(path).parent, Path(path)
    numbers = re.findall(r"\d+", wanted.stem)  # IMG_0001.jpg is not IMG_0002.jpg
    with contextlib.suppress(OSError):
        files = [file for file in folder.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES and file.exists()]
        # Of two files with one stem, that with the extension that was written is meant.
        files = sorted(files, key=lambda file: (file.suffix == wanted.suffix, file))
        by_stem = {file.stem: str(file) for file in files if re.findall(r"\d+", file.stem) == numbers}
        return by_stem.get(similar(wanted.stem, by_stem), "")
    return ""


def check_is_no_url(name: str | Path) -> None:
    """Raise InputError if a name is an address on the web."""
    # A path has lost one of the slashes; a single letter is a drive of Windows.
    if re.match(r"[a-z][a-z0-9+.-]+:/", str(name), re.IGNORECASE):
        scheme, _, place = str(name).partition(":")
        is_local = scheme.lower() == "file"
        address = f"{scheme}://{'/' * is_local}{place.lstrip('/')}"
        advice = "write its path" if is_local else "download the picture first"
        raise InputError(f"{address} is not a file: impasto reads and writes files only, so {advice}")


@contextlib.contextmanager
def one_line_errors(verb: str, path: Path) -> Iterator[None]:
    """Turn the system's errors into one line that names the file."""
    check_is_no_url(path)
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        raise file_error(f"cannot {verb} {path}: {error.strerror or error}", error) from None
    except ValueError as error:  # a null character in the name
        raise InputError(f"cannot {verb} {str(path)!r}: {error}") from None


def _encode_image(image: Image.Image) -> bytes:
    """Return a PIL image as PNG (TIFF if it is CMYK), upright, with its color profile, transparency and EXIF.

    Raises InputError for an image without pixels, one whose file is damaged, and one of a mode whose colors have no
    agreed range (F, LAB, I beyond 0..65535).
    """
    if not (image.width and image.height):
        raise InputError("the PIL image has no pixels")
    with decoder_errors("the PIL image"):
        image.load()
        # Read before rotating, which drops the EXIF of TIFF; as bytes if possible, to keep non-ASCII letters.
        block = image.info.get("exif") or image.getexif().tobytes()
        upright = ImageOps.exif_transpose(image)
    picture, exif, profile = _in_stored_mode(upright), clean_exif(block), image.info.get("icc_profile")
    if not profile and "srgb" not in image.info and image.info.keys() & {"gamma", "chromaticity"}:
        # Pillow reads these chunks of PNG, but does not write them.
        primaries = image.info.get("chromaticity", SRGB_PRIMARIES)
        profile = gamma_profile(image.info.get("gamma", 0.0), primaries, gray=picture.mode in _GRAY)
    buffer = io.BytesIO()
    given = {name: value for name, value in (("icc_profile", profile), ("exif", exif)) if value}
    with decoder_errors("the PIL image"):
        picture.save(buffer, "TIFF" if picture.mode == "CMYK" else "PNG", **given)
    return buffer.getvalue()


def _in_stored_mode(image: Image.Image) -> Image.Image:
    """Return the image in a mode that PNG (or for CMYK, TIFF) stores without loss."""
    if image.mode == "I":
        low, high = np.asarray(image).min(), np.asarray(image).max()
        if low < 0 or high > 65535:
            raise InputError(f"a PIL image of mode I must hold values from 0 to 65535, not {low} to {high}")
    picture = image if image.mode not in _SAME_COLORS else image.convert(_SAME_COLORS[image.mode])
    if picture.mode not in _STORED_MODES:
        raise InputError(f"a PIL image of mode {image.mode} has no defined color range: convert it to RGB first")
    return picture


def _as_array(tensor: _Tensor) -> np.ndarray:
    """Return a tensor, (h, w), (h, w, channels) or (channels, h, w), as an array with the channels last."""
    try:
        values = tensor.detach()
        # NumPy has no bfloat16.
        array: np.ndarray = (values.float() if values.is_floating_point() else values).numpy(force=True)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"the tensor cannot be read as an array: {reason_of(error)}") from None
    first, last = (array.ndim == 3 and array.shape[axis] <= _MOST_CHANNELS for axis in (0, -1))
    if first and last:
        raise InputError(f"a tensor of the shape {array.shape} may have its channels first or last: pass an array")
    return np.moveaxis(array, 0, -1) if first else array


def _encode_array(array: np.ndarray) -> bytes:
    """Return an array as PNG: uint8 and bool with 8 bits, uint16 and floats in [0, 1] with 16 bits."""
    array = np.asarray(array)  # subclasses may compute in another way
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    array = array * np.uint8(255) if array.dtype == bool else array
    if array.ndim not in (2, 3) or not array.size or (array.ndim == 3 and array.shape[2] > _MOST_CHANNELS):
        raise InputError(f"an array must have the shape (height, width, 3), not {array.shape}")
    if array.dtype not in (np.uint8, np.uint16):
        array = _to_uint16(array)
    data: bytes = to_vips(array).pngsave_buffer(compression=3)
    return data


def _to_uint16(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        raise InputError(f"an array must hold uint8, uint16, bool or floats from 0 to 1, not {array.dtype}")
    if not np.isfinite(array).all():
        raise InputError("the array holds NaN or infinite values")
    if array.min() < -_TOLERANCE or array.max() > 1 + _TOLERANCE:
        raise InputError(f"floats in an array must be from 0 to 1, not from {array.min():g} to {array.max():g}")
    return np.floor(array.clip(0, 1).astype(np.float64) * 65535 + 0.5).astype(np.uint16)
