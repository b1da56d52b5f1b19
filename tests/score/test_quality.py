"""A small scoreboard: pictures of the default recipe are as good as they were, and worse recipes are detected.

The bounds are a tenth above what was measured; the default recipe uses no random numbers. Each picture takes many
seconds: two of the pairs and two of the three worse recipes are left to the long tests.
"""

import dataclasses
import functools
import importlib

import numpy as np
import PIL.Image
import pytest
import skimage.data
import torch

import impasto
from impasto.images import plate_path, read_picture
from impasto.score import Judge, Scores

SIZE = 128
BOUNDS = {
    ("astronaut", "mosaic"): (0.220, 0.808, 0.01),
    ("coffee", "night"): (0.314, 0.877, 0.01),
    ("chelsea", "watercolor"): (0.262, 0.870, 0.01),
    ("rocket", "woodcut"): (0.568, 0.734, 0.01),
}
"""Largest style distance, content distance and fault of each pair."""
RARE = (("chelsea", "watercolor"), ("rocket", "woodcut"))


@functools.cache
def photo(name: str) -> np.ndarray:
    image = PIL.Image.fromarray(getattr(skimage.data, name)())
    image.thumbnail((SIZE, SIZE))
    return np.asarray(image, dtype=np.float32) / 255


@functools.cache
def judge(pair: tuple[str, str]) -> Judge:
    height, width = photo(pair[0]).shape[:2]
    return Judge(photo(pair[0]), read_picture(plate_path(pair[1])).pixels, size=(width, height))


def painted(pair: tuple[str, str], **changes: object) -> Scores:
    settings = {"size": SIZE, "steps": 60, "precision": "fp32"} | changes
    result = impasto.stylize(photo(pair[0]), pair[1], **settings)
    return judge(pair).score(result.pixels)


@functools.cache
def by_default(pair: tuple[str, str]) -> Scores:
    return painted(pair)


@pytest.mark.parametrize(
    "pair", [pytest.param(pair, marks=[pytest.mark.long] * (pair in RARE)) for pair in BOUNDS], ids=" x ".join
)
def test_the_default_is_as_good_as_it_was(pair):
    scores, (style, content, faults) = by_default(pair), BOUNDS[pair]
    assert scores.style < style
    assert scores.content < content
    assert scores.faults <= faults


@pytest.mark.long
def test_a_tenth_of_the_style_weight_is_detected():
    pair = ("coffee", "night")
    weight = impasto.Recipe().style.weight / 10
    assert painted(pair, style_weight=weight).style > BOUNDS[pair][0]


def test_random_network_weights_are_detected(monkeypatch):
    pair = ("astronaut", "mosaic")
    optimize = importlib.import_module("impasto.api.optimize")
    real = optimize.load_weights

    def random(which: str, backbone: str):
        weights = real(which, backbone)
        generator = torch.Generator().manual_seed(0)
        drawn = {
            name: (
                torch.randn(kernel.shape, generator=generator) * (2 / kernel[0].numel()) ** 0.5,
                bias.new_zeros(bias.shape),
            )
            for name, (kernel, bias) in weights.layers.items()
        }
        return dataclasses.replace(weights, layers=drawn)

    monkeypatch.setattr(optimize, "load_weights", random)
    assert painted(pair).style > BOUNDS[pair][0]


@pytest.mark.long
def test_the_frame_that_zero_padding_paints_is_detected():
    pair = ("chelsea", "watercolor")
    assert painted(pair, padding="zeros").border > BOUNDS[pair][2] >= by_default(pair).border
