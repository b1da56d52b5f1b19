"""Saliency weights: where a photo has most to lose, on its edges and its conspicuous colors."""

from typing import Final

import numpy as np
from jaxtyping import Float

from impasto.images import fit, resize

_SIZE: Final = 128
"""Long side in pixels at which weights are computed, so that they are the same at every size of the canvas."""
_BLUR: Final = 2.0
"""Standard deviation in pixels, at that size, of the Gaussian that spreads edges."""


def saliency_weights(photo: Float[np.ndarray, "h w 3"], strength: float) -> Float[np.ndarray, "h w"]:
    """Return the weight of each position of a photo, 1 on average, more on edges and on colors unlike the photo's mean.

    1 + `strength` times the mean of two maps, normalized to a mean of 1. The maps, each divided by its own mean, are
    the edges (blurred gradient of lightness), and saliency, the distance of a blurred color from the photo's mean color
    (Achanta et al. 2009). A photo of one color has the weight 1 everywhere.

    Args:
        photo: RGB in [0, 1].
        strength: 0 or more; 0 makes all weights 1.
    """
    height, width = photo.shape[:2]
    small = resize(photo, *fit(width, height, min(_SIZE, max(width, height))))
    edges = _blur(np.hypot(*np.gradient(small.mean(axis=2))) if min(small.shape[:2]) > 1 else small[:, :, 0] * 0)
    colors = np.stack([_blur(small[:, :, channel]) for channel in range(3)], axis=2)
    saliency = np.linalg.norm(colors - small.mean(axis=(0, 1)), axis=2)
    weights = 1 + strength * (_over_mean(edges) + _over_mean(saliency)) / 2
    # `resize` clips to [0, 1].
    large = resize((weights / weights.max()).astype(np.float32), width, height).clip(0.05 / weights.max(), None)
    return np.asarray(large / large.mean(), dtype=np.float32)


def _over_mean(values: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Divide by the mean, which is limited so that a map that is nearly zero stays so."""
    return np.asarray(values / max(float(values.mean()), 1e-3))


def _blur(values: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    reach = int(3 * _BLUR)
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * _BLUR**2))
    kernel /= kernel.sum()
    for axis in (0, 1):
        padded = np.pad(values, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        values = np.apply_along_axis(np.convolve, axis, padded, kernel, "valid")
    return values
