"""What this machine can compute with."""

import ctypes
import sys
from typing import Final

import torch

from impasto.errors import InputError
from impasto.recipe import Recipe


def resolve_hardware(recipe: Recipe) -> Recipe:
    """Replace `auto` in device and precision by what this machine has.

    Raises InputError if the recipe asks for a device that is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    device = recipe.device
    if device == "auto":
        device = "cuda" if there["cuda"] else "mps" if there["mps"] else "cpu"
    elif not there[device]:
        usable = ", ".join(name for name, present in there.items() if present)
        raise InputError(f"there is no device {device} here: use --device auto, or one of {usable}")
    precision = recipe.precision
    if precision == "auto":
        precision = "bf16" if _computes_bf16(device) else "fp32"
    return recipe.with_changes(device=device, precision=precision)


def _computes_bf16(device: str) -> bool:
    """Tell whether convolutions in bf16 are computed by the hardware itself; emulated ones are many times slower."""
    if device == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    if device == "mps":
        return False
    # torch tells this only through functions that it does not document; older ones lack some of them.
    asks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, ask, bool)()) for ask in asks)


# Numbers of parameters of mallopt(3), from glibc's malloc.h.
_TRIM_THRESHOLD: Final = -1
_MMAP_MAX: Final = -4
_ARENA_MAX: Final = -8


def keep_memory() -> None:
    """Let this process keep the memory that it frees, for the next step; for programs that do nothing but paint.

    Maps are large, and glibc gives each back to the system and asks for it anew, in every step, cleared page by page.
    A step at 1024 px took 2.0 instead of 2.6 s on a virtual machine. Does nothing where the C library is another.
    """
    if not sys.platform.startswith("linux"):
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        for option, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_ARENA_MAX, 1)):
            set_option(option, value)
