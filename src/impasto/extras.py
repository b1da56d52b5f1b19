"""Packages that are missing from this installation, and the command that adds them."""

import os
import re
import sys
from importlib.metadata import requires, version
from importlib.util import find_spec

from impasto.errors import InputError
from impasto.shell import join

_INDEX = "https://download.pytorch.org/whl/"
"""One index of wheels for each build of torch, by its local version: cpu, cu130, rocm6.4, ..."""


def missing_extra(problem: str, extra: str) -> InputError:
    """Return the error of someone who calls for a package that only an extra installs.

    Args:
        problem: What needs which package, without a period.
        extra: Name of the extra in pyproject.toml.

    Example:
        >>> str(missing_extra("the studio needs gradio", "studio"))  # doctest: +SKIP
        "the studio needs gradio: python -m pip install 'gradio<7,>=6.31' 'jinja2>=3.1'"
    """
    return InputError(f"{problem}: {install_command(*extra_requirements(extra))}")


def extra_requirements(extra: str) -> list[str]:
    """Return the words after `pip install` that install what an extra adds."""
    listed = (requirement.partition(";") for requirement in requires("impasto") or ())
    words = [name.strip() for name, _, marker in listed if re.search(rf"""extra == ['"]{extra}['"]""", marker)]
    if any(word.startswith("torchvision") for word in words):
        words += _same_torch()
    return words


def install_command(*words: str) -> str:
    """Return a command line that runs `pip install` for the Python that runs impasto, by pip or, without pip, by uv.

    It works for every kind of installation (a clone, a wheel, a tool of uv or pipx), because it names packages of
    PyPI: a requirement like `impasto[studio]` would need the place from which impasto itself was installed.

    Args:
        words: Requirements, and options that pip and uv share.
    """
    if find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", *words]
    else:
        command = ["uv", "pip", "install", "--python", sys.executable, *words]
    if os.name != "nt":
        return join(command)
    return " ".join(f'"{word}"' if re.search(r"[\s<>&|^()]", word) else word for word in command)


def _same_torch() -> list[str]:
    """Return the words that keep the installed build of torch, which a package for another build would replace."""
    installed = version("torch")
    _, _, build = installed.partition("+")
    index = ["--extra-index-url", _INDEX + build] if re.fullmatch(r"cpu|xpu|cu\d+|rocm[\d.]+", build) else []
    return [f"torch=={installed}", *index]
