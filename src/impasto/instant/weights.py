"""Reading the weights of the instant networks, which are part of the package."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from impasto.errors import InputError
from impasto.instant.network import StylePredictor, StyleTransformer

_FILE: Final = Path(__file__).parent / "data" / "magenta.safetensors"
_SHA256: Final = ""


class InstantNetworks(nn.Module):
    """Both networks, ready to compute."""

    def __init__(self) -> None:
        super().__init__()
        self.predictor = StylePredictor()
        self.transformer = StyleTransformer()


def load_networks(device: torch.device) -> InstantNetworks:
    stored = safetensors.torch.load_file(_FILE)
    steps = {name.removesuffix("step") + "weight": stored.pop(name) for name in list(stored) if name.endswith(".step")}
    tensors = {
        name: (values * steps[name].view(-1, *[1] * (values.ndim - 1)) if name in steps else values) for name, values in stored.items()
    }
    with torch.device("meta"):
        networks = InstantNetworks()
    networks.load_state_dict(tensors, assign=True)
    return networks.to(device).eval().requires_grad_(False)
