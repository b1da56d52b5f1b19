"""Painting in an instant by a network that was trained for any style (Ghiasi et al. 2017), or learned for one."""

from impasto.instant.learned import encode_learned, learned_file, learned_network
from impasto.instant.learning import (
    CROPS,
    Learner,
    crop_size,
    grid_energy,
    learning_recipe,
    pixels_left,
    random_crop,
)
from impasto.instant.network import OneStyleTransformer, StylePredictor, StyleTransformer
from impasto.instant.painter import (
    InstantPainter,
    NumbersCache,
    check_instant,
    learned_style,
    painted_pixels,
    peak_bytes,
    working_size,
)
from impasto.instant.weights import InstantNetworks, describe_networks, load_networks

__all__ = [
    "CROPS",
    "InstantNetworks",
    "InstantPainter",
    "Learner",
    "NumbersCache",
    "OneStyleTransformer",
    "StylePredictor",
    "StyleTransformer",
    "check_instant",
    "crop_size",
    "describe_networks",
    "encode_learned",
    "grid_energy",
    "learned_file",
    "learned_network",
    "learned_style",
    "learning_recipe",
    "load_networks",
    "painted_pixels",
    "peak_bytes",
    "pixels_left",
    "random_crop",
    "working_size",
]
