"""What this machine can compute with."""

import ctypes
import math
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import torch

from impasto.errors import InputError
from impasto.recipe import Precision, Recipe, memory_text, one_of_these


def resolve_hardware(recipe: Recipe) -> Recipe:
    """Replace `auto` in device and precision by what this machine has.

    Raises InputError if the recipe asks for a device that is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    device = recipe.hardware.device
    if device == "auto":
        device = "cuda" if there["cuda"] else "mps" if there["mps"] else "cpu"
    elif not there[device]:
        usable = one_of_these(["auto", *(name for name, present in there.items() if present)])
        raise InputError(f"there is no device {device} here: use --device {usable}")
    precision = recipe.hardware.precision
    if precision == "auto":
        precision = "bf16" if computes_bf16(device) else "fp32"
    return recipe.with_changes(device=device, precision=precision)


def computes_bf16(device: str) -> bool:
    """Return True if the hardware computes convolutions in bf16; emulated ones are many times slower."""
    if device == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    if device == "mps":
        return False
    # Only undocumented functions of torch know, and older versions lack some of them.
    asks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, ask, bool)()) for ask in asks)


_threads_lock = threading.Lock()
_threads_before: list[int] = []  # the process's own number, once for each run that paints


@contextmanager
def processor_threads(wanted: int | None) -> Iterator[None]:
    """Compute with so many threads in this thread; None: the process's own number, whatever other runs ask for."""
    with _threads_lock:
        # Torch keeps the number for threads that begin, too: runs would inherit it from each other.
        own = _threads_before[0] if _threads_before else torch.get_num_threads()
        _threads_before.append(own)
    torch.set_num_threads(int(min(wanted or own, _threads_given())))
    try:
        yield
    finally:
        with _threads_lock:
            _threads_before.pop()
            if not _threads_before:
                torch.set_num_threads(own)


def _threads_given() -> float:
    """Return how many threads OpenMP gives for certain: with fewer than torch asks for, it computes only a part.

    Where impasto was loaded before torch, no variable is left that makes OpenMP give fewer.
    """
    if os.environ.get("OMP_DYNAMIC", "").strip().lower() == "true":
        return 1
    return _number_in("OMP_THREAD_LIMIT") or math.inf


def _number_in(variable: str) -> int:
    """Return the whole number in an environment variable; 0 if there is none."""
    text = os.environ.get(variable, "").strip()
    return int(text) if text.isdecimal() else 0


_CGROUP: Final = Path("/sys/fs/cgroup")
"""The container's limits of memory and processor time (control groups, version 2)."""

# Numbers of parameters of mallopt(3), from glibc's malloc.h.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_MMAP_MAX: Final = -4
_ARENA_MAX: Final = -8

_USED_SHARE: Final = 0.85
"""Share of the free memory that is used; the rest is for the system and what else begins."""
_BYTES_PER_PIXEL: Final = 2_600
"""Upper bound of what a pixel of the default recipe takes in bf16 while freed memory is kept."""
BYTES_PER_PROCESS: Final = 0.5e9
"""What a process that paints takes beside that: libraries, network, photo, style."""
_SHARE_OF_MEMORY: Final = 0.75
"""So much of the free memory may be filled by processes that were not asked for."""


def keep_memory() -> None:
    """Let this process keep freed memory for the next step; for programs that only paint.

    Otherwise glibc returns every large map to the system and gets it anew, cleared page by page, in every step. Does
    nothing with another C library.
    """
    _set_malloc({_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _ARENA_MAX: 1})


def return_memory_if_scarce(pixels: int, *, precision: Precision = "bf16", limit: float | None = None) -> bool:
    """Undo `keep_memory` if a picture of this many pixels might not fit otherwise; return True in that case.

    A rule of thumb: losses that compare positions, a long history and a large style take more. `limit` is the memory in
    bytes that may be used; None: what is free.
    """
    scarce = pixels > pixels_that_fit(precision, limit)
    if scarce:
        # Within a limit no block may stay behind in the heap because a smaller one that is kept lies above it.
        size = (16 if limit is None else 2) * 2**20
        _set_malloc({_MMAP_MAX: 65_536, _MMAP_THRESHOLD: size, _TRIM_THRESHOLD: size})
    return scarce


def pixels_that_fit(precision: Precision = "bf16", limit: float | None = None) -> float:
    """Return how many pixels, about, can be painted in so many bytes; None: in the memory that is free now."""
    return (free_memory() if limit is None else limit) / _bytes_per_pixel(precision)


def limit_memory(recipe: Recipe, pixels: int) -> Recipe:
    """Let a recipe without a limit of memory use what is free, less a reserve, if a picture might not fit otherwise.

    The limit is kept in the recipe, so that a run that is resumed uses as much.
    """
    hardware = recipe.hardware
    if hardware.max_memory is not None or hardware.device == "cuda" or pixels <= pixels_that_fit(hardware.precision):
        return recipe
    return recipe.with_changes(max_memory=memory_text(_USED_SHARE * free_memory()))


def processes_that_fit(recipe: Recipe) -> int:
    """Return how many processes of one thread should paint at once on this machine: one for each core, if they fit.

    The memory that they take is estimated as for square pictures of the default recipe. One process is enough for a
    graphics card, and where the recipe states a number of threads.

    Args:
        recipe: Recipe of all pictures; `auto` in device and precision is replaced first.

    Example:
        >>> from impasto.recipe import Recipe
        >>> processes_that_fit(Recipe(size=64, threads=2))
        1
    """
    recipe = resolve_hardware(recipe)
    if recipe.hardware.device != "cpu" or recipe.hardware.threads is not None:
        return 1
    size, style_size = recipe.picture.size, recipe.style.size or 0
    pixels = recipe.picture.max_megapixels * 1e6 if size == "photo" else max(size, style_size) ** 2
    each = BYTES_PER_PROCESS + pixels * _bytes_per_pixel(recipe.hardware.precision)
    return int(max(1, min(usable_cores(), _SHARE_OF_MEMORY * free_memory() / each)))


def usable_cores() -> int:
    """Return how many threads can compute at once in all processes that paint, within the limits of a container.

    Example:
        >>> usable_cores() >= 1
        True
    """
    cores = min(torch.get_num_threads(), _threads_given())
    with suppress(OSError, ValueError):
        quota, period = map(int, (_CGROUP / "cpu.max").read_text(encoding="ascii").split())  # or "max" without a limit
        cores = min(cores, quota / period)
    return int(max(1, cores))


def _bytes_per_pixel(precision: Precision) -> int:
    return _BYTES_PER_PIXEL * (1 if precision == "bf16" else 2)


def _set_malloc(options: dict[int, int]) -> None:
    if not sys.platform.startswith("linux"):
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        for option, value in options.items():
            set_option(option, value)


def free_memory() -> float:
    """Return the bytes that are free without swapping, within all limits; infinity if unknown."""
    free = math.inf
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    with suppress(OSError, ValueError):
        limit, used = (int((_CGROUP / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        free = min(free, limit - used)
    with suppress(ImportError, OSError, ValueError):
        import resource  # not on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        free = min(free, limit - used if limit != resource.RLIM_INFINITY else math.inf)
    return free / max(1, _number_in("LOCAL_WORLD_SIZE"))  # of torchrun: so many processes of this machine paint at once
