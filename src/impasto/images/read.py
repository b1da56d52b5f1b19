"""Reads a picture from a file, from bytes, from a PIL image or from an array."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from PIL import Image

from impasto.images.decode import decode
from impasto.images.sources import encode_array, encode_image, read_bytes


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A picture ready to be painted from.

    `pixels` are upright, sRGB-encoded, in [0, 1]; what was wholly transparent has the colour of its surroundings.
    `alpha` is in [0, 1], and None where the whole picture is opaque. `exif` is what the result may carry on: without
    GPS and thumbnail, orientation reset. `name` is the stem for names of results. `encoded` are the bytes of the file
    (of a PNG made without loss, for a PIL image or an array) and `sha256` their hash in hexadecimal. `bits` tells how
    fine the file's values were: 8, or 16 for anything finer.
    """

    pixels: Float[np.ndarray, "h w 3"]
    alpha: Float[np.ndarray, "h w"] | None
    exif: bytes | None
    name: str
    encoded: bytes
    sha256: str
    bits: Literal[8, 16]

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])


def read_picture(source: str | Path | bytes | Image.Image | np.ndarray, *, max_megapixels: float = 200.0) -> Picture:
    """Read the first picture of a JPEG, PNG, WebP, TIFF, AVIF, GIF or HEIC file, given by its path or its bytes.

    A PIL image or an array (see `encode_array` for shapes and ranges) is encoded without loss first, so that it takes
    the same way as a file. Embedded colour profiles are converted to sRGB, float TIFF is taken as linear light.

    Raises InputError in one line for whatever cannot be read: a missing file, a folder, an empty or cut off file, no
    picture, NaN, more than `max_megapixels` million pixels (found before decoding).
    """
    if isinstance(source, str | Path):
        name, shown, encoded = Path(source).stem, str(source), read_bytes(Path(source))
    elif isinstance(source, bytes):
        name, shown, encoded = "stdin", "the picture", source
    else:
        name, shown = "picture", "the picture"
        encoded = encode_image(source) if isinstance(source, Image.Image) else encode_array(source)
    decoded = decode(encoded, shown, max_megapixels)
    return Picture(
        pixels=decoded.pixels,
        alpha=decoded.alpha,
        exif=decoded.exif,
        bits=decoded.bits,
        name=name,
        encoded=encoded,
        sha256=hashlib.sha256(encoded).hexdigest(),
    )
