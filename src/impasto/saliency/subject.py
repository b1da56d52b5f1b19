"""The main subject of a photo: superpixels that its border does not reach, cut along edges by GrabCut.

The first map follows Zhu, Liang, Wei, Sun, "Saliency Optimization from Robust Background Detection", 2014: a region
belongs to the background if much of its outline is the border of the photo. A subject may touch the border too, but
only with a small part of its outline, compared with its area. The map starts GrabCut (Rother, Kolmogorov, Blake 2004),
which learns the colors of both sides; a guided filter (He, Sun, Tang 2010) softens the cut along the photo's edges.
"""

from typing import Final, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from impasto.errors import InputError
from impasto.images import fit, quantize, resize

MAP_SIZE: Final = 160  # long side in pixels of the map of foreground
_CUT_SIZE: Final = 400  # long side in pixels at which the outline is cut
_SUPERPIXELS: Final = 400  # approximate number of superpixels
_COMPACTNESS: Final = 15.0
"""Difference of color that counts like the width of a superpixel: more makes superpixels rounder."""
_TEXTURE: Final = 12.0
"""Difference of color that counts like a texture whose lightness changes by 1 more from pixel to pixel."""
_SAME_REGION: Final = 5.0
"""Standard deviation, in CIELAB, of the Gaussian of path lengths that decides what belongs to one region."""
_SMOOTHNESS: Final = 10.0  # difference of color across which neighbors still influence each other
_BOTTOM: Final = 0.3
"""Weight of the border at the bottom, which cuts off people and things more often than the other sides do."""
_CENTER: Final = 0.45  # standard deviation, in widths and heights, of the Gaussian that prefers the center
_THINNEST: Final = 1 / 40  # smallest ratio of the short side of a photo to the long one
_LEAST_PROBABILITY: Final = 0.6  # a photo whose map of foreground has no higher value than this has no subject
_LEAST_AREA: Final = 0.002  # smallest share of the photo that a subject, and a background, may cover
_SMALL_PART: Final = 0.03  # parts smaller than this share of the largest one are left out
_FILTER_RADIUS: Final = 6  # radius in pixels, at that size, of the windows of the guided filter
_NEAR: Final = 0.05  # share of the long side within which a roughly painted outline is moved
_NOTHING: Final = "no subject stands out from the background of this photo: draw a mask, white where the subject is"


def find_subject(photo: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    """Return 1 in the main subject of a photo in [0, 1], 0 in the background, and values between on a soft border."""
    height, width = photo.shape[:2]
    if min(height, width) < _THINNEST * max(height, width):
        raise InputError(_NOTHING)
    probability = foreground_probability(photo)
    if probability.max() < _LEAST_PROBABILITY:
        raise InputError(_NOTHING)
    small = resize(photo, *fit(width, height, _CUT_SIZE))
    probability = resize((probability / probability.max()).astype(np.float32), small.shape[1], small.shape[0])
    inside = _remove_small_parts(_cut(small, probability))
    if not _LEAST_AREA <= inside.mean() <= 1 - _LEAST_AREA:
        raise InputError(_NOTHING)
    return _soften(photo, small, inside)


def follow_edges(photo: Float[np.ndarray, "h w 3"], rough: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Return a roughly painted mask with its outline moved to the photo's edges near it, cut by GrabCut."""
    height, width = rough.shape
    small = resize(photo, *fit(width, height, min(_CUT_SIZE, max(width, height))))
    inside = (resize(rough, small.shape[1], small.shape[0]) > 0.5).astype(np.uint8)
    brush = np.ones((2 * round(_NEAR * max(inside.shape)) + 1,) * 2)
    labels = np.where(inside > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[cv2.erode(inside, brush, borderValue=1) > 0] = cv2.GC_FGD
    labels[cv2.dilate(inside, brush, borderValue=0) == 0] = cv2.GC_BGD
    return _soften(photo, small, _remove_small_parts(_grab_cut(small, labels)))


class Superpixels(NamedTuple):
    """Properties of each superpixel.

    Attributes:
        features: Mean CIELAB color, and texture.
        centers: Mean distance from the center of the photo, down and to the right, in heights and widths.
        border: How much the superpixel counts as a part of the border, 0 to 1.
        neighbors: 1 where two superpixels touch, else 0.
    """

    features: Float[np.ndarray, "n 4"]
    centers: Float[np.ndarray, "n 2"]
    border: Float[np.ndarray, " n"]
    neighbors: Float[np.ndarray, "n n"]


def foreground_probability(photo: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "_height _width"]:
    """Return the probability, 0 to 1, that a position is foreground; the map's long side has `MAP_SIZE` pixels."""
    height, width = photo.shape[:2]
    small = resize(photo, *fit(width, height, MAP_SIZE))
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    labels = segment(lab)
    superpixels = describe(labels, np.dstack([lab, _TEXTURE * texture(lab[:, :, 0])]))
    return np.asarray(_foreground(superpixels)[labels], dtype=np.float32)


def segment(lab: Float[np.ndarray, "h w 3"]) -> Int[np.ndarray, "h w"]:
    """Return the number of the superpixel of each pixel: k-means of color and position (SLIC, Achanta et al. 2012)."""
    height, width = lab.shape[:2]
    step = max(2.0, float(np.sqrt(height * width / _SUPERPIXELS)))
    down, across = max(1, round(height / step)), max(1, round(width / step))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    grid = (y * down // height) * across + x * across // width
    points = np.dstack([lab, y * _COMPACTNESS / step, x * _COMPACTNESS / step]).reshape(-1, 5)
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 6, 0.0)
    start = grid.astype(np.int32).reshape(-1, 1)
    labels = cv2.kmeans(points, down * across, start, stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)[1]
    return np.unique(labels, return_inverse=True)[1].reshape(height, width)


def texture(lightness: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Return the mean gradient of lightness around each pixel, which is higher where the photo is in focus.

    The minimum of 3 x 3 pixels is averaged, so that a single edge is no texture.
    """
    gradient = np.hypot(*np.gradient(cv2.GaussianBlur(lightness, (0, 0), 0.7))).clip(0, 12)
    return np.asarray(cv2.GaussianBlur(cv2.erode(gradient, np.ones((3, 3))), (0, 0), 4.0))


def describe(labels: Int[np.ndarray, "h w"], features: Float[np.ndarray, "h w 4"]) -> Superpixels:
    """Return the properties of superpixels, given the one of each pixel and the pixels' color and texture."""
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
    return Superpixels(means[:, :4], means[:, 4:], border, neighbors)


def _foreground(superpixels: Superpixels) -> Float[np.ndarray, " n"]:
    """Return the x of each superpixel that minimize background x² + foreground (1 - x)² + smoothness (x - x')².

    Background is 1 - exp(-b² / 2), where b is the length of the border in the superpixel's region over the root of the
    region's area; foreground is the rest, weighted by the distance from the center (Zhu et al. 2014, eq. 3-5 and 9).
    """
    features, centers, border, neighbors = superpixels
    apart = np.linalg.norm(features[:, None] - features, axis=2)
    # Nearest neighbors differ by noise. All superpixels of the border are joined: the background goes on outside.
    noise = np.where(neighbors > 0, apart, np.inf).min(axis=1)
    noise = noise[np.isfinite(noise)].mean() if np.isfinite(noise).any() else 0.0
    joined = (neighbors > 0) | ((border[:, None] > 0) & (border > 0))
    paths = shortest_paths(np.where(joined, (apart - noise).clip(0, None), np.inf))
    region = np.exp(-(paths**2) / (2 * _SAME_REGION**2))
    background = 1 - np.exp(-((region @ border) ** 2) / (2 * region.sum(axis=1)))
    central = np.exp(-(centers**2).sum(axis=1) / (2 * _CENTER**2))
    foreground = central * (1 - background)
    smoothness = neighbors * (np.exp(-(apart**2) / (2 * _SMOOTHNESS**2)) + 0.05)
    system = np.diag(smoothness.sum(axis=1) + background + foreground + 1e-6) - smoothness
    return np.asarray(np.linalg.solve(system, foreground))


def shortest_paths(lengths: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """Return the lengths of the shortest paths between all pairs (Floyd 1962)."""
    paths = lengths.copy()
    np.fill_diagonal(paths, 0)
    for between in range(len(paths)):
        np.minimum(paths, paths[:, between, None] + paths[between], out=paths)
    return paths


def _cut(photo: Float[np.ndarray, "h w 3"], probability: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Return 1 inside the subject and 0 outside, cut along colors and edges of the photo.

    Only positions near the threshold (that of Otsu, 1979) are undecided.
    """
    threshold = cv2.threshold(quantize(probability), 0, 255, cv2.THRESH_OTSU)[0] / 255
    certain = cv2.erode((probability > 0.3 * threshold + 0.7).astype(np.uint8), np.ones((3, 3)), borderValue=1)
    labels = np.where(probability > threshold, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[probability < threshold / 2] = cv2.GC_BGD
    labels[certain > 0] = cv2.GC_FGD
    return _grab_cut(photo, labels)


def _grab_cut(photo: Float[np.ndarray, "h w 3"], labels: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Return 1 inside and 0 outside of what labels of GrabCut begin with."""
    if len(np.unique(labels % 2)) == 2:
        cv2.setRNGSeed(0)
        bgr = np.ascontiguousarray(quantize(photo)[:, :, ::-1])
        cv2.grabCut(bgr, labels, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    return np.asarray(labels % 2, dtype=np.uint8)


def _remove_small_parts(inside: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Remove the smallest parts, and fill the smallest holes."""
    for value in (1, 0):
        labels, areas = cv2.connectedComponentsWithStats((inside == value).astype(np.uint8))[1:3]
        areas = areas[:, cv2.CC_STAT_AREA]
        least = _SMALL_PART * areas[1:].max(initial=0) if value else _SMALL_PART / 10 * inside.sum()
        small = areas < least
        small[0] = False
        inside = np.where(small[labels], 1 - value, inside).astype(np.uint8)
    return inside


def _soften(
    photo: Float[np.ndarray, "h w 3"], small: Float[np.ndarray, "_h _w 3"], inside: UInt8[np.ndarray, "_h _w"]
) -> Float[np.ndarray, "h w"]:
    """Bring a mask to the photo's size: in every window it becomes a linear function of the photo's colors.

    The functions are fitted at the small size and applied at the full one (He and Sun, "Fast Guided Filter", 2015).
    """

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.blur(values, (2 * _FILTER_RADIUS + 1, 2 * _FILTER_RADIUS + 1)))

    def large(values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.resize(mean(values), photo.shape[1::-1], interpolation=cv2.INTER_LINEAR))

    mask = inside.astype(np.float32)
    color, level = mean(small), mean(mask)
    products = mean((small[..., :, None] * small[..., None, :]).reshape(*mask.shape, 9)).reshape(*mask.shape, 3, 3)
    covariance = products - color[..., :, None] * color[..., None, :] + 1e-3 * np.eye(3, dtype=np.float32)
    correlation = mean(small * mask[..., None]) - color * level[..., None]
    slope = np.linalg.solve(covariance, correlation[..., None])[..., 0]
    soft = large(level - (slope * color).sum(axis=2))
    for channel in range(3):
        soft += large(slope[..., channel]) * photo[..., channel]
    # Steeper than the fit, so that patterns inside the subject leave no trace.
    return np.asarray((1.5 * (soft - 0.5) + 0.5).clip(0, 1), dtype=np.float32)
