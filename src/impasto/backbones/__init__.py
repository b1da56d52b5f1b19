"""The networks that see: structure, weights, and the way from a picture to its features."""

from impasto.backbones.extract import Extractor, Features
from impasto.backbones.families import AnyWeights, build_extractor, check_size, describe_weights, load_weights
from impasto.backbones.fetch import fetch_weights
from impasto.backbones.interface import FeatureExtractor
from impasto.backbones.matmul import (
    bf16_matmul,
    centered_chunks,
    chunk_size,
    chunks,
    flat,
    full_precision,
    gradient_product,
    rounded_mean,
    self_product,
)
from impasto.backbones.moments import Moments, moments_of
from impasto.backbones.smoothing import SmoothedExtractor
from impasto.backbones.weights import Weights

__all__ = [
    "AnyWeights",
    "Extractor",
    "FeatureExtractor",
    "Features",
    "SmoothedExtractor",
    "Weights",
    "build_extractor",
    "check_size",
    "describe_weights",
    "fetch_weights",
    "load_weights",
]
