"""What is known of a network without building it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from impasto.errors import InputError

Colors: TypeAlias = tuple[float, float, float]

IMAGENET_MEAN: Final[Colors] = (0.485, 0.456, 0.406)
IMAGENET_STD: Final[Colors] = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's colours in [0, 1], by which torchvision's networks were trained."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network by its layers, its defaults and the place it comes from.

    `layers` are names from the shallowest to the deepest; `content_layers` and `style_layers` are what a recipe that
    states none looks at, each as `NAME=WEIGHT`. `purpose` says in one sentence what the network is good for.
    """

    name: str
    purpose: str
    layers: tuple[str, ...]
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]

    family: Literal["vgg19", "antialiased", "module"] = "module"
    """Who builds it: the frozen VGG-19, the networks without aliasing, or a torch module that `build` returns."""
    build: str | Callable[..., Any] = ""
    """A function, or where it is (`package.module:function`), that returns the torch module of a `module` network."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What `build` is called with, by name."""
    weights: str = ""
    """Address of the published weights, a file NAME-SHA256.pth that begins with this SHA-256; `torchvision`: it knows
    the address; empty: what `build` returns has its weights already."""
    modules: Mapping[str, str] = field(default_factory=dict)
    """Where in the torch module a layer is, which is another name of it; one that is not in here is where it says."""
    mean: Colors = IMAGENET_MEAN
    std: Colors = IMAGENET_STD
    """The module is shown (rgb - mean) / std with rgb in [0, 1]."""
    smoothed: bool = False
    """Whether features are smoothed by default, because single ones stand out, as after residuals and branches."""
    has_paths: bool = False
    """Whether any path of a module names a layer too; whether it exists is found out when the network is built."""

    def canonical(self, name: str) -> str:
        """Return the layer's own name; `relu4_2` and `conv4_2` are the same layer, and so is the path of its module.

        Raises InputError, listing the known layers, if the network has no such layer.
        """
        wanted = name.strip()
        lowered = wanted.lower()
        known = {path: layer for layer, path in self.modules.items()} | {layer.lower(): layer for layer in self.layers}
        spellings = (wanted, lowered, f"conv{lowered.removeprefix('relu')}" if lowered.startswith("relu") else "")
        found = next((known[spelling] for spelling in spellings if spelling in known), None)
        if found is None and self.has_paths and wanted:
            return wanted
        if found is None:
            raise InputError(f"unknown layer {name!r} of {self.name}; known are {', '.join(self.layers)}")
        return found
