"""Colours of the photo and of the style, before the network sees anything."""

import numpy as np
from jaxtyping import Float

from impasto.recipe import ColorMap

_SMALLEST_VARIANCE = 1e-5
"""About (0.8 grey levels)^2: directions with less colour than this are not stretched further."""


def recolor(
    photo: Float[np.ndarray, "h w 3"], style: Float[np.ndarray, "sh sw 3"], how: ColorMap = "transport"
) -> Float[np.ndarray, "h w 3"]:
    """Give a photo the colours of a style as a whole; RGB in [0, 1], clipped.

    `transport` and `cholesky` are linear maps after which mean and covariance are the style's. Of all such maps
    `transport` is the one that moves colours least: S_c^-1/2 (S_c^1/2 S_s S_c^1/2)^1/2 S_c^-1/2 (the optimal transport
    between two Gaussians; Pitie and Kokaram 2007); `cholesky` is L_s L_c^-1 (Gatys et al. 2017). `histogram` gives
    every channel the style's distribution, whose extremes a linear map may miss, and lets channels go apart.
    """
    if how == "histogram":
        return _match_histograms(photo, style)
    pixels, mean, covariance = _moments(photo)
    _, style_mean, style_covariance = _moments(style)
    if how == "cholesky":
        linear = np.linalg.cholesky(style_covariance) @ np.linalg.inv(np.linalg.cholesky(covariance))
    else:
        root, inverse = _power(covariance, 0.5), _power(covariance, -0.5)
        linear = inverse @ _power(root @ style_covariance @ root, 0.5) @ inverse
    moved = (pixels - mean) @ linear.T + style_mean
    return np.asarray(moved.clip(0, 1).reshape(photo.shape), dtype=np.float32)


def _match_histograms(
    photo: Float[np.ndarray, "h w 3"], style: Float[np.ndarray, "sh sw 3"]
) -> Float[np.ndarray, "h w 3"]:
    """Replace every value by the style's of the same rank; equal values stay equal."""
    matched = np.empty(photo.shape, dtype=np.float32)
    for channel in range(3):
        _, places, counts = np.unique(photo[..., channel], return_inverse=True, return_counts=True)
        ordered = np.sort(style[..., channel], axis=None)
        ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
        positions = (np.arange(ordered.size) + 0.5) / ordered.size
        matched[..., channel] = np.interp(ranks, positions, ordered)[places].reshape(photo.shape[:2])
    return matched


def _moments(
    picture: Float[np.ndarray, "h w 3"],
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "3"], Float[np.ndarray, "3 3"]]:
    pixels = picture.reshape(-1, 3).astype(np.float64)
    mean = pixels.mean(axis=0)
    centred = pixels - mean
    return pixels, mean, centred.T @ centred / len(pixels) + _SMALLEST_VARIANCE * np.eye(3)


def _power(matrix: Float[np.ndarray, "3 3"], exponent: float) -> Float[np.ndarray, "3 3"]:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * values.clip(1e-20) ** exponent) @ vectors.T)
