"""From a picture to its features."""

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.frozen import convolve
from impasto.backbones.vgg import LAYERS, pool
from impasto.backbones.weights import Weights
from impasto.errors import InputError
from impasto.layers import canonical_layer, layer_stride
from impasto.recipe import Padding, Pooling


def check_size(width: int, height: int, layers: Collection[str]) -> None:
    """Raise InputError, naming the smallest side that works, if a layer's map would have fewer than 2 x 2 features.

    Width and height are those of the picture in pixels; each pooling halves them, rounding down.

    >>> check_size(32, 32, ["conv5_1"])
    """
    for name in sorted(map(canonical_layer, layers), key=LAYERS.index, reverse=True):
        smallest = 2 * layer_stride(name)
        if min(width, height) < smallest:
            raise InputError(
                f"{width} x {height} px is too small for {name}, which needs both sides to be at least {smallest} px: "
                "choose a larger size or shallower layers"
            )


class Extractor:
    """VGG-19, frozen, as far as the deepest layer asked for.

    The gradient of the features with respect to the picture is that of automatic differentiation. With
    bf16 the picture, its gradient and the arithmetic of conv1_1 stay in fp32, because the spacing of bf16 near white is
    a whole grey level; the maps, conv1_1's too, are handed on in bf16.
    Maps are channels-last in memory, which is the faster order for these convolutions.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        layers: Collection[str],
        pooling: Pooling = "l2",
        padding: Padding = "reflect",
        precision: Literal["fp32", "bf16"] = "fp32",
        device: torch.device,
    ) -> None:
        """Place the weights that are needed on the device; the rest of the network is left out.

        `layers` are names such as `conv4_2`, `relu4_2` (the same layer) or `pool3`, in any order; an unknown one
        raises InputError. With `fp32` everything is computed in the weights' own number format.
        """
        wanted = {canonical_layer(name) for name in layers}
        self.layers = tuple(name for name in LAYERS if name in wanted)
        """The layers that a call returns, from the shallowest to the deepest."""
        self._path = LAYERS[: LAYERS.index(self.layers[-1]) + 1] if wanted else ()
        # Maps that only l2 pooling looks at, which never sends a gradient to where they are zero.
        self._masked = {
            before
            for before, after in pairwise(self._path)
            if pooling == "l2" and after.startswith("pool") and before not in wanted
        }
        self._pooling: Pooling = pooling
        self._padding: Padding = padding
        self.device = device
        exact = weights.layers["conv1_1"][0].dtype
        self._dtype = torch.bfloat16 if precision == "bf16" else exact
        self._mean = torch.tensor(weights.mean, dtype=exact, device=device).view(1, 3, 1, 1)
        self._scale = torch.tensor(weights.scale, dtype=exact, device=device).view(1, 3, 1, 1)
        self._parameters: dict[str, tuple[Tensor, Tensor]] = {}
        for name in self._path:
            if name in weights.layers:
                dtype = exact if name == "conv1_1" else self._dtype
                kernel, bias = (values.detach().to(device, dtype) for values in weights.layers[name])
                self._parameters[name] = kernel.contiguous(memory_format=torch.channels_last), bias

    def __call__(self, picture: Float[Tensor, "1 3 h w"]) -> "Features":
        """Return the features of every layer asked for, ordered from the shallowest to the deepest.

        The picture is RGB, sRGB-encoded, nominally in [0, 1]; values outside are allowed. Features are in the working
        precision and must not be changed in place. Raises InputError if the picture is too small.
        """
        check_size(picture.shape[-1], picture.shape[-2], self.layers)
        return Features(self.layers, self._walk(picture))

    def _walk(self, picture: Float[Tensor, "1 3 h w"]) -> Iterator[tuple[str, Float[Tensor, "1 _c _h _w"]]]:
        # The mean goes before the padding does: beyond a border of zeros lies the mean colour, as in training.
        maps = ((picture - self._mean) * self._scale).contiguous(memory_format=torch.channels_last)
        for name in self._path:
            if name in self._parameters:
                kernel, bias = self._parameters[name]
                maps = convolve(maps, kernel, bias, self._padding, dtype=self._dtype, masked=name in self._masked)
            else:
                maps = pool(maps, self._pooling)
            yield name, maps


class Features(Mapping[str, Tensor]):
    """Maps by the names of their layers, each computed when it is first asked for.

    Whoever asks from the shallowest to the deepest, and uses each map before asking for the next, needs less memory:
    the gradient is then computed in the opposite order, and no layer's has to wait for that of another.
    """

    def __init__(self, layers: Collection[str], walk: Iterator[tuple[str, Tensor]]) -> None:
        """Take the layers' names in their order and what computes one layer after the other."""
        self._layers = layers
        self._walk = walk
        self._known: dict[str, Tensor] = {}

    def __getitem__(self, layer: str) -> Tensor:
        if layer not in self._layers:
            raise KeyError(layer)
        while layer not in self._known:
            name, maps = next(self._walk)
            if name in self._layers:
                self._known[name] = maps
        return self._known[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)
