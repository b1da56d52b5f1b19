"""What the judges see: VGG-16 and AlexNet without aliasing, which no painting optimises.

Structure: Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric", 2022. Wherever the original networks skip
positions these take all of them, blur with (1, 2, 1) / 4 in both directions, and take every other one (Zhang 2019).
"""

from collections.abc import Collection, Mapping
from typing import Final, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name everybody knows it by)
from jaxtyping import Float
from torch import Tensor

from impasto.errors import InputError
from impasto.score.weights import JudgeWeights

Maps: TypeAlias = Mapping[str, Float[Tensor, "1 _c _h _w"]]

SMALLEST: Final = 32
"""Neither side of a judged picture may have fewer pixels: the deepest maps would have too few positions."""

_BLUR: Final = (1 / 4, 1 / 2, 1 / 4)


def judged_layers(weights: JudgeWeights) -> tuple[str, ...]:
    """Return the last layer of each of the five blocks, where ST-LPIPS looks.

    For VGG-16 conv1_2, conv2_2, conv3_3, conv4_3, conv5_3; for AlexNet conv1_1 ... conv5_1.
    """
    last = {name.split("_")[0]: name for name in weights.layers}
    return tuple(last.values())


def see(
    weights: JudgeWeights, picture: Float[np.ndarray, "h w 3"], layers: Collection[str]
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
    maps = ((2 * rgb - 1 - weights.shift) / weights.scale).contiguous(memory_format=torch.channels_last)
    step = _vgg16_layer if weights.name == "vgg16" else _alexnet_layer
    features: dict[str, Tensor] = {}
    with torch.no_grad():
        for name, (kernel, bias) in weights.layers.items():
            maps = step(name, maps, kernel, bias)
            if name in layers:
                features[name] = maps
    return features


def _vgg16_layer(name: str, maps: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    if name.endswith("_1") and name != "conv1_1":
        maps = blur_pool(F.max_pool2d(maps, 2, stride=1))
    return F.conv2d(maps, kernel, bias, padding=1).relu_()


def _alexnet_layer(name: str, maps: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    if name in ("conv2_1", "conv3_1"):
        maps = blur_pool(F.max_pool2d(maps, 3, stride=1))
    maps = F.conv2d(maps, kernel, bias, padding=1 if kernel.shape[-1] == 3 else 2)
    return (blur_pool(maps) if name == "conv1_1" else maps).relu_()


def blur_pool(maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c (h+1)//2+1 (w+1)//2+1"]:
    """Blur and take every other position, beginning outside: the map is first continued by two reflected positions."""
    line = torch.tensor(_BLUR, dtype=maps.dtype, device=maps.device)
    kernel = (line[:, None] * line).expand(maps.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(maps, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=maps.shape[1])
