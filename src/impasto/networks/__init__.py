"""The networks that can look at pictures: their names, their layers, and what is painted with them by default.

Without torch: the recipe and `--help` read it. How a network is built stands in the room `backbones`.
"""

from impasto.networks.description import Network
from impasto.networks.registry import NETWORKS, canonical_layer, find_network
from impasto.networks.vgg19 import layer_stride

__all__ = ["NETWORKS", "Network", "canonical_layer", "find_network", "layer_stride"]
