"""Lightness and chroma of colors in OKLab, a space in which equal steps look equal (B. Ottosson, 2020)."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from impasto.images import by_strips, strips

_TO_LMS: Final = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
"""From linear sRGB to the responses of the three kinds of cones."""
_TO_LAB: Final = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
"""From the cube roots of those responses to lightness and two opponent colors."""
_BISECTIONS: Final = 12
"""Bisections that find the largest chroma inside the gamut: to one part in 4096."""


def to_oklab(
    picture: Float[np.ndarray, "*positions 3"], dtype: type[np.floating] = np.float64
) -> Float[np.ndarray, "*positions 3"]:
    """Return lightness (0 black, 1 white) and two opponent colors of sRGB-encoded colors in [0, 1]."""
    encoded = picture.astype(dtype)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded.clip(0.04045) + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _TO_LMS.T.astype(dtype)) @ _TO_LAB.T.astype(dtype))


def to_srgb(lab: Float[np.ndarray, "*positions 3"]) -> Float[np.ndarray, "*positions 3"]:
    """Return sRGB-encoded colors; those that no screen can show are outside [0, 1]."""
    linear = (lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_LMS).T
    return np.asarray(
        np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clip(0.0031308) ** (1 / 2.4) - 0.055)
    )


def clip_chroma(lab: Float[np.ndarray, "*positions 3"]) -> Float[np.ndarray, "*positions 3"]:
    """Return sRGB-encoded colors in [0, 1] of the same lightness and hue, with as much of the chroma as fits."""
    flat = lab.reshape(-1, 3) * 1.0
    flat[:, 0] = flat[:, 0].clip(0, 1)
    colors = to_srgb(flat)
    outside = ~_in_gamut(colors)
    if outside.any():
        wanted = flat[outside]
        low, high = np.zeros(len(wanted)), np.ones(len(wanted))
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            fits = _in_gamut(to_srgb(_scale_chroma(wanted, middle)))
            low, high = np.where(fits, middle, low), np.where(fits, high, middle)
        colors[outside] = to_srgb(_scale_chroma(wanted, low))
    return np.asarray(colors.clip(0, 1).reshape(lab.shape), dtype=np.float32)


def take_chroma(
    painted: Float[np.ndarray, "h w 3"],
    photo: Float[np.ndarray, "h w 3"],
    share: float | Float[np.ndarray, "h w"] = 1.0,
) -> Float[np.ndarray, "h w 3"]:
    """Keep the painted lightness and move the chroma by `share` (0..1, may differ by position) to that of the photo."""

    def moved(
        painted: Float[np.ndarray, "h w 3"], photo: Float[np.ndarray, "h w 3"], share: Float[np.ndarray, "h w"]
    ) -> Float[np.ndarray, "h w 3"]:
        lab, own = to_oklab(painted), to_oklab(photo)
        lab[..., 1:] += share[..., None] * (own[..., 1:] - lab[..., 1:])
        return clip_chroma(lab)

    return by_strips(moved, painted, photo, np.broadcast_to(share, painted.shape[:2]))


def lightness_only(picture: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
    """Return the gray picture of the same lightness, RGB in [0, 1]."""

    def gray(strip: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
        lab = to_oklab(strip)
        lab[..., 1:] = 0
        return clip_chroma(lab)

    return by_strips(gray, picture)


def match_lightness(
    style: Float[np.ndarray, "sh sw 3"],
    photo: Float[np.ndarray, "h w 3"],
    *,
    where: Float[np.ndarray, "h w"] | None = None,
    mask: Float[np.ndarray, "sh sw"] | None = None,
) -> Float[np.ndarray, "sh sw 3"]:
    """Return the style in gray, with mean and deviation of the photo's lightness (Hertzmann et al. 2001), clipped.

    Without it a light photo would be painted dark because the style is dark (Gatys et al. 2017, section 5.1). `where`
    weights the positions of the photo, `mask` those of the style.
    """
    lab = to_oklab(style)
    light = lab[..., 0]
    mean, deviation = _mean_deviation(
        np.concatenate([to_oklab(photo[rows])[..., 0] for rows in strips(*photo.shape[:2])]), where
    )
    style_mean, style_deviation = _mean_deviation(light, mask)
    lab[..., 0] = (light - style_mean) * (deviation / max(style_deviation, 1e-3)) + mean
    lab[..., 1:] = 0
    return clip_chroma(lab)


def _in_gamut(colors: Float[np.ndarray, "n 3"]) -> Bool[np.ndarray, "n"]:
    # Rounding moves white itself outside; the tolerance is less than one level of 16 bits.
    return np.asarray((colors > -1e-5).all(axis=1) & (colors < 1 + 1e-5).all(axis=1))


def _scale_chroma(lab: Float[np.ndarray, "n 3"], factor: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n 3"]:
    return np.asarray(lab * np.stack([np.ones_like(factor), factor, factor], axis=1))


def _mean_deviation(values: Float[np.ndarray, "h w"], weights: Float[np.ndarray, "h w"] | None) -> tuple[float, float]:
    if weights is None:
        return float(values.mean()), float(values.std())
    mean = float(np.average(values, weights=weights))
    return mean, float(np.average((values - mean) ** 2, weights=weights)) ** 0.5
