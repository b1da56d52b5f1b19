"""The temporal loss by its formula, as a term of the objective, and in tiles."""

import numpy as np
import pytest
import torch

from impasto.losses import EarlierFrame, TemporalLoss, TiledObjective, Tiling


@pytest.fixture
def earlier(canvas, draw):
    """Two earlier frames of the canvas's size; half of the first one shows something else."""
    height, width = canvas.shape[2:]
    frames = []
    for seed in (7, 8):
        weight = draw(height, width, seed)[:, :1]
        weight[:, :, : height // 2] *= seed - 7
        frames.append(EarlierFrame(draw(height, width, seed + 10), weight))
    return frames


def by_hand(picture, frames) -> float:
    """The sum of the formula, place by place, in NumPy."""
    total = 0.0
    for frame in frames:
        difference = 255 * (picture - frame.picture).numpy()
        total += float((frame.weight.numpy() * difference**2).sum() / difference.size)
    return total


def test_the_loss_is_the_weighted_mean_square(canvas, earlier):
    assert float(TemporalLoss(earlier)(canvas)) == pytest.approx(by_hand(canvas, earlier), rel=1e-9)


def test_a_place_without_weight_is_free(canvas, earlier):
    picture = canvas.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(TemporalLoss(earlier[:1])(picture), picture)
    free = earlier[0].weight.expand_as(picture) == 0
    assert free.any()
    assert gradient[free].abs().max() == 0
    assert gradient[~free].abs().min() > 0


def test_it_is_a_term_of_the_objective(small_recipe, make_objective, canvas, earlier):
    recipe = small_recipe(temporal_weight=0.25)
    terms = make_objective(recipe, earlier=earlier).terms(canvas)
    assert float(terms["temporal"]) == pytest.approx(0.25 * by_hand(canvas, earlier), rel=1e-9)


def test_a_picture_without_earlier_frames_has_no_such_term(small_recipe, make_objective, canvas):
    with_weight, without = (
        make_objective(small_recipe(temporal_weight=weight)).value_and_grad(canvas) for weight in (1e6, 0.0)
    )
    assert with_weight[0]["temporal"] == 0
    assert torch.equal(with_weight[1], without[1])


def test_the_gradient_is_that_of_differences(small_recipe, make_objective, canvas, earlier):
    objective = make_objective(small_recipe(temporal_weight=0.25), earlier=earlier)
    direction = torch.from_numpy(np.random.default_rng(0).standard_normal(canvas.shape))
    _, gradient = objective.value_and_grad(canvas)
    after, before = (sum(objective.terms(canvas + step * direction).values()) for step in (1e-6, -1e-6))
    assert float((gradient * direction).sum()) == pytest.approx(float(after - before) / 2e-6, rel=1e-5)


def test_tiles_have_the_same_term_and_gradient(small_recipe, make_objective, small_extractor, canvas, earlier):
    objective = make_objective(small_recipe(temporal_weight=0.25), earlier=earlier)
    tiled = TiledObjective.of(objective, Tiling(small_extractor, *canvas.shape[2:], 64))
    for mine, whole in zip(tiled.value_and_grad(canvas), objective.value_and_grad(canvas), strict=True):
        torch.testing.assert_close(mine, whole, rtol=1e-9, atol=1e-12)
