"""The description of a network: everything that is known about it without building it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from impasto.errors import InputError

Colors: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A network: its layers, its default layer weights, and where its torch module and weights come from."""

    name: str
    purpose: str
    """What the network is good for, in one sentence."""
    layers: tuple[str, ...]
    """Names of the layers, from the shallowest to the deepest."""
    content_layers: Mapping[str, float]
    style_layers: Mapping[str, float]
    """Weights of the layers that a recipe compares if it states none."""

    nearest_layers: Mapping[str, float] = field(default_factory=dict)
    """Weights of the layers of `nearest` if a recipe states none: strokes at little cost.

    Empty: those of the style, and `nearest` is none of the default losses, because it paints colored noise.
    """

    family: Literal["vgg19", "antialiased", "module"] = "module"
    """What evaluates it: the VGG-19 with frozen weights, the antialiased networks, or a torch module from `build`."""
    build: str | Callable[..., Any] = ""
    """Function, or its place as `package.module:function`, that returns the torch module of a `module` network."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of `build`."""
    weights: str = ""
    """URL of the published weights, a file NAME-SHA256.pth whose SHA-256 begins with SHA256; `torchvision`: the URL
    is asked of torchvision; empty: there is nothing to download."""
    modules: Mapping[str, str] = field(default_factory=dict)
    """Path of a layer's submodule in the torch module, also accepted as its name; by default it is the layer's name."""
    mean: Colors = (0.485, 0.456, 0.406)
    std: Colors = (0.229, 0.224, 0.225)
    """The input of a torch module is (rgb - mean) / std with rgb in [0, 1]; the defaults are those of ImageNet."""
    smoothed: bool = False
    """Whether features are smoothed by default, because single activations dominate (residual, inception blocks)."""
    has_paths: bool = False
    """Whether the path of any submodule is a layer name too; whether it exists is checked when the network is built."""

    def canonical(self, name: str) -> str:
        """Return the layer's own name; `relu4_2` and `conv4_2` are the same layer, and so is its submodule's path.

        Raises:
            InputError: The network has no such layer; the message lists the known ones.
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
