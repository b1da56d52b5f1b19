"""The fixed pairs of a photo and a style image, resized once, so that every program reads the same files."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from impasto.images import fit, quantize, read_picture, resize, write_picture

PAIRS = tuple((f"eval-{i % 8:02d}", f"eval-{i:02d}") for i in range(12))
"""Names of photo and style image of every pair; the list is fixed, so that figures can be compared."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A photo and a style image at the size of the comparison, as files, with digests of their pixels."""

    index: int
    content: Path
    style: Path
    content_digest: str
    style_digest: str

    @property
    def name(self) -> str:
        """The number of the pair with two digits."""
        return f"{self.index:02d}"


def read_pairs(images: Path, folder: Path, size: int, wanted: Sequence[int]) -> list[Pair]:
    """Return the wanted pairs, their pictures shrunk to a long side of `size` pixels and written into `folder`.

    Raises FileNotFoundError, naming the first picture that is missing.
    """
    pairs = []
    for index in wanted:
        content, style = PAIRS[index]
        photo, photo_digest = _shrunk(images / "content" / f"{content}.png", folder / f"content-{content}.png", size)
        other, other_digest = _shrunk(images / "style" / f"{style}.png", folder / f"style-{style}.png", size)
        pairs.append(
            Pair(index=index, content=photo, style=other, content_digest=photo_digest, style_digest=other_digest)
        )
    return pairs


def pixels_digest(pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    """Return SHA-256 of size and values, which does not depend on the encoding of the file."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def read_pixels(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read a picture as 8-bit values."""
    return quantize(read_picture(path).pixels)


def _shrunk(original: Path, small: Path, size: int) -> tuple[Path, str]:
    if not original.is_file():
        raise FileNotFoundError(original)
    picture = read_picture(original)
    pixels = quantize(resize(picture.pixels, *fit(picture.width, picture.height, size)))
    if not small.is_file() or not np.array_equal(read_pixels(small), pixels):
        small.parent.mkdir(parents=True, exist_ok=True)
        write_picture(small, pixels)
    return small, pixels_digest(pixels)
