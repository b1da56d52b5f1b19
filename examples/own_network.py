"""Paint with a network of your own: `python examples/own_network.py photo.jpg night`.

Any torch module works whose submodules return maps: a description names its layers and makes it known by a name. This
one was never trained: its filters are random, which is enough for textures (Ustyuzhaninov et al. 2016).
"""

import argparse
from collections import OrderedDict
from pathlib import Path

from torch import nn, random

import impasto
from impasto.networks import NETWORKS, Network


def build() -> nn.Module:
    """Return filters of 3 x 3 pixels at full, half and a quarter of the picture's size; always the same ones."""
    with random.fork_rng():
        random.manual_seed(0)
        blocks = [nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()) for inputs, outputs in SHAPES]
    pools = [nn.MaxPool2d(2, stride=2) for _ in range(2)]
    parts = zip(
        ("fine", "pool1", "middle", "pool2", "coarse"),
        (blocks[0], pools[0], blocks[1], pools[1], blocks[2]),
        strict=True,
    )
    return nn.Sequential(OrderedDict(parts))


SHAPES = ((3, 64), (64, 128), (128, 256))
NETWORKS["filters"] = Network(
    name="filters",
    purpose="random filters: textures and colors, but little recognition of objects",
    build=build,
    layers=("fine", "middle", "coarse"),
    content_layers={"coarse": 1.0},
    style_layers={"fine": 1.0, "middle": 1.0, "coarse": 0.5},
)

parser = argparse.ArgumentParser(description="Paint with a network of random filters.")
parser.add_argument("photo", type=Path)
parser.add_argument("style", nargs="?", default="night", help="a picture, or the name of a built-in style")
parser.add_argument("--size", type=int, default=512, help="long side of the result in pixels")
parser.add_argument("--steps", type=int, default=120)
parser.add_argument("--out", type=Path, default=Path("filters.png"))
arguments = parser.parse_args()

try:
    result = impasto.stylize(
        arguments.photo, arguments.style, backbone="filters", size=arguments.size, steps=arguments.steps
    )
except impasto.ImpastoError as error:
    raise SystemExit(str(error)) from None
result.save(arguments.out)
print(
    f"{arguments.out}: style {result.losses['style'][0]:.3g} at the start, {result.losses['style'][-1]:.3g} at the end"
)
