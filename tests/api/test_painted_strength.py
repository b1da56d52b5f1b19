"""Strength: 0 returns the photo, 50 leaves the weights as they are, and it may change while painting."""

import numpy as np
import PIL.Image
import pytest
from tests.api.conftest import start_and

import impasto
from impasto.errors import InputError
from impasto.images import quantize
from impasto.recipe import Recipe

TINY = {
    "size": 64,
    "steps": 6,
    "levels": 1,
    "init": "recolored",
    "optimizer": "lbfgs",
    "content_layers": ("conv2_1", "conv3_1"),
    "content_losses": ("features=1.0",),
    "style_layers": ("conv1_1", "conv2_1"),
    "style_losses": ("gram=1.0",),
    "content_weight": 2.0,
    "style_weight": 30.0,
    "tv_weight": 1e-3,
    "low_frequency_weight": 0.5,
    "recolor": 0.8,
    "residual_detail": 1.0,
    "precision": "fp32",
}
SAMPLED = {"content_losses": ("features=1.0", "self_similarity=0.5"), "style_losses": ("sliced=1.0", "relaxed_emd=0.5")}


@pytest.mark.parametrize("canvas", ["box", "free"])
@pytest.mark.parametrize(
    "more", [{}, SAMPLED, {"saliency_weight": 2.0, "content_exponent": 0.5}], ids=["plain", "sampled", "salient"]
)
def test_a_strength_of_0_returns_the_photo(photo, painting, canvas, more):
    result = impasto.stylize(photo, painting, Recipe(**{**TINY, **more, "canvas": canvas, "strength": 0}))
    assert np.array_equal(np.asarray(result.image), quantize(photo))


def test_a_strength_of_0_returns_the_photo_over_several_levels(photo, painting):
    large = np.asarray(PIL.Image.fromarray(quantize(photo)).resize((160, 120)))
    events = []
    recipe = Recipe(**{**TINY, "levels": 2, "level_ratio": 2, "size": 160, "strength": 0})
    result = impasto.stylize(large, painting, recipe, on_event=events.append)
    assert sum(isinstance(event, impasto.LevelStarted) for event in events) == 2
    assert np.array_equal(np.asarray(result.image), large)


def test_a_strength_of_50_leaves_the_weights_as_they_are(photo, painting):
    stated = {name: value for name, value in TINY.items() if name != "strength"}
    plain, strong = (impasto.stylize(photo, painting, Recipe(**stated, **more)) for more in ({}, {"strength": 50}))
    assert np.array_equal(plain.pixels, strong.pixels)


@pytest.mark.parametrize("strength", [10.0, 35.0, 80.0, 100.0])
@pytest.mark.parametrize("more", [{}, SAMPLED], ids=["plain", "sampled"])
def test_a_strength_paints_the_same_as_its_balanced_weights(photo, painting, strength, more):
    recipe = Recipe(
        **{**TINY, **more, "strength": strength, "levels": 2, "content_exponent": 0.5, "saliency_weight": 1.0}
    )
    strong, written = (impasto.stylize(photo, painting, one) for one in (recipe, recipe.balanced()))
    assert np.array_equal(strong.pixels, written.pixels)
    assert strong.losses == written.losses


def test_the_distance_from_the_photo_grows_with_strength(photo, painting):
    distances = []
    for strength in (0, 20, 50, 90):
        recipe = Recipe(**{**TINY, "strength": strength, "steps": 15})
        distances.append(np.abs(impasto.stylize(photo, painting, recipe).pixels - photo).mean())
    assert distances == sorted(distances)
    assert distances[-1] > 1.2 * distances[1]


@pytest.mark.parametrize("weight", ["content_weight", "style_weight"])
def test_strength_beside_a_weight_is_refused(photo, painting, weight):
    with pytest.raises(InputError, match="state one of them") as caught:
        impasto.stylize(photo, painting, "bold", strength=30, **{weight: 1.0})
    assert "\n" not in str(caught.value)


def test_strength_acts_on_the_weights_of_a_given_recipe(photo, painting):
    recipe = Recipe(**{**TINY, "steps": 1})
    assert impasto.stylize(photo, painting, recipe, strength=30).recipe.content.weight == TINY["content_weight"]
    assert (
        impasto.stylize(photo, painting, recipe.with_changes(strength=30), style_weight=5).recipe.style.strength == 30
    )


def test_a_run_takes_a_changed_strength_and_records_it_in_the_result(photo, painting):
    steps = []

    def act(run, step):
        steps.append(step)
        if step.step == 2:
            run.change(strength=90.0)

    result = start_and(act, photo, painting, Recipe(**TINY)).wait()
    assert result.recipe.schedule.changes == ((2, {"strength": 90.0}),)
    assert result.recipe.content.weight == TINY["content_weight"]
    # The content has a twenty-fifth of its weight, the style more than three times its own.
    assert steps[2].terms["content"] < 0.2 * steps[1].terms["content"]
    assert steps[2].terms["style"] > 2 * steps[1].terms["style"]


def test_changing_strength_and_weights_together_is_refused(photo, painting):
    run = impasto.start(photo, painting, Recipe(**{**TINY, "steps": 5000}))
    try:
        with pytest.raises(InputError, match="state one of them"):
            run.change(strength=70.0, style_weight=2.0)
        with pytest.raises(InputError, match="strength"):
            run.change(strength=101.0)
    finally:
        run.stop()
        run.wait()
