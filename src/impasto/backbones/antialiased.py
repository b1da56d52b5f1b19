"""VGG-16 and AlexNet without aliasing: from an image to their features.

Structure: Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric", 2022. Where the original networks have a
stride, these compute every position, blur and keep every other one (Zhang 2019).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 (the usual name)
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.features import ExtractorOptions, Features, InputSize, Reach, smallest_side
from impasto.backbones.frozen_ops import convolve
from impasto.backbones.pooling import L2_GAINS, blur_pool, pool_windows
from impasto.backbones.weight_formats import AntialiasedWeights
from impasto.networks import Network, find_network
from impasto.recipe import Padding, Pooling


@dataclass(frozen=True)
class _Layer:
    """A convolution with ReLU (`kernel` > 0, padded by `padding` on each side) or a pooling (`window` > 0)."""

    kernel: int = 0
    padding: int = 0
    window: int = 0
    blurs: bool = False
    """Whether a blur follows, which halves the map."""


_CONVOLUTION: Final = _Layer(kernel=3, padding=1)
_LAYERS: Final[dict[str, dict[str, _Layer]]] = {
    "vgg16": {
        name: _Layer(window=2, blurs=True) if name.startswith("pool") else _CONVOLUTION
        for name in find_network("vgg16").layers
    },
    "alexnet": {
        "conv1_1": _Layer(kernel=11, padding=2, blurs=True),
        "pool1": _Layer(window=3, blurs=True),
        "conv2_1": _Layer(kernel=5, padding=2),
        "pool2": _Layer(window=3, blurs=True),
        "conv3_1": _CONVOLUTION,
        "conv4_1": _CONVOLUTION,
        "conv5_1": _CONVOLUTION,
    },
}


def antialiased_maps(
    weights: AntialiasedWeights,
    image: Float[Tensor, "1 3 h w"],
    *,
    pooling: Pooling = "max",
    padding: Padding = "zeros",
    dtype: torch.dtype | None = None,
) -> Iterator[tuple[str, Float[Tensor, "1 _c _h _w"]]]:
    """Yield name and map of one layer after the other; with the defaults exactly those of the published network.

    Args:
        weights: The network, on the image's device.
        image: RGB, sRGB-encoded, nominally in [0, 1].
        pooling: Pooling of the windows before the blur.
        padding: What lies beyond the border for the convolutions.
        dtype: Number format of the maps, and of all kernels but the first; None: that of the image.
    """
    maps = ((2 * image - 1 - weights.shift) / weights.scale).contiguous(memory_format=torch.channels_last)
    for name, layer in _LAYERS[weights.network.name].items():
        if layer == _CONVOLUTION and padding != "zeros":
            maps = convolve(maps, *weights.layers[name], padding, dtype=dtype)
        elif layer.kernel:
            maps = _convolve(maps, *weights.layers[name], layer, padding)
        else:
            maps = blur_pool(
                pool_windows(maps, pooling, L2_GAINS[weights.network.name], kernel_size=layer.window, stride=1)
            )
        if dtype is not None:
            maps = maps.to(dtype)
        yield name, maps


def _convolve(maps: Tensor, kernel: Tensor, bias: Tensor, layer: _Layer, padding: Padding) -> Tensor:
    if padding == "zeros":
        maps = F.conv2d(maps, kernel, bias, padding=layer.padding)
    else:
        maps = F.conv2d(F.pad(maps, (layer.padding,) * 4, mode=padding), kernel, bias)
    return (blur_pool(maps) if layer.blurs else maps).relu_()


def antialiased_input_size(network: Network, layers: Collection[str], padding: Padding) -> InputSize:
    """Return how large an image must be for some layers."""
    deepest = max(layers, key=network.layers.index, default="")
    smallest = smallest_side(lambda side: not deepest or _map_side(network.name, deepest, side, padding) >= 2)
    return InputSize(smallest or 1, deepest)


def _map_side(network: str, last: str, side: int, padding: Padding) -> int:
    """Return the side of the map of layer `last` for an image of this side; 0 if it cannot be computed."""
    for name, layer in _LAYERS[network].items():
        if layer.kernel and padding == "reflect" and side <= layer.padding:
            return 0  # reflection needs more positions than it adds
        side += 2 * layer.padding + 1 - (layer.kernel or layer.window)
        if layer.blurs:
            side = (side + 1) // 2 + 1 if side > 2 else 0
        if side < 1 or name == last:
            break
    return max(side, 0)


def _reaches(network: str) -> dict[str, Reach]:
    """Return the reach of every layer."""
    found, reach = {}, Reach()
    for name, layer in _LAYERS[network].items():
        reach = reach.convolved(layer.kernel or layer.window, layer.padding)
        found[name] = reach = reach.pooled(3, 2, padding=2) if layer.blurs else reach
    return found


class AntialiasedExtractor:
    """VGG-16 or AlexNet without aliasing, with frozen weights, evaluated up to the deepest layer asked for.

    With bf16 the image and the arithmetic of the first convolution stay in fp32, and the maps are returned in bf16.
    """

    def __init__(self, weights: AntialiasedWeights, options: ExtractorOptions) -> None:
        """Place the weights on the device."""
        network = weights.network
        self.layers = tuple(name for name in network.layers if name in options.layers)
        self.device = options.device
        self.reach: Mapping[str, Reach] = {
            name: reach for name, reach in _reaches(network.name).items() if name in self.layers
        }
        self._options = options
        self._input_size = antialiased_input_size(network, self.layers, options.padding)
        self._dtype = torch.bfloat16 if options.precision == "bf16" else None
        placed = {name: self._placed(name, *pair) for name, pair in weights.layers.items()}
        shift, scale = weights.shift.to(self.device), weights.scale.to(self.device)
        self._weights = replace(weights, layers=placed, shift=shift, scale=scale, importance=())

    def _placed(self, name: str, kernel: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        dtype = None if name == "conv1_1" else self._dtype
        placed = kernel.detach().to(self.device, dtype).contiguous(memory_format=torch.channels_last)
        return placed, bias.detach().to(self.device, dtype)

    def __call__(self, image: Float[Tensor, "1 3 h w"], *, border: int = 0, whole: bool = False) -> Features:
        """Return the features of an image, each layer computed when it is first read; see `FeatureExtractor`."""
        self._input_size.check(image.shape[3], image.shape[2])
        pooling, padding = self._options.pooling, self._options.padding
        return Features(
            self.layers,
            antialiased_maps(self._weights, image, pooling=pooling, padding=padding, dtype=self._dtype),
        )
