"""sRGB to Oklab, in which equal distances look about equally large."""

from typing import Final

import numpy as np
from jaxtyping import Float

_TO_CONES: Final = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    dtype=np.float32,
)
_TO_LAB: Final = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    dtype=np.float32,
)


def to_linear(srgb: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return light intensities in [0, 1] for sRGB-encoded values in [0, 1] (IEC 61966-2-1)."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def to_oklab(picture: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
    """Return lightness (0 black, 1 white) and the two opponent colours (0 grey) of an sRGB picture in [0, 1].

    Ottosson 2020, "A perceptual color space for image processing". The chroma of pure sRGB colours is 0.15 to 0.32.
    """
    cones = to_linear(picture.astype(np.float32)) @ _TO_CONES.T
    lab: np.ndarray = np.cbrt(cones) @ _TO_LAB.T
    return lab
