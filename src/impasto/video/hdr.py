"""HDR frames (PQ and HLG of ITU-R BT.2100) shown on a usual screen: linear light, tone mapping, BT.709 primaries."""

from typing import Final

import numpy as np
from jaxtyping import Float

PQ: Final = 16
HLG: Final = 18
"""Transfer functions by the numbers of ITU-T H.273."""
_WHITE: Final = 203.0
"""Candelas per square meter of white paper in HDR (ITU-R BT.2408), which becomes white."""
_PEAK: Final = 1000.0
"""Candelas per square meter that become white, too, at most: the usual mastering screen."""

# ST 2084.
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
# ITU-R BT.2100, table 5 (HLG).
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_LUMINANCE: Final = np.array([0.2627, 0.6780, 0.0593], np.float32)
_TO_BT709: Final = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
"""From the primaries of BT.2020 (ITU-R BT.2407, section 2)."""


def to_sdr(values: Float[np.ndarray, "h w 3"], transfer: int) -> Float[np.ndarray, "h w 3"]:
    """Return a frame of PQ or HLG with the primaries of BT.2020 as sRGB.

    Args:
        values: Nonlinear RGB in [0, 1].
        transfer: `PQ` or `HLG`.

    Returns:
        sRGB in [0, 1].
    """
    light = pq_to_light(values) if transfer == PQ else hlg_to_light(values)
    strongest = np.maximum(light.max(axis=2, keepdims=True), 1e-6)
    # The same factor for all channels keeps the hue.
    shown = light * (tone_mapped(strongest) / strongest) / _WHITE
    return srgb_encoded((shown @ _TO_BT709.T).clip(0, 1))


def pq_to_light(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return candelas per square meter for values of PQ (SMPTE ST 2084, equation 4.1)."""
    root = values.astype(np.float32).clip(0, 1) ** np.float32(1 / _M2)
    light: np.ndarray = 10_000 * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)
    return light.astype(np.float32)


def light_to_pq(light: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return values of PQ for candelas per square meter (SMPTE ST 2084, equation 5.2)."""
    power = (light.astype(np.float32) / 10_000).clip(0, 1) ** np.float32(_M1)
    values: np.ndarray = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return values.astype(np.float32)


def hlg_to_light(values: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
    """Return candelas per square meter for values of HLG on a screen of 1000 (ITU-R BT.2100, table 5)."""
    signal = values.astype(np.float32).clip(0, 1)
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _C) / _A) + _B) / 12).astype(np.float32)
    luminance = np.maximum(scene @ _LUMINANCE, 1e-6)[..., None]
    light: np.ndarray = _PEAK * scene * luminance ** np.float32(0.2)
    return light.astype(np.float32)


def tone_mapped(light: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return light of up to 1000 candelas compressed to 203, dark and middle tones unchanged.

    The curve of ITU-R BT.2390, section 5.4.1: identity up to a knee, then a Hermite spline in values of PQ.
    """
    top, most = (float(light_to_pq(np.array([limit], np.float32))[0]) for limit in (_PEAK, _WHITE))
    largest = most / top
    knee = 1.5 * largest - 0.5
    value = (light_to_pq(light) / top).clip(0, 1)
    t = ((value - knee) / (1 - knee)).clip(0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * largest
    return pq_to_light(np.where(value < knee, value, spline).astype(np.float32) * np.float32(top))


def srgb_encoded(light: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return linear light in [0, 1] as sRGB (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** np.float32(1 / 2.4) - 0.055).astype(np.float32)
