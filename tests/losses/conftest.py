"""A network small enough for finite differences, and pictures in its precision."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from impasto.backbones import FeatureExtractor, VGG19Weights, build_extractor
from impasto.losses import View
from impasto.recipe import Recipe

LOOK = {
    "content_layers": ("conv2_1", "conv3_1"),
    "style_layers": ("conv1_1", "conv2_2"),
    "content_losses": ("features",),
    "style_losses": ("gram",),
    "content_weight": 1.0,
    "style_weight": 1.0,
    "tv_weight": 0.0,
    "anchor_weight": 0.0,
    "gamut_weight": 0.0,
    "style_margin": 0.0,
    "strength": 50.0,
    "normalization": "relative",
    "rescue": 0.0,
    "adapt": 0.0,
    "samples": 100,
    "directions": 5,
    "seed": 3,
}
"""What the tests of bound losses rely on, whatever the default of the day is."""


@pytest.fixture
def small_recipe() -> Callable[..., Recipe]:
    """Return a function to a recipe of a few shallow layers."""
    return lambda **changes: Recipe(**{**LOOK, **changes})


@pytest.fixture
def small_extractor(small_weights: VGG19Weights) -> FeatureExtractor:
    """The network of three filters a layer, in float64."""
    layers = ("conv1_1", "conv2_1", "conv2_2", "conv3_1")
    return build_extractor(small_weights, layers=layers, pooling="l2", padding="reflect", device=torch.device("cpu"))


@pytest.fixture
def look(small_extractor: FeatureExtractor) -> Callable[[Tensor], View]:
    """Return a function from a picture to what the small network sees in it."""
    return lambda picture: View(picture, small_extractor(picture))


@pytest.fixture
def draw() -> Callable[..., Tensor]:
    """Return a function that draws a colourful picture, 1 x 3 x h x w in float64, inside [0, 1]."""

    def from_seed(height: int, width: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        patches = torch.rand(1, 3, -(-height // 4), -(-width // 4), generator=generator, dtype=torch.float64)
        grain = torch.rand(1, 3, height, width, generator=generator, dtype=torch.float64)
        blocks = patches.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)[..., :height, :width]
        return 0.8 * blocks + 0.2 * grain

    return from_seed


@pytest.fixture
def canvas(draw: Callable[..., Tensor]) -> Tensor:
    """What is painted on, 24 x 32."""
    return draw(24, 32, 5)


@pytest.fixture
def content(draw: Callable[..., Tensor]) -> Tensor:
    """The photo, of the canvas's size."""
    return draw(24, 32, 1)


@pytest.fixture
def style(draw: Callable[..., Tensor]) -> Tensor:
    """The style image, of another shape."""
    return draw(28, 20, 2)
