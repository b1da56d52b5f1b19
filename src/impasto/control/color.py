"""Colours of the photo and of the style, before the network sees anything."""

import numpy as np
from jaxtyping import Float

_SMALLEST_VARIANCE = 1e-5
"""About (0.8 grey levels)^2: directions with less colour than this are not stretched further."""


def recolor(photo: Float[np.ndarray, "h w 3"], style: Float[np.ndarray, "sh sw 3"]) -> Float[np.ndarray, "h w 3"]:
    """Give a photo the mean and covariance of the style's colours by a linear map; RGB in [0, 1], clipped.

    Of all linear maps that do so it is the one that moves colours least: S_c^-1/2 (S_c^1/2 S_s S_c^1/2)^1/2 S_c^-1/2
    (the optimal transport between two Gaussians; Pitie and Kokaram 2007).
    """
    pixels, mean, covariance = _moments(photo)
    _, style_mean, style_covariance = _moments(style)
    root = _power(covariance, 0.5)
    inverse = _power(covariance, -0.5)
    transport = inverse @ _power(root @ style_covariance @ root, 0.5) @ inverse
    moved = (pixels - mean) @ transport.T + style_mean
    return np.asarray(moved.clip(0, 1).reshape(photo.shape), dtype=np.float32)


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
