"""A picture in tiles has the loss and the gradient of the whole picture."""

import pytest
import torch
from loss_inputs import soft_mask

from impasto.losses import CONTENT_LOSSES, STYLE_LOSSES, TiledObjective, Tiling, total_of

EVERY = {"style_losses": tuple(STYLE_LOSSES), "content_losses": tuple(CONTENT_LOSSES)}
TERMS = {"low_frequency_weight": 1.0, "luminance_range_weight": 0.1, "tv_weight": 1e-3}


@pytest.fixture
def both(monkeypatch, make_objective, small_extractor):
    """Return a function to the objective of a recipe as a whole and in tiles of 64 pixels."""

    def make(recipe, *regions, recompute=False, **options):
        whole = make_objective(recipe, *regions, **options)

        def tiled(extractor, recipe, *, content, **inputs):
            tiling = Tiling(extractor, *content.shape[2:], 64)
            assert len(tiling.tiles) > 4
            return TiledObjective(tiling, recipe, recompute=recompute, content=content, **inputs)

        monkeypatch.setitem(make_objective.__globals__, "Objective", tiled)
        return whole, make_objective(recipe, *regions, **options)

    return make


def assert_equal(whole, tiled, picture):
    terms, gradient = whole.value_and_grad(picture)
    own_terms, own_gradient = tiled.value_and_grad(picture)
    torch.testing.assert_close(own_terms, terms, rtol=1e-9, atol=1e-12)
    assert (own_gradient - gradient).norm() <= 1e-9 * gradient.norm()
    torch.testing.assert_close(tiled.terms(picture), terms, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", STYLE_LOSSES)
def test_every_style_loss_is_that_of_the_whole_picture(loss, small_recipe, both, canvas):
    layers = ("conv1_1", "conv2_1", "conv3_1")
    assert_equal(*both(small_recipe(style_losses=(loss,), style_layers=layers, content_weight=0.0)), canvas)


@pytest.mark.parametrize("loss", CONTENT_LOSSES)
def test_every_content_loss_is_that_of_the_whole_picture(loss, small_recipe, both, canvas):
    assert_equal(*both(small_recipe(content_losses=(loss,), style_weight=0.0)), canvas)


@pytest.mark.parametrize("normalization", ["relative", "size_free", "paper"])
def test_normalizations_are_those_of_the_whole_picture(normalization, small_recipe, both, canvas):
    assert_equal(*both(small_recipe(**EVERY, **TERMS, normalization=normalization)), canvas)


@pytest.mark.parametrize("size", [(37, 50), (41, 23)])
def test_odd_sizes(size, small_recipe, both, draw):
    photo, canvas = draw(*size, 1), draw(*size, 5)
    recipe = small_recipe(**EVERY, **TERMS, style_layers=("conv1_1", "conv2_2", "conv3_1"))
    assert_equal(*both(recipe, photo=photo), canvas)


@pytest.mark.parametrize("loss", STYLE_LOSSES)
def test_regions_with_soft_borders_and_mixed_masked_styles(loss, small_recipe, both, canvas, style, other):
    mask = soft_mask(24, 32)
    regions = [([style, (other, soft_mask(20, 24))], mask), ([other], 1 - mask)]
    assert_equal(*both(small_recipe(style_losses=(loss,), content_weight=0.0), *regions), canvas)


def test_saliency(small_recipe, both, canvas, draw):
    recipe = small_recipe(style_weight=0.0, saliency_weight=1.0)
    assert_equal(*both(recipe, saliency=draw(24, 32, 9)[:, :1]), canvas)


def test_other_weights_hold_in_tiles(small_recipe, both, canvas):
    recipe = small_recipe(**EVERY, **TERMS)
    whole, tiled = both(recipe)
    for objective in (whole, tiled):
        objective.change(recipe.with_changes(style_weight=7.0, strength=70.0))
    assert_equal(whole, tiled, canvas)


def test_the_content_weight_is_scaled_alike(small_recipe, both, canvas, draw):
    whole, tiled = both(small_recipe(content_exponent=1.0))
    for objective in (whole, tiled):
        objective.scale_content_weight(draw(24, 32, 6))
    assert_equal(whole, tiled, canvas)
    assert float(total_of(whole.terms(canvas))) > 0


@pytest.mark.parametrize("normalization", ["relative", "size_free", "paper"])
def test_targets_that_are_computed_in_every_step_are_those_that_are_kept(
    normalization, small_recipe, both, canvas, draw
):
    recipe = small_recipe(normalization=normalization)
    whole, tiled = both(recipe, saliency=draw(24, 32, 9)[:, :1], recompute=True)
    assert_equal(whole, tiled, canvas)


def test_the_gradient_of_coordinates_is_that_of_the_picture_they_are_painted_to(small_recipe, both, canvas):
    whole, tiled = both(small_recipe(**EVERY, **TERMS))
    steps = torch.linspace(0.5, 2.0, 32, dtype=canvas.dtype)

    def paint(coordinates, rows=slice(None), columns=slice(None)):
        return coordinates * coordinates * steps[columns]

    (terms, gradient), (own_terms, own_gradient) = (one.value_and_grad(canvas, paint) for one in (whole, tiled))
    torch.testing.assert_close(own_terms, terms, rtol=1e-9, atol=1e-12)
    assert (own_gradient - gradient).norm() <= 1e-9 * gradient.norm()
    _, of_picture = whole.value_and_grad(paint(canvas))
    torch.testing.assert_close(gradient, of_picture * 2 * canvas * steps, rtol=1e-9, atol=1e-12)


def test_losses_of_the_picture_are_the_sums_of_its_strips(small_recipe, both, draw, monkeypatch):
    photo, canvas = draw(80, 70, 1), draw(80, 70, 5)
    ranges = {**TERMS, "luminance_range_weight": 10.0, "content_weight": 0.0}
    whole, tiled = both(small_recipe(**ranges), photo=photo, low_frequency_target=draw(80, 70, 2))
    terms, gradient = whole.value_and_grad(canvas)
    assert min(float(terms[name]) for name in ("low_frequency", "luminance_range", "tv")) > 0
    monkeypatch.setattr("impasto.losses.picture._STRIP", 1)
    own_terms, own_gradient = tiled.value_and_grad(canvas)
    torch.testing.assert_close(own_terms, terms, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(own_gradient, gradient, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(tiled.terms(canvas), terms, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("has_regions", [False, True])
def test_the_gradient_energy_of_a_picture_is_that_of_its_strips(has_regions, small_recipe, both, draw, monkeypatch):
    recipe = small_recipe(style_losses="gradient_energy", content_weight=0.0)
    mask, style, other = soft_mask(40, 30), draw(20, 24, 3), draw(24, 20, 4)
    regions = [([style], mask), ([other], 1 - mask)] if has_regions else []
    whole, tiled = both(recipe, *regions, photo=draw(40, 30, 1))
    canvas = draw(40, 30, 5)
    terms, gradient = whole.value_and_grad(canvas)
    assert float(total_of(terms)) > 0
    monkeypatch.setattr("impasto.losses.picture._STRIP", 30)
    own_terms, own_gradient = tiled.value_and_grad(canvas)
    torch.testing.assert_close(own_terms, terms, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(own_gradient, gradient, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(tiled.terms(canvas), terms, rtol=1e-9, atol=1e-12)
