"""One door to all networks: their weights, the size of picture they need, their extractors."""

from collections.abc import Collection
from typing import Any, Literal, TypeAlias

import torch

from impasto.backbones.antialiased import AntialiasedExtractor, check_antialiased_size
from impasto.backbones.extract import Extractor, check_vgg19_size
from impasto.backbones.interface import FeatureExtractor
from impasto.backbones.module_extractor import ModuleExtractor, check_module_size
from impasto.backbones.module_weights import ModuleWeights, describe_module_weights, load_module_weights
from impasto.backbones.stlpips import (
    AntialiasedName,
    AntialiasedWeights,
    describe_antialiased,
    load_antialiased,
)
from impasto.backbones.weights import Weights, describe_vgg19, load_vgg19
from impasto.networks import Network, find_network
from impasto.recipe import Padding, Pooling

AnyWeights: TypeAlias = Weights | AntialiasedWeights | ModuleWeights
"""The weights of a network; each has a `name` and the `sha256` of its file."""


def load_weights(which: str = "embedded", backbone: str = "vgg19") -> AnyWeights:
    """Load a network's usual weights (`embedded`), what `fetch_weights` brought (`full`) or the file of that path.

    Nothing is downloaded. Raises InputError in one line if there is no such network or file, if a package is missing
    that holds it, or if the file is of another network.
    """
    network = find_network(backbone)
    if network.family == "vgg19":
        return load_vgg19(which)
    if network.family == "antialiased":
        return load_antialiased(_antialiased(network), which)
    return load_module_weights(network, which)


def describe_weights(which: str = "embedded", backbone: str = "vgg19") -> dict[str, Any]:
    """Say what `load_weights` would load: name, path, sha256, size in bytes, license and source.

    Raises InputError like `load_weights`.
    """
    network = find_network(backbone)
    if network.family == "vgg19":
        return describe_vgg19(which)
    if network.family == "antialiased":
        return describe_antialiased(_antialiased(network), which)
    return describe_module_weights(network, which)


def check_size(
    width: int, height: int, layers: Collection[str], *, backbone: str = "vgg19", padding: Padding = "reflect"
) -> None:
    """Raise InputError, naming the smallest side that works, if a layer's map would have fewer than 2 x 2 features.

    Width and height are those of the picture in pixels.

    >>> check_size(32, 32, ["conv5_1"])
    """
    network = find_network(backbone)
    wanted = [network.canonical(name) for name in layers]
    if network.family == "vgg19":
        check_vgg19_size(width, height, wanted)
    elif network.family == "antialiased":
        check_antialiased_size(_antialiased(network), width, height, wanted, padding)
    else:
        check_module_size(network, width, height, wanted, padding)


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
    """Return the network of these weights, ready to look at pictures; see the extractors for the arguments."""
    extractor: FeatureExtractor
    how: dict[str, Any] = {"pooling": pooling, "padding": padding, "precision": precision, "device": device}
    if isinstance(weights, Weights):
        extractor = Extractor(weights, layers=layers, of_moments=of_moments, **how)
    elif isinstance(weights, AntialiasedWeights):
        extractor = AntialiasedExtractor(weights, layers=layers, **how)
    else:
        extractor = ModuleExtractor(weights, layers=layers, **how)
    return extractor


def _antialiased(network: Network) -> AntialiasedName:
    return "vgg16" if network.name == "vgg16" else "alexnet"
