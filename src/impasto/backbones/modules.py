"""Networks that are torch modules: build one, let it run as far as it must, and hear what its parts return."""

import math
from collections.abc import Collection, Iterable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from importlib import import_module
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 (the name everybody knows it by)
from jaxtyping import Float
from torch import Tensor, nn

from impasto.errors import InputError
from impasto.networks import Network
from impasto.recipe import Padding, Pooling

_EPSILON: Final = 1e-12
"""Added to mean squares before their root is taken: a whole window is often zero, and its gradient must be finite."""

L2_GAIN: Final = 1.5
"""What l2 pooling is multiplied by, so that features keep about the size they have with max pooling.

Measured for the windows of 3 x 3 of AlexNet, see `antialiased.L2_GAINS`.
"""

_SKETCHED_SIDE: Final = 256
"""Side of the picture on which the stages of a network are told apart."""

_LISTED: Final = 12
"""How many names an error lists."""

_INSTALL: Final = "pip install 'impasto[backbones]'"


def build_module(network: Network) -> nn.Module:
    """Return the network as it is built, ready to be looked with: nothing in place, no training, no gradients for it.

    Raises InputError in one line if torchvision is needed and not there, or has no such network.
    """
    function = network.build if callable(network.build) else _find(network, network.build)
    module = function(**network.arguments)
    if not isinstance(module, nn.Module):
        raise InputError(f"what builds {network.name} returns no torch module but a {type(module).__name__}")
    for part in module.modules():
        if getattr(part, "inplace", False):
            part.inplace = False  # type: ignore[assignment]
    return module.eval().requires_grad_(False)


def sketch_module(network: Network) -> nn.Module:
    """Return the network on torch's device `meta`, where maps have shapes and no values, and nothing is computed."""
    try:
        with torch.device("meta"):
            return build_module(network)
    except (RuntimeError, NotImplementedError):
        # It draws or computes its weights while it is built.
        return build_module(network).to("meta")


def _find(network: Network, place: str) -> Any:
    home, _, function = place.partition(":")
    package = home.partition(".")[0]
    try:
        room = import_module(home)
    except (ImportError, OSError, RuntimeError) as error:
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == package:
            how = f": {_INSTALL}" if package == "torchvision" else ""
            raise InputError(f"{network.name} is built by {package}, which is not installed{how}") from error
        reason = " ".join(str(error).split())
        raise InputError(
            f"{package} cannot be loaded beside torch {torch.__version__} ({reason}): install the version of it that "
            "belongs to this torch"
        ) from error
    found = getattr(room, function, None)
    if not callable(found):
        known = [name for name in getattr(room, "list_models", list)() if hasattr(room, name)]
        raise InputError(f"{package} has no network {function!r}; it has {_some(known)}")
    return found


def _some(names: Iterable[str]) -> str:
    """List some names; of many, from all over the list."""
    known = list(names)
    step = max(1, math.ceil(len(known) / _LISTED))
    return ", ".join(known[::step]) + (" ..." if step > 1 else "")


def adapt_module(module: nn.Module, *, pooling: Pooling, padding: Padding) -> None:
    """Let convolutions see the `padding` beyond the border, and the poolings that halve take `pooling`'s values.

    Poolings are the module's own parts of the kind nn.MaxPool2d with a stride; functions that it calls stay.
    """
    for part in list(module.modules()):
        if isinstance(part, nn.Conv2d) and part.padding not in ("valid", (0, 0)):
            part.padding_mode = padding
        for name, child in part.named_children():
            if isinstance(child, nn.MaxPool2d) and child.stride not in (1, (1, 1)) and pooling != "max":
                setattr(part, name, _WindowPool(child, pooling))


class _WindowPool(nn.Module):
    """Average or l2 pooling over the windows of a max pooling; what lies beyond the border is not counted."""

    def __init__(self, pool: nn.MaxPool2d, pooling: Pooling) -> None:
        super().__init__()
        self._pooling = pooling
        self._windows: dict[str, Any] = {
            "kernel_size": pool.kernel_size,
            "stride": pool.stride,
            "padding": pool.padding,
            "ceil_mode": pool.ceil_mode,
            "count_include_pad": False,
        }

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c _h _w"]:
        if self._pooling == "average":
            return F.avg_pool2d(maps, **self._windows)
        return (F.avg_pool2d(maps.square(), **self._windows) + _EPSILON).sqrt() * L2_GAIN


class _AllSeenError(BaseException):
    """Ends a run of a module when everything has been heard."""


def hear(
    module: nn.Module,
    picture: Float[Tensor, "b 3 h w"],
    paths: Collection[str],
    *,
    copied: Collection[str] = (),
    enough: int | None = None,
) -> dict[str, tuple[Tensor, int]]:
    """Run a module until the parts at these paths, or `enough` of them, have returned; tell what each did, in order.

    Of a part that is called several times the first call counts. With each map comes its version then: whoever finds
    another one later knows that it was changed in place, and asks for it `copied`. Parts that return no map of four
    dimensions, or are not reached, are left out. Raises what the module raises for a picture that is too small for it.
    """
    heard: dict[str, tuple[Tensor, int]] = {}

    def listen(part: nn.Module, given: Any, found: Any, *, path: str) -> None:
        if isinstance(found, Tensor) and found.ndim == 4 and path not in heard:
            kept = found.clone() if path in copied else found
            heard[path] = kept, kept._version
            if len(heard) == (enough or len(paths)):
                raise _AllSeenError

    with ExitStack() as hooks:
        for path in paths:
            part = module.get_submodule(path)
            hooks.callback(part.register_forward_hook(partial(listen, path=path)).remove)
        with suppress(_AllSeenError):
            module(picture)
    return heard


def find_paths(network: Network, module: nn.Module, layers: Collection[str]) -> dict[str, str]:
    """Return the path of every layer's part in a sketched module; `stage1` ... `stage5` are looked for.

    Raises InputError, listing some that are there, for a part that the network does not have.
    """
    names = [name for name, _ in module.named_modules() if name]
    stages: dict[str, str] = {}
    if network.has_paths and any(layer in network.layers for layer in layers):
        stages = _stages(module, names)
    paths = {}
    for layer in layers:
        path = stages.get(layer) if network.has_paths and layer in network.layers else network.modules.get(layer, layer)
        if path is None:
            raise InputError(f"{network.name} has no {layer}; it has {', '.join([*stages, _some(names)])}")
        if path not in names:
            raise InputError(
                f"{network.name} has no part {path!r}; it has {', '.join([*network.layers, _some(names)])}"
            )
        paths[layer] = path
    return paths


def _stages(module: nn.Module, names: Collection[str]) -> dict[str, str]:
    """Return for every halving of the picture's size the part that returns a map of that size last."""
    picture = torch.empty(1, 3, _SKETCHED_SIDE, _SKETCHED_SIDE, device="meta")
    try:
        with torch.no_grad():
            heard = hear(module, picture, names)
    except (RuntimeError, ValueError, AssertionError):
        # It wants pictures of one size, which is told where a picture is too small.
        return {}
    # Maps of another order than channels, rows, columns do not show a square picture as a square.
    sides = {path: maps.shape[2] for path, (maps, _) in heard.items() if maps.shape[2] == maps.shape[3]}
    found = {
        round(math.log2(_SKETCHED_SIDE / side)): path for path, side in sides.items() if _stands(module, path, sides)
    }
    return {f"stage{halvings}": found[halvings] for halvings in sorted(found) if 1 <= halvings <= 5}


def _stands(module: nn.Module, path: str, sides: Mapping[str, int]) -> bool:
    """Tell whether a part is no inner one of a block that ends at another size; a plain sequence is no block."""
    if isinstance(module.get_submodule(path), nn.AdaptiveAvgPool2d):
        # Its maps have one size whatever the picture's.
        return False
    names = path.split(".")
    outer = [".".join(names[:length]) for length in range(1, len(names))]
    blocks = [name for name in outer if type(module.get_submodule(name)) is not nn.Sequential]
    return all(sides.get(name, sides[path]) == sides[path] for name in blocks)
