"""VGG-16 and AlexNet of shift-tolerant LPIPS: two files of the package stlpips-pytorch, read without importing it."""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from torch import Tensor

from impasto.backbones.formats import read_tensors
from impasto.errors import InputError

AntialiasedName: TypeAlias = Literal["vgg16", "alexnet"]

FILES: Final[dict[AntialiasedName, tuple[str, str]]] = {
    "vgg16": ("vgg_shift_tolerant.pth", "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250"),
    "alexnet": ("alex_shift_tolerant.pth", "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee"),
}
"""The file of each network and its SHA-256."""
_NAMES: Final[dict[AntialiasedName, str]] = {"vgg16": "VGG-16 of ST-LPIPS", "alexnet": "AlexNet of ST-LPIPS"}
_LICENSE: Final = "BSD-2-Clause (Abhijay Ghildyal and Feng Liu)"
_SOURCE: Final = "the Python package stlpips-pytorch"
_INSTALL: Final = "pip install 'impasto[score]'"
_REINSTALL: Final = "pip install --force-reinstall --no-deps stlpips-pytorch==0.0.2"
_BLOCKS: Final = 5
_KERNELS: Final = {"vgg16": 13, "alexnet": 5}


@dataclass(frozen=True, kw_only=True, eq=False)
class AntialiasedWeights:
    """A network of shift-tolerant LPIPS (Ghildyal and Liu 2022), in fp32.

    `layers` gives kernel and bias of `conv1_1` ... `conv5_3` (VGG-16) or `conv1_1` ... `conv5_1` (AlexNet, one in each
    block). The network's input is (2 rgb - 1 - `shift`) / `scale`. `importance` tells for each block how much every
    channel of its last layer counts in the distance. `name` says which network it is and `sha256` is that of the file.
    """

    network: AntialiasedName
    layers: dict[str, tuple[Tensor, Tensor]]
    shift: Tensor
    scale: Tensor
    importance: tuple[Tensor, ...]
    name: str
    sha256: str


def load_antialiased(network: AntialiasedName, which: str = "embedded") -> AntialiasedWeights:
    """Load one of the two networks: `embedded`, that of the package, or a file of the same tensors.

    Raises InputError, saying what to install, if the package is not there or its file is not the one that is known, or
    if a file does not hold this network.
    """
    path, digest = locate_antialiased(network, which)
    # The tensors were saved on a GPU; the file is a list of tensors, nothing in it is executed.
    stored = read_tensors(path)
    layers: dict[str, tuple[Tensor, Tensor]] = {}
    try:
        for block in range(1, _BLOCKS + 1):
            keys = (key.split(".") for key in stored if key.startswith(f"net.slice{block}.") and key.endswith(".bias"))
            for i, number in enumerate(sorted(int(key[2]) for key in keys), start=1):
                place = f"net.slice{block}.{number}"
                layers[f"conv{block}_{i}"] = stored[f"{place}.weight"], stored[f"{place}.bias"]
        importance = tuple(stored[f"lin{block}.model.1.weight"] for block in range(_BLOCKS))
        shift, scale = stored["scaling_layer.shift"], stored["scaling_layer.scale"]
    except (LookupError, ValueError):
        layers = {}
    if len(layers) != _KERNELS[network]:
        raise InputError(f"{path} is not {_NAMES[network]}; expected a file like {FILES[network][0]} of {_SOURCE}")
    name = _NAMES[network] if which == "embedded" else f"{_NAMES[network]}, from {path.name}"
    return AntialiasedWeights(
        network=network, layers=layers, shift=shift, scale=scale, importance=importance, name=name, sha256=digest
    )


def describe_antialiased(network: AntialiasedName, which: str = "embedded") -> dict[str, Any]:
    """Say what `load_antialiased` would load: name, path, sha256, size in bytes, license and source.

    Raises InputError like it.
    """
    path, digest = locate_antialiased(network, which)
    own = which == "embedded"
    return {
        "name": _NAMES[network] if own else load_antialiased(network, which).name,
        "path": str(path),
        "sha256": digest,
        "size": path.stat().st_size,
        "license": _LICENSE if own else "that of whoever made the file",
        "source": _SOURCE if own else "a file of yours",
    }


def locate_antialiased(network: AntialiasedName, which: str = "embedded") -> tuple[Path, str]:
    """Find the file of weights and its SHA-256; that of the package's is checked. Raises InputError like the loader."""
    if which == "full":
        raise InputError(f"there are no full weights of {network}: use `embedded`, or name a file with --weights")
    path = antialiased_path(network) if which == "embedded" else Path(which).expanduser()
    try:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the weights {path}: {getattr(error, 'strerror', None) or error}") from error
    if which == "embedded" and digest != FILES[network][1]:
        raise InputError(f"{path} is damaged or of another version: {_REINSTALL}")
    return path, digest


def antialiased_path(network: AntialiasedName) -> Path:
    """Return where the package keeps a network's file. Raises InputError if package or file is not there."""
    # Found without importing the package: it would import torchvision and IPython.
    found = importlib.util.find_spec("stlpips_pytorch")
    folders = list(found.submodule_search_locations or []) if found else []
    if not folders:
        raise InputError(f"{network} is in the package stlpips-pytorch, which is not installed: {_INSTALL}")
    path = Path(folders[0]) / "weights" / "vST0.0" / FILES[network][0]
    if not path.is_file():
        raise InputError(f"{path.name} is not where stlpips-pytorch keeps it: {_REINSTALL}")
    return path
