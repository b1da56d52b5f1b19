"""All networks by name. A new one is a description and an entry of `NETWORKS`."""

import re
from functools import cache
from typing import Final

from impasto.errors import InputError
from impasto.networks.network import Network

_TORCHVISION: Final = "torchvision:"
_PLAIN: Final = ("vgg", "alexnet", "squeezenet")
"""Prefixes of torchvision's names of plain sequences of convolutions, whose features need no smoothing."""


def _vgg_layers(*convolutions: int) -> tuple[str, ...]:
    """Return the layers of a VGG with these numbers of convolutions, each block followed by a pooling.

    A layer `conv{b}_{i}` is convolution i of block b *with* its ReLU, as in Gatys et al. 2015.
    """
    names: list[str] = []
    for block, count in enumerate(convolutions, start=1):
        names += [f"conv{block}_{i}" for i in range(1, count + 1)]
        names.append(f"pool{block}")
    return tuple(names)


_RESNET50_MODULES: Final = {"conv1": "relu"} | {
    f"conv{stage}_{i + 1}": f"layer{stage - 1}.{i}"
    for stage, count in {2: 3, 3: 4, 4: 6, 5: 3}.items()
    for i in range(count)
}
"""`conv1` is the first convolution with its ReLU, `conv{s}_{i}` the output of residual block i of stage s."""

# These weights were trained on images normalized in another way; `transform_input` makes the network convert.
_INCEPTION_ARGUMENTS: Final = {"transform_input": True, "aux_logits": False, "init_weights": False}

NETWORKS: Final[dict[str, Network]] = {
    network.name: network
    for network in (
        # Simonyan and Zisserman 2014, configuration E: the network that the others are compared with.
        Network(
            name="vgg19",
            purpose="the network of Gatys et al. 2015: strokes of several sizes; the one to begin with",
            family="vgg19",
            weights="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
            layers=_vgg_layers(2, 2, 4, 4, 4),
            content_layers={"conv3_2": 0.25, "conv4_2": 1.0},
            style_layers={
                "conv1_1": 0.6,
                "conv1_2": 0.6,
                "conv2_1": 0.4,
                "conv2_2": 0.6,
                "conv3_1": 0.3,
                "conv3_3": 0.3,
                "conv4_1": 0.1,
            },
            nearest_layers={"conv3_1": 0.3, "conv4_1": 0.1},
        ),
        # Configuration D, antialiased as in ST-LPIPS (Ghildyal and Liu 2022).
        Network(
            name="vgg16",
            purpose="short strokes and clearer objects than vgg19: it blurs its maps before it halves them",
            family="antialiased",
            layers=_vgg_layers(2, 2, 3, 3, 3)[:-1],
            content_layers={"conv3_2": 0.5, "conv4_2": 1.0},
            # In deeper layers one direction dominates the features, and a style of these layers looks like a relief.
            style_layers={"conv1_1": 1.8, "conv1_2": 1.8, "conv2_1": 1.8, "conv2_2": 1.8, "conv3_1": 1.8},
            nearest_layers={"conv3_1": 0.3, "conv4_1": 0.1},
        ),
        # Krizhevsky 2014, antialiased as in ST-LPIPS.
        Network(
            name="alexnet",
            purpose="five layers with large filters: twice as fast as vgg19, soft strokes; for a first impression",
            family="antialiased",
            layers=("conv1_1", "pool1", "conv2_1", "pool2", "conv3_1", "conv4_1", "conv5_1"),
            modules={f"conv{block}_1": f"conv{block}" for block in range(1, 6)},
            content_layers={"conv3_1": 0.5, "conv4_1": 1.0},
            style_layers={"conv1_1": 3.0, "conv2_1": 3.0, "conv3_1": 0.6},
            # A few of its filters outweigh all others and paint colored noise without smoothing.
            smoothed=True,
        ),
        # He et al. 2015.
        Network(
            name="resnet50",
            purpose="residual blocks, for comparison; its features are smoothed",
            build="torchvision.models:resnet50",
            weights="https://download.pytorch.org/models/resnet50-0676ba61.pth",
            layers=tuple(_RESNET50_MODULES),
            modules=_RESNET50_MODULES,
            content_layers={"conv3_2": 0.5, "conv3_4": 1.0},
            style_layers={"conv1": 1.0, "conv2_1": 0.6, "conv2_3": 0.6, "conv3_1": 0.3, "conv3_4": 0.2},
            smoothed=True,
        ),
        # Szegedy et al. 2014.
        Network(
            name="googlenet",
            purpose="inception blocks of filters of several sizes, for comparison; its features are smoothed",
            build="torchvision.models:googlenet",
            arguments=_INCEPTION_ARGUMENTS,
            weights="https://download.pytorch.org/models/googlenet-1378be20.pth",
            layers=(
                *("conv1", "conv2", "conv3"),
                *(f"inception{block}" for block in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")),
            ),
            content_layers={"inception3a": 0.5, "inception3b": 1.0},
            style_layers={"conv1": 1.0, "conv2": 0.6, "conv3": 0.6, "inception3a": 0.4, "inception3b": 0.2},
            smoothed=True,
        ),
        # Szegedy et al. 2015.
        Network(
            name="inception_v3",
            purpose="inception blocks of small and long filters, for comparison; its features are smoothed",
            build="torchvision.models:inception_v3",
            arguments=_INCEPTION_ARGUMENTS,
            weights="https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth",
            layers=(
                *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"),
                *("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
                *("Mixed_7a", "Mixed_7b", "Mixed_7c"),
            ),
            content_layers={"Mixed_5b": 0.5, "Mixed_5d": 1.0},
            style_layers={
                "Conv2d_1a_3x3": 1.0,
                "Conv2d_2b_3x3": 0.8,
                "Conv2d_4a_3x3": 0.6,
                "Mixed_5b": 0.3,
                "Mixed_5d": 0.2,
            },
            smoothed=True,
        ),
    )
}
"""The networks by name; a program may add its own. `torchvision:NAME` needs no entry."""


def find_network(name: str) -> Network:
    """Return the network of a name in any case, or of `torchvision:NAME`, for which torchvision is not asked yet.

    Raises:
        InputError: There is no such network; the message lists the known ones.

    Example:
        >>> find_network("resnet50").layers[:2]
        ('conv1', 'conv2_1')
    """
    wanted = name.strip().lower()
    found = NETWORKS.get(name) or NETWORKS.get(wanted)
    if found is not None:
        return found
    if wanted.startswith(_TORCHVISION):
        return _torchvision_network(wanted)
    raise InputError(f"unknown network {name!r}; known are {', '.join(NETWORKS)} and {_TORCHVISION}NAME")


@cache
def _torchvision_network(name: str) -> Network:
    """Describe any classifier of torchvision.

    Its layers are `stage1` ... `stage5`, the deepest maps at 1/2 ... 1/32 of the image's size, and the path of any of
    its submodules, such as `features.8`.
    """
    own = name.removeprefix(_TORCHVISION)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", own):
        raise InputError(f"{name!r} names no network of torchvision: write it as in {_TORCHVISION}densenet121")
    return Network(
        name=name,
        purpose="a network of torchvision",
        build=f"torchvision.models:{own}",
        weights="torchvision",
        layers=tuple(f"stage{number}" for number in range(1, 6)),
        content_layers={"stage3": 1.0},
        style_layers={"stage1": 1.0, "stage2": 0.6, "stage3": 0.3},
        smoothed=not own.startswith(_PLAIN),
        has_paths=True,
    )


def layer_stride(name: str) -> int:
    """Return the stride of a VGG layer: the distance in image pixels between neighboring positions of its map.

    Example:
        >>> layer_stride("conv4_2"), layer_stride("pool4")
        (8, 16)
    """
    block = int(name.removeprefix("conv").removeprefix("pool").split("_")[0])
    return 1 << (block if name.startswith("pool") else block - 1)
