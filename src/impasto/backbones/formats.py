"""Which file of weights is it? Formats and preprocessing, recognised from keys, shapes and one filter."""

import math
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from impasto.backbones.vgg import LAYERS, kernel_shape
from impasto.errors import InputError

Colors: TypeAlias = tuple[float, float, float]
Layers: TypeAlias = dict[str, tuple[Tensor, Tensor]]

EXPECTED: Final = (
    "a VGG-19 as .pth or .safetensors, with the keys features.0.weight ... features.34.weight (torchvision, "
    "neural-style-pt) or conv1_1.weight ... conv5_4.weight (Caffe)"
)
CONVOLUTIONS: Final = tuple(name for name in LAYERS if name.startswith("conv"))
_NETWORKS: Final = {8: "VGG-11", 10: "VGG-13", 13: "VGG-16", 16: "VGG-19"}


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What a network was trained to be shown: (rgb in [0, 1] - mean) * scale, its channels in RGB or BGR order."""

    name: str
    mean: Colors
    scale: Colors
    bgr: bool = False


_CAFFE_MEAN: Final = (123.68 / 255, 116.779 / 255, 103.939 / 255)
CAFFE_BGR: Final = Preprocessing(name="Caffe VGG-19 (BGR)", mean=_CAFFE_MEAN, scale=(255.0, 255.0, 255.0), bgr=True)
CAFFE_RGB: Final = Preprocessing(name="Caffe VGG-19 (RGB)", mean=_CAFFE_MEAN, scale=(255.0, 255.0, 255.0))
TORCHVISION: Final = Preprocessing(
    name="torchvision VGG-19", mean=(0.485, 0.456, 0.406), scale=(1 / 0.229, 1 / 0.224, 1 / 0.225)
)

# Filter 29 of conv1_1 of the network of Simonyan and Zisserman in hundredths: blue, green, red, each row by row.
# It is an edge between blue and orange: turning its colours round turns it nearly into its negative (cosine -0.79).
_MARK: Final = (
    (-19, -19, -15, -21, -24, -19, -15, -18, -12),
    (-2, -1, -5, -6, -8, -11, -7, -10, -9),
    (22, 25, 13, 21, 21, 10, 11, 10, 4),
)
_MARKED_FILTER: Final = 29


def read_tensors(path: Path, expected: str = EXPECTED) -> dict[str, Tensor]:
    """Read a file of named tensors: PyTorch (zip or older) or safetensors, told apart by their first bytes.

    Nothing in the file is executed. Raises InputError, saying what is `expected`, if it is not there or is anything
    else.
    """
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise InputError(f"cannot read the weights {path} ({error.strerror}); expected {expected}") from error
    if head[8:] == b"{":
        content = _read(path, safetensors.torch.load_file, expected)
    elif head[:4] == b"PK\x03\x04" or head[:1] == b"\x80":
        content = _read(path, _load_pickle, expected)
    else:
        raise InputError(f"{path} is not a file of weights; expected {expected}")
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"{path} holds something else than named tensors (a state dict); expected {expected}")
    return {str(name): value for name, value in content.items()}


def _load_pickle(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _read(path: Path, load: Callable[[Path], Any], expected: str) -> Any:
    damaged = (SafetensorError, OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError)
    try:
        return load(path)
    except pickle.UnpicklingError as error:
        raise InputError(f"{path} is damaged or holds more than plain tensors; expected {expected}") from error
    except (*damaged, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged; expected {expected}") from error


def recognize(tensors: Mapping[str, Tensor], source: str) -> tuple[Layers, Preprocessing]:
    """Return the 16 convolutions in fp32 and RGB order, and the preprocessing they want.

    Keys are `features.N.weight` (torchvision, neural-style-pt, timm), `N.weight` (the features alone) or
    `conv1_1.weight`; others, such as the classifier's, are ignored. Torchvision's file and the Caffe one of
    neural-style-pt have the same keys and shapes, and weights of like size. They differ in their filters: where one
    of conv1_1 points the same way (cosine above 0.97, rounding and rescaling allowed) as in the network of Simonyan and
    Zisserman, the file is theirs, and wants grey levels less their mean, in the order in which that filter's colours
    stand. Any other is taken for torchvision's, unless its keys are Caffe's.

    `source` names the file in errors. Raises InputError if the tensors are not a VGG-19.
    """
    for names in _key_styles():
        if all(f"{key}.{part}" in tensors for key in names for part in ("weight", "bias")):
            break
    else:
        raise InputError(f"{source} is not a VGG-19{_resemblance(tensors)}; expected {EXPECTED}")
    layers = {
        layer: (
            _checked(tensors, f"{key}.weight", kernel_shape(layer), source),
            _checked(tensors, f"{key}.bias", kernel_shape(layer)[:1], source),
        )
        for layer, key in zip(CONVOLUTIONS, names, strict=True)
    }
    preprocessing = _preprocessing(layers["conv1_1"][0], caffe_keys=names == CONVOLUTIONS)
    if preprocessing.bgr:
        layers["conv1_1"] = in_rgb_order(layers["conv1_1"])
    return layers, preprocessing


def in_rgb_order(layer: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Let a convolution that reads blue, green, red read red, green, blue."""
    kernel, bias = layer
    return kernel.flip(1), bias


def _key_styles() -> Iterator[tuple[str, ...]]:
    # In a plain sequence every convolution is followed by its ReLU, which takes a number too.
    numbers, number = [], 0
    for layer in LAYERS:
        if layer in CONVOLUTIONS:
            numbers.append(str(number))
            number += 2
        else:
            number += 1
    yield tuple(f"features.{n}" for n in numbers)
    yield tuple(numbers)
    yield CONVOLUTIONS


def _resemblance(tensors: Mapping[str, Tensor]) -> str:
    kernels = sum(value.ndim == 4 for value in tensors.values())
    network = _NETWORKS.get(
        kernels, f"a network of {kernels} convolutions" if kernels else "no network of convolutions"
    )
    normalized = any(name.endswith("running_mean") for name in tensors)
    return f" (it looks like {network}{' with batch normalization' if normalized else ''})"


def _checked(tensors: Mapping[str, Tensor], key: str, shape: tuple[int, ...], source: str) -> Tensor:
    values = tensors[key]
    if tuple(values.shape) != shape or not values.is_floating_point():
        found = f"{'x'.join(map(str, values.shape))} {str(values.dtype).removeprefix('torch.')}"
        raise InputError(f"{source}: {key} is {found}, expected {'x'.join(map(str, shape))} float32; is it a VGG-19?")
    values = values.detach().float()
    if not math.isfinite(float(values.abs().sum())):
        raise InputError(f"{source}: {key} holds values that are not finite; the file is damaged")
    return values


def _preprocessing(kernel: Tensor, *, caffe_keys: bool) -> Preprocessing:
    mark = torch.tensor(_MARK, dtype=torch.float32).flatten()
    for candidate, ordered in ((CAFFE_BGR, kernel), (CAFFE_RGB, kernel.flip(1))):
        if torch.cosine_similarity(ordered[_MARKED_FILTER].flatten(), mark, dim=0) > 0.97:
            return candidate
    return CAFFE_BGR if caffe_keys else TORCHVISION
