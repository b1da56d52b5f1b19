"""The dial while it paints: the photo at one end, the weights as they are in the middle, a turn at any time."""

import numpy as np
import PIL.Image
import pytest

import impasto
from impasto.errors import InputError
from impasto.events import Step
from impasto.images import quantize
from impasto.painting import Painter, Scene, plan_levels
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
    "more", [{}, SAMPLED, {"saliency_weight": 2.0, "content_exponent": 0.5}], ids=["plain", "sampled", "rescued"]
)
def test_a_strength_of_0_hands_back_the_photo(photo, painting, canvas, more):
    result = impasto.stylize(photo, painting, Recipe(**{**TINY, **more, "canvas": canvas, "strength": 0}))
    assert np.array_equal(np.asarray(result.image), quantize(photo))


def test_a_strength_of_0_hands_back_the_photo_over_several_levels(photo, painting):
    large = np.asarray(PIL.Image.fromarray(quantize(photo)).resize((160, 120)))
    events = []
    recipe = Recipe(**{**TINY, "levels": 2, "level_ratio": 2, "size": 160, "strength": 0})
    result = impasto.stylize(large, painting, recipe, on_event=events.append)
    assert sum(isinstance(event, impasto.LevelStarted) for event in events) == 2
    assert np.array_equal(np.asarray(result.image), large)


def test_a_strength_of_50_is_no_strength(photo, painting):
    stated = {name: value for name, value in TINY.items() if name != "strength"}
    plain, dialled = (impasto.stylize(photo, painting, Recipe(**stated, **more)) for more in ({}, {"strength": 50}))
    assert np.array_equal(plain.pixels, dialled.pixels)


@pytest.mark.parametrize("strength", [10.0, 35.0, 80.0, 100.0])
@pytest.mark.parametrize("more", [{}, SAMPLED], ids=["plain", "sampled"])
def test_a_strength_paints_what_its_balanced_weights_paint(photo, painting, strength, more):
    recipe = Recipe(
        **{**TINY, **more, "strength": strength, "levels": 2, "content_exponent": 0.5, "saliency_weight": 1.0}
    )
    dialled, written = (impasto.stylize(photo, painting, one) for one in (recipe, recipe.balanced()))
    assert np.array_equal(dialled.pixels, written.pixels)
    assert dialled.losses == written.losses


def test_more_strength_goes_farther_from_the_photo(photo, painting):
    distances = []
    for strength in (0, 20, 50, 90):
        recipe = Recipe(**{**TINY, "strength": strength, "steps": 15})
        distances.append(np.abs(impasto.stylize(photo, painting, recipe).pixels - photo).mean())
    assert distances == sorted(distances)
    assert distances[-1] > 1.2 * distances[1]


def test_the_strength_is_kept_in_the_recipe_of_the_result(photo, painting):
    result = impasto.stylize(photo, painting, Recipe(**{**TINY, "strength": 30, "steps": 1}))
    assert result.recipe.style.strength == 30
    assert result.metadata["recipe"]["style"]["strength"] == 30
    assert result.metadata["recipe"]["content"]["weight"] == TINY["content_weight"]


@pytest.mark.parametrize("weight", ["content_weight", "style_weight"])
def test_strength_beside_a_weight_is_one_clear_error(photo, painting, weight):
    with pytest.raises(InputError, match="state one of them") as caught:
        impasto.stylize(photo, painting, "bold", strength=30, **{weight: 1.0})
    assert "\n" not in str(caught.value)


def test_a_strength_acts_on_the_weights_of_a_recipe_or_preset_that_is_given(photo, painting):
    recipe = Recipe(**{**TINY, "steps": 1})
    assert impasto.stylize(photo, painting, recipe, strength=30).recipe.content.weight == TINY["content_weight"]
    assert (
        impasto.stylize(photo, painting, recipe.with_changes(strength=30), style_weight=5).recipe.style.strength == 30
    )


def test_the_strength_may_be_turned_while_it_paints(make_extractor, photo, painting):
    recipe = Recipe(**TINY)
    scene = Scene.of(photo, painting, margin=recipe.style.margin)

    def painter(by):
        extractor = make_extractor(
            ("conv1_1", "conv2_1", "conv3_1"), pooling=by.network.pooling, padding=by.network.padding
        )
        return Painter(by, scene, extractor, levels=plan_levels(by, 64, 48))

    turned = painter(recipe)
    for event in turned.paint():
        if isinstance(event, Step) and event.step == 3:
            before = turned.picture()
            turned.change(turned.recipe.with_changes(strength=80.0))
            assert np.array_equal(turned.picture(), before)
            expected = painter(recipe.with_changes(strength=80.0).balanced())._current.loss_of(before)
            assert turned._current.loss_of(before) == pytest.approx(expected, rel=1e-6)
            assert turned._current.loss_of(before) != pytest.approx(painter(recipe)._current.loss_of(before), rel=0.01)
    assert turned.recipe.style.strength == 80.0


def test_a_run_takes_a_turned_strength_and_the_result_says_so(photo, painting):
    run = None

    def turn_at_2(event):
        if isinstance(event, Step) and event.step == 2:
            while run is None:
                pass
            run.change(strength=90.0)

    steps = []

    def listen(event):
        turn_at_2(event)
        if isinstance(event, Step):
            steps.append(event)

    run = impasto.start(photo, painting, Recipe(**TINY), on_event=listen)
    result = run.wait()
    assert result.recipe.style.strength == 90.0
    assert result.recipe.content.weight == TINY["content_weight"]
    # The content has a twenty-fifth of its weight, the style more than three times its own.
    assert steps[2].terms["content"] < 0.2 * steps[1].terms["content"]
    assert steps[2].terms["style"] > 2 * steps[1].terms["style"]


def test_a_change_of_strength_and_weights_in_one_breath_is_refused(photo, painting):
    run = impasto.start(photo, painting, Recipe(**{**TINY, "steps": 5000}))
    try:
        with pytest.raises(InputError, match="state one of them"):
            run.change(strength=70.0, style_weight=2.0)
        with pytest.raises(InputError, match="strength"):
            run.change(strength=101.0)
    finally:
        run.stop()
        run.wait()
