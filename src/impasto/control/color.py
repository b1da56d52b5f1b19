"""Colours of the photo and of the style, before the network sees anything."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from impasto.recipe import ColorMap

_SMALLEST_VARIANCE = 1e-5
"""About (0.8 grey levels)^2: directions with less colour than this are not stretched further."""


_MOST_GAIN = 4.0
"""A part of a photo may be as flat as a sky: stretched to the contrast of a style its noise would be all one sees."""


@dataclass(frozen=True, eq=False)
class Colors:
    """Colours, RGB in [0, 1], and how much each of them counts; None: all alike."""

    pixels: Float[np.ndarray, "n 3"]
    weights: Float[np.ndarray, "n"] | None = None


def colors_of(picture: Float[np.ndarray, "h w 3"], where: Float[np.ndarray, "h w"] | None = None) -> Colors:
    """Return a picture's colours, or those of a part: `where` tells how much each place counts."""
    return Colors(picture.reshape(-1, 3), None if where is None else where.reshape(-1))


def mixed_colors(several: Sequence[Colors], shares: Sequence[float]) -> Colors:
    """Return the colours of several pictures as if they were one, of which each has its share."""
    if len(several) == 1:
        return several[0]
    weights = []
    for colors, share in zip(several, shares, strict=True):
        own = np.ones(len(colors.pixels)) if colors.weights is None else colors.weights
        weights.append(own * (share / own.sum()))
    return Colors(np.concatenate([colors.pixels for colors in several]), np.concatenate(weights))


def recolor(
    photo: Float[np.ndarray, "h w 3"],
    style: Float[np.ndarray, "sh sw 3"] | Colors,
    how: ColorMap = "transport",
    *,
    where: Float[np.ndarray, "h w"] | None = None,
) -> Float[np.ndarray, "h w 3"]:
    """Give a photo the colours of a style as a whole; RGB in [0, 1], clipped.

    `transport` and `cholesky` are linear maps after which mean and covariance are the style's. Of all such maps
    `transport` is the one that moves colours least: S_c^-1/2 (S_c^1/2 S_s S_c^1/2)^1/2 S_c^-1/2 (the optimal transport
    between two Gaussians; Pitie and Kokaram 2007); `cholesky` is L_s L_c^-1 (Gatys et al. 2017). `histogram` gives
    every channel the style's distribution, whose extremes a linear map may miss, and lets channels go apart.

    `where` tells how much each place of the photo counts: its part there gets the style's colours, no direction of
    colour being stretched more than four times, and what is elsewhere moves with it.
    """
    colors = style if isinstance(style, Colors) else colors_of(style)
    own = colors_of(photo, where)
    if how == "histogram":
        return _match_histograms(own, colors).reshape(photo.shape)
    mean, covariance = _moments(own)
    style_mean, style_covariance = _moments(colors)
    if how == "cholesky":
        linear = np.linalg.cholesky(style_covariance) @ np.linalg.inv(np.linalg.cholesky(covariance))
    else:
        root, inverse = _power(covariance, 0.5), _power(covariance, -0.5)
        linear = inverse @ _power(root @ style_covariance @ root, 0.5) @ inverse
    if where is not None:
        linear = _with_gain(linear, _MOST_GAIN)
    moved = (own.pixels.astype(np.float64) - mean) @ linear.T + style_mean
    return np.asarray(moved.clip(0, 1).reshape(photo.shape), dtype=np.float32)


def _match_histograms(own: Colors, style: Colors) -> Float[np.ndarray, "n 3"]:
    """Replace every value by the style's of the same rank; equal values stay equal."""
    matched = np.empty(own.pixels.shape, dtype=np.float32)
    for channel in range(3):
        values, places = np.unique(own.pixels[:, channel], return_inverse=True)
        counts = np.bincount(places, own.weights, minlength=len(values))
        ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
        matched[:, channel] = np.interp(ranks, *_distribution(style, channel))[places]
    return matched


def _distribution(colors: Colors, channel: int) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Return the ranks, in [0, 1], of a channel's values, and the values in order."""
    values = colors.pixels[:, channel]
    if colors.weights is None:
        return (np.arange(len(values)) + 0.5) / len(values), np.sort(values)
    order = np.argsort(values)
    weights = colors.weights[order].astype(np.float64)
    return (np.cumsum(weights) - weights / 2) / weights.sum(), values[order]


def _moments(colors: Colors) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3 3"]]:
    pixels = colors.pixels.astype(np.float64)
    if colors.weights is None:
        mean = pixels.mean(axis=0)
        centred = pixels - mean
        covariance = centred.T @ centred / len(pixels)
    else:
        weights = colors.weights.astype(np.float64) / colors.weights.sum(dtype=np.float64)
        mean = weights @ pixels
        centred = pixels - mean
        covariance = (centred * weights[:, None]).T @ centred
    return mean, covariance + _SMALLEST_VARIANCE * np.eye(3)


def _with_gain(linear: Float[np.ndarray, "3 3"], most: float) -> Float[np.ndarray, "3 3"]:
    """Return a linear map that stretches no direction more than `most` times."""
    left, gains, right = np.linalg.svd(linear)
    return np.asarray((left * gains.clip(max=most)) @ right)


def _power(matrix: Float[np.ndarray, "3 3"], exponent: float) -> Float[np.ndarray, "3 3"]:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * values.clip(1e-20) ** exponent) @ vectors.T)
