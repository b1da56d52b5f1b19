"""From a picture to its features."""

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Final, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.frozen import convolve
from impasto.backbones.moments import Moments
from impasto.backbones.sides import too_small
from impasto.backbones.streamed import FirstBlock, stream
from impasto.backbones.vgg import LAYERS, pool
from impasto.backbones.weights import Weights
from impasto.networks import canonical_layer, layer_stride
from impasto.recipe import Padding, Pooling


def check_vgg19_size(width: int, height: int, layers: Collection[str]) -> None:
    """Raise InputError, naming the smallest side that works, if a layer's map would have fewer than 2 x 2 features.

    Width and height are those of the picture in pixels; each pooling halves them, rounding down.

    >>> check_vgg19_size(32, 32, ["conv5_1"])
    """
    for name in sorted(map(canonical_layer, layers), key=LAYERS.index, reverse=True):
        smallest = 2 * layer_stride(name)
        if min(width, height) < smallest:
            raise too_small(width, height, name, smallest)


LARGE: Final = 2**20
"""Pixels of a picture beyond which its first block is streamed."""


class Extractor:
    """VGG-19, frozen, as far as the deepest layer asked for.

    The gradient of the features with respect to the picture is that of automatic differentiation. With
    bf16 the picture, its gradient and the arithmetic of conv1_1 stay in fp32, because the spacing of bf16 near white is
    a whole grey level; the maps, conv1_1's too, are handed on in bf16.
    Maps are channels-last in memory, which is the faster order for these convolutions. On a processor the first block
    of a large picture is streamed where moments of its maps are enough: that saves two fifths of the maps' memory and
    costs a twentieth of the time.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        layers: Collection[str],
        of_moments: Collection[str] = (),
        pooling: Pooling = "l2",
        padding: Padding = "reflect",
        precision: Literal["fp32", "bf16"] = "fp32",
        device: torch.device,
    ) -> None:
        """Place the weights that are needed on the device; the rest of the network is left out.

        `layers` are names such as `conv4_2`, `relu4_2` (the same layer) or `pool3`, in any order; an unknown one
        raises InputError. Of those that are also `of_moments` only mean and covariance will be looked at. With `fp32`
        everything is computed in the weights' own number format.
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
        self._block = self._first_block({canonical_layer(name) for name in of_moments})

    def _first_block(self, of_moments: Collection[str]) -> FirstBlock | None:
        """Return the first block if it can be streamed."""
        looked_at = [name for name in ("conv1_1", "conv1_2") if name in self.layers]
        if "conv2_1" not in self._path or not set(looked_at) <= set(of_moments) or self.device.type != "cpu":
            return None
        return FirstBlock(
            first=self._parameters["conv1_1"],
            second=self._parameters["conv1_2"],
            padding=self._padding,
            pooling=self._pooling,
            dtype=self._dtype,
            asked=tuple(looked_at),
        )

    def __call__(self, picture: Float[Tensor, "1 3 h w"], *, border: int = 0) -> "Features":
        """Return the features of every layer asked for, ordered from the shallowest to the deepest.

        The picture is RGB, sRGB-encoded, nominally in [0, 1]; values outside are allowed. Features are in the working
        precision and must not be changed in place. Raises InputError if the picture is too small.

        Moments leave `border` outermost positions of their map out; that is for pictures whose gradient is not asked
        for.
        """
        check_vgg19_size(picture.shape[-1], picture.shape[-2], self.layers)
        block = self._block if picture.shape[-1] * picture.shape[-2] > LARGE else None
        return Features(self.layers, self._walk(picture, block, border), of_moments=block.asked if block else ())

    def _walk(
        self, picture: Float[Tensor, "1 3 h w"], block: FirstBlock | None, border: int
    ) -> Iterator[tuple[str, Float[Tensor, "1 _c _h _w"] | Moments]]:
        # The mean goes before the padding does: beyond a border of zeros lies the mean colour, as in training.
        maps = ((picture - self._mean) * self._scale).contiguous(memory_format=torch.channels_last)
        if block:
            maps, moments = stream(maps, block, border)
            yield from moments.items()
            yield "pool1", maps
        for name in self._path[3 if block else 0 :]:
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

    def __init__(
        self, layers: Collection[str], walk: Iterator[tuple[str, Tensor | Moments]], *, of_moments: Collection[str] = ()
    ) -> None:
        """Take the layers' names in their order and what computes one layer after the other.

        Those `of_moments` come as moments; there is no map of them.
        """
        self._maps = tuple(name for name in layers if name not in of_moments)
        self._layers = layers
        self._walk = walk
        self._known: dict[str, Tensor | Moments] = {}

    def seen(self, layer: str) -> Tensor | Moments:
        """Return a layer's map or, where it was not kept, its moments."""
        if layer not in self._layers:
            raise KeyError(layer)
        while layer not in self._known:
            name, found = next(self._walk)
            if name in self._layers:
                self._known[name] = found
        return self._known[layer]

    def __getitem__(self, layer: str) -> Tensor:
        found = self.seen(layer)
        if isinstance(found, Moments):
            raise KeyError(f"of {layer} there are only moments")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._maps)

    def __len__(self) -> int:
        return len(self._maps)
