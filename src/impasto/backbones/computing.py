"""On what a picture depends, bit for bit, besides recipe, inputs and version."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import torch

_LIMITS: Final = (
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE",
)
"""Variables by which a user restricts the instructions of torch's libraries, or the precision of their products."""
_FEATURES: Final = ("avx512_bf16", "amx_tile")


def computed_with(device: str) -> dict[str, str]:
    """Return the version of torch and the processor, with what it is allowed to use; CPU unless `device` is cuda."""
    if device == "cuda":
        return {"torch": torch.__version__, "processor": torch.cuda.get_device_name()}
    words = [torch.backends.cpu.get_cpu_capability()]
    with suppress(OSError):  # not Linux
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
        words = re.findall(r"^(?:vendor_id|cpu family|model)\s*: (.+)", text, re.M) + words
        words += [name for name in _FEATURES if re.search(rf"^flags.* {name}\b", text, re.M)]
    words += [f"{name}={os.environ[name]}" for name in _LIMITS if os.environ.get(name)]
    return {"torch": torch.__version__, "processor": " ".join(words)}


def repetition_notice(then: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Return one line if a picture with the record `then` cannot be repeated bit for bit; None if it can be."""
    pairs = [(then.get("version"), now["version"], "impasto ")]
    known = then.get("computed") or {}
    pairs += [(known.get(name), now["computed"][name], "torch " * (name == "torch")) for name in now["computed"]]
    differing = [(f"{word}{old}", f"{word}{new}") for old, new, word in pairs if old and old != new]
    if not differing:
        return None
    old, new = (", ".join(side) for side in zip(*differing, strict=True))
    return f"painted with {old}, here is {new}: the picture will look the same, but may not be equal bit for bit"
