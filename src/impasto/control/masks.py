"""Masks: who has a say at which place of the photo, and which part of a style image teaches."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float
from PIL import Image

from impasto.errors import InputError
from impasto.images import Picture

_FAINT: Final = 2 / 255
"""What is no lighter than this in a mask is black: JPEG leaves such traces in black areas."""


def mask_of(picture: Picture, name: str) -> Float[np.ndarray, "h w"]:
    """Return a picture as a mask: 1 where it is white, 0 where it is black or transparent.

    Raises InputError if it is black everywhere.
    """
    mask = picture.pixels.mean(axis=2)
    if picture.alpha is not None:
        mask = mask * picture.alpha
    mask = np.where(mask > _FAINT, mask, 0).astype(np.float32)
    if not mask.any():
        raise InputError(f"the mask {name} is empty: what it is for must be white in it")
    return mask


def resize_mask(mask: Float[np.ndarray, "h w"], width: int, height: int) -> Float[np.ndarray, "_height _width"]:
    """Return a mask at another size, each place the mean of what it covers.

    By triangles, which unlike Lanczos's kernel leave no halo around a hard edge.
    """
    if mask.shape == (height, width):
        return mask.astype(np.float32)
    image = Image.fromarray(np.ascontiguousarray(mask, dtype=np.float32))
    resized = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    return np.where(resized > _FAINT, resized, 0).clip(0, 1).astype(np.float32)


def share_out(
    masks: Sequence[Float[np.ndarray, "h w"]],
) -> tuple[list[Float[np.ndarray, "h w"]], Float[np.ndarray, "h w"]]:
    """Return the masks as shares that sum to 1 at most, and what they leave.

    Where masks overlap and sum to more than 1 each gives way in proportion; soft edges that meet leave no gap.
    """
    total = np.sum(masks, axis=0)
    shares = [np.asarray(mask / np.maximum(total, 1), dtype=np.float32) for mask in masks]
    rest = (1 - total).clip(0, 1)
    return shares, np.where(rest > _FAINT, rest, 0).astype(np.float32)
