"""Size and shape of pictures: fit, resize, crop, rotate."""

import math
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from jaxtyping import Float
from PIL import Image

from impasto.errors import InputError

_STRIP: Final = 2**20
"""Pixels of a strip of a large picture."""


def fit(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Return width and height of the same aspect ratio with a longer side of `long_side` pixels; both at least 1.

    Example:
        >>> fit(4000, 3000, 512)
        (512, 384)
    """
    longest = max(width, height)
    # Integer arithmetic, so that a half is rounded up on every machine.
    return (
        max(1, (2 * width * long_side + longest) // (2 * longest)),
        max(1, (2 * height * long_side + longest) // (2 * longest)),
    )


def resize(pixels: Float[np.ndarray, "h w *c"], width: int, height: int) -> Float[np.ndarray, "_height _width *c"]:
    """Resize a picture or a channel with a Lanczos filter of three lobes; return a new float32 array in [0, 1].

    The filter widens when the picture shrinks, so that nothing aliases. Pillow computes it on 32-bit floats; libvips
    enlarges by bicubic interpolation only, shifts the picture by half a pixel, and refuses to shrink by large factors.
    """
    if (height, width) == pixels.shape[:2]:
        return pixels.astype(np.float32)
    resized = map_planes(pixels, lambda plane: plane.resize((width, height), Image.Resampling.LANCZOS))
    return np.clip(resized, 0, 1, out=resized)


def crop(pixels: Float[np.ndarray, "h w *c"], box: tuple[int, int, int, int]) -> Float[np.ndarray, "_height _width *c"]:
    """Return the part inside `box` = (left, top, width, height), in pixels.

    Raises:
        InputError: The box is not wholly inside the picture.
    """
    left, top, width, height = box
    tall, wide = pixels.shape[:2]
    if left < 0 or top < 0 or width < 1 or height < 1 or left + width > wide or top + height > tall:
        raise InputError(f"the crop {left},{top},{width},{height} does not lie inside the picture of {wide} x {tall}")
    return pixels[top : top + height, left : left + width]


def rotate(pixels: Float[np.ndarray, "h w *c"], degrees: float) -> Float[np.ndarray, "_height _width *c"]:
    """Rotate a picture or a channel counterclockwise and cut out the largest upright rectangle inside it.

    Multiples of 90 degrees are exact; other angles use bicubic interpolation. Returns a float32 array in [0, 1].
    """
    quarters, rest = divmod(degrees, 90)
    turned = np.rot90(pixels, int(quarters) % 4)
    if not rest:
        return np.ascontiguousarray(turned, dtype=np.float32)
    whole = map_planes(turned, lambda plane: plane.rotate(rest, Image.Resampling.BICUBIC, expand=True)).clip(0, 1)
    width, height = _inscribed(turned.shape[1], turned.shape[0], math.radians(rest))
    return crop(whole, ((whole.shape[1] - width) // 2, (whole.shape[0] - height) // 2, width, height))


def map_planes(
    pixels: Float[np.ndarray, "h w *c"], operation: Callable[[Image.Image], Image.Image]
) -> Float[np.ndarray, "_height _width *c"]:
    """Apply an operation of Pillow to every channel as 32-bit floats."""
    channels = pixels.reshape(*pixels.shape[:2], -1)
    result = np.empty((0, 0, channels.shape[2]), dtype=np.float32)
    # One after the other: all planes at once would take as much memory as two more pictures.
    for number in range(channels.shape[2]):
        plane = np.ascontiguousarray(channels[..., number], dtype=np.float32)
        changed = np.asarray(operation(Image.fromarray(plane)))
        if not number:
            result = np.empty((*changed.shape, channels.shape[2]), dtype=np.float32)
        result[..., number] = changed
    return result.reshape(*result.shape[:2], *pixels.shape[2:])


def strips(height: int, width: int) -> Iterator[slice]:
    """Cut a picture into strips of whole rows, each of about a million pixels, from top to bottom.

    Example:
        >>> list(strips(2000, 1000))
        [slice(0, 1048, None), slice(1048, 2000, None)]
    """
    rows = max(1, _STRIP // max(1, width))
    for top in range(0, height, rows):
        yield slice(top, min(height, top + rows))


def by_strips(
    function: Callable[..., Float[np.ndarray, "_h w *c"]], *pictures: Float[np.ndarray, "h w *_c"]
) -> Float[np.ndarray, "h w *c"]:
    """Return a function of single pixels of one or more pictures, computed strip by strip; float32.

    What it computes in between takes the memory of a strip, not of several pictures.

    Example:
        >>> by_strips(np.add, np.ones((2, 2, 3)), np.ones((2, 2, 3))).max()
        np.float32(2.0)
    """
    result = np.empty((0, 0), dtype=np.float32)
    for rows in strips(*pictures[0].shape[:2]):
        strip = function(*(picture[rows] for picture in pictures))
        if not rows.start:
            result = np.empty((pictures[0].shape[0], *strip.shape[1:]), dtype=np.float32)
        result[rows] = strip
    return result


def _inscribed(width: int, height: int, angle: float) -> tuple[int, int]:
    """Return the size of the largest upright rectangle in one that is rotated by an angle between 0 and pi / 2."""
    sine, cosine = math.sin(angle), math.cos(angle)
    long, short = max(width, height), min(width, height)
    if short <= 2 * sine * cosine * long:
        # Two corners touch the middle of the long sides.
        across, down = short / 2 / sine, short / 2 / cosine
        wide, tall = (across, down) if width >= height else (down, across)
    else:
        double = cosine**2 - sine**2
        wide, tall = (width * cosine - height * sine) / double, (height * cosine - width * sine) / double
    # One pixel less on each side, because border pixels are interpolated with the black outside.
    return max(1, int(wide) - 2), max(1, int(tall) - 2)
