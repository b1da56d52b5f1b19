"""Tiles: their features, their maps and their statistics are those of the whole picture."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_inputs import soft_mask

from impasto.backbones import build_extractor, load_weights
from impasto.losses import (
    STYLE_LOSSES,
    EncodedImage,
    Matches,
    Objective,
    RegionTarget,
    TiledImage,
    TiledObjective,
    Tiling,
    make_extractor,
    measure_style,
)
from impasto.losses.tiles import spans
from impasto.recipe import Recipe

CPU = torch.device("cpu")
LAYERS = {
    "vgg19": ("conv1_1", "conv2_2", "pool2", "conv3_4", "conv4_2"),
    "vgg16": ("conv1_1", "pool1", "conv2_2", "conv3_3", "conv4_1"),
    "alexnet": ("conv1_1", "pool1", "conv2_1", "conv3_1", "conv5_1"),
}


def picture(height: int, width: int, seed: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


@given(
    size=st.integers(1, 5000),
    side=st.integers(1, 1500),
    stride=st.sampled_from([1, 2, 8, 16]),
    halo=st.integers(0, 90),
)
def test_spans_cover_every_pixel_once(size, side, stride, halo):
    found = spans(size, side, stride, halo, halo)
    assert [span.first for span in found] == [0, *(span.last for span in found[:-1])]
    assert found[-1].last == size
    assert all(span.first < span.last and span.first % stride == 0 for span in found)
    assert all(span.window.start <= span.first and span.last <= span.window.stop <= size for span in found)


@pytest.mark.parametrize("padding", ["reflect", "replicate", "zeros"])
@pytest.mark.parametrize(("network", "pooling"), [*product(LAYERS, ["l2"]), ("vgg19", "max"), ("vgg16", "max")])
def test_the_maps_put_together_from_tiles_are_those_of_the_picture(network, pooling, padding):
    layers = LAYERS[network]
    extractor = build_extractor(
        load_weights("embedded", network), layers=layers, pooling=pooling, padding=padding, device=CPU
    )
    image = picture(119, 150, 1)
    tiling = Tiling(extractor, 119, 150, 56 * 56)
    assert len(tiling.tiles) >= 6
    expected, found = extractor(image), TiledImage.of(tiling, image).maps(layers)
    for layer in layers:
        assert found[layer].shape == tiling.maps[layer].shape == expected[layer].shape
        torch.testing.assert_close(found[layer], expected[layer], rtol=1e-4, atol=1e-4 * float(expected[layer].max()))


@pytest.mark.parametrize("border", [0, 1])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_style_image_in_strips_has_the_same_statistics(border, masked, weighted, small_extractor, small_recipe, draw):
    recipe = small_recipe(style_losses=tuple(STYLE_LOSSES), style_layers=("conv1_1", "conv2_1", "conv2_2"))
    image, mask, importance = draw(45, 30, 3), soft_mask(45, 30) if masked else None, draw(45, 30, 4)[:, :1]
    inputs = {"mask": mask, "border": border, "importance": importance if weighted else None}
    matches = Matches(torch.tensor([[0, 1], [2, 3]]), torch.full((2, 2), 0.5), (1, 2), (2, 2))
    whole = measure_style(EncodedImage.of(small_extractor, image, **inputs), recipe, matches.style_grid)
    tiling = Tiling(small_extractor, 45, 30, 300, strips=True)
    assert len(tiling.tiles) > 3
    tiled = measure_style(TiledImage.of(tiling, image, **inputs), recipe, matches.style_grid)
    assert tiled.positions == pytest.approx(whole.positions)
    assert tiled.scales == pytest.approx(whole.scales)
    for key, expected in whole.statistics.items():
        for name, value in vars(expected).items():
            own = getattr(tiled.statistics[key], name)
            if key[0] == "mean_std" and name == "covariance":  # without weights only the variances mean something
                own, value = own.diagonal(), value.diagonal()
            if torch.is_tensor(value) and name != "weights":
                torch.testing.assert_close(own.reshape(value.shape), value, rtol=1e-9, atol=1e-12)
    for layer, local in whole.local.items():
        torch.testing.assert_close(tiled.local[layer], local, rtol=1e-9, atol=1e-12)


@settings(max_examples=2)
@given(height=st.integers(60, 90), width=st.integers(60, 90), side=st.integers(32, 48), seed=st.integers(0, 9))
def test_the_default_losses_in_fp32_agree_at_any_size(weights, height, width, side, seed):
    recipe = Recipe(precision="fp32", samples=128)
    extractor = make_extractor(weights, recipe, precision="fp32", device=CPU)
    photo, canvas = picture(height, width, seed), picture(height, width, seed + 1)
    style = measure_style(EncodedImage.of(extractor, picture(64, 80, 99)), recipe)
    inputs = {"content": photo, "regions": [RegionTarget([style])], "low_frequency_target": photo}
    tiling = Tiling(extractor, height, width, side**2)
    whole, tiled = Objective(extractor, recipe, **inputs), TiledObjective(tiling, recipe, **inputs)
    (terms, gradient), (own_terms, own_gradient) = (one.value_and_grad(canvas) for one in (whole, tiled))
    torch.testing.assert_close(own_terms, terms, rtol=1e-4, atol=1e-9)
    assert (own_gradient - gradient).norm() <= 1e-4 * gradient.norm()


def test_restyled_targets_that_are_computed_in_every_step_are_those_that_are_kept(
    small_extractor, small_recipe, draw, monkeypatch
):
    monkeypatch.setattr("impasto.losses.matching._CHUNK", 500)
    recipe = small_recipe(style_weight=0.0, style_matching=1.0, strength=50.0)
    photo, style, canvas, mask = draw(48, 40, 1), draw(30, 44, 2), draw(48, 40, 3), soft_mask(48, 40)
    matches = Matches(torch.tensor([[0, 1], [2, 3], [1, 2], [3, 3]]), torch.full((4, 2), 0.5), (2, 2), (2, 2))
    measured = measure_style(EncodedImage.of(small_extractor, style, whole=True), recipe, matches.style_grid)
    regions = [RegionTarget([measured], mask=share, matches=[matches]) for share in (mask, 1 - mask)]
    inputs = {"content": photo, "regions": regions, "low_frequency_target": photo}
    tiling = Tiling(small_extractor, 48, 40, 200)
    whole = Objective(small_extractor, recipe, **inputs)
    tiled = TiledObjective(tiling, recipe, recompute=True, **inputs)
    (terms, gradient), (own_terms, own_gradient) = (one.value_and_grad(canvas) for one in (whole, tiled))
    torch.testing.assert_close(own_terms, terms, rtol=1e-6, atol=1e-12)
    assert (own_gradient - gradient).norm() <= 1e-6 * gradient.norm()


def test_of_a_large_style_image_the_same_positions_are_sampled_in_strips(
    small_extractor, small_recipe, draw, monkeypatch
):
    monkeypatch.setattr("impasto.losses.targets._MOST_SAMPLED", 60)
    recipe = small_recipe(style_losses=("nearest",), style_layers=("conv1_1", "conv2_1", "conv2_2"))
    image = draw(45, 30, 3)
    whole = measure_style(EncodedImage.of(small_extractor, image, border=1), recipe)
    tiled = measure_style(TiledImage.of(Tiling(small_extractor, 45, 30, 300, strips=True), image, border=1), recipe)
    maps = small_extractor(image)["conv1_1"][:, :, 1:-1, 1:-1]
    torch.testing.assert_close(whole.statistics["nearest", "conv1_1"].rows, maps[0, :, ::5, ::5].flatten(1).T)
    for key, expected in whole.statistics.items():
        torch.testing.assert_close(tiled.statistics[key].rows, expected.rows, rtol=1e-9, atol=1e-12)
