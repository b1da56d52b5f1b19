"""The network that sees: structure, weights, and the way from a picture to its features."""

from impasto.backbones.extract import Extractor, Features, check_size
from impasto.backbones.fetch import fetch_weights
from impasto.backbones.weights import Weights, describe_weights, load_weights

__all__ = ["Extractor", "Features", "Weights", "check_size", "describe_weights", "fetch_weights", "load_weights"]
