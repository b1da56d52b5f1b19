"""Figures of a picture that tell what long runs do to it. Pictures are sRGB, in [0, 1]."""

from typing import Final

import numpy as np
from jaxtyping import Float

from impasto.images import resize
from impasto.score.colors import to_oklab

_DULL: Final = 0.1
"""The dullest tenth of the style says what is grey by its own measure."""

_HALF_A_LEVEL: Final = 0.5 / 255


def chroma(picture: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    """Return how colourful each pixel is: its distance from grey in Oklab (Ottosson 2020), 0 to about 0.32."""
    lab = to_oklab(picture)
    return np.asarray(np.hypot(lab[..., 1], lab[..., 2]))


def dull(style: Float[np.ndarray, "h w 3"]) -> float:
    """Return the chroma that a tenth of the style's area stays below."""
    return float(np.quantile(chroma(style), _DULL))


def grey_share(picture: Float[np.ndarray, "h w 3"], threshold: float) -> float:
    """Return the share of the area that is duller than `threshold`; with `dull(style)` a tenth is the style's own."""
    return float((chroma(picture) < threshold).mean())


def clipped_share(picture: Float[np.ndarray, "h w 3"]) -> float:
    """Return the share of pixels of which a channel is at the end of its range, 0 or 255."""
    ends = (picture < _HALF_A_LEVEL) | (picture > 1 - _HALF_A_LEVEL)
    return float(ends.any(axis=2).mean())


def lightness_spread(picture: Float[np.ndarray, "h w 3"]) -> float:
    """Return the standard deviation of lightness in Oklab: what grows as a picture falls apart into light and dark."""
    return float(to_oklab(picture)[..., 0].std())


def mean_chroma(picture: Float[np.ndarray, "h w 3"]) -> float:
    """Return the mean chroma."""
    return float(chroma(picture).mean())


def difference(one: Float[np.ndarray, "h w 3"], other: Float[np.ndarray, "_h _w 3"]) -> float:
    """Return the mean absolute difference of two pictures in grey levels (0 to 255), at the size of the first."""
    height, width = one.shape[:2]
    return float(np.abs(one - resize(other, width, height)).mean() * 255)


def spread(pictures: list[Float[np.ndarray, "h w 3"]]) -> Float[np.ndarray, "h w"]:
    """Return how much several pictures differ at each place: standard deviation over them, mean of the channels."""
    return np.asarray(np.stack(pictures).std(axis=0).mean(axis=2))
