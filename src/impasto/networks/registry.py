"""Every network by its name. A new one is a module beside this one and a line in here."""

from typing import Final

from impasto.errors import InputError
from impasto.networks.alexnet import ALEXNET
from impasto.networks.description import Network
from impasto.networks.googlenet import GOOGLENET
from impasto.networks.inception_v3 import INCEPTION_V3
from impasto.networks.resnet50 import RESNET50
from impasto.networks.torchvision import PREFIX, torchvision_network
from impasto.networks.vgg16 import VGG16
from impasto.networks.vgg19 import VGG19

NETWORKS: Final[dict[str, Network]] = {
    "vgg19": VGG19,
    "vgg16": VGG16,
    "alexnet": ALEXNET,
    "resnet50": RESNET50,
    "googlenet": GOOGLENET,
    "inception_v3": INCEPTION_V3,
}
"""The networks by name; a program may add its own. Beside them stands every `torchvision:NAME`."""


def find_network(name: str) -> Network:
    """Return the network of a name. Raises InputError, listing the known ones, if there is none.

    >>> find_network("resnet50").layers[:2]
    ('conv1', 'conv2_1')
    """
    wanted = name.strip().lower()
    found = NETWORKS.get(name) or NETWORKS.get(wanted)
    if found is not None:
        return found
    if wanted.startswith(PREFIX):
        return torchvision_network(wanted)
    raise InputError(f"unknown network {name!r}; known are {', '.join(NETWORKS)} and {PREFIX}NAME")


def canonical_layer(name: str, backbone: str = "vgg19") -> str:
    """Return the layer's own name; `relu4_2` and `conv4_2` are the same layer.

    Raises InputError, listing the known layers, if the backbone has no such layer.

    >>> canonical_layer("relu4_2")
    'conv4_2'
    """
    return find_network(backbone).canonical(name)
