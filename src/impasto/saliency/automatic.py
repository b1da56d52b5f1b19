"""Masks found automatically: the main subject of a photo, and its background."""

from typing import Final

import numpy as np
from jaxtyping import Float

from impasto.errors import InputError

AUTOMATIC_MASKS: Final = ("foreground", "background")
"""The words that stand for a mask that impasto finds itself."""


def subject_mask(photo: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    """Return where a photo shows its main subject. The same photo gives the same mask.

    Args:
        photo: RGB in [0, 1].

    Returns:
        1 in the subject, 0 in the background, and values between on a soft border.

    Raises:
        InputError: Nothing stands out.
    """
    from impasto.saliency.subject import find_subject  # imports OpenCV, which is slow

    return find_subject(photo)


def follow_edges(photo: Float[np.ndarray, "h w 3"], rough: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Return a roughly painted mask with its outline moved to the photo's edges near it.

    Args:
        photo: RGB in [0, 1].
        rough: More than 0.5 inside.

    Returns:
        1 inside, 0 outside, and values between on a soft border.
    """
    from impasto.saliency.subject import follow_edges  # imports OpenCV, which is slow

    return follow_edges(photo, rough)


def automatic_mask(name: str, photo: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    """Return the mask that one of `AUTOMATIC_MASKS` stands for: the main subject of a photo, or 1 minus it.

    Args:
        name: `foreground` or `background`.
        photo: RGB in [0, 1].

    Raises:
        InputError: Another name, or what `subject_mask` raises.
    """
    if name not in AUTOMATIC_MASKS:
        raise InputError(f"unknown mask {name!r}; those that impasto finds itself are {', '.join(AUTOMATIC_MASKS)}")
    mask = subject_mask(photo)
    return mask if name == "foreground" else 1 - mask
