"""Networks that are torch modules, such as torchvision's: from an image to the maps of their submodules.

Maps are collected by forward hooks instead of torchvision's `create_feature_extractor`, because hooks work with modules
that torch.fx cannot trace, can stop after the deepest layer, and can copy maps that are changed in place afterwards.
"""

import math
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import lru_cache, partial
from importlib import import_module
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from impasto.backbones.features import ExtractorOptions, Features, InputSize, Reach, smallest_side
from impasto.backbones.pooling import L2_GAINS, pool_windows
from impasto.backbones.weight_formats import ModuleWeights
from impasto.errors import InputError
from impasto.extras import missing_extra
from impasto.networks import Network
from impasto.recipe import Padding, Pooling

_STAGE_PROBE_SIDE: Final = 256  # side of the image with which the stages of a network are found
_LISTED: Final = 12  # number of names that an error lists
_TOO_SMALL: Final = (RuntimeError, ValueError, AssertionError)  # what modules raise for images that are too small


def build_module(network: Network) -> nn.Module:
    """Build the network in evaluation mode, without in-place ReLUs and without gradients of its weights.

    Raises InputError if its package is not installed or cannot be loaded, or has no such network.
    """
    function = network.build if callable(network.build) else _import_function(network, network.build)
    module = function(**network.arguments)
    if not isinstance(module, nn.Module):
        raise InputError(f"what builds {network.name} returns no torch module but a {type(module).__name__}")
    for part in module.modules():
        if getattr(part, "inplace", False):
            part.inplace = False  # type: ignore[assignment]
    return module.eval().requires_grad_(False)


def build_meta_module(network: Network) -> nn.Module:
    """Build the network on torch's device `meta`, whose tensors have shapes but no values."""
    try:
        with torch.device("meta"):
            return build_module(network)
    except (RuntimeError, NotImplementedError):
        return build_module(network).to("meta")  # its constructor computes with weights, which `meta` may not allow


def _import_function(network: Network, place: str) -> Any:
    module_name, _, function = place.partition(":")
    package = module_name.partition(".")[0]
    try:
        module = import_module(module_name)
    except (ImportError, OSError, RuntimeError) as error:
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == package:
            problem = f"{network.name} is built by {package}, which is not installed"
            raise (missing_extra(problem, "backbones") if package == "torchvision" else InputError(problem)) from error
        reason = " ".join(str(error).split())
        problem = f"{package} cannot be loaded beside torch {torch.__version__} ({reason})"
        raise InputError(f"{problem}: install the version of it that belongs to this torch") from error
    found = getattr(module, function, None)
    if not callable(found):
        known = [name for name in getattr(module, "list_models", list)() if hasattr(module, name)]
        raise InputError(f"{package} has no network {function!r}; it has {_some(known)}")
    return found


def _some(names: Sequence[str]) -> str:
    """List names; of many, an evenly spaced selection."""
    step = max(1, math.ceil(len(names) / _LISTED))
    return ", ".join(names[::step]) + (" ..." if step > 1 else "")


def _configure(module: nn.Module, *, pooling: Pooling, padding: Padding) -> None:
    """Set the padding of the convolutions and the kind of the max poolings with a stride, if they are submodules."""
    for part in list(module.modules()):
        if isinstance(part, nn.Conv2d) and part.padding not in ("valid", (0, 0)):
            part.padding_mode = padding
        for name, child in part.named_children():
            if isinstance(child, nn.MaxPool2d) and child.stride not in (1, (1, 1)) and pooling != "max":
                setattr(part, name, _WindowPool(child, pooling))


class _WindowPool(nn.Module):
    """Average or l2 pooling over the windows of a max pooling; positions beyond the border are not counted."""

    def __init__(self, pool: nn.MaxPool2d, pooling: Pooling) -> None:
        super().__init__()
        self._pooling: Pooling = pooling
        self._windows = {name: getattr(pool, name) for name in ("kernel_size", "stride", "padding", "ceil_mode")}

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c _h _w"]:
        return pool_windows(maps, self._pooling, L2_GAINS["module"], **self._windows, count_include_pad=False)


class _AllCollectedError(BaseException):
    """Ends the evaluation of a module when all maps have been collected."""


def collect_maps(
    module: nn.Module,
    image: Float[Tensor, "b 3 h w"],
    paths: Collection[str],
    *,
    cloned: Collection[str] = (),
    limit: int | None = None,
) -> dict[str, tuple[Tensor, int]]:
    """Evaluate a module until the submodules at these paths, or `limit` of them, have returned their maps.

    Returns map and version counter of each submodule in the order of evaluation; if the counter of a map differs
    afterwards, the map was changed in place, and later calls should clone it. The first call of a submodule counts;
    submodules that return no 4-dimensional tensor, or are not reached, are left out.
    """
    collected: dict[str, tuple[Tensor, int]] = {}

    def collect(part: nn.Module, inputs: Any, output: Any, *, path: str) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and path not in collected:
            kept = output.clone() if path in cloned else output
            collected[path] = kept, kept._version
            if len(collected) == (limit or len(paths)):
                raise _AllCollectedError

    with ExitStack() as hooks:
        for path in paths:
            part = module.get_submodule(path)
            hooks.callback(part.register_forward_hook(partial(collect, path=path)).remove)
        with suppress(_AllCollectedError):
            module(image)
    return collected


class _ShapeProbe(NamedTuple):
    """Properties of some layers, found by evaluating the module on the device `meta`."""

    layers: tuple[str, ...]
    """The layers in the order of evaluation."""
    paths: Mapping[str, str]
    """Path of each layer's submodule."""
    input_size: InputSize
    overwritten: Collection[str] = ()
    """Paths of submodules whose maps are changed in place later."""
    first_convolution: str | None = None
    """Path of the convolution that is evaluated first."""


@lru_cache(maxsize=64)
def probe_shapes(network: Network, layers: tuple[str, ...], padding: Padding) -> _ShapeProbe:
    """Evaluate a network on the device `meta` to find its smallest input and the order and use of its maps."""
    module = build_meta_module(network).float()
    if not layers:
        return _ShapeProbe((), {}, InputSize(1, ""))
    paths = _find_paths(network, module, layers)
    _configure(module, pooling="max", padding=padding)

    def collect(side: int, wanted: Collection[str], limit: int | None = None) -> dict[str, tuple[Tensor, int]]:
        with torch.no_grad():
            return collect_maps(module, torch.empty(1, 3, side, side, device="meta"), wanted, limit=limit)

    wanted = set(paths.values())

    def works(side: int) -> bool:
        try:
            maps = [found for found, _ in collect(side, wanted).values()]
        except _TOO_SMALL:
            return False
        return len(maps) == len(wanted) and all(min(found.shape[2:]) > 1 for found in maps)

    smallest = smallest_side(works)
    if smallest is None:
        where = ", ".join(paths)
        raise InputError(f"{network.name} returns no map of features at {where}, or it accepts images of one size only")
    collected = collect(smallest, wanted)
    in_order = tuple(sorted(paths, key=lambda layer: list(collected).index(paths[layer])))
    overwritten = [path for path, (found, version) in collected.items() if found._version != version]
    convolutions = [name for name, part in module.named_modules() if isinstance(part, nn.Conv2d)]
    first = next(iter(collect(smallest, convolutions, limit=1)), None) if convolutions else None
    return _ShapeProbe(in_order, paths, InputSize(smallest, in_order[-1]), overwritten, first)


def module_input_size(network: Network, layers: Collection[str], padding: Padding) -> InputSize:
    """Return how large an image must be for some layers of a torch module."""
    return probe_shapes(network, tuple(layers), padding).input_size


def _find_paths(network: Network, module: nn.Module, layers: Collection[str]) -> dict[str, str]:
    """Return the path of every layer's submodule; those of `stage1` ... `stage5` are found by their sizes."""
    names = [name for name, _ in module.named_modules() if name]
    stages: dict[str, str] = {}
    if network.has_paths and any(layer in network.layers for layer in layers):
        stages = _find_stages(module, names)
    paths = {}
    for layer in layers:
        path = stages.get(layer) if network.has_paths and layer in network.layers else network.modules.get(layer, layer)
        if path is None:
            raise InputError(f"{network.name} has no {layer}; it has {', '.join([*stages, _some(names)])}")
        if path not in names:
            known = ", ".join([*network.layers, _some(names)])
            raise InputError(f"{network.name} has no part {path!r}; it has {known}")
        paths[layer] = path
    return paths


def _find_stages(module: nn.Module, names: Collection[str]) -> dict[str, str]:
    """Return the last submodule whose map has the image's size halved once, twice, and so on."""
    image = torch.empty(1, 3, _STAGE_PROBE_SIDE, _STAGE_PROBE_SIDE, device="meta")
    try:
        with torch.no_grad():
            collected = collect_maps(module, image, names)
    except _TOO_SMALL:
        return {}  # the network accepts only one image size, which is reported with the input size
    # Maps with another order of dimensions are not square for a square image, and are left out.
    sides = {path: maps.shape[2] for path, (maps, _) in collected.items() if maps.shape[2] == maps.shape[3]}
    found = {
        round(math.log2(_STAGE_PROBE_SIDE / side)): path
        for path, side in sides.items()
        if _is_stage_end(module, path, sides)
    }
    return {f"stage{halvings}": found[halvings] for halvings in sorted(found) if 1 <= halvings <= 5}


def _is_stage_end(module: nn.Module, path: str, sides: Mapping[str, int]) -> bool:
    """Return True if the submodule's map depends on the image's size and no enclosing block returns another size."""
    if isinstance(module.get_submodule(path), nn.AdaptiveAvgPool2d):
        return False
    names = path.split(".")
    outer = [".".join(names[:length]) for length in range(1, len(names))]
    # A plain sequence is not a block.
    blocks = [name for name in outer if type(module.get_submodule(name)) is not nn.Sequential]
    return all(sides.get(name, sides[path]) == sides[path] for name in blocks)


class ModuleExtractor:
    """A torch module with frozen weights, evaluated up to the deepest layer asked for.

    With bf16 the image, the arithmetic of the first convolution and the parameters of batch normalization, which
    multiply whole maps, stay in fp32; the rest is computed in bf16.
    """

    reach: Mapping[str, Reach] = {}  # the operations between submodules are not known

    def __init__(self, weights: ModuleWeights, options: ExtractorOptions) -> None:
        """Build the module with its weights on the device."""
        network = weights.network
        self._probe = probe_shapes(network, options.layers, options.padding)
        self._lock = threading.Lock()  # hooks that collect maps see the maps of every thread
        self.layers = self._probe.layers
        self.device = options.device
        module = build_module(network)
        places = module.state_dict()
        fitting = {k: v for k, v in weights.tensors.items() if k in places and v.shape == places[k].shape}
        module.load_state_dict(fitting, strict=False)
        _configure(module, pooling=options.pooling, padding=options.padding)
        exact = next((values.dtype for values in module.parameters()), torch.float32)
        self._module: nn.Module = module.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if options.precision == "bf16" and self._probe.first_convolution is not None:
            _to_bf16(self._module, self._probe.first_convolution)
        self._mean = torch.tensor(network.mean, dtype=exact, device=self.device).view(1, 3, 1, 1)
        self._std = torch.tensor(network.std, dtype=exact, device=self.device).view(1, 3, 1, 1)

    def __call__(self, image: Float[Tensor, "1 3 h w"], *, border: int = 0, whole: bool = False) -> Features:
        """Return the features of an image, all computed when the first is read; see `FeatureExtractor`."""
        self._probe.input_size.check(image.shape[3], image.shape[2])
        return Features(self.layers, self._layer_values(image))

    def _layer_values(self, image: Float[Tensor, "1 3 h w"]) -> Iterator[tuple[str, Float[Tensor, "1 _c _h _w"]]]:
        normalized = ((image - self._mean) / self._std).contiguous(memory_format=torch.channels_last)
        paths = self._probe.paths
        with self._lock:
            collected = collect_maps(self._module, normalized, set(paths.values()), cloned=self._probe.overwritten)
        for layer in self.layers:
            yield layer, collected[paths[layer]][0]


def _to_bf16(module: nn.Module, first: str) -> None:
    """Let a module compute in bf16 after its first convolution, except for batch normalization."""
    exact = next(module.get_submodule(first).parameters()).dtype
    module.to(torch.bfloat16)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.to(exact)
    module.get_submodule(first).to(exact).register_forward_hook(_output_to_bf16)


def _output_to_bf16(part: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return output.to(torch.bfloat16)
