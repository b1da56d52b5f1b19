"""Where a photo has something to lose: its edges and what catches the eye."""

from typing import Final

import numpy as np
from jaxtyping import Float

from impasto.images import fit, resize

_SIZE: Final = 128
"""Long side at which the photo is looked at, so that the map is the same at every size of the canvas."""
_BLUR: Final = 2.0
"""Standard deviation, in pixels at that size, by which edges are spread over their neighbourhood."""


def importance(photo: Float[np.ndarray, "h w 3"], strength: float) -> Float[np.ndarray, "h w"]:
    """Return how much each place of a photo in [0, 1] counts: 1 on average, more on edges and on the main subject.

    1 + `strength` times the mean of two maps, each divided by its own mean, then divided by the mean of the sum: the
    strength of edges (gradient of lightness, blurred), and saliency, the distance of a blurred colour from the mean
    colour of the photo (Achanta et al. 2009). A photo of one colour gives 1 everywhere.
    """
    height, width = photo.shape[:2]
    small = resize(photo, *fit(width, height, min(_SIZE, max(width, height))))
    edges = _blurred(np.hypot(*np.gradient(small.mean(axis=2))) if min(small.shape[:2]) > 1 else small[:, :, 0] * 0)
    colors = np.stack([_blurred(small[:, :, channel]) for channel in range(3)], axis=2)
    saliency = np.linalg.norm(colors - small.mean(axis=(0, 1)), axis=2)
    weight = 1 + strength * (_relative(edges) + _relative(saliency)) / 2
    # Resizing is for pictures and clips to [0, 1].
    large = resize((weight / weight.max()).astype(np.float32), width, height).clip(0.05 / weight.max(), None)
    return np.asarray(large / large.mean(), dtype=np.float32)


def _relative(values: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Divide by the mean; nothing stands out of a map that is nearly zero."""
    return np.asarray(values / max(float(values.mean()), 1e-3))


def _blurred(values: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    reach = int(3 * _BLUR)
    bell = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * _BLUR**2))
    bell /= bell.sum()
    for axis in (0, 1):
        padded = np.pad(values, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        values = np.apply_along_axis(np.convolve, axis, padded, bell, "valid")
    return values
