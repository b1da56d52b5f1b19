"""Masks: read from pictures, resized, and normalized where they overlap."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float
from PIL import Image

from impasto.errors import InputError
from impasto.images.decode import DecodedImage
from impasto.images.geometry import map_planes

_BLACK: Final = 2 / 255
"""Mask values up to this one become 0, because JPEG compression leaves such values in black areas."""


def mask_from_image(image: DecodedImage, name: str) -> Float[np.ndarray, "h w"]:
    """Return a picture as a mask: 1 where it is white, 0 where it is black or transparent.

    Args:
        image: The picture; its channels are averaged.
        name: Its name in the error message.

    Raises:
        InputError: The mask is black everywhere.
    """
    mask = image.pixels.mean(axis=2)
    if image.alpha is not None:
        mask = mask * image.alpha
    mask = np.where(mask > _BLACK, mask, 0).astype(np.float32)
    if not mask.any():
        raise InputError(f"the mask {name} is empty: paint the part that it selects white")
    return mask


def resize_mask(mask: Float[np.ndarray, "h w"], width: int, height: int) -> Float[np.ndarray, "_height _width"]:
    """Resize a mask with a triangular filter, which unlike the Lanczos filter leaves no halo around a hard edge."""
    if mask.shape == (height, width):
        return mask.astype(np.float32)
    resized = map_planes(mask, lambda plane: plane.resize((width, height), Image.Resampling.BILINEAR))
    return np.where(resized > _BLACK, resized, 0).clip(0, 1).astype(np.float32)


def describe_stretch(picture: DecodedImage, target: DecodedImage) -> str:
    """Return in one line that a picture is stretched when it is laid on another; empty if their shapes are alike."""
    across, down = picture.width * target.height, picture.height * target.width
    # Sides are whole pixels, and nobody sees a hundredth.
    if abs(across - down) <= max(picture.width, picture.height, target.width, target.height, across / 100):
        return ""
    own, other = (f"{one.name}{one.suffix} ({one.width} x {one.height} px)" for one in (picture, target))
    return f"{own} is stretched to the proportions of {other}"


def normalize_masks(
    masks: Sequence[Float[np.ndarray, "h w"]],
) -> tuple[list[Float[np.ndarray, "h w"]], Float[np.ndarray, "h w"]]:
    """Scale masks down where they overlap, so that they sum to at most 1 at every position.

    Args:
        masks: At least one mask with values in [0, 1].

    Returns:
        The normalized masks, and 1 minus their sum.
    """
    total = np.sum(masks, axis=0)
    normalized = [np.asarray(mask / np.maximum(total, 1), dtype=np.float32) for mask in masks]
    rest = (1 - total).clip(0, 1)
    return normalized, np.where(rest > _BLACK, rest, 0).astype(np.float32)
