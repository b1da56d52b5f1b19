"""Sizes and cut-outs of pictures."""

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
