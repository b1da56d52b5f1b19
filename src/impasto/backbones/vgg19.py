"""VGG-19 with frozen weights: from an image to its features."""

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import chunked
from impasto.backbones.chunked import FirstBlock, evaluate_in_chunks
from impasto.backbones.features import ExtractorOptions, Features, InputSize, Reach
from impasto.backbones.frozen_ops import convolve
from impasto.backbones.moments import Moments
from impasto.backbones.pooling import halve
from impasto.backbones.weight_formats import VGG19Weights
from impasto.networks import Network, find_network, layer_stride
from impasto.recipe import Padding

_NETWORK: Final = find_network("vgg19")
_LAYERS: Final = _NETWORK.layers


def vgg19_input_size(network: Network, layers: Collection[str], padding: Padding) -> InputSize:
    """Return how large an image must be for some layers of VGG-19."""
    deepest = max(layers, key=network.layers.index, default="")
    return InputSize(2 * layer_stride(deepest) if deepest else 1, deepest)


class VGG19Extractor:
    """VGG-19 with frozen weights, evaluated up to the deepest layer asked for.

    With bf16 the image, its gradient and the arithmetic of conv1_1 stay in fp32, because the spacing of bf16 near white
    is a whole gray level; the maps, that of conv1_1 too, are returned in bf16. Maps are channels last in memory, the
    faster order for these convolutions. On a CPU the first block of a large image is evaluated in chunks if moments of
    its maps are enough, which saves two fifths of the memory of the maps.
    """

    def __init__(self, weights: VGG19Weights, options: ExtractorOptions) -> None:
        """Place the weights that are needed on the device."""
        self.layers = tuple(name for name in _LAYERS if name in options.layers)
        self.device = options.device
        self._options = options
        self._input_size = vgg19_input_size(_NETWORK, self.layers, options.padding)
        self._path = _LAYERS[: _LAYERS.index(self.layers[-1]) + 1] if self.layers else ()
        # Maps read only by l2 pooling, whose gradient is zero wherever the map is zero.
        self._masked = {
            before
            for before, after in pairwise(self._path)
            if options.pooling == "l2" and after.startswith("pool") and before not in self.layers
        }
        exact = weights.layers["conv1_1"][0].dtype
        self._dtype = torch.bfloat16 if options.precision == "bf16" else exact
        self._mean = torch.tensor(weights.mean, dtype=exact, device=self.device).view(1, 3, 1, 1)
        self._scale = torch.tensor(weights.scale, dtype=exact, device=self.device).view(1, 3, 1, 1)
        self._parameters: dict[str, tuple[Tensor, Tensor]] = {}
        for name in self._path:
            if name in weights.layers:
                dtype = exact if name == "conv1_1" else self._dtype
                kernel, bias = (values.detach().to(self.device, dtype) for values in weights.layers[name])
                self._parameters[name] = kernel.contiguous(memory_format=torch.channels_last), bias
        self._block = self._first_block()
        self.reach: Mapping[str, Reach] = self._reaches()

    def _reaches(self) -> dict[str, Reach]:
        found, reach = {}, Reach()
        for name in self._path:
            reach = reach.convolved(3, 1) if name in self._parameters else reach.pooled(2, 2)
            found[name] = reach
        return {name: found[name] for name in self.layers}

    def _first_block(self) -> FirstBlock | None:
        """Return the first block if it can be evaluated in chunks."""
        wanted = tuple(name for name in ("conv1_1", "conv1_2") if name in self.layers)
        enough = set(wanted) <= set(self._options.of_moments)
        if "conv2_1" not in self._path or not enough or self.device.type != "cpu":
            return None
        first, second = (self._parameters[name] for name in ("conv1_1", "conv1_2"))
        return FirstBlock(first, second, self._options.padding, self._options.pooling, self._dtype, wanted)

    def __call__(self, image: Float[Tensor, "1 3 h w"], *, border: int = 0, whole: bool = False) -> Features:
        """Return the features of an image, each layer computed when it is first read; see `FeatureExtractor`."""
        height, width = image.shape[2:]
        self._input_size.check(width, height)
        block = self._block if width * height > chunked.MIN_PIXELS and not whole else None
        values = self._layer_values(image, block, border)
        return Features(self.layers, values, of_moments=block.of_moments if block else ())

    def _layer_values(
        self, image: Float[Tensor, "1 3 h w"], block: FirstBlock | None, border: int
    ) -> Iterator[tuple[str, Float[Tensor, "1 _c _h _w"] | Moments]]:
        # The mean is subtracted before padding, so that zeros beyond the border are the mean color, as in training.
        maps = ((image - self._mean) * self._scale).contiguous(memory_format=torch.channels_last)
        if block:
            maps, moments = evaluate_in_chunks(maps, block, border)
            yield from moments.items()
            yield "pool1", maps
        for name in self._path[3 if block else 0 :]:
            if name in self._parameters:
                kernel, bias = self._parameters[name]
                maps = convolve(
                    maps, kernel, bias, self._options.padding, dtype=self._dtype, masked=name in self._masked
                )
            else:
                maps = halve(maps, self._options.pooling)
            yield name, maps
