"""Files of learned styles: a style image and a network that paints in its style, in one safetensors file.

They are read wherever style images are. No code of a file runs, and what it holds is checked against its own hash.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from impasto.errors import InputError
from impasto.untrusted import load_json

LEARNED_SUFFIX: Final = ".safetensors"
_FORMAT: Final = "learned style 1"
_KEY: Final = "impasto"
_STYLE: Final = "style"
"""Name of the tensor that holds the bytes of the style image's file."""
_MOST_BYTES: Final = 2**26
"""A larger file, of 67 MB, is no learned style."""


@dataclass(frozen=True, eq=False)
class LearnedStyle:
    """A style that was learned.

    Attributes:
        style: The bytes of the style image's file.
        weights: Arrays of the network by name.
        facts: What was learned and how, as JSON has it: `name`, `sha256` of the style image that was given, `recipe`,
            `steps`, `seconds`, `reason`, and `identity` of the call.
    """

    style: bytes
    weights: Mapping[str, np.ndarray]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        tensors = {**self.weights, _STYLE: np.frombuffer(self.style, dtype=np.uint8)}
        facts = json.dumps(dict(self.facts))
        metadata = {_KEY: _FORMAT, "facts": facts, "sha256": _digest(tensors, facts)}
        return safetensors.numpy.save(tensors, metadata=metadata)


def is_learned(head: bytes) -> bool:
    """Return True if a file begins as safetensors do: the length of a header, which is JSON."""
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _MOST_BYTES


def read_learned(data: bytes, shown: str) -> LearnedStyle:
    """Return the learned style in the bytes of a file; raises InputError, which calls it `shown`, for any other."""
    damaged = InputError(f"{shown} is damaged or cut off: copy it again, or learn the style again")
    try:
        length = int.from_bytes(data[:8], "little")
        if len(data) > _MOST_BYTES or 8 + length > len(data):
            raise damaged
        header = load_json(data[8 : 8 + length].decode())
        metadata = header.get("__metadata__", {}) if isinstance(header, dict) else {}
        if metadata.get(_KEY) != _FORMAT:
            newer = str(metadata.get(_KEY, "")).startswith(_FORMAT[:-1])
            reason = "was made by a newer version of impasto" if newer else "holds no style that impasto has learned"
            raise InputError(f"{shown} {reason}: `impasto learn` makes such files")
        tensors = safetensors.numpy.load(data)
        if metadata["sha256"] != _digest(tensors, metadata["facts"]):
            raise damaged
        facts, style = load_json(metadata["facts"]), tensors.pop(_STYLE).tobytes()
        if is_learned(style) or not isinstance(facts, dict):
            raise damaged
        return LearnedStyle(style, tensors, facts)
    except InputError:
        raise
    except (SafetensorError, LookupError, TypeError, ValueError, AttributeError):
        raise damaged from None


def learned_facts(path: Path) -> Mapping[str, Any] | None:
    """Return the facts of the learned style in a file; None if it holds none, or there is no file."""
    with suppress(OSError, InputError), path.open("rb") as file:
        return read_learned(file.read(_MOST_BYTES + 1), str(path)).facts
    return None


def _digest(tensors: Mapping[str, np.ndarray], facts: str) -> str:
    """Return the SHA-256 of names, types, shapes, bytes and facts: safetensors does not detect a flipped bit."""
    sha256 = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        values = np.ascontiguousarray(tensors[name])
        sha256.update(json.dumps([name, str(values.dtype), list(values.shape)]).encode())
        sha256.update(values.tobytes())
    return sha256.hexdigest()
