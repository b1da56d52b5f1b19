"""Moving pictures along optical flow, and finding where two frames show the same."""

from typing import Final, Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

_KERNELS: Final = {"linear": cv2.INTER_LINEAR, "lanczos": cv2.INTER_LANCZOS4}


class Motion(NamedTuple):
    """Optical flow in pixels (across, down) between a frame and the one before."""

    back: Float[np.ndarray, "h w 2"]
    """For each place of the frame, where what it shows was before, relative to it."""
    forth: Float[np.ndarray, "h w 2"]
    """For each place of the frame before, where what it shows is now."""


def warp(
    picture: Float[np.ndarray, "h w *c"],
    flow: Float[np.ndarray, "h w 2"],
    kernel: Literal["linear", "lanczos"] = "linear",
) -> Float[np.ndarray, "h w *c"]:
    """Return for every place the value of a picture at the place that a flow points to.

    `lanczos` (8 x 8 pixels) keeps the finest strokes through many frames, where linear interpolation blurs them.

    Args:
        picture: A picture, or a map of any range.
        flow: In pixels, across and down; beyond the border the outermost pixels are repeated.
        kernel: How values between pixels are found.

    Example:
        >>> row = np.array([[0.0, 1.0, 4.0, 9.0]], dtype=np.float32)
        >>> warp(row, np.full((1, 4, 2), (1.0, 0.0), dtype=np.float32))
        array([[1., 4., 9., 9.]], dtype=float32)
    """
    return cv2.remap(picture, _places(flow), None, _KERNELS[kernel], borderMode=cv2.BORDER_REPLICATE)


def _places(flow: Float[np.ndarray, "h w 2"]) -> Float[np.ndarray, "h w 2"]:
    height, width = flow.shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    return np.asarray(grid + flow, dtype=np.float32)


def same_places(
    motion: Motion, frame: Float[np.ndarray, "h w 3"], before: Float[np.ndarray, "h w 3"]
) -> Float[np.ndarray, "h w"]:
    """Return where the frame before shows the same as a frame, 0 to 1.

    Nothing is known where the flow leaves the picture, where the flow back and forth does not return (a place was
    hidden), and at the edges of motion, where flow is smeared (Ruder, Dosovitskiy and Brox 2016, equations 5 and 6).
    Nor where the moved frame before has another color: flow is least reliable where things pass each other.
    """
    back = motion.back
    returned = back + warp(motion.forth, back)
    lengths = np.square(back).sum(axis=2) + np.square(returned - back).sum(axis=2)
    hidden = np.square(returned).sum(axis=2) >= 0.01 * lengths + 0.5
    gradients = sum(np.square(part).sum(axis=2) for part in np.gradient(back, axis=(0, 1)))
    edges = gradients > 0.01 * np.square(back).sum(axis=2) + 0.002
    places, (height, width) = _places(back), back.shape[:2]
    outside = ((places < 0) | (places > (width - 1, height - 1))).any(axis=2)
    difference = np.abs(warp(before, back) - frame).max(axis=2)
    likely = np.exp(-np.square(cv2.GaussianBlur(difference, (0, 0), 1.0) / _COLOR))
    return np.asarray(np.where(hidden | edges | outside, 0, likely), dtype=np.float32)


_COLOR: Final = 0.12
"""Difference of colors at which places hardly count as the same."""
