"""What comes into view in a film begins as pieces of the painting around it, cloned from where the clip looks alike."""

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from impasto.images import fit
from impasto.video.warp import COLORS

_SIZE: Final = 256
"""Long side in pixels at which pieces are looked for; in larger frames they are as large a part."""
_BLOCK: Final = 8
"""Side in pixels, at that size, of the blocks that are filled; a piece is twice as large, so that pieces overlap."""
_REACH: Final = 64
"""How far away, at that size, a piece may come from, across and down."""
_PAINTING: Final = 0.5
"""How much the painting, where it is known, counts beside the clip in what is alike."""
_ALIKE: Final = 0.08
"""Root mean square difference above which nothing is cloned."""
_SURE: Final = 0.2
"""Sum of the weights of pieces, each 1 in its middle, from which on a place counts as painted."""


def filled(
    painted: Float[np.ndarray, "h w 3"], known: Float[np.ndarray, "h w"], frame: Float[np.ndarray, "h w 3"]
) -> tuple[Float[np.ndarray, "h w 3"], Float[np.ndarray, "h w"]]:
    """Return a painting with pieces of itself where it is not known, and where it can be used then, 0 to 1.

    For every block, from the border of what is known inward, the piece is taken whose surroundings fit best: in the
    frame, and in the painting as far as it is there (exemplar-based inpainting; Criminisi, Perez and Toyama 2004).

    Args:
        painted: A painting of the frame, RGB in [0, 1].
        known: Where it shows what the frame shows, 0 to 1.
        frame: The frame, RGB in [0, 1].

    Example:
        >>> frame = np.zeros((32, 48, 3), dtype=np.float32)
        >>> known = np.ones((32, 48), dtype=np.float32)
        >>> known[:, 20:28] = 0
        >>> painting = np.full_like(frame, 0.5) * known[:, :, None]
        >>> float(filled(painting, known, frame)[0].min())
        0.5
    """
    height, width = known.shape
    across, down = fit(width, height, min(_SIZE, max(width, height)))
    photo, small = (cv2.resize(each, (across, down), interpolation=cv2.INTER_AREA) for each in (frame, painted))
    there = cv2.resize(known, (across, down), interpolation=cv2.INTER_AREA)
    usable = (there > 0.5).astype(np.float32)
    # Whether all of a piece is known, by its upper left corner.
    kernel = np.ones((2 * _BLOCK, 2 * _BLOCK), np.uint8)
    whole = cv2.erode((there > 0.99).astype(np.uint8), kernel, anchor=(0, 0), borderValue=1)
    depth = cv2.distanceTransform((usable == 0).astype(np.uint8), cv2.DIST_L2, 3)
    corners = [(y, x) for y in range(0, down, _BLOCK) for x in range(0, across, _BLOCK)]
    empty = {at: float(depth[_rows(at, _BLOCK)].max()) for at in corners}
    sums, shares = np.zeros_like(painted), np.zeros((height, width, 1), np.float32)
    for corner in sorted((at for at in corners if empty[at]), key=lambda at: empty[at]):
        y, x = (max(0, start - _BLOCK // 2) for start in corner)
        piece = _rows((y, x), 2 * _BLOCK)
        source = _best_source(photo, small, usable, whole, (y, x))
        if source is None:
            continue
        taken = _rows(source, 2 * _BLOCK)
        wanted, count = usable[piece] == 0, usable[piece].shape
        small[piece][wanted] = small[taken][: count[0], : count[1]][wanted]
        usable[piece] = 1
        _clone(painted, frame, sums, shares, ((y, x), source, count), (height / down, width / across))
    found = (1 - known[:, :, None]) * (shares / _SURE).clip(0, 1)
    return painted + found * (sums / np.maximum(shares, 1e-6) - painted), known + found[:, :, 0]


def _rows(corner: tuple[int, int], side: int) -> tuple[slice, slice]:
    return slice(corner[0], corner[0] + side), slice(corner[1], corner[1] + side)


def _best_source(
    photo: Float[np.ndarray, "h w 3"],
    painting: Float[np.ndarray, "h w 3"],
    usable: Float[np.ndarray, "h w"],
    whole: UInt8[np.ndarray, "h w"],
    corner: tuple[int, int],
) -> tuple[int, int] | None:
    """Return the corner of the piece within reach that fits best; None if none is alike."""
    piece = _rows(corner, 2 * _BLOCK)
    top, left = (max(0, start - _REACH) for start in corner)
    around = slice(top, corner[0] + 2 * _BLOCK + _REACH), slice(left, corner[1] + 2 * _BLOCK + _REACH)
    mask = usable[piece]
    cost = cv2.matchTemplate(photo[around], photo[piece], cv2.TM_SQDIFF) / photo[piece].size
    fits = whole[around][: cost.shape[0], : cost.shape[1]].astype(bool) & (cost < _ALIKE**2)
    if not fits.any():
        return None
    if mask.any():
        seen = cv2.matchTemplate(painting[around], painting[piece], cv2.TM_SQDIFF, mask=np.dstack([mask] * 3))
        cost = cost + _PAINTING * seen / (3 * mask.sum())
    y, x = np.unravel_index(np.where(fits, cost, np.inf).argmin(), cost.shape)
    return top + int(y), left + int(x)


def _clone(
    painted: Float[np.ndarray, "h w 3"],
    frame: Float[np.ndarray, "h w 3"],
    sums: Float[np.ndarray, "h w 3"],
    shares: Float[np.ndarray, "h w 1"],
    piece: tuple[tuple[int, int], tuple[int, int], tuple[int, int]],
    scale: tuple[float, float],
) -> None:
    """Add a piece of a painting to sums of pieces, as far as the frame is alike.

    Its corner, its source and its size are `scale` times those given.
    """
    (y, x), (from_y, from_x), (tall, wide) = (
        tuple(round(value * factor) for value, factor in zip(one, scale, strict=True)) for one in piece
    )
    tall, wide = np.minimum((tall, wide), np.subtract(painted.shape[:2], np.maximum((y, x), (from_y, from_x))))
    target, source = (
        (slice(y, y + tall), slice(x, x + wide)),
        (slice(from_y, from_y + tall), slice(from_x, from_x + wide)),
    )
    first, last = COLORS
    difference = np.abs(frame[target] - frame[source]).max(axis=2)
    weights = np.outer(np.hanning(tall + 2)[1:-1], np.hanning(wide + 2)[1:-1])
    weights = (weights * ((last - difference) / (last - first)).clip(0, 1)).astype(np.float32)[:, :, None]
    sums[target] += weights * painted[source]
    shares[target] += weights
