"""The weights of the networks that judge: two files of the package stlpips-pytorch, read without importing it."""

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor

from impasto.errors import InputError

NetworkName: TypeAlias = Literal["vgg16", "alexnet"]

_FILES: Final[dict[NetworkName, tuple[str, str]]] = {
    "vgg16": ("vgg_shift_tolerant.pth", "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250"),
    "alexnet": ("alex_shift_tolerant.pth", "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee"),
}
_INSTALL: Final = "pip install 'impasto[score]'"
_REINSTALL: Final = "pip install --force-reinstall --no-deps stlpips-pytorch==0.0.2"
BLOCKS: Final = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class JudgeWeights:
    """A network of shift-tolerant LPIPS (Ghildyal and Liu 2022), in fp32.

    `layers` gives kernel and bias of `conv1_1` ... `conv5_3` (VGG-16) or `conv1_1` ... `conv5_1` (AlexNet, one in each
    block). The network's input is (2 rgb - 1 - `shift`) / `scale`. `importance` tells for each block how much every
    channel of its last layer counts in the distance.
    """

    name: NetworkName
    layers: dict[str, tuple[Tensor, Tensor]]
    shift: Tensor
    scale: Tensor
    importance: tuple[Tensor, ...]


@lru_cache(maxsize=2)
def load_judge(name: NetworkName) -> JudgeWeights:
    """Load one of the two networks; the next call returns the same object.

    Raises InputError, saying what to install, if the package is not there or its file is not the one that is known.
    """
    # The tensors were saved on a GPU; the file is a list of tensors, nothing in it is executed.
    stored = torch.load(judge_path(name), map_location="cpu", weights_only=True)
    layers: dict[str, tuple[Tensor, Tensor]] = {}
    for block in range(1, BLOCKS + 1):
        prefix = f"net.slice{block}."
        numbers = sorted(int(key.split(".")[2]) for key in stored if key.startswith(prefix) and key.endswith(".bias"))
        for i, number in enumerate(numbers, start=1):
            layers[f"conv{block}_{i}"] = stored[f"{prefix}{number}.weight"], stored[f"{prefix}{number}.bias"]
    return JudgeWeights(
        name=name,
        layers=layers,
        shift=stored["scaling_layer.shift"],
        scale=stored["scaling_layer.scale"],
        importance=tuple(stored[f"lin{block}.model.1.weight"] for block in range(BLOCKS)),
    )


def judge_path(name: NetworkName) -> Path:
    """Return where the file of weights lies, once its SHA-256 is checked. Raises InputError like `load_judge`."""
    # Found without importing the package: it would import torchvision and IPython.
    found = importlib.util.find_spec("stlpips_pytorch")
    folders = list(found.submodule_search_locations or []) if found else []
    if not folders:
        raise InputError(f"the networks that judge are not installed: {_INSTALL}")
    file, expected = _FILES[name]
    path = Path(folders[0]) / "weights" / "vST0.0" / file
    if not path.is_file():
        raise InputError(f"{file} is not where stlpips-pytorch keeps it: {_REINSTALL}")
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != expected:
        raise InputError(f"{path} is damaged or of another version: {_REINSTALL}")
    return path
