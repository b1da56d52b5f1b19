"""The weights of networks that are torch modules: torchvision's in the user's cache, a file, or what was built."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from impasto.backbones.fetch import Published, published
from impasto.backbones.formats import read_tensors
from impasto.backbones.modules import build_module, sketch_module
from impasto.errors import InputError
from impasto.networks import Network

_HEADS: Final = ("fc.", "classifier.", "head.", "heads.", "aux", "AuxLogits.", "num_batches_tracked")
"""How keys begin or end that no map depends on: what names a picture's subject, and what only training uses."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ModuleWeights:
    """The tensors of a network by the names that its module gives them; `name` and `sha256` say which they are."""

    network: Network
    tensors: dict[str, Tensor]
    name: str
    sha256: str


def load_module_weights(network: Network, which: str = "embedded") -> ModuleWeights:
    """Load a network's usual weights (`embedded` or `full`: they are the same) or those of a file.

    Raises InputError in one line if there are none yet, or if a file does not hold this network.
    """
    if which in ("embedded", "full") and not network.weights:
        tensors = build_module(network).state_dict()
        return ModuleWeights(network=network, tensors=tensors, name=_built(network), sha256=_digest(tensors))
    path, digest, known = _locate(network, which)
    tensors = read_tensors(path, expected=f"the weights of {network.name} as .pth or .safetensors")
    _check(network, tensors, path)
    name = _published(network) if known else f"{network.name} of {path.name}"
    return ModuleWeights(network=network, tensors=tensors, name=name, sha256=digest)


def describe_module_weights(network: Network, which: str = "embedded") -> dict[str, Any]:
    """Say what `load_module_weights` would load: name, path, sha256, size in bytes, license and source.

    Raises InputError like it.
    """
    if which in ("embedded", "full") and not network.weights:
        tensors = load_module_weights(network).tensors
        size = sum(values.numel() * values.element_size() for values in tensors.values())
        facts = {"path": "", "sha256": _digest(tensors), "size": size, "license": "that of whoever made it"}
        return {"name": _built(network), **facts, "source": "the program that builds it"}
    path, digest, known = _locate(network, which)
    return {
        "name": _published(network) if known else f"{network.name} of {path.name}",
        "path": str(path),
        "sha256": digest,
        "size": path.stat().st_size,
        "license": known.license if known else "that of whoever made the file",
        "source": known.url if known else "a file of yours",
    }


def _built(network: Network) -> str:
    return f"{network.name} as it is built"


def _published(network: Network) -> str:
    return f"torchvision {network.name}" if ":" not in network.name else network.name


def _locate(network: Network, which: str) -> tuple[Path, str, Published | None]:
    """Find the file, its SHA-256 and, if it is the published one, whose checksum is checked, what is known of it."""
    known = published(network) if which in ("embedded", "full") else None
    path = known.path() if known else Path(which).expanduser()
    if known and not path.is_file():
        raise InputError(
            f"the weights of {network.name} are not here yet: run `impasto weights fetch --backbone {network.name}`, "
            "or name a file with --weights"
        )
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the weights {path}: {getattr(error, 'strerror', None) or error}") from error
    if known and not digest.startswith(known.sha256):
        raise InputError(f"the weights {path} are damaged: run `impasto weights fetch --backbone {network.name}` again")
    return path, digest, known


def _check(network: Network, tensors: dict[str, Tensor], path: Path) -> None:
    """Raise InputError if what the maps depend on is not all there, finite and of the right shape."""
    expected = {
        key: values
        for key, values in sketch_module(network).state_dict().items()
        if not key.startswith(_HEADS) and not key.endswith(_HEADS)
    }
    for key, values in expected.items():
        found = tensors.get(key)
        if found is None:
            fitting = sum(key in tensors for key in expected)
            raise InputError(
                f"{path} is not a {network.name}: it lacks {key} and has {fitting} of {len(expected)} tensors"
            )
        if found.shape != values.shape:
            shapes = ("x".join(map(str, each.shape)) for each in (found, values))
            raise InputError("{}: {} is {}, expected {}; is it a {}?".format(path, key, *shapes, network.name))
        if not bool(torch.isfinite(found).all()):
            raise InputError(f"{path}: {key} holds values that are not finite; the file is damaged")


def fitting(tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors that a module has a place for."""
    return {key: values for key, values in tensors.items() if key in expected and values.shape == expected[key].shape}


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for key, values in tensors.items():
        digest.update(key.encode())
        digest.update(values.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
