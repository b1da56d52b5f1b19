"""Painting in an instant by a network that was trained for any style (Ghiasi et al. 2017)."""

from impasto.instant.network import StylePredictor, StyleTransformer
from impasto.instant.painter import (
    InstantPainter,
    NumbersCache,
    check_instant,
    painted_pixels,
    peak_bytes,
    working_size,
)
from impasto.instant.weights import InstantNetworks, describe_networks, load_networks

__all__ = [
    "InstantNetworks",
    "InstantPainter",
    "NumbersCache",
    "StylePredictor",
    "StyleTransformer",
    "check_instant",
    "describe_networks",
    "load_networks",
    "painted_pixels",
    "peak_bytes",
    "working_size",
]
