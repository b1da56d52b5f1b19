"""Sizes and cut-outs of pictures."""

import math

import numpy as np
from jaxtyping import Float
from PIL import Image

from impasto.errors import InputError


def fit(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Return the width and height with the same shape whose longer side is `long_side` pixels; both at least 1.

    >>> fit(4000, 3000, 512)
    (512, 384)
    """
    longest = max(width, height)
    # In whole numbers, so that a half is rounded up on every machine.
    return (
        max(1, (2 * width * long_side + longest) // (2 * longest)),
        max(1, (2 * height * long_side + longest) // (2 * longest)),
    )


def resize(pixels: Float[np.ndarray, "h w *c"], width: int, height: int) -> Float[np.ndarray, "_height _width *c"]:
    """Return the picture (or one channel) at the given size, float32, clipped to [0, 1].

    Lanczos with three lobes in both directions; its support grows when the picture shrinks, so that nothing aliases.
    Pillow computes it on 32-bit floats: libvips enlarges by bicubic interpolation only, moves the picture by half a
    pixel in doing so, and refuses to shrink by large factors.
    """
    if (height, width) == pixels.shape[:2]:
        return pixels.astype(np.float32)
    planes = np.moveaxis(pixels.astype(np.float32).reshape(*pixels.shape[:2], -1), -1, 0)
    resized = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), Image.Resampling.LANCZOS))
        for plane in planes
    ]
    return np.stack(resized, axis=-1).clip(0, 1).reshape(height, width, *pixels.shape[2:])


def crop(pixels: Float[np.ndarray, "h w *c"], box: tuple[int, int, int, int]) -> Float[np.ndarray, "_height _width *c"]:
    """Cut out `box` = (left, top, width, height), in pixels; InputError if it is not wholly inside the picture."""
    left, top, width, height = box
    tall, wide = pixels.shape[:2]
    if left < 0 or top < 0 or width < 1 or height < 1 or left + width > wide or top + height > tall:
        raise InputError(f"the crop {left},{top},{width},{height} does not lie inside the picture of {wide} x {tall}")
    return pixels[top : top + height, left : left + width]


def rotate(pixels: Float[np.ndarray, "h w *c"], degrees: float) -> Float[np.ndarray, "_height _width *c"]:
    """Turn the picture (or one channel) to the left and cut out the largest upright rectangle inside it; [0, 1].

    Quarter turns lose nothing.
    """
    quarters, rest = divmod(degrees, 90)
    turned = np.rot90(pixels, int(quarters) % 4)
    if not rest:
        return np.ascontiguousarray(turned, dtype=np.float32)
    height, width = turned.shape[:2]
    planes = np.moveaxis(turned.astype(np.float32).reshape(height, width, -1), -1, 0)
    rotated = [
        np.asarray(Image.fromarray(np.ascontiguousarray(plane)).rotate(rest, Image.Resampling.BICUBIC, expand=True))
        for plane in planes
    ]
    whole = np.stack(rotated, axis=-1).clip(0, 1)
    wide, tall = _inscribed(width, height, math.radians(rest))
    top, left = (whole.shape[0] - tall) // 2, (whole.shape[1] - wide) // 2
    return whole[top : top + tall, left : left + wide].reshape(tall, wide, *pixels.shape[2:])


def _inscribed(width: int, height: int, angle: float) -> tuple[int, int]:
    """Return the sides of the largest upright rectangle inside one that is turned by an angle between 0 and pi / 2."""
    sine, cosine = math.sin(angle), math.cos(angle)
    long, short = max(width, height), min(width, height)
    if short <= 2 * sine * cosine * long:
        # Two corners touch the middle of the long sides.
        across, down = short / 2 / sine, short / 2 / cosine
        wide, tall = (across, down) if width >= height else (down, across)
    else:
        double = cosine**2 - sine**2
        wide, tall = (width * cosine - height * sine) / double, (height * cosine - width * sine) / double
    # One pixel less on each side: those on the border are mixed with what is beyond.
    return max(1, int(wide) - 2), max(1, int(tall) - 2)
