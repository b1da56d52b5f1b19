"""The bytes of whatever picture the person gave: a file, or a PIL image or an array encoded without loss."""

import io
import os
import stat
import struct
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image, ImageOps

from impasto.errors import InputError
from impasto.images.exif import clean_exif
from impasto.images.formats import HEAD_LENGTH, READABLE, sniff

# Ways to hold a PIL image that PNG does not know, and what they are turned into without loss of colour.
_SAME_COLORS = {"RGBa": "RGBA", "La": "LA", "PA": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB", "I": "I;16"}
_STORED_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B", "I;16L", "CMYK"})
_TOLERANCE = 1e-3  # floats a little out of range come from interpolation; 255 comes from a mistake


def read_bytes(path: Path) -> bytes:
    """Return the whole file; InputError if there is none, or if its first bytes are not those of a picture."""
    try:
        with path.open("rb") as file:
            if stat.S_ISCHR(os.fstat(file.fileno()).st_mode):
                raise InputError(f"{path} is a device, not a picture")
            head = file.read(HEAD_LENGTH)
            # Told from the head, so that nobody waits until a film has been read into memory.
            check_head(head, str(path))
            return head + file.read()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, not a picture") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:  # a name with a null character
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot read {str(path)!r}: {error}") from None


def check_head(head: bytes, name: str) -> None:
    """Raise InputError unless the bytes begin as one of the readable formats does."""
    if not head:
        raise InputError(f"{name} is empty")
    if sniff(head) is None:
        raise InputError(f"{name} is not a picture that impasto reads ({READABLE})")


def encode_image(image: Image.Image) -> bytes:
    """Return a PIL image as PNG (TIFF if it is CMYK), with its colour profile, transparency and EXIF, turned upright.

    Raises InputError for an image without pixels, one whose file is damaged, and one of a mode whose colours have no
    agreed range (F, LAB, I beyond 0..65535).
    """
    if not (image.width and image.height):
        raise InputError("the PIL image has no pixels")
    try:
        image.load()
        # Taken before turning, which loses that of TIFF; as bytes where they are there, which keep every letter.
        exif = clean_exif(image.info.get("exif") or image.getexif().tobytes())
        picture = _as_png_holds_it(ImageOps.exif_transpose(image))
        options = {"icc_profile": image.info.get("icc_profile"), "exif": exif}
        buffer = io.BytesIO()
        given = {name: value for name, value in options.items() if value}
        picture.save(buffer, "TIFF" if picture.mode == "CMYK" else "PNG", **given)
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise InputError(f"the PIL image cannot be read: {error}") from None
    return buffer.getvalue()


def encode_array(array: np.ndarray) -> bytes:
    """Return an array as PNG: uint8 at 8 bits, uint16 and floats from 0 to 1 at 16 bits.

    Shapes: (h, w), (h, w, 1) grey; (h, w, 2) grey with alpha; (h, w, 3) RGB; (h, w, 4) RGB with alpha. Raises
    InputError for another shape or type, for NaN, and for floats outside [0, 1].
    """
    if array.ndim not in (2, 3) or not array.size or (array.ndim == 3 and array.shape[2] > 4):
        raise InputError(f"an array must have the shape (height, width, 3), not {array.shape}")
    if array.dtype not in (np.uint8, np.uint16):
        array = _sixteen_bits(array)
    height, width, bands = *array.shape[:2], 1 if array.ndim == 2 else array.shape[2]
    wide = array.dtype == np.uint16
    flat = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    image = pyvips.Image.new_from_memory(flat, width, height, bands, "ushort" if wide else "uchar")
    kind = {False: ("b-w", "srgb"), True: ("grey16", "rgb16")}[wide][bands > 2]
    data: bytes = image.copy(interpretation=kind).pngsave_buffer(compression=3)
    return data


def _as_png_holds_it(image: Image.Image) -> Image.Image:
    """Return the image in a mode that PNG (or for CMYK, TIFF) stores without loss."""
    if image.mode == "I":
        low, high = np.asarray(image).min(), np.asarray(image).max()
        if low < 0 or high > 65535:
            raise InputError(f"a PIL image of mode I must hold values from 0 to 65535, not {low} to {high}")
    picture = image if image.mode not in _SAME_COLORS else image.convert(_SAME_COLORS[image.mode])
    if picture.mode not in _STORED_MODES:
        raise InputError(f"a PIL image of mode {image.mode} has no agreed colours: convert it to RGB first")
    return picture


def _sixteen_bits(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        raise InputError(f"an array must hold uint8, uint16 or floats from 0 to 1, not {array.dtype}")
    if not np.isfinite(array).all():
        raise InputError("the array holds NaN or infinite values")
    if array.min() < -_TOLERANCE or array.max() > 1 + _TOLERANCE:
        raise InputError(f"floats in an array must lie from 0 to 1, not from {array.min():g} to {array.max():g}")
    return np.floor(array.clip(0, 1).astype(np.float64) * 65535 + 0.5).astype(np.uint16)
