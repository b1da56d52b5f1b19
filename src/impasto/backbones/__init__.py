"""Networks that evaluate images: reading their weights, and computing the features of an image."""

from impasto.backbones.antialiased import antialiased_maps
from impasto.backbones.download import fetch_weights
from impasto.backbones.factory import build_extractor, check_input_size, min_input_size
from impasto.backbones.features import FeatureExtractor, Features, SmoothedExtractor
from impasto.backbones.weight_formats import AntialiasedName, AntialiasedWeights, AnyWeights, VGG19Weights
from impasto.backbones.weights import describe_weights, load_weights

__all__ = [
    "AntialiasedName",
    "AntialiasedWeights",
    "AnyWeights",
    "FeatureExtractor",
    "Features",
    "SmoothedExtractor",
    "VGG19Weights",
    "antialiased_maps",
    "build_extractor",
    "check_input_size",
    "describe_weights",
    "fetch_weights",
    "load_weights",
    "min_input_size",
]
