"""Backbones: reading weights, extracting the features of an image, and matrix products of features."""

from impasto.backbones.antialiased import antialiased_maps
from impasto.backbones.computing import computed_with, repetition_notice
from impasto.backbones.download import fetch_weights, sha256_of
from impasto.backbones.factory import build_extractor, check_input_size, min_input_size
from impasto.backbones.features import FeatureExtractor, Features, Reach, SmoothedExtractor
from impasto.backbones.matmul import (
    add_product,
    average,
    bf16_matmul,
    centered_chunks,
    chunk_size,
    chunks,
    flat,
    full_precision,
    gradient_product,
    rounded_mean,
    self_product,
    total,
)
from impasto.backbones.moments import Moments, moments_of
from impasto.backbones.processes import processes
from impasto.backbones.release import release_memory
from impasto.backbones.weight_formats import AntialiasedWeights, AnyWeights, VGG19Weights
from impasto.backbones.weights import describe_weights, load_weights

__all__ = [
    "AntialiasedWeights",
    "AnyWeights",
    "FeatureExtractor",
    "Features",
    "Moments",
    "Reach",
    "SmoothedExtractor",
    "VGG19Weights",
    "add_product",
    "antialiased_maps",
    "average",
    "bf16_matmul",
    "build_extractor",
    "centered_chunks",
    "check_input_size",
    "chunk_size",
    "chunks",
    "computed_with",
    "describe_weights",
    "fetch_weights",
    "flat",
    "full_precision",
    "gradient_product",
    "load_weights",
    "min_input_size",
    "moments_of",
    "processes",
    "release_memory",
    "repetition_notice",
    "rounded_mean",
    "self_product",
    "sha256_of",
    "total",
]
