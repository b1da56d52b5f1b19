"""The networks of learned styles: from and to their files, and those that the package has for built-in styles."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from impasto.errors import InputError
from impasto.images import LEARNED_SUFFIX, DecodedImage, LearnedStyle, is_plate, read_learned
from impasto.instant.network import OneStyleTransformer

_FOLDER: Final = Path(__file__).parent / "data"


def learned_file(picture: DecodedImage) -> bytes | None:
    """Return the bytes of the file of a learned style if a picture is one, or a built-in style that was learned."""
    if picture.is_learned:
        return picture.encoded
    if picture.suffix or not is_plate(picture.name):  # the name may be any text, as of an input in a run folder
        return None
    path = _FOLDER / f"{picture.name}{LEARNED_SUFFIX}"
    return path.read_bytes() if path.exists() and picture.sha256 == _sha256_of_plate(picture.name) else None


@cache
def _sha256_of_plate(name: str) -> str:
    return str(read_learned((_FOLDER / f"{name}{LEARNED_SUFFIX}").read_bytes(), name).facts.get("sha256"))


def learned_network(data: bytes, shown: str = "the learned style") -> OneStyleTransformer:
    """Return the network in the file of a learned style, in fp32 and without gradients of its own.

    Raises InputError, which calls the file `shown`, if it holds no such network.
    """
    weights = read_learned(data, shown).weights
    with torch.device("meta"):
        network = OneStyleTransformer()
    try:
        tensors = {name: torch.from_numpy(values.astype(np.float32)) for name, values in weights.items()}
        network.load_state_dict(tensors, assign=True)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{shown} holds another network than this version of impasto has: learn it again") from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise InputError(f"{shown} holds numbers that are not finite: learn it again")
    return network.eval().requires_grad_(False)


def encode_learned(network: OneStyleTransformer, style: bytes, facts: Mapping[str, Any]) -> bytes:
    """Return the bytes of the file of a learned style, with weights in fp16.

    Args:
        network: The network.
        style: The bytes of the style image's file.
        facts: What was learned and how, see `LearnedStyle`.
    """
    weights = {name: tensor.detach().cpu().numpy().astype(np.float16) for name, tensor in network.state_dict().items()}
    return LearnedStyle(style, weights, facts).encode()
