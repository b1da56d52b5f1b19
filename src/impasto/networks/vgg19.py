"""VGG-19 (Simonyan and Zisserman 2014, configuration E), which the others are measured against.

A layer `conv{b}_{i}` means convolution i of block b *with* its ReLU, as in Gatys et al. 2015.
"""

from typing import Final

from impasto.networks.description import Network


def vgg_layers(*convolutions: int) -> tuple[str, ...]:
    """Return the layers of blocks with so many convolutions, each block ending with its pooling."""
    names: list[str] = []
    for block, count in enumerate(convolutions, start=1):
        names += [f"conv{block}_{i}" for i in range(1, count + 1)]
        names.append(f"pool{block}")
    return tuple(names)


VGG19: Final = Network(
    name="vgg19",
    purpose="the network of the paper: strokes at several sizes; where to begin",
    family="vgg19",
    layers=vgg_layers(2, 2, 4, 4, 4),
    content_layers=("conv3_2=0.5", "conv4_2=1.0"),
    style_layers=(
        "conv1_1=0.6",
        "conv1_2=0.6",
        "conv2_1=0.4",
        "conv2_2=0.6",
        "conv3_1=0.3",
        "conv3_3=0.3",
        "conv4_1=0.1",
    ),
)


def layer_stride(name: str) -> int:
    """Return how many pixels of the picture one step of a VGG layer's grid covers (pool{b} already halved)."""
    block = int(name.removeprefix("conv").removeprefix("pool").split("_")[0])
    return 1 << (block if name.startswith("pool") else block - 1)
