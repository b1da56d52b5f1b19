"""The losses by their names: each is the pure function, called by hand on what the network sees."""

from typing import get_args

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from impasto.backbones import Features
from impasto.backbones.moments import mean_covariance
from impasto.losses import content_loss
from impasto.losses.grain import grain, grain_loss
from impasto.losses.layout import laplacian_loss
from impasto.losses.lessons import Lesson, View
from impasto.losses.matching import (
    histogram_loss,
    histogram_targets,
    nearest_neighbor_loss,
    random_directions,
    relaxed_emd_loss,
    sliced_targets,
    sliced_wasserstein_loss,
)
from impasto.losses.moments import gaussian_target, mean_std, mean_std_loss, wasserstein2_loss
from impasto.losses.palette import content_term, layers_of_moments, style_term
from impasto.losses.parts import Models
from impasto.losses.sampling import hypercolumns, layer_scales, sample_positions, sample_vectors
from impasto.recipe import Recipe
from impasto.recipe.fields import ContentLoss, StyleLoss

CONTENT_LOSSES, STYLE_LOSSES = get_args(ContentLoss), get_args(StyleLoss)
OF_ONE_LAYER = tuple(name for name in STYLE_LOSSES if name not in ("relaxed_emd", "grain"))
DRAWN_STYLE = ("sliced", "nearest", "relaxed_emd")


def chance(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def bind(small_recipe, look, content, style):
    """Return a function from a loss's name and changes of the recipe to the loss, bound to photo and style."""

    def make(name, *, seed=3, importance=None, photo=content, painting=style, **changes):
        models = Models(content=look(photo), lessons=(Lesson.of(look(painting)),), importance=importance)
        make_term = content_term if name in CONTENT_LOSSES else style_term
        return make_term(name, small_recipe(**changes), models, chance(seed))

    return make


def style_loss_by_hand(name, features, target, generator):
    """Return the loss of one layer of 3 channels, with what the recipe of these tests draws and samples."""
    positions = features.shape[2] * features.shape[3]
    if name == "gram":
        grams = [torch.einsum("bcyx,bdyx->bcd", f, f) / (f.shape[2] * f.shape[3]) for f in (features, target)]
        return (grams[0] - grams[1]).square().sum() / grams[1].square().sum()
    if name == "mean_std":
        return mean_std_loss(*mean_std(features), *mean_std(target))
    if name == "wasserstein":
        return wasserstein2_loss(*mean_covariance(features), gaussian_target(*mean_covariance(target)))
    if name == "sliced":
        directions = random_directions(3, 5, generator)
        return sliced_wasserstein_loss(features, sliced_targets(target, directions, positions=positions), directions)
    if name == "histogram":
        return histogram_loss(features, histogram_targets(target, positions=positions))
    return nearest_neighbor_loss(features, sample_vectors(target, 100, generator))


@pytest.mark.parametrize("name", OF_ONE_LAYER)
def test_a_style_loss_is_the_pure_function_summed_over_weighted_layers(name, bind, look, canvas, style):
    generator, expected = chance(), 0.0
    for layer, weight in (("conv1_1", 0.5), ("conv2_2", 2.0)):
        seen, target = look(canvas).features[layer], look(style).features[layer]
        expected = expected + weight * style_loss_by_hand(name, seen, target, generator)
    found = bind(name, style_layers=("conv1_1=0.5", "conv2_2=2.0"))(look(canvas))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("normalization", ["relative", "size_free", "paper"])
def test_the_gram_loss_is_scaled_as_the_recipe_says(normalization, bind, look, canvas, style):
    grams = [torch.einsum("bcyx,bdyx->cd", f, f) / f[0, 0].numel() for f in (
        look(picture).features["conv1_1"] for picture in (canvas, style)
    )]  # fmt: skip
    squares = (grams[0] - grams[1]).square()
    scaled = {
        "relative": squares.sum() / grams[1].square().sum(),
        "size_free": squares.sum() / 3**2,
        "paper": squares.sum() / (4 * 3**2),
    }
    found = bind("gram", style_layers=("conv1_1=1",), normalization=normalization)(look(canvas))
    torch.testing.assert_close(found, scaled[normalization], rtol=1e-9, atol=0)


def test_relaxed_emd_compares_hypercolumns_at_drawn_places_on_the_scale_of_the_style(bind, look, canvas, style):
    generator, layers = chance(), ("conv1_1", "conv2_2")
    seen, target = ({layer: look(picture).features[layer] for layer in layers} for picture in (canvas, style))
    scales = layer_scales(target)
    in_style = hypercolumns(target, sample_positions(28, 20, 100, generator), scales=scales)
    on_canvas = hypercolumns(seen, sample_positions(24, 32, 100, generator), scales=scales)
    found = bind("relaxed_emd")(look(canvas))
    torch.testing.assert_close(found, relaxed_emd_loss(on_canvas, in_style), rtol=1e-9, atol=0)
    distances = cdist(on_canvas.numpy(), in_style.numpy(), "cosine")
    assert found.item() == pytest.approx(max(distances.min(axis=0).mean(), distances.min(axis=1).mean()), rel=1e-6)


@pytest.mark.parametrize("normalization", ["relative", "size_free", "paper"])
def test_the_features_loss_is_the_papers_summed_over_weighted_layers(normalization, bind, look, canvas, content):
    expected = 0.0
    for layer, weight in (("conv2_1", 0.5), ("conv3_1", 2.0)):
        seen, target = look(canvas).features[layer], look(content).features[layer]
        squares = (seen - target).square()
        scaled = {"relative": squares.sum() / target.square().sum(), "size_free": squares.mean()}
        expected = expected + weight * scaled.get(normalization, squares.sum() / 2)
    found = bind("features", content_layers=("conv2_1=0.5", "conv3_1=2.0"), normalization=normalization)(look(canvas))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"conv1_1", "conv2_1"}),
        ({"style_losses": ("gram", "mean_std", "wasserstein", "grain")}, {"conv1_1", "conv2_1"}),
        ({"style_losses": ("gram", "nearest")}, set()),
        ({"style_losses": ("gram", "relaxed_emd")}, set()),
        ({"style_losses": ("gram", "sliced=0")}, {"conv1_1", "conv2_1"}),
        ({"content_layers": ("conv2_1", "conv3_1")}, {"conv1_1"}),
        ({"content_layers": ("conv2_1=0", "conv3_1")}, {"conv1_1", "conv2_1"}),
    ],
)
def test_moments_suffice_where_no_loss_looks_at_places(changes, expected):
    usual = {"style_layers": ("conv1_1", "conv2_1", "conv3_1=0"), "style_losses": ("gram",)}
    recipe = Recipe(**{**usual, "content_layers": ("conv3_1",), **changes})
    assert layers_of_moments(recipe) == expected


@pytest.mark.parametrize("name", ["gram", "mean_std", "wasserstein"])
def test_a_loss_of_moments_is_the_same_whether_the_map_is_kept_or_not(name, bind, look, canvas):
    view = look(canvas)
    term = bind(name, style_layers=("conv1_1", "conv2_1"))
    of_moments = {layer: mean_covariance(maps) for layer, maps in view.features.items()}
    left = View(canvas, Features(tuple(of_moments), iter(of_moments.items()), of_moments=tuple(of_moments)))
    torch.testing.assert_close(term(left), term(view), rtol=1e-9, atol=0)


def test_the_grain_loss_compares_the_pictures_themselves(bind, canvas, style):
    view = View(canvas, Features((), iter(())))
    assert bind("grain", style_layers=("conv1_1=7",))(view) == grain_loss(grain(canvas), grain(style))


def test_the_laplacian_loss_compares_the_pictures_themselves(bind, look, canvas, content):
    torch.testing.assert_close(bind("laplacian")(look(canvas)), laplacian_loss(canvas, content), rtol=1e-9, atol=0)


def test_self_similarity_compares_the_same_drawn_places_of_canvas_and_photo(bind, look, canvas, content):
    layers, positions = ("conv2_1", "conv3_1"), sample_positions(24, 32, 100, chance())
    target = {layer: look(content).features[layer] for layer in layers}
    shares = []
    for maps in ({layer: look(canvas).features[layer] for layer in layers}, target):
        vectors = hypercolumns(maps, positions, scales=layer_scales(target)).numpy()
        distances = cdist(vectors, vectors, "cosine")
        shares.append(distances / distances.sum(axis=0))
    expected = np.abs(shares[0] - shares[1]).sum() / len(positions)
    assert bind("self_similarity")(look(canvas)).item() == pytest.approx(expected, rel=2e-3)


def test_every_name_of_the_recipe_has_a_loss_that_is_finite_and_above_0(bind, look, canvas):
    for name in (*CONTENT_LOSSES, *STYLE_LOSSES):
        loss = bind(name)(look(canvas))
        assert loss.shape == ()
        assert torch.isfinite(loss), name
        assert loss > 1e-4, name


@pytest.mark.parametrize("name", CONTENT_LOSSES)
def test_a_content_loss_is_0_at_the_photo(name, bind, look, content):
    assert bind(name)(look(content)).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_a_style_loss_is_0_at_the_style_itself(name, bind, look, canvas, style):
    # With samples of all places: those of a few have their like only nearly.
    every = {"samples": 28 * 20}
    at_target = bind(name, photo=style, **every)(look(style)).item()
    elsewhere = bind(name, **every)(look(canvas)).item()
    assert at_target == pytest.approx(0, abs=2e-2 if name == "relaxed_emd" else 1e-9)
    assert at_target < 0.5 * elsewhere


@pytest.mark.parametrize("name", OF_ONE_LAYER)
def test_a_style_loss_grows_with_the_weights_of_its_layers(name, bind, look, canvas):
    once = bind(name, style_layers=("conv1_1=0.5", "conv2_2=0.25"))(look(canvas)).item()
    thrice = bind(name, style_layers=("conv1_1=1.5", "conv2_2=0.75"))(look(canvas)).item()
    assert thrice == pytest.approx(3 * once, rel=1e-9)


def test_the_features_loss_grows_with_the_weights_of_its_layers(bind, look, canvas):
    once = bind("features", content_layers=("conv2_1=0.5", "conv3_1=0.25"))(look(canvas)).item()
    thrice = bind("features", content_layers=("conv2_1=1.5", "conv3_1=0.75"))(look(canvas)).item()
    assert thrice == pytest.approx(3 * once, rel=1e-9)


@pytest.mark.parametrize("name", OF_ONE_LAYER)
def test_a_style_layer_without_weight_has_no_part(name, bind, look, canvas):
    alone = bind(name, style_layers=("conv1_1=0.5",))(look(canvas))
    beside = bind(name, style_layers=("conv1_1=0.5", "conv2_2=0"))(look(canvas))
    assert torch.equal(alone, beside)


@pytest.mark.parametrize("name", [*CONTENT_LOSSES, *STYLE_LOSSES])
def test_the_gradient_of_the_picture_agrees_with_a_finite_difference(name, bind, look, canvas):
    term = bind(name, samples=40)
    picture = canvas.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(term(look(picture)), picture)
    assert torch.isfinite(gradient).all()
    for seed in range(3):
        direction = torch.randn(canvas.shape, generator=chance(seed), dtype=canvas.dtype)
        step = 1e-6
        ahead, behind = (term(look(canvas + sign * step * direction)).item() for sign in (1, -1))
        slope = (gradient * direction).sum().item()
        scale = gradient.norm().item() * direction.norm().item() / canvas.numel() ** 0.5
        assert (ahead - behind) / (2 * step) == pytest.approx(slope, rel=1e-3, abs=1e-3 * scale)


@pytest.mark.parametrize("name", [*DRAWN_STYLE, "self_similarity"])
def test_a_seed_draws_the_same_places_and_directions_and_another_seed_others(name, bind, look, canvas):
    first, again, other = (bind(name, seed=seed, samples=40)(look(canvas)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert other.item() == pytest.approx(first.item(), rel=0.5)


@pytest.mark.parametrize("name", sorted({*CONTENT_LOSSES, *STYLE_LOSSES} - {*DRAWN_STYLE, "self_similarity"}))
def test_what_draws_nothing_is_the_same_for_every_seed(name, bind, look, canvas):
    first, other = (bind(name, seed=seed)(look(canvas)) for seed in (1, 2))
    assert torch.equal(first, other)


def test_more_samples_see_more_of_the_picture(bind, look, style):
    # Something small and strange on the canvas is missed by a few places and found by many.
    few, all_ = (bind("relaxed_emd", samples=samples)(look(style)).item() for samples in (16, 28 * 20))
    assert all_ < few


def test_importance_weighs_a_defect_by_the_place_where_it_is(bind, look):
    photo = torch.full((1, 3, 32, 64), 0.4, dtype=torch.float64)
    importance = torch.ones(1, 1, 32, 64, dtype=torch.float64)
    importance[..., :32], importance[..., 32:] = 1.8, 0.2
    term = bind("features", photo=photo, importance=importance, content_layers=("conv2_1=1", "conv3_1=1"))
    losses = []
    for left in (12, 44):
        spoiled = photo.clone()
        spoiled[..., 12:20, left : left + 8] += 0.3
        losses.append(term(look(spoiled)).item())
    assert losses[0] == pytest.approx(9 * losses[1], rel=1e-6)


def test_importance_is_averaged_to_the_size_of_every_layer(bind, look, canvas, content, draw):
    importance = draw(24, 32, 9)[:, :1] + 0.5
    expected = 0.0
    for layer, cell in (("conv2_1", 2), ("conv3_1", 4)):
        blocks = importance.reshape(1, 1, 24 // cell, cell, 32 // cell, cell).mean(dim=(3, 5))
        seen, target = look(canvas).features[layer], look(content).features[layer]
        expected = expected + 0.5 * content_loss(seen, target, normalization="relative", weight=blocks)
    torch.testing.assert_close(bind("features", importance=importance)(look(canvas)), expected, rtol=1e-9, atol=0)


def test_even_importance_changes_nothing(bind, look, canvas):
    ones = torch.ones(1, 1, 24, 32, dtype=torch.float64)
    assert bind("features", importance=ones)(look(canvas)).item() == pytest.approx(
        bind("features")(look(canvas)).item(), rel=1e-6
    )


@pytest.mark.parametrize("name", [*CONTENT_LOSSES, *STYLE_LOSSES])
def test_a_canvas_of_one_colour_has_a_finite_loss_and_gradient(name, bind, look):
    for value in (0.0, 0.5, 1.0):
        picture = torch.full((1, 3, 24, 32), value, dtype=torch.float64).requires_grad_()
        loss = bind(name)(look(picture))
        (gradient,) = torch.autograd.grad(loss, picture)
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", [*CONTENT_LOSSES, *STYLE_LOSSES])
def test_photo_and_style_of_one_colour_give_a_finite_loss_and_gradient(name, bind, look, canvas):
    flat = torch.full((1, 3, 24, 32), 0.5, dtype=torch.float64)
    picture = canvas.clone().requires_grad_()
    loss = bind(name, photo=flat, painting=flat)(look(picture))
    (gradient,) = torch.autograd.grad(loss, picture)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()
