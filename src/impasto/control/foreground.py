"""What a photo shows before its background: the parts that its border does not reach by similar colours and textures.

After Zhu, Liang, Wei, Sun, "Saliency Optimization from Robust Background Detection", 2014. A region belongs to the
background if much of its outline is the border of the photo. A subject may touch the border as well, but of a subject
that is cut off little lies there, compared with its area.
"""

from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from impasto.images import fit, resize

SIZE: Final = 160
"""Long side, in pixels, at which the photo is looked at."""
_PATCHES: Final = 400
"""Patches of similar pixels that the photo is divided into, about."""
_COMPACT: Final = 15.0
"""Difference of colour that weighs as much as the width of a patch: more makes patches rounder."""
_TEXTURE: Final = 12.0
"""Difference of colour that weighs as much as a texture whose lightness changes by 1 more from pixel to pixel."""
_ALIKE: Final = 5.0
"""Length of a way through colours, in CIELAB, that still joins two patches (standard deviation of a Gaussian)."""
_SMOOTH: Final = 10.0
"""Difference of colour across which neighbours still take over each other's value."""
_BOTTOM: Final = 0.3
"""Part of the border at the bottom that counts: people and things are cut off there more often than elsewhere."""
_MIDDLE: Final = 0.45
"""Standard deviation, in widths and heights, of the Gaussian by which what lies in the middle is preferred."""


class Patches(NamedTuple):
    """What is known of each patch."""

    features: Float[np.ndarray, "n 4"]
    """Mean CIELAB colour and texture."""
    places: Float[np.ndarray, "n 2"]
    """Mean place: distance from the middle, down and to the right, in heights and widths."""
    border: Float[np.ndarray, " n"]
    """How much the patch counts as a part of the border, 0 to 1."""
    neighbors: Float[np.ndarray, "n n"]
    """1 where two patches touch, else 0."""


def foreground(photo: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "_height _width"]:
    """Return how surely each place of a photo in [0, 1] is foreground, 0 to 1, at a long side of `SIZE` pixels.

    Both sides of the photo must be at least 1/40 of the other. Needs OpenCV.
    """
    import cv2

    height, width = photo.shape[:2]
    small = resize(photo, *fit(width, height, SIZE))
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    labels = _divide(lab)
    patches = _describe(labels, np.dstack([lab, _TEXTURE * _texture(lab[:, :, 0])]))
    sureness = _weigh(patches)
    return np.asarray(sureness[labels], dtype=np.float32)


def _divide(lab: Float[np.ndarray, "h w 3"]) -> Int[np.ndarray, "h w"]:
    """Return for each pixel the number of its patch: k-means of colour and place (SLIC, Achanta et al. 2012)."""
    import cv2

    height, width = lab.shape[:2]
    step = max(2.0, float(np.sqrt(height * width / _PATCHES)))
    down, across = max(1, round(height / step)), max(1, round(width / step))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    grid = (y * down // height) * across + x * across // width
    points = np.dstack([lab, y * _COMPACT / step, x * _COMPACT / step]).reshape(-1, 5)
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 6, 0.0)
    start = grid.astype(np.int32).reshape(-1, 1)
    labels = cv2.kmeans(points, down * across, start, stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)[1]
    return np.unique(labels, return_inverse=True)[1].reshape(height, width)


def _texture(lightness: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Mean steepness of lightness around each pixel: more in what is in focus than in what is blurred.

    The least of 3 x 3 pixels counts, so that a single edge is no texture.
    """
    import cv2

    steepness = np.hypot(*np.gradient(cv2.GaussianBlur(lightness, (0, 0), 0.7))).clip(0, 12)
    return np.asarray(cv2.GaussianBlur(cv2.erode(steepness, np.ones((3, 3))), (0, 0), 4.0))


def _describe(labels: Int[np.ndarray, "h w"], features: Float[np.ndarray, "h w 4"]) -> Patches:
    height, width = labels.shape
    count = int(labels.max()) + 1
    y, x = np.mgrid[:height, :width]
    values = np.dstack([features, (y + 0.5) / height - 0.5, (x + 0.5) / width - 0.5]).reshape(-1, 6)
    sums = np.stack([np.bincount(labels.ravel(), column, count) for column in values.T], axis=1)
    means = sums / np.bincount(labels.ravel(), minlength=count)[:, None]
    border = np.zeros(count)
    border[labels[-1]] = _BOTTOM
    border[np.concatenate([labels[0], labels[:, 0], labels[:, -1]])] = 1
    neighbors = np.zeros((count, count))
    for one, other in ((labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])):
        neighbors[one.ravel(), other.ravel()] = neighbors[other.ravel(), one.ravel()] = 1
    np.fill_diagonal(neighbors, 0)
    return Patches(means[:, :4], means[:, 4:], border, neighbors)


def _weigh(patches: Patches) -> Float[np.ndarray, " n"]:
    """Return for each patch the x that minimises background x² + middle foreground (1 - x)² + differences (x - x')².

    Background is 1 - exp(-b² / 2), where b is the border that belongs to a patch's region over the root of the region's
    area, and foreground the rest (Zhu et al. 2014, eq. 3-5 and 9).
    """
    features, places, border, neighbors = patches
    apart = np.linalg.norm(features[:, None] - features, axis=2)
    # What the nearest neighbours differ by is noise. All of the border is one place: the background goes on behind.
    noise = np.where(neighbors > 0, apart, np.inf).min(axis=1)
    noise = noise[np.isfinite(noise)].mean() if np.isfinite(noise).any() else 0.0
    joined = (neighbors > 0) | ((border[:, None] > 0) & (border > 0))
    ways = _shortest(np.where(joined, (apart - noise).clip(0, None), np.inf))
    region = np.exp(-(ways**2) / (2 * _ALIKE**2))
    background = 1 - np.exp(-((region @ border) ** 2) / (2 * region.sum(axis=1)))
    middle = np.exp(-(places**2).sum(axis=1) / (2 * _MIDDLE**2))
    figure = middle * (1 - background)
    alike = neighbors * (np.exp(-(apart**2) / (2 * _SMOOTH**2)) + 0.05)
    system = np.diag(alike.sum(axis=1) + background + figure + 1e-6) - alike
    return np.asarray(np.linalg.solve(system, figure))


def _shortest(lengths: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """Return the lengths of the shortest ways between all pairs (Floyd 1962)."""
    ways = lengths.copy()
    np.fill_diagonal(ways, 0)
    for between in range(len(ways)):
        np.minimum(ways, ways[:, between, None] + ways[between], out=ways)
    return ways
