"""The networks that judge: AlexNet and VGG-16 of shift-tolerant LPIPS, which no picture here was optimised with.

Source of architecture and weights: Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric", 2022. The weights
are read from the installed package stlpips-pytorch, of which no code is used.
"""

import functools
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import torch
import torch.nn.functional as F  # noqa: N812 (the name everybody knows it by)
from jaxtyping import Float
from torch import Tensor

from impasto.errors import InputError

Network = Literal["alexnet", "vgg16"]

_FILES: Final = {
    "alexnet": ("alex_shift_tolerant.pth", "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee"),
    "vgg16": ("vgg_shift_tolerant.pth", "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250"),
}
_INSTALL: Final = "run `pip install 'impasto[score]'`"
_VGG_BLOCKS: Final = ((0, 2), (6, 8), (12, 14, 16), (20, 22, 24), (28, 30, 32))
"""Numbers of the convolutions of each block in the stored network."""
SMALLEST: Final = 64
"""Shorter side in pixels below which the deepest maps would be too small to be blurred."""


@dataclass(frozen=True, eq=False)
class Features:
    """What a network sees: five maps from shallow to deep, and how much each filter counts for LPIPS."""

    maps: tuple[Float[Tensor, "1 _c _h _w"], ...]
    importance: tuple[Float[Tensor, "1 _c 1 1"], ...]


def features(network: Network, picture: Float[Tensor, "1 3 h w"]) -> Features:
    """Return the five rectified maps that LPIPS compares; `picture` is RGB in [0, 1], both sides at least 64 px.

    Raises InputError if the picture is smaller, or the weights are not installed or damaged.
    """
    if min(picture.shape[2:]) < SMALLEST:
        raise InputError(
            f"a picture of {picture.shape[3]} x {picture.shape[2]} px is too small to be judged: "
            f"both sides must have {SMALLEST} px"
        )
    values = _load(network)
    with torch.no_grad():
        x = (2 * picture - 1 - values["scaling_layer.shift"]) / values["scaling_layer.scale"]
        maps = _alexnet(x, values) if network == "alexnet" else _vgg16(x, values)
    return Features(maps, tuple(values[f"lin{i}.model.1.weight"] for i in range(5)))


def _alexnet(x: Tensor, values: dict[str, Tensor]) -> tuple[Tensor, ...]:
    first = F.relu(_halve(_convolve(x, values, "net.slice1.0", padding=2), values["net.slice1.1.filt"]))
    pooled = _halve(F.max_pool2d(first, 3, stride=1), values["net.slice2.4.filt"])
    second = F.relu(_convolve(pooled, values, "net.slice2.5", padding=2))
    pooled = _halve(F.max_pool2d(second, 3, stride=1), values["net.slice3.8.filt"])
    third = F.relu(_convolve(pooled, values, "net.slice3.9", padding=1))
    fourth = F.relu(_convolve(third, values, "net.slice4.11", padding=1))
    return first, second, third, fourth, F.relu(_convolve(fourth, values, "net.slice5.13", padding=1))


def _vgg16(x: Tensor, values: dict[str, Tensor]) -> tuple[Tensor, ...]:
    maps = []
    for block, convolutions in enumerate(_VGG_BLOCKS, start=1):
        if block > 1:
            blur = values[f"net.slice{block}.{convolutions[0] - 1}.filt"]
            x = _halve(F.max_pool2d(x, 2, stride=1), blur)
        for number in convolutions:
            x = F.relu(_convolve(x, values, f"net.slice{block}.{number}", padding=1))
        maps.append(x)
    return tuple(maps)


def _convolve(x: Tensor, values: dict[str, Tensor], name: str, *, padding: int) -> Tensor:
    return F.conv2d(x, values[f"{name}.weight"], values[f"{name}.bias"], padding=padding)


def _halve(x: Tensor, blur: Tensor) -> Tensor:
    """Blur and take every second position (Zhang 2019), with two mirrored positions beyond each border."""
    return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), blur, stride=2, groups=x.shape[1])


@functools.lru_cache(maxsize=2)
def _load(network: Network) -> dict[str, Tensor]:
    found = importlib.util.find_spec("stlpips_pytorch")
    folders = list(found.submodule_search_locations or []) if found else []
    if not folders:
        raise InputError(f"judging pictures needs the package stlpips-pytorch: {_INSTALL}")
    name, digest = _FILES[network]
    path = Path(folders[0]) / "weights" / "vST0.0" / name
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise InputError(f"the weights {path} are missing, damaged or of another version: {_INSTALL}")
    values: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return values
