"""VGG-16 and AlexNet without aliasing: structure, and the way from a picture to their features.

Structure: Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric", 2022. Wherever the original networks skip
positions these take all of them, blur with (1, 2, 1) / 4 in both directions, and take every other one (Zhang 2019).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import torch
import torch.nn.functional as F  # noqa: N812 (the name everybody knows it by)
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.extract import Features
from impasto.backbones.frozen import convolve
from impasto.backbones.sides import smallest_side, too_small
from impasto.backbones.stlpips import AntialiasedName, AntialiasedWeights
from impasto.networks import find_network
from impasto.recipe import Padding, Pooling

_BLUR: Final = (1 / 4, 1 / 2, 1 / 4)
_EPSILON: Final = 1e-12
"""Added to mean squares before their root is taken: a whole window is often zero, and its gradient must be finite."""

L2_GAINS: Final[dict[AntialiasedName, float]] = {"vgg16": 1.35, "alexnet": 1.5}
"""What l2 pooling is multiplied by, so that features keep the size they have with max pooling.

Measured like that of VGG-19, on the same four photos at 256 px, padding zeros: the root mean square of the features
with l2 pooling, divided by that with max pooling, is 0.96, 1.01, 0.93, 0.93 at conv2_1, conv3_1, conv4_1, conv5_1 of
VGG-16 and 0.92, 0.95, 0.81, 0.80 of AlexNet; without a gain 0.69, 0.51, 0.27, 0.23 and 0.61, 0.43, 0.47, 0.88.
"""


@dataclass(frozen=True)
class Step:
    """A convolution with its ReLU (`kernel` > 0), or a pooling by windows of side `window`; then, maybe, a blur.

    `padding` is what a convolution is padded by on each side; a blur halves the map.
    """

    kernel: int = 0
    padding: int = 0
    window: int = 0
    blurs: bool = False


_CONVOLUTION: Final = Step(kernel=3, padding=1)
STEPS: Final[dict[AntialiasedName, dict[str, Step]]] = {
    "vgg16": {
        name: Step(window=2, blurs=True) if name.startswith("pool") else _CONVOLUTION
        for name in find_network("vgg16").layers
    },
    "alexnet": {
        "conv1_1": Step(kernel=11, padding=2, blurs=True),
        "pool1": Step(window=3, blurs=True),
        "conv2_1": Step(kernel=5, padding=2),
        "pool2": Step(window=3, blurs=True),
        "conv3_1": _CONVOLUTION,
        "conv4_1": _CONVOLUTION,
        "conv5_1": _CONVOLUTION,
    },
}
"""What each network does, step by step."""


def walk(
    weights: AntialiasedWeights,
    rgb: Float[Tensor, "1 3 h w"],
    *,
    pooling: Pooling = "max",
    padding: Padding = "zeros",
    dtype: torch.dtype | None = None,
) -> Iterator[tuple[str, Float[Tensor, "1 _c _h _w"]]]:
    """Yield layer after layer, each when it is asked for; the picture is sRGB, nominally in [0, 1].

    With the defaults it is the published network, bit for bit. The weights are on the picture's device. With a `dtype`
    the maps are handed on in it, and the kernels after the first are in it already.
    """
    maps = ((2 * rgb - 1 - weights.shift) / weights.scale).contiguous(memory_format=torch.channels_last)
    for name, step in STEPS[weights.network].items():
        if step == _CONVOLUTION and padding != "zeros":
            maps = convolve(maps, *weights.layers[name], padding, dtype=dtype)
        elif step.kernel:
            maps = _convolve(maps, *weights.layers[name], step, padding)
        else:
            maps = blur_pool(_pool(maps, step.window, pooling, L2_GAINS[weights.network]))
        if dtype is not None:
            maps = maps.to(dtype)
        yield name, maps


def _convolve(maps: Tensor, kernel: Tensor, bias: Tensor, step: Step, padding: Padding) -> Tensor:
    if padding == "zeros":
        maps = F.conv2d(maps, kernel, bias, padding=step.padding)
    else:
        maps = F.conv2d(F.pad(maps, (step.padding,) * 4, mode=padding), kernel, bias)
    return (blur_pool(maps) if step.blurs else maps).relu_()


def _pool(maps: Tensor, window: int, pooling: Pooling, gain: float) -> Tensor:
    """Take a value for every window, at every position."""
    if pooling == "max":
        return F.max_pool2d(maps, window, stride=1)
    if pooling == "average":
        return F.avg_pool2d(maps, window, stride=1)
    return (F.avg_pool2d(maps.square(), window, stride=1) + _EPSILON).sqrt() * gain


def blur_pool(maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c (h+1)//2+1 (w+1)//2+1"]:
    """Blur and take every other position, beginning outside: the map is first continued by two reflected positions."""
    line = torch.tensor(_BLUR, dtype=maps.dtype, device=maps.device)
    kernel = (line[:, None] * line).expand(maps.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(maps, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=maps.shape[1])


def map_side(network: AntialiasedName, layer: str, side: int, padding: Padding = "reflect") -> int:
    """Return how many positions a side of a layer's map has for a picture of such a side; 0 if it cannot be computed.

    Reflection needs more positions than it adds.
    """
    for name, step in STEPS[network].items():
        if step.kernel and padding == "reflect" and side <= step.padding:
            return 0
        side += 2 * step.padding + 1 - (step.kernel or step.window)
        if step.blurs:
            side = (side + 1) // 2 + 1 if side > 2 else 0
        if side < 1:
            return 0
        if name == layer:
            break
    return side


def check_antialiased_size(
    network: AntialiasedName, width: int, height: int, layers: Collection[str], padding: Padding = "reflect"
) -> None:
    """Raise InputError, naming the smallest side that works, if a map would have fewer than 2 x 2 features."""
    for layer in sorted(layers, key=list(STEPS[network]).index, reverse=True):
        smallest = smallest_side(lambda side, layer=layer: map_side(network, layer, side, padding) >= 2)  # type: ignore[misc]
        if min(width, height) < smallest:
            raise too_small(width, height, layer, smallest)


class AntialiasedExtractor:
    """VGG-16 or AlexNet without aliasing, frozen, as far as the deepest layer asked for.

    With bf16 the picture and the arithmetic of the first convolution stay in fp32, and the maps are handed on in bf16.
    """

    def __init__(
        self,
        weights: AntialiasedWeights,
        *,
        layers: Collection[str],
        pooling: Pooling = "l2",
        padding: Padding = "reflect",
        precision: Literal["fp32", "bf16"] = "fp32",
        device: torch.device,
    ) -> None:
        """Place the weights on the device; `layers` in any order, an unknown one raises InputError.

        `pooling` is that of the windows before the blur, and `padding` that of the convolutions. With `fp32` everything
        is computed in the weights' own number format.
        """
        known = find_network(weights.network)
        wanted = {known.canonical(name) for name in layers}
        self.layers = tuple(name for name in known.layers if name in wanted)
        """The layers that a call returns, from the shallowest to the deepest."""
        self.device = device
        self._network: AntialiasedName = weights.network
        self._pooling: Pooling = pooling
        self._padding: Padding = padding
        self._dtype = torch.bfloat16 if precision == "bf16" else None
        self._weights = AntialiasedWeights(
            network=weights.network,
            layers={name: self._placed(name, *pair) for name, pair in weights.layers.items()},
            shift=weights.shift.to(device),
            scale=weights.scale.to(device),
            importance=(),
            name=weights.name,
            sha256=weights.sha256,
        )

    def _placed(self, name: str, kernel: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        dtype = None if name == "conv1_1" else self._dtype
        placed = kernel.detach().to(self.device, dtype).contiguous(memory_format=torch.channels_last)
        return placed, bias.detach().to(self.device, dtype)

    def __call__(self, picture: Float[Tensor, "1 3 h w"], *, border: int = 0) -> Features:
        """Return the features of every layer asked for, each computed when it is first looked at.

        The picture is RGB, sRGB-encoded, nominally in [0, 1]; values outside are allowed. Features must not be changed
        in place. Raises InputError if the picture is too small. There are maps of all layers, which leave no `border`
        out.
        """
        check_antialiased_size(self._network, picture.shape[-1], picture.shape[-2], self.layers, self._padding)
        steps = walk(self._weights, picture, pooling=self._pooling, padding=self._padding, dtype=self._dtype)
        return Features(self.layers, steps)
