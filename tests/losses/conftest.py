"""A network small enough for finite differences, pictures in its precision, and objectives of them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import impasto.losses
from impasto.backbones import FeatureExtractor
from impasto.losses import EncodedImage, Objective, RegionTarget, measure_style
from impasto.recipe import Recipe

BASE = {
    "content_layers": ("conv2_1", "conv3_1"),
    "style_layers": ("conv1_1", "conv2_2"),
    "content_losses": ("features",),
    "style_losses": ("gram",),
    "content_weight": 1.0,
    "style_weight": 1.0,
    "tv_weight": 0.0,
    "low_frequency_weight": 0.0,
    "luminance_range_weight": 0.0,
    "style_margin": 0.0,
    "strength": 50.0,
    "normalization": "relative",
    "saliency_weight": 0.0,
    "content_exponent": 0.0,
    "style_matching": 0.0,
    "samples": 100,
    "directions": 5,
    "seed": 3,
}
"""Settings that the tests rely on, independent of the defaults."""


@pytest.fixture
def small_recipe() -> Callable[..., Recipe]:
    """Return a function to a recipe of a few shallow layers."""
    return lambda **changes: Recipe(**{**BASE, **changes})


@pytest.fixture
def small_extractor(small_weights, small_recipe) -> FeatureExtractor:
    """The network of three filters a layer, in float64."""
    recipe = small_recipe(style_layers=("conv1_1", "conv2_1", "conv2_2"), style_losses=("nearest",))
    return impasto.losses.make_extractor(small_weights, recipe, precision="fp32", device=torch.device("cpu"))


@pytest.fixture
def encode(small_extractor) -> Callable[..., EncodedImage]:
    """Return a function from a picture to the picture with its features."""
    return lambda picture, mask=None, border=0: EncodedImage.of(small_extractor, picture, mask, border)


@pytest.fixture
def make_objective(small_extractor, encode, content, style) -> Callable[..., Objective]:
    """Return a function from a recipe and regions, (styles, mask of the canvas), to an objective.

    A style is a picture, or a picture and its mask; those of a region count alike.
    """

    def make(recipe: Recipe, *regions, photo: Tensor | None = None, low_frequency_target=None, **options) -> Objective:
        photo = content if photo is None else photo
        targets = []
        for styles, mask in regions or (([style], None),):
            images = [encode(*one) if isinstance(one, tuple) else encode(one) for one in styles]
            measured = [measure_style(image, recipe) for image in images]
            targets.append(RegionTarget(measured, [1 / len(measured)] * len(measured), mask))
        target = photo if low_frequency_target is None else low_frequency_target
        return Objective(
            small_extractor, recipe, content=photo, regions=targets, low_frequency_target=target, **options
        )

    return make


@pytest.fixture
def style_term(small_recipe, make_objective) -> Callable[..., Callable[[Tensor], Tensor]]:
    """Return a function from a style loss's name and regions to the style term as a function of the canvas."""

    def make(name: str, *regions, photo: Tensor | None = None, **changes) -> Callable[[Tensor], Tensor]:
        recipe = small_recipe(style_losses=(name,), content_weight=0.0, **changes)
        objective = make_objective(recipe, *regions, photo=photo)
        return lambda picture: objective.terms(picture)["style"]

    return make


@pytest.fixture
def content_term(small_recipe, make_objective) -> Callable[..., Callable[[Tensor], Tensor]]:
    """Return a function from a content loss's name to the content term as a function of the canvas."""

    def make(name: str, *, saliency=None, photo: Tensor | None = None, **changes) -> Callable[[Tensor], Tensor]:
        recipe = small_recipe(content_losses=(name,), style_weight=0.0, **changes)
        objective = make_objective(recipe, photo=photo, saliency=saliency)
        return lambda picture: objective.terms(picture)["content"]

    return make


@pytest.fixture
def by_majority(monkeypatch) -> None:
    """Give every position to the region that has most of it instead of drawing one."""

    def largest(shares: Tensor, generator: torch.Generator) -> Tensor:
        none = (1 - shares.sum(dim=0)).clamp(min=0)
        return torch.cat([shares, none[None]]).argmax(dim=0)

    monkeypatch.setattr("impasto.losses.targets.draw_owners", largest)


@pytest.fixture
def draw() -> Callable[..., Tensor]:
    """Return a function that draws a colorful picture, 1 x 3 x h x w in float64, inside [0, 1]."""

    def from_seed(height: int, width: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        patches = torch.rand(1, 3, -(-height // 4), -(-width // 4), generator=generator, dtype=torch.float64)
        noise = torch.rand(1, 3, height, width, generator=generator, dtype=torch.float64)
        blocks = patches.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)[..., :height, :width]
        return 0.8 * blocks + 0.2 * noise

    return from_seed


@pytest.fixture
def canvas(draw) -> Tensor:
    """The canvas, 24 x 32."""
    return draw(24, 32, 5)


@pytest.fixture
def content(draw) -> Tensor:
    """The photo, of the canvas's size."""
    return draw(24, 32, 1)


@pytest.fixture
def style(draw) -> Tensor:
    """The style image, of another shape."""
    return draw(28, 20, 2)


@pytest.fixture
def other(draw) -> Tensor:
    """Another style image."""
    return draw(20, 24, 8) * torch.tensor([1.0, 0.5, 0.2], dtype=torch.float64)[:, None, None]
