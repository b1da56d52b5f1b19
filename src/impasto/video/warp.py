"""Moving pictures along optical flow, and finding where two frames show the same."""

from typing import Final, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

_FINER: Final = 3
"""A picture is warped on a grid so many times finer, on which a short kernel keeps all of its frequencies. Odd, so that
the places of its pixels are places of the grid, and what stands still stays as it is."""
_MOST_GAIN: Final = 0.5
"""Most by which the finest detail of a moved picture is amplified."""
_REACH: Final = 100
"""Share of the long side, as one part in so many, by which strokes reach beyond what they paint."""
_COLORS: Final = (0.08, 0.16)
"""Difference of colors up to which two places count as the same, and from which they do not."""


class Motion(NamedTuple):
    """Optical flow in pixels (across, down) between a frame and the one before."""

    back: Float[np.ndarray, "h w 2"]
    """For each place of the frame, where what it shows was before, relative to it."""
    forth: Float[np.ndarray, "h w 2"]
    """For each place of the frame before, where what it shows is now."""


def warp(picture: Float[np.ndarray, "h w *c"], flow: Float[np.ndarray, "h w 2"]) -> Float[np.ndarray, "h w *c"]:
    """Return for every place the value of a map at the place that a flow points to, interpolated linearly.

    Args:
        picture: A map of any range.
        flow: In pixels, across and down; beyond the border the outermost pixels are repeated.

    Example:
        >>> row = np.array([[0.0, 1.0, 4.0, 9.0]], dtype=np.float32)
        >>> warp(row, np.full((1, 4, 2), (1.0, 0.0), dtype=np.float32))
        array([[1., 4., 9., 9.]], dtype=float32)
    """
    return cv2.remap(picture, *_places(flow), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def warp_sharply(picture: Float[np.ndarray, "h w 3"], flow: Float[np.ndarray, "h w 2"]) -> Float[np.ndarray, "h w 3"]:
    """Return a warped picture in [0, 1] with the finest strokes, which linear or cubic interpolation blurs away.

    The picture is first enlarged without a loss: by zeros added to its discrete cosine transform, which interpolates
    by the sinc function and mirrors at the border. So a picture that is warped for every frame of a film stays sharp.

    Args:
        picture: RGB in [0, 1].
        flow: In pixels, across and down.

    Example:
        >>> picture = np.random.default_rng(0).random((6, 8, 3), dtype=np.float32)
        >>> np.allclose(warp_sharply(picture, np.zeros((6, 8, 2), dtype=np.float32)), picture, atol=1e-5)
        True
    """
    fine = np.stack([_enlarged(channel) for channel in np.moveaxis(picture, 2, 0)], axis=2)
    columns, rows = (_FINER * places + np.float32(_FINER // 2) for places in _places(flow))
    moved = cv2.remap(fine, columns, rows, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
    return _as_crisp(moved, picture).clip(0, 1)


def _as_crisp(moved: Float[np.ndarray, "h w 3"], picture: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
    """Return a moved picture with its finest detail amplified so that neighbors differ as much as they did before.

    The finest waves cannot be moved by half a pixel, and frame by frame that would add up.
    """
    detail = moved - cv2.GaussianBlur(moved, (3, 3), 0.6, borderType=cv2.BORDER_REFLECT)
    lost = max(0.0, _products(picture, picture) - _products(moved, moved))
    linear, square = _products(moved, detail), _products(detail, detail)
    # The gain g at which |d moved + g d detail|^2 is what it was.
    gain = (np.sqrt(linear**2 + square * lost) - linear) / max(square, 1e-12)
    return np.asarray(moved + min(gain, _MOST_GAIN) * detail, dtype=np.float32)


def _products(one: Float[np.ndarray, "h w 3"], other: Float[np.ndarray, "h w 3"]) -> float:
    """Return the mean product of the differences of neighbors, down and across."""
    return float(sum((np.diff(one, axis=axis) * np.diff(other, axis=axis)).mean() for axis in (0, 1)))


def _enlarged(channel: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "_h _w"]:
    height, width = channel.shape
    # The transform takes even sizes only.
    even = np.pad(channel, ((0, height % 2), (0, width % 2)), mode="symmetric")
    frequencies = cv2.dct(np.ascontiguousarray(even, dtype=np.float32))
    rows, columns = even.shape
    padded = np.pad(frequencies * _FINER, ((0, rows * (_FINER - 1)), (0, columns * (_FINER - 1))))
    return cv2.idct(padded)[: height * _FINER, : width * _FINER]


def _places(flow: Float[np.ndarray, "h w 2"]) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """Return the columns and the rows that a flow points to."""
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return columns + flow[..., 0], rows + flow[..., 1]


def same_places(
    motion: Motion, frame: Float[np.ndarray, "h w 3"], before: Float[np.ndarray, "h w 3"]
) -> Float[np.ndarray, "h w"]:
    """Return where the frame before shows the same as a frame, 0 to 1.

    Nothing is known where the flow leaves the picture, and where the flow back and forth does not return, because the
    place was hidden (Ruder, Dosovitskiy and Brox 2016, equation 5). Nor where the moved frame before has another color:
    flow is least reliable where things pass each other.
    """
    back = motion.back
    returned = back + warp(motion.forth, back)
    lengths = np.square(back).sum(axis=2) + np.square(returned - back).sum(axis=2)
    hidden = np.square(returned).sum(axis=2) >= 0.01 * lengths + 0.5
    # Strokes reach beyond the outline of a thing, and would stay behind when it moves on.
    reach = 1 + 2 * max(1, round(max(back.shape[:2]) / _REACH))
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    hidden = cv2.dilate(hidden.astype(np.uint8), around) > 0
    (columns, rows), (height, width) = _places(back), back.shape[:2]
    outside = (columns < 0) | (columns > width - 1) | (rows < 0) | (rows > height - 1)
    difference = np.abs(warp(before, back) - frame).max(axis=2)
    first, last = _COLORS
    alike = ((last - cv2.GaussianBlur(difference, (0, 0), 1.0)) / (last - first)).clip(0, 1)
    return np.asarray(np.where(hidden | outside, 0, alike), dtype=np.float32)
