"""Any other classifier of torchvision, as `torchvision:NAME`.

Its layers are `stage1` ... `stage5`, the deepest maps at 1/2 ... 1/32 of the picture's size, and the path of any of its
modules, such as `features.8`.
"""

import re
from typing import Final

from impasto.errors import InputError
from impasto.networks.description import Network

PREFIX: Final = "torchvision:"
STAGES: Final = tuple(f"stage{number}" for number in range(1, 6))

_PLAIN: Final = ("vgg", "alexnet", "squeezenet")
"""How the names of networks begin that are plain sequences: their features need no smoothing."""


def torchvision_network(name: str) -> Network:
    """Describe the network of that name, `torchvision:` before it; whether there is one, torchvision is asked later.

    Raises InputError for what cannot be a name.
    """
    own = name.removeprefix(PREFIX)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", own):
        raise InputError(f"{name!r} names no network of torchvision: write it as in {PREFIX}densenet121")
    return Network(
        name=name,
        purpose="a network of torchvision",
        build=f"torchvision.models:{own}",
        weights="torchvision",
        layers=STAGES,
        content_layers=("stage3=1.0",),
        style_layers=("stage1=1.0", "stage2=0.6", "stage3=0.3"),
        smoothed=not own.startswith(_PLAIN),
        has_paths=True,
    )
