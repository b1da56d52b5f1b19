"""What `impasto doctor` looks at. Each check survives a library that is missing or broken, and says so."""

import importlib
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from impasto.errors import InputError, reason_of
from impasto.extras import install_command, missing_extra

_LIBRARIES: Final = {
    "torch": "torch",
    "numpy": "numpy",
    "pyvips": "pyvips",
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "pillow_heif": "pillow-heif",
}
"""Compiled libraries that every command needs: name of the module, and of the package that has it."""
_CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
_LEAST_MEMORY: Final = 1.5e9
"""Bytes that a picture of 512 pixels and the process that paints it take, about."""
_LEAST_DISK: Final = 0.5e9
_NOT_FOR_USERS: Final = ("dev",)


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    name: str
    value: str
    problem: str = ""
    """What is wrong and what to do; empty if nothing is."""


def examine() -> list[Finding]:
    """Return everything that was found, in the order in which it is shown.

    >>> examine()[0].name
    'impasto'
    """
    return [finding for check in _CHECKS for finding in _checked(check)]


def _checked(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what a check finds; what it raises becomes a finding."""
    try:
        yield from check()
    except Exception as error:
        yield Finding(check.__name__.strip("_"), "unknown", reason_of(error) or type(error).__name__)


def _versions() -> Iterator[Finding]:
    yield Finding("impasto", f"{version('impasto')} in {Path(__file__).parents[1]}")
    yield Finding("python", f"{platform.python_version()} ({sys.executable})")
    yield Finding("system", platform.platform())
    for module, package in _LIBRARIES.items():
        yield _library(module, package)


def _library(module: str, package: str) -> Finding:
    try:
        loaded = importlib.import_module(module)
        return Finding(package, _version_of(package) or str(getattr(loaded, "__version__", "of unknown version")))
    except Exception as error:  # what a broken library raises on import is not known
        again = install_command("--force-reinstall", package)
        return Finding(package, "cannot be loaded", f"{reason_of(error) or type(error).__name__}: {again}")


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _device() -> Iterator[Finding]:
    import torch

    from impasto.api import resolve_hardware, usable_cores
    from impasto.recipe import Recipe

    hardware = resolve_hardware(Recipe()).hardware
    names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    has_driver = bool(shutil.which("nvidia-smi")) or os.path.exists("/proc/driver/nvidia/version")
    problem = ""
    if has_driver and not torch.version.cuda and not torch.version.hip:
        problem = "there is an NVIDIA driver, but this torch was built for processors: README, Install, names the one"
    elif has_driver and not names:
        problem = f"torch {torch.__version__} finds no card: is the driver too old for CUDA {torch.version.cuda}?"
    yield Finding("device", ", ".join([hardware.device, *names]), problem)
    yield Finding("precision", f"{hardware.precision}{'' if hardware.precision == 'bf16' else ' (no bf16 here)'}")
    cores = usable_cores()
    yield Finding("threads", f"{torch.get_num_threads()} of {os.cpu_count()} cores ({cores} may be used)")


def _memory() -> Iterator[Finding]:
    import torch

    from impasto.api import free_memory, pixels_that_fit, resolve_hardware
    from impasto.recipe import Recipe

    hardware = resolve_hardware(Recipe()).hardware
    free = free_memory()
    if free == float("inf"):
        yield Finding("memory", "this system does not say how much is free")
        return
    side = int(pixels_that_fit(hardware.precision) ** 0.5) // 100 * 100
    few = (
        ""
        if free >= _LEAST_MEMORY
        else "that may not be enough for 512 pixels: close other programs, or use --size 256"
    )
    yield Finding("memory", f"{_gigabytes(free)} free, enough for {side} x {side} pixels; larger in tiles", few)
    for number in range(torch.cuda.device_count()):
        left, total = torch.cuda.mem_get_info(number)
        yield Finding(f"memory of cuda:{number}", f"{_gigabytes(left)} free of {_gigabytes(total)}")


def _disk() -> Iterator[Finding]:
    import platformdirs

    places = {
        "current folder": Path.cwd(),
        "cache": Path(platformdirs.user_cache_dir("impasto")),
        "temporary files": Path(tempfile.gettempdir()),
    }
    for name, folder in places.items():
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free
        problem = ""
        if not (there.is_dir() and os.access(there, os.W_OK)):
            problem = f"{folder} cannot be written: {_INSTEAD[name]}"
        elif free < _LEAST_DISK:
            problem = f"the disk of {there} is almost full: {_gigabytes(free)} are free"
        yield Finding(name, f"{folder} ({_gigabytes(free)} free)", problem)


_INSTEAD: Final = {
    "current folder": "name another place with -o",
    "cache": "set XDG_CACHE_HOME to a folder of yours, or the speed of this machine is measured anew",
    "temporary files": "set TMPDIR to a folder of yours",
}


def _weights() -> Iterator[Finding]:
    from impasto.backbones import describe_weights

    for name, which, needed in (("weights", "embedded", True), ("full weights", "full", False)):
        try:
            yield Finding(name, f"{describe_weights(which)['name']}, {describe_weights(which)['path']}")
        except InputError as error:
            is_wrong = needed or "damaged" in str(error)
            yield Finding(name, "damaged" if is_wrong else "not downloaded (optional)", str(error) if is_wrong else "")


def _extras() -> Iterator[Finding]:
    listed: dict[str, list[str]] = {}
    for requirement, _, marker in (entry.partition(";") for entry in requires("impasto") or ()):
        if found := re.search(r"""extra == ['"]([\w-]+)['"]""", marker):
            listed.setdefault(found[1], []).append(re.split(r"[\s\[<>=!~(]", requirement, maxsplit=1)[0])
    for extra, packages in listed.items():
        if extra in _NOT_FOR_USERS:
            continue
        lacking = [package for package in packages if not _version_of(package)]
        command = str(missing_extra("add it with", extra))
        yield Finding(f"extra {extra}", f"not installed; {command}" if lacking else "installed")


def _programs() -> Iterator[Finding]:
    chromium = next(filter(None, map(shutil.which, _CHROMIUM)), "")
    yield Finding("Chromium", chromium or "none; only the tests of the repository need it")
    codecs = f"in PyAV {_version_of('av')}" if _version_of("av") else "none; the extra video brings FFmpeg's libraries"
    yield Finding("FFmpeg", codecs)


def _trial() -> Iterator[Finding]:
    import numpy

    import impasto

    begun = time.monotonic()
    result = impasto.stylize(numpy.full((48, 64, 3), 0.5), "night", preset="draft", size=64, steps=2)
    if not numpy.isfinite(result.pixels).all():
        raise InputError("pixels are no numbers: another torch may help, or --device cpu --precision fp32")
    yield Finding("trial", f"two steps at 64 pixels took {time.monotonic() - begun:.1f} s, with loading the network")


def _gigabytes(amount: float) -> str:
    return f"{amount / 1e9:.1f} GB"


_CHECKS: Final = (_versions, _device, _memory, _disk, _weights, _extras, _programs, _trial)
