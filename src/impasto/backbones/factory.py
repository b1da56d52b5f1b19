"""Building extractors, and the smallest input of a network."""

from collections.abc import Callable, Collection
from typing import Any, Final, Literal, TypeAlias

import torch

from impasto.backbones.antialiased import AntialiasedExtractor, antialiased_input_size
from impasto.backbones.features import ExtractorOptions, FeatureExtractor, InputSize
from impasto.backbones.modules import ModuleExtractor, module_input_size
from impasto.backbones.vgg19 import VGG19Extractor, vgg19_input_size
from impasto.backbones.weight_formats import AnyWeights
from impasto.networks import Network, find_network
from impasto.recipe import Padding, Pooling

_Build: TypeAlias = Callable[[Any, ExtractorOptions], FeatureExtractor]
_Measure: TypeAlias = Callable[[Network, Collection[str], Padding], InputSize]

_FAMILIES: Final[dict[str, tuple[_Build, _Measure]]] = {
    "vgg19": (VGG19Extractor, vgg19_input_size),
    "antialiased": (AntialiasedExtractor, antialiased_input_size),
    "module": (ModuleExtractor, module_input_size),
}


def build_extractor(
    weights: AnyWeights,
    *,
    layers: Collection[str],
    of_moments: Collection[str] = (),
    pooling: Pooling = "l2",
    padding: Padding = "reflect",
    precision: Literal["fp32", "bf16"] = "fp32",
    device: torch.device,
) -> FeatureExtractor:
    """Build the feature extractor of a network.

    Args:
        weights: What `load_weights` returned.
        layers: Names of the layers to return, in any order; `relu4_2` and `conv4_2` are the same layer.
        of_moments: Layers of which only mean and covariance are needed, so that their maps need not be kept.
        pooling: Kind of the poolings that halve the maps: `max` (as in training), `average` or `l2`.
        padding: What lies beyond the border for the convolutions.
        precision: `bf16` computes all but the first convolution in bf16; `fp32` in the weights' own number format.
        device: Where to compute.

    Raises:
        InputError: The network has no such layer.
    """
    network = weights.network
    build, _ = _FAMILIES[network.family]
    options = ExtractorOptions(
        layers=_canonical(network, layers),
        of_moments=_canonical(network, of_moments),
        pooling=pooling,
        padding=padding,
        precision=precision,
        device=device,
    )
    return build(weights, options)


def min_input_size(backbone: str, layers: Collection[str], padding: Padding = "reflect") -> int:
    """Return the smallest image side in pixels for which every layer has at least 2 x 2 features.

    The sizes of torch modules are found by evaluating their shapes, once for each network, layers and padding.

    Args:
        backbone: Name of the network.
        layers: Names of its layers in any order.
        padding: What lies beyond the border; `reflect` needs larger maps.

    Raises:
        InputError: There is no such network or layer, or it has no maps, or the network's package is not installed.

    Example:
        >>> min_input_size("vgg19", ["conv1_1", "conv5_1"])
        32
    """
    return _input_size(backbone, layers, padding).smallest


def check_input_size(
    width: int, height: int, layers: Collection[str], *, backbone: str = "vgg19", padding: Padding = "reflect"
) -> None:
    """Raise InputError, naming the smallest side that works, if an image of width x height pixels is too small.

    Example:
        >>> check_input_size(32, 32, ["conv5_1"])
    """
    _input_size(backbone, layers, padding).check(width, height)


def _input_size(backbone: str, layers: Collection[str], padding: Padding) -> InputSize:
    network = find_network(backbone)
    _, measure = _FAMILIES[network.family]
    return measure(network, _canonical(network, layers), padding)


def _canonical(network: Network, layers: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(network.canonical, layers)))
