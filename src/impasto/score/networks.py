"""What the judges see: VGG-16 and AlexNet of ST-LPIPS, by which no painting is optimised unless its recipe says so."""

from collections.abc import Collection, Mapping
from typing import Final, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import AntialiasedWeights, antialiased_maps
from impasto.errors import InputError

Maps: TypeAlias = Mapping[str, Float[Tensor, "1 _c _h _w"]]

SMALLEST: Final = 32
"""Neither side of a judged picture may have fewer pixels: the deepest maps would have too few positions."""


def judged_layers(weights: AntialiasedWeights) -> tuple[str, ...]:
    """Return the last layer of each of the five blocks, where ST-LPIPS looks.

    For VGG-16 conv1_2, conv2_2, conv3_3, conv4_3, conv5_3; for AlexNet conv1_1 ... conv5_1.
    """
    last = {name.split("_")[0]: name for name in weights.layers}
    return tuple(last.values())


def see(
    weights: AntialiasedWeights, picture: Float[np.ndarray, "h w 3"], layers: Collection[str]
) -> dict[str, Float[Tensor, "1 _c _h _w"]]:
    """Return the features (after ReLU) of some layers, from the shallowest to the deepest.

    The picture is sRGB in [0, 1]. Raises InputError if a side is shorter than `SMALLEST`.
    """
    if min(picture.shape[:2]) < SMALLEST:
        raise InputError(
            f"a picture of {picture.shape[1]} x {picture.shape[0]} px is too small to be judged: both sides must have "
            f"at least {SMALLEST} px"
        )
    rgb = torch.from_numpy(np.ascontiguousarray(picture, dtype=np.float32)).permute(2, 0, 1)[None]
    with torch.no_grad():
        return {name: maps for name, maps in antialiased_maps(weights, rgb) if name in layers}
