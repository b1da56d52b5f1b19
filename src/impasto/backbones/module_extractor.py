"""From a picture to the features of a torch module."""

from collections.abc import Collection, Iterator
from typing import Any, Final, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from impasto.backbones.extract import Features
from impasto.backbones.module_weights import ModuleWeights, fitting
from impasto.backbones.modules import adapt_module, build_module, find_paths, hear, sketch_module
from impasto.backbones.sides import LARGEST_SIDE, smallest_side, too_small
from impasto.errors import InputError
from impasto.networks import Network
from impasto.recipe import Padding, Pooling

_KEPT: Final = (nn.BatchNorm2d,)
"""Parts whose few numbers stay in fp32 with bf16: they multiply whole maps."""


_TOO_SMALL: Final = (RuntimeError, ValueError, AssertionError)
"""What modules raise for pictures that are too small for them."""


class Sketch:
    """A module without values, to find out what it does with a picture of a size; nothing is computed."""

    def __init__(
        self, network: Network, layers: Collection[str], *, pooling: Pooling = "max", padding: Padding = "reflect"
    ) -> None:
        """Find the layers' parts. Raises InputError, listing some that are there, for one that is not."""
        self._network = network
        self._module = sketch_module(network).float()
        self._layers = [network.canonical(name) for name in layers]
        self.paths = find_paths(network, self._module, self._layers)
        adapt_module(self._module, pooling=pooling, padding=padding)

    def works(self, side: int) -> bool:
        """Tell whether every layer has at least 2 x 2 features in a picture of side x side px."""
        if not self.paths:
            return True
        try:
            heard = self._hear(side)
        except _TOO_SMALL:
            return False
        return len(heard) == len(set(self.paths.values())) and all(
            min(maps.shape[2:]) > 1 for maps, _ in heard.values()
        )

    def smallest(self) -> int:
        """Return the smallest side that works. Raises InputError if none does, naming layers that have no maps."""
        smallest = smallest_side(self.works)
        if smallest > LARGEST_SIDE:
            raise InputError(
                f"{self._network.name} returns no map of features at {', '.join(self.paths)}, or it looks at pictures "
                "of one size only"
            )
        return smallest

    def in_order(self, side: int) -> tuple[str, ...]:
        """Return the layers in the order in which they are computed."""
        order = list(self._hear(side)) if self.paths else []
        return tuple(sorted(dict.fromkeys(self._layers), key=lambda name: order.index(self.paths[name])))

    def overwritten(self, side: int) -> frozenset[str]:
        """Return the paths of parts whose maps are changed in place by those after them."""
        heard = self._hear(side) if self.paths else {}
        return frozenset(path for path, (maps, version) in heard.items() if maps._version != version)

    def first_convolution(self, side: int) -> str | None:
        """Return the path of the convolution that is computed first; None if there is none."""
        convolutions = [name for name, part in self._module.named_modules() if isinstance(part, nn.Conv2d)]
        return next(iter(self._hear(side, convolutions, enough=1)), None) if convolutions else None

    def _hear(
        self, side: int, paths: Collection[str] | None = None, *, enough: int | None = None
    ) -> dict[str, tuple[Tensor, int]]:
        picture = torch.empty(1, 3, side, side, device="meta")
        with torch.no_grad():
            return hear(self._module, picture, set(self.paths.values()) if paths is None else paths, enough=enough)


def check_module_size(
    network: Network, width: int, height: int, layers: Collection[str], padding: Padding = "reflect"
) -> None:
    """Raise InputError, naming the smallest side that works, if a map would have fewer than 2 x 2 features."""
    sketch = Sketch(network, layers, padding=padding)
    if not sketch.works(min(width, height)):
        smallest = sketch.smallest()
        raise too_small(width, height, sketch.in_order(smallest)[-1], smallest)


class ModuleExtractor:
    """A torch module, frozen, run as far as the deepest layer asked for.

    With bf16 the picture and the arithmetic of the first convolution stay in fp32, and so do the numbers of batch
    normalization; the rest is computed in bf16.
    """

    def __init__(
        self,
        weights: ModuleWeights,
        *,
        layers: Collection[str],
        pooling: Pooling = "l2",
        padding: Padding = "reflect",
        precision: Literal["fp32", "bf16"] = "fp32",
        device: torch.device,
    ) -> None:
        """Build the module with its weights on the device; `layers` in any order, an unknown one raises InputError.

        `pooling` is that of its max poolings with a stride, and `padding` that of its convolutions. With `fp32`
        everything is computed in the module's own number format.
        """
        network = weights.network
        sketch = Sketch(network, layers, padding=padding)
        self._smallest = sketch.smallest()
        self.layers = sketch.in_order(self._smallest)
        """The layers that a call returns, from the shallowest to the deepest."""
        self.device = device
        self._paths = sketch.paths
        self._copied = sketch.overwritten(self._smallest)
        module = build_module(network)
        module.load_state_dict(fitting(weights.tensors, module.state_dict()), strict=False)
        adapt_module(module, pooling=pooling, padding=padding)
        self._exact = next((values.dtype for values in module.parameters()), torch.float32)
        self._module: nn.Module = module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if precision == "bf16":
            _shorten(self._module, sketch.first_convolution(self._smallest))
        self._mean = torch.tensor(network.mean, dtype=self._exact, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(network.std, dtype=self._exact, device=device).view(1, 3, 1, 1)

    def __call__(self, picture: Float[Tensor, "1 3 h w"], *, border: int = 0) -> Features:
        """Return the features of every layer asked for, all computed when the first is looked at.

        The picture is RGB, sRGB-encoded, nominally in [0, 1]; values outside are allowed. Features must not be changed
        in place. Raises InputError if the picture is too small. There are maps of all layers, which leave no `border`
        out.
        """
        height, width = picture.shape[2:]
        if min(width, height) < self._smallest:
            raise too_small(width, height, self.layers[-1], self._smallest)
        return Features(self.layers, self._walk(picture))

    def _walk(self, picture: Float[Tensor, "1 3 h w"]) -> Iterator[tuple[str, Float[Tensor, "1 _c _h _w"]]]:
        shown = ((picture - self._mean) / self._std).contiguous(memory_format=torch.channels_last)
        heard = hear(self._module, shown, set(self._paths.values()), copied=self._copied)
        for layer in self.layers:
            yield layer, heard[self._paths[layer]][0]


def _shorten(module: nn.Module, first: str | None) -> None:
    """Let a module compute in bf16 after its first convolution; one without a convolution stays as it is."""
    if first is None:
        return
    exact = next(module.get_submodule(first).parameters()).dtype
    module.to(torch.bfloat16)
    for part in module.modules():
        if isinstance(part, _KEPT):
            part.to(exact)
    convolution = module.get_submodule(first).to(exact)
    convolution.register_forward_hook(_hand_on_short)


def _hand_on_short(part: nn.Module, given: Any, found: Tensor) -> Tensor:
    return found.to(torch.bfloat16)
