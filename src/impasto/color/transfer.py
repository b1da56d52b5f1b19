"""Color transfer: gives a photo the colors of a style image as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np
from jaxtyping import Float

from impasto.images import strips
from impasto.recipe import ColorMap

_SMALLEST_VARIANCE: Final = 1e-5
"""About (0.8 gray levels)^2: directions in which colors vary less are not stretched further."""
_MOST_GAIN: Final = 4.0
"""Limit for parts of a photo: a flat sky stretched to the contrast of a style would show only its noise."""


@dataclass(frozen=True, eq=False)
class Colors:
    """Colors, RGB in [0, 1], and the weight of each; `weights` None: all are equal."""

    pixels: Float[np.ndarray, "n 3"]
    weights: Float[np.ndarray, "n"] | None = None


def colors_of(picture: Float[np.ndarray, "h w 3"], where: Float[np.ndarray, "h w"] | None = None) -> Colors:
    """Return the colors of a picture, each position weighted by `where`."""
    return Colors(picture.reshape(-1, 3), None if where is None else where.reshape(-1))


def mixed_colors(several: Sequence[Colors], shares: Sequence[float]) -> Colors:
    """Return the colors of several pictures as if they were one.

    Args:
        several: The colors of each picture; their numbers of pixels and sums of weights make no difference.
        shares: Total weight of each in the mixture.
    """
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
    """Give a photo the colors of a style as a whole.

    `transport` and `cholesky` are linear maps after which mean and covariance are those of the style. `transport` is
    the one that moves colors least, S_c^-1/2 (S_c^1/2 S_s S_c^1/2)^1/2 S_c^-1/2 (optimal transport between Gaussians;
    Pitie and Kokaram 2007); `cholesky` is L_s L_c^-1 (Gatys et al. 2017). `histogram` gives every channel by itself
    the style's distribution.

    Args:
        photo: RGB in [0, 1].
        style: A picture, RGB in [0, 1], or weighted colors.
        how: The map.
        where: Weight of each position in the photo's own statistics. With it the linear maps stretch no direction
            more than four times. Positions of weight 0 are mapped along with the others.

    Returns:
        The photo in the new colors, clipped to [0, 1].
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
        left, gains, right = np.linalg.svd(linear)
        linear = (left * gains.clip(max=_MOST_GAIN)) @ right
    result = np.empty(own.pixels.shape, dtype=np.float32)
    for some in strips(len(result), 1):
        result[some] = ((own.pixels[some].astype(np.float64) - mean) @ linear.T + style_mean).clip(0, 1)
    return result.reshape(photo.shape)


def _match_histograms(own: Colors, style: Colors) -> Float[np.ndarray, "n 3"]:
    """Replace every value by the style's value of the same rank; equal values stay equal."""
    matched = np.empty(own.pixels.shape, dtype=np.float32)
    for channel in range(3):
        values, positions = np.unique(own.pixels[:, channel], return_inverse=True)
        counts = np.bincount(positions, own.weights, minlength=len(values))
        ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
        matched[:, channel] = np.interp(ranks, *_quantile_function(style, channel))[positions]
    return matched


def _quantile_function(colors: Colors, channel: int) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Return the ranks, in [0, 1], of a channel's sorted values, and these values."""
    values = colors.pixels[:, channel]
    if colors.weights is None:
        return (np.arange(len(values)) + 0.5) / len(values), np.sort(values)
    order = np.argsort(values)
    weights = colors.weights[order].astype(np.float64)
    return (np.cumsum(weights) - weights / 2) / weights.sum(), values[order]


def _moments(colors: Colors) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3 3"]]:
    pixels, weights = colors.pixels, colors.weights
    # A strip at a time: in float64 a large picture takes twice as much memory.
    parts = list(strips(len(pixels), 1))
    if weights is None:
        mean = _sum([pixels[some].astype(np.float64).sum(axis=0) for some in parts]) / len(pixels)
        centered = (pixels[some].astype(np.float64) - mean for some in parts)
        covariance = _sum([part.T @ part for part in centered]) / len(pixels)
    else:
        shares = weights.astype(np.float64) / weights.sum(dtype=np.float64)
        weighted = shares[:, None]
        # A product would depend on the number of threads.
        mean = _sum([(pixels[some].astype(np.float64) * weighted[some]).sum(axis=0) for some in parts])
        pairs = ((pixels[some].astype(np.float64) - mean, weighted[some]) for some in parts)
        covariance = _sum([(part * share).T @ part for part, share in pairs])
    return mean, covariance + _SMALLEST_VARIANCE * np.eye(3)


def _sum(parts: Sequence[Float[np.ndarray, "*shape"]]) -> Float[np.ndarray, "*shape"]:
    return np.asarray(reduce(np.add, parts))


def _power(matrix: Float[np.ndarray, "3 3"], exponent: float) -> Float[np.ndarray, "3 3"]:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * values.clip(1e-20) ** exponent) @ vectors.T)
