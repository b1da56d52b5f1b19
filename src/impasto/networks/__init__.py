"""Torch-free descriptions of the networks: their names, layers, strides and default layer weights.

The recipe and `--help` read them. How a network is built and evaluated is the business of `impasto.backbones`.
"""

from impasto.networks.network import Network
from impasto.networks.registry import NETWORKS, find_network, layer_stride

__all__ = ["NETWORKS", "Network", "find_network", "layer_stride"]
