"""Size and shape of pictures: fit, resize, crop, rotate."""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from PIL import Image

from impasto.errors import InputError


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
    return map_planes(pixels, lambda plane: plane.resize((width, height), Image.Resampling.LANCZOS)).clip(0, 1)


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
    planes = np.moveaxis(pixels.astype(np.float32).reshape(*pixels.shape[:2], -1), -1, 0)
    results = [np.asarray(operation(Image.fromarray(np.ascontiguousarray(plane)))) for plane in planes]
    return np.stack(results, axis=-1).reshape(*results[0].shape, *pixels.shape[2:])


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
