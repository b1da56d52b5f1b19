"""Masks for those who have none: the main subject of a photo, and its background."""

from typing import Any, Final, Literal, get_args

import numpy as np
from jaxtyping import Float, UInt8

from impasto.control.foreground import foreground
from impasto.errors import InputError
from impasto.images import fit, quantize, resize

AutomaticMask = Literal["foreground", "background"]
AUTOMATIC: Final[tuple[str, ...]] = get_args(AutomaticMask)
"""The words that stand for a mask that nobody has drawn."""

_NOTHING: Final = "no subject stands out from the background of this photo: draw a mask, white where the subject is"
_SIZE: Final = 400
"""Long side, in pixels, at which the outline is cut."""
_THINNEST: Final = 1 / 40
"""The least that the short side of a photo may be of the long one."""
_LEAST: Final = 0.6
"""If no place of a photo is more surely foreground than this, it has no subject."""
_SMALLEST: Final = 0.002
"""A subject is at least this share of the photo, and so is the background."""
_CRUMB: Final = 0.03
"""Parts smaller than this share of the largest one are left out."""
_SOFT: Final = 6
"""Half the side, in pixels at that size, of the squares in which the border follows the colours of the photo."""


def subject_mask(photo: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    """Return where a photo in [0, 1] shows its main subject: 1 there, 0 in the background, and a soft border between.

    What is cut off from the photo's border (see `foreground`) starts GrabCut (Rother, Kolmogorov, Blake 2004), which
    learns the colours of both sides and cuts along edges; a guided filter (He, Sun, Tang 2010) softens the border along
    those of the photo. The same photo gives the same mask. Raises InputError if OpenCV is not installed, or if nothing
    stands out.
    """
    _opencv()
    height, width = photo.shape[:2]
    sureness = foreground(photo) if min(height, width) >= _THINNEST * max(height, width) else np.zeros((1, 1))
    if sureness.max() < _LEAST:
        raise InputError(_NOTHING)
    small = resize(photo, *fit(width, height, _SIZE))
    sureness = resize((sureness / sureness.max()).astype(np.float32), small.shape[1], small.shape[0])
    inside = _without_crumbs(_cut(small, sureness))
    if not _SMALLEST <= inside.mean() <= 1 - _SMALLEST:
        raise InputError(_NOTHING)
    return _softened(photo, small, inside)


def automatic_mask(name: str, photo: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    """Return the mask that one of `AUTOMATIC` stands for: the main subject, or 1 minus it.

    Raises InputError for another name, and what `subject_mask` raises.
    """
    if name not in AUTOMATIC:
        raise InputError(f"unknown mask {name!r}; those that impasto finds itself are {', '.join(AUTOMATIC)}")
    mask = subject_mask(photo)
    return mask if name == "foreground" else 1 - mask


def _opencv() -> Any:
    try:
        import cv2
    except ImportError:
        raise InputError("finding the subject needs one more package: pip install 'impasto[masks]'") from None
    return cv2


def _cut(photo: Float[np.ndarray, "h w 3"], sureness: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Return 1 inside the subject and 0 outside, where colours and edges of the photo say that the border runs.

    The threshold is that of Otsu (1979). What lies far above or below it stays as it is.
    """
    cv2 = _opencv()
    threshold = cv2.threshold(quantize(sureness), 0, 255, cv2.THRESH_OTSU)[0] / 255
    surely = cv2.erode((sureness > 0.3 * threshold + 0.7).astype(np.uint8), np.ones((3, 3)), borderValue=1)
    labels = np.where(sureness > threshold, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[sureness < threshold / 2] = cv2.GC_BGD
    labels[surely > 0] = cv2.GC_FGD
    if len(np.unique(labels % 2)) == 2:
        cv2.setRNGSeed(0)
        bgr = np.ascontiguousarray(quantize(photo)[:, :, ::-1])
        cv2.grabCut(bgr, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    return np.asarray(labels % 2, dtype=np.uint8)


def _without_crumbs(inside: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Leave out the smallest parts, and fill the smallest holes."""
    cv2 = _opencv()
    for value in (1, 0):
        labels, areas = cv2.connectedComponentsWithStats((inside == value).astype(np.uint8))[1:3]
        areas = areas[:, cv2.CC_STAT_AREA]
        least = _CRUMB * areas[1:].max(initial=0) if value else _CRUMB / 10 * inside.sum()
        small = areas < least
        small[0] = False
        inside = np.where(small[labels], 1 - value, inside).astype(np.uint8)
    return inside


def _softened(
    photo: Float[np.ndarray, "h w 3"], small: Float[np.ndarray, "_h _w 3"], inside: UInt8[np.ndarray, "_h _w"]
) -> Float[np.ndarray, "h w"]:
    """Bring a mask to the photo's size: in every square it is a linear function of the photo's colours.

    The functions are found at the small size and used at the full one (He and Sun, "Fast Guided Filter", 2015).
    """
    cv2 = _opencv()

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.blur(values, (2 * _SOFT + 1, 2 * _SOFT + 1)))

    def large(values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.resize(mean(values), photo.shape[1::-1], interpolation=cv2.INTER_LINEAR))

    mask = inside.astype(np.float32)
    color, level = mean(small), mean(mask)
    products = mean((small[..., :, None] * small[..., None, :]).reshape(*mask.shape, 9)).reshape(*mask.shape, 3, 3)
    spread = products - color[..., :, None] * color[..., None, :] + 1e-3 * np.eye(3, dtype=np.float32)
    shared = mean(small * mask[..., None]) - color * level[..., None]
    slope = np.linalg.solve(spread, shared[..., None])[..., 0]
    soft = large(level - (slope * color).sum(axis=2))
    for channel in range(3):
        soft += large(slope[..., channel]) * photo[..., channel]
    # Steeper than it is found, so that patterns inside the subject leave no trace.
    return np.asarray((1.5 * (soft - 0.5) + 0.5).clip(0, 1), dtype=np.float32)
