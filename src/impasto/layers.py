"""Names of the networks and of their layers, known without loading torch.

A layer `conv{b}_{i}` means convolution i of block b *with* its ReLU, as in Gatys et al. 2015.
"""

from typing import Final

from impasto.errors import InputError

_VGG19_CONVOLUTIONS: Final = (2, 2, 4, 4, 4)


def _vgg_layers(convolutions: tuple[int, ...]) -> tuple[str, ...]:
    names: list[str] = []
    for block, count in enumerate(convolutions, start=1):
        names += [f"conv{block}_{i}" for i in range(1, count + 1)]
        names.append(f"pool{block}")
    return tuple(names)


BACKBONE_LAYERS: Final[dict[str, tuple[str, ...]]] = {"vgg19": _vgg_layers(_VGG19_CONVOLUTIONS)}
"""Every backbone's layers from the shallowest to the deepest."""


def canonical_layer(name: str, backbone: str = "vgg19") -> str:
    """Return the layer's own name; `relu4_2` and `conv4_2` are the same layer.

    Raises InputError, listing the known layers, if the backbone has no such layer.

    >>> canonical_layer("relu4_2")
    'conv4_2'
    """
    wanted = name.strip().lower()
    if wanted.startswith("relu"):
        wanted = "conv" + wanted.removeprefix("relu")
    known = BACKBONE_LAYERS[backbone]
    if wanted not in known:
        raise InputError(f"unknown layer {name!r} of {backbone}; known are {', '.join(known)}")
    return wanted


def layer_stride(name: str) -> int:
    """Return how many pixels of the picture one step of this VGG layer's grid covers (pool{b} already halved)."""
    block = int(name.removeprefix("conv").removeprefix("pool").split("_")[0])
    return 1 << (block if name.startswith("pool") else block - 1)
