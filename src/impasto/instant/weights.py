"""Reading the weights of the instant networks, a file of this package."""

from pathlib import Path
from typing import Any, Final

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from impasto.backbones import sha256_of
from impasto.errors import InputError
from impasto.instant.network import StylePredictor, StyleTransformer

_FILE: Final = Path(__file__).parent / "data" / "magenta.safetensors"
_DAMAGED: Final = "the weights of the method instant are missing or damaged: install impasto again"
_SHA256: Final = "474062a8e750363827a47edf82580465f826ba9216f51950787e038dc0bf784f"


class InstantNetworks(nn.Module):
    """The predictor, which turns style images into numbers, and the transformer, which repaints photos with them.

    Example:
        >>> networks = load_networks()
        >>> style, photo = torch.rand(1, 3, 256, 256), torch.rand(1, 3, 48, 64)
        >>> networks.transformer(photo, networks.predictor(style)).shape
        torch.Size([1, 3, 48, 64])
    """

    def __init__(self) -> None:
        """Create both without weights."""
        super().__init__()
        self.predictor = StylePredictor()
        self.transformer = StyleTransformer()


def load_networks(device: torch.device | None = None) -> InstantNetworks:
    """Return the networks with their weights, in fp32 and without gradients of their own.

    Args:
        device: Where to compute; None: the processor.

    Raises:
        InputError: If the file of weights is missing or damaged.
    """
    described = describe_networks()
    try:
        stored = safetensors.torch.load_file(described["path"])
        with torch.device("meta"):
            networks = InstantNetworks()
        networks.load_state_dict({name: _decoded(name, stored) for name in networks.state_dict()}, assign=True)
    except (SafetensorError, OSError, LookupError, RuntimeError) as error:
        raise InputError(_DAMAGED) from error
    return networks.to(device or "cpu").eval().requires_grad_(False)


def _decoded(name: str, stored: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return a tensor in fp32: a kernel is stored in 8 bits, with the size of a step for each of its filters."""
    values = stored[name]
    if values.dtype != torch.int8:
        return values
    return values * stored[name.replace(".weight", ".step")].view(-1, *[1] * (values.ndim - 1))


def describe_networks() -> dict[str, Any]:
    """Describe the weights that `load_networks` loads.

    Returns:
        `name`, `path`, `sha256`, `size` in bytes, `license` and `source`.

    Raises:
        InputError: If the file of weights is missing or damaged.
    """
    try:
        digest, size = sha256_of(_FILE), _FILE.stat().st_size
    except OSError as error:
        raise InputError(_DAMAGED) from error
    if digest != _SHA256:
        raise InputError(_DAMAGED)
    return {
        "name": "Magenta's networks of arbitrary style transfer, 8 bits",
        "path": str(_FILE),
        "sha256": digest,
        "size": size,
        "license": "Apache-2.0 (the Magenta authors)",
        "source": "a file of impasto",
    }
