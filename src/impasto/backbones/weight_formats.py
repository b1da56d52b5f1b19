"""Formats of weights: reading files of tensors, and recognizing which network and preprocessing they hold."""

import math
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from impasto.errors import InputError
from impasto.networks import Network, find_network
from impasto.untrusted import open_regular

_VGG19: Final = find_network("vgg19")

Colors: TypeAlias = tuple[float, float, float]
Layers: TypeAlias = dict[str, tuple[Tensor, Tensor]]
"""Kernel (filters, channels, height, width) and bias (filters) of convolutions, by layer."""


@dataclass(frozen=True, kw_only=True, eq=False)
class VGG19Weights:
    """The 16 convolutions `conv1_1` ... `conv5_4` of a VGG-19 in fp32 on the CPU, for RGB, and its preprocessing.

    The input of the network is (rgb - `mean`) * `scale` with rgb in [0, 1].
    """

    layers: Mapping[str, tuple[Tensor, Tensor]]
    mean: Colors
    scale: Colors
    name: str
    sha256: str
    network: Network = _VGG19


@dataclass(frozen=True, kw_only=True, eq=False)
class AntialiasedWeights:
    """VGG-16 or AlexNet of shift-tolerant LPIPS (Ghildyal and Liu 2022) in fp32.

    AlexNet's convolutions are `conv1_1` ... `conv5_1`, one in each block. The input of the network is
    (2 rgb - 1 - `shift`) / `scale`. `importance` holds, for each block, the weight of every channel of its last layer
    in the distance of LPIPS.
    """

    layers: Layers
    shift: Tensor
    scale: Tensor
    importance: tuple[Tensor, ...]
    name: str
    sha256: str
    network: Network


@dataclass(frozen=True, kw_only=True, eq=False)
class ModuleWeights:
    """The state dict of a torch module."""

    tensors: dict[str, Tensor]
    name: str
    sha256: str
    network: Network


AnyWeights: TypeAlias = VGG19Weights | AntialiasedWeights | ModuleWeights
"""The weights of a network: `name` identifies them, `sha256` is the hash of their file."""

VGG19_FILE: Final = (
    "a VGG-19 as .pth or .safetensors, with the keys features.0.weight ... features.34.weight (torchvision, "
    "neural-style-pt) or conv1_1.weight ... conv5_4.weight (Caffe)"
)
CONVOLUTIONS: Final = tuple(name for name in _VGG19.layers if name.startswith("conv"))
"""The convolutions of VGG-19."""
_NUMBERS: Final = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
"""Their indices in torchvision's sequence, which also contains ReLUs and poolings."""
_KEYS: Final = (tuple(f"features.{n}" for n in _NUMBERS), tuple(map(str, _NUMBERS)), CONVOLUTIONS)
_CHANNELS: Final = (64, 128, 256, 512, 512)
"""Filters of every convolution of a block."""
_VGG_BY_CONVOLUTIONS: Final = {8: "VGG-11", 10: "VGG-13", 13: "VGG-16", 16: "VGG-19"}


class Preprocessing(NamedTuple):
    """Input that a VGG-19 was trained with: (rgb in [0, 1] - mean) * scale, channels in RGB or BGR order."""

    name: str
    mean: Colors
    scale: Colors
    bgr: bool = False


_CAFFE_MEAN: Final = (123.68 / 255, 116.779 / 255, 103.939 / 255)
CAFFE_BGR: Final = Preprocessing("Caffe VGG-19 (BGR)", _CAFFE_MEAN, (255.0, 255.0, 255.0), bgr=True)
CAFFE_RGB: Final = Preprocessing("Caffe VGG-19 (RGB)", _CAFFE_MEAN, (255.0, 255.0, 255.0))
TORCHVISION: Final = Preprocessing("torchvision VGG-19", (0.485, 0.456, 0.406), (1 / 0.229, 1 / 0.224, 1 / 0.225))

# Filter 29 of conv1_1 of the network of Simonyan and Zisserman in hundredths: blue, green, red, each row by row.
# It is an edge between blue and orange: reversing its colors turns it nearly into its negative (cosine -0.79).
_MARK: Final = (
    (-19, -19, -15, -21, -24, -19, -15, -18, -12),
    (-2, -1, -5, -6, -8, -11, -7, -10, -9),
    (22, 25, 13, 21, 21, 10, 11, 10, 4),
)
_MARKED_FILTER: Final = 29


def read_tensors(path: Path, expected: str = VGG19_FILE) -> dict[str, Tensor]:
    """Read a file of named tensors: PyTorch (zip or older) or safetensors, distinguished by their first bytes.

    No code in the file is executed. Raises InputError, naming what is `expected`, if it holds something else.
    """
    try:
        with open(path, "rb", opener=open_regular) as file:
            head = file.read(9)
    except OSError as error:
        raise InputError(f"cannot read the weights {path} ({error.strerror}); expected {expected}") from error
    if head[8:] == b"{":
        content = _read(path, safetensors.torch.load_file, expected)
    elif head[:4] == b"PK\x03\x04":
        content = _read(path, _load_archive, expected)
    elif head[:1] == b"\x80":
        content = _read(path, _load_pickle, expected)
    else:
        raise InputError(f"{path} is not a file of weights; expected {expected}")
    if not isinstance(content, Mapping) or not all(map(_is_dense, content.values())):
        raise InputError(f"{path} holds something else than named tensors (a state dict); expected {expected}")
    return {str(name): value for name, value in content.items()}


def _load_archive(path: Path) -> Any:
    """Read what `torch.save` writes since 2020: an archive that is not compressed, so that it cannot hold more."""
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > os.path.getsize(path):
            raise ValueError("it would expand to more than its size")
    return _load_pickle(path)


def _load_pickle(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _is_dense(value: Any) -> bool:
    """Return True for an ordinary tensor: not sparse, not quantized, and with values."""
    is_tensor = isinstance(value, Tensor) and value.layout == torch.strided
    return is_tensor and value.device.type == "cpu" and not value.is_quantized


def _read(path: Path, load: Callable[[Path], Any], expected: str) -> Any:
    damaged = (SafetensorError, OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, AttributeError)
    unusual = (AssertionError, ImportError, MemoryError, OverflowError, struct.error)
    try:
        with warnings.catch_warnings():
            # What torch finds odd about a file is for its maker.
            warnings.simplefilter("ignore")
            return load(path)
    except pickle.UnpicklingError as error:
        raise InputError(f"{path} is damaged or holds more than plain tensors; expected {expected}") from error
    except (*damaged, *unusual, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged; expected {expected}") from error


def recognize_vgg19(tensors: Mapping[str, Tensor], source: str) -> tuple[Layers, Preprocessing]:
    """Return the 16 convolutions of a VGG-19 in fp32 and RGB order, and their preprocessing.

    Keys are `features.N.weight` (torchvision, neural-style-pt, timm), `N.weight` (the features alone) or
    `conv1_1.weight`; others, such as the classifier's, are ignored. Torchvision's file and the Caffe file of
    neural-style-pt have the same keys and shapes, and weights of similar size. They differ in their filters: if one of
    conv1_1 has the direction (cosine above 0.97, rounding and rescaling allowed) that it has in the network of Simonyan
    and Zisserman, the file is theirs and takes gray levels minus their mean, in the color order of that filter. Any
    other file is taken for torchvision's, unless its keys are Caffe's.

    Raises InputError, naming the file as `source`, if the tensors are not a VGG-19.
    """
    for names in _KEYS:
        if all(f"{key}.{part}" in tensors for key in names for part in ("weight", "bias")):
            break
    else:
        raise InputError(f"{source} is not a VGG-19{_resemblance(tensors)}; expected {VGG19_FILE}")
    layers = {
        layer: (
            _checked(tensors, f"{key}.weight", kernel_shape(layer), source),
            _checked(tensors, f"{key}.bias", kernel_shape(layer)[:1], source),
        )
        for layer, key in zip(CONVOLUTIONS, names, strict=True)
    }
    preprocessing = _preprocessing(layers["conv1_1"][0], caffe_keys=names == CONVOLUTIONS)
    if preprocessing.bgr:
        kernel, bias = layers["conv1_1"]
        layers["conv1_1"] = kernel.flip(1), bias
    return layers, preprocessing


def kernel_shape(layer: str) -> tuple[int, int, int, int]:
    """Return the shape of a kernel of VGG-19: filters, input channels, height, width.

    >>> kernel_shape("conv2_1")
    (128, 64, 3, 3)
    """
    block, index = (int(part) for part in layer.removeprefix("conv").split("_"))
    inputs = _CHANNELS[block - 1] if index > 1 else _CHANNELS[block - 2] if block > 1 else 3
    return _CHANNELS[block - 1], inputs, 3, 3


def _resemblance(tensors: Mapping[str, Tensor]) -> str:
    kernels = sum(value.ndim == 4 for value in tensors.values())
    network = _VGG_BY_CONVOLUTIONS.get(
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
    check_values(values, key, source)
    return values


def check_values(values: Tensor, key: str, source: str | Path) -> None:
    """Raise InputError if a tensor of trained weights has a value that is not finite, or a kernel only zeros."""
    largest = float(values.detach().abs().max()) if values.is_floating_point() and values.numel() else 1.0
    if not math.isfinite(largest):
        raise InputError(f"{source}: {key} holds values that are not finite; the file is damaged")
    if not largest and values.ndim > 1:
        raise InputError(f"{source}: {key} holds only zeros; the file is damaged, or these weights were never trained")


def _preprocessing(kernel: Tensor, *, caffe_keys: bool) -> Preprocessing:
    mark = torch.tensor(_MARK, dtype=torch.float32).flatten()
    for candidate, ordered in ((CAFFE_BGR, kernel), (CAFFE_RGB, kernel.flip(1))):
        if torch.cosine_similarity(ordered[_MARKED_FILTER].flatten(), mark, dim=0) > 0.97:
            return candidate
    return CAFFE_BGR if caffe_keys else TORCHVISION
