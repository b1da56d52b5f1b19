"""Limits of memory: plans of tiles and history, runs in tiles, and memory that is lacking."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import waves

from impasto.errors import InputError
from impasto.events import Notice, Step
from impasto.losses import Objective, needed_layers
from impasto.painting import CanvasRegion, Painter, Scene, StyleImage, memory, plan_levels
from impasto.painting.memory import MemoryPlan, plan_memory
from impasto.painting.pyramid import Level
from impasto.recipe import Recipe

SETTINGS = {
    "steps": 4,
    "levels": 2,
    "precision": "fp32",
    "style_matching": 0.0,
    "samples": 64,
    "content_layers": "conv3_1",
    "style_layers": "conv1_1,conv2_1,conv3_1",
}
TILED = MemoryPlan(48**2, 3, 0.0)


@pytest.fixture(scope="module")
def extractor(make_extractor):
    return make_extractor(needed_layers(Recipe(precision="fp32")))


@pytest.fixture
def make_painter(extractor):
    def make(**changes):
        style = StyleImage(pixels=waves(72, 90, seed=2))
        scene = Scene(content=waves(72, 96, seed=1), regions=(CanvasRegion(styles=(style,)),))
        recipe = Recipe(**{**SETTINGS, **changes})
        return Painter(recipe, scene, extractor, levels=plan_levels(recipe, 96, 72))

    return make


def level_of(side: int) -> Level:
    return Level(side, side, steps=12, above=0)


def test_without_a_limit_a_picture_is_painted_as_a_whole(extractor):
    plan = plan_memory(Recipe(), extractor, level_of(4096))
    assert (plan.tile, plan.history) == (None, 10)


def test_a_history_holds_no_more_pairs_than_a_level_fills_before_its_last_step(extractor):
    assert plan_memory(Recipe(), extractor, Level(64, 64, steps=3, above=0)).history == 2


@settings(max_examples=30)
@given(gigabytes=st.floats(1, 100), side=st.integers(64, 8192))
def test_a_plan_stays_within_the_limit_or_the_limit_of_the_message_would_do(extractor, gigabytes, side):
    recipe = Recipe(max_memory=f"{gigabytes:.2f}GB", precision="bf16")
    try:
        plan = plan_memory(recipe, extractor, level_of(side))
    except InputError as error:
        enough = str(error).split("--max-memory ")[1].split()[0]
        recipe = recipe.with_changes(max_memory=enough)
        plan = plan_memory(recipe, extractor, level_of(side))
    assert plan.peak <= recipe.hardware.memory_limit


def test_less_memory_means_smaller_tiles_and_then_a_shorter_history(extractor):
    plans = [
        plan_memory(Recipe(max_memory=f"{limit}GB", precision="bf16"), extractor, level_of(4096))
        for limit in (40, 6, 4, 2.9, 2.5)
    ]
    assert plans[0].tile is None
    assert all(plan.tile for plan in plans[1:])
    assert [(plan.history, plan.recompute) for plan in plans[1:]] == [(10, False), (2, False), (2, True), (1, True)]


def test_squares_of_8192_and_16384_px_fit_into_8_and_21_gigabytes(extractor):
    for side, limit, steps in ((8192, "8GB", 2), (16384, "21GB", 1)):
        recipe = Recipe(max_memory=limit, precision="bf16", max_megapixels=300)
        assert plan_memory(recipe, extractor, Level(side, side, steps, above=0), side * side).tile


def test_a_limit_that_is_too_small_is_refused_before_anything_is_computed(make_painter, monkeypatch):
    monkeypatch.setattr("impasto.painting.painter.match_scene", None)
    with pytest.raises(InputError, match=r"0\.1GB is too little for 96 x 72 px"):
        make_painter(style_matching=1.0, max_memory="0.1GB")


def test_a_style_image_is_reduced_but_not_enlarged_to_measure_its_colors():
    style = StyleImage(pixels=waves(72, 90, seed=2), margin=0.1)
    assert style.colors(level_of(4096)).pixels.shape == (72 * 90 - 14 * 90 - 18 * 58, 3)
    small = style.at(level_of(60))
    np.testing.assert_array_equal(style.colors(level_of(60)).pixels, small.colors(None).pixels)


def test_a_state_that_holds_a_best_picture_continues_a_run_that_keeps_none(make_painter):
    painter = make_painter()
    state = painter.current.state()
    assert "best" not in state
    assert "best" in make_painter(keep_best=True, levels=1).current.state()
    painter.current.load_state(state | {"best": state["optimizer.accepted"], "lowest": torch.zeros(())})


@pytest.mark.parametrize("limit", ["3GB", "60GB"])
def test_smoothed_features_depend_on_the_whole_picture_and_have_no_tiles(limit, extractor):
    recipe = Recipe(max_memory=limit, smoothing="softmax")
    if limit == "60GB":
        assert plan_memory(recipe, extractor, level_of(2048)).tile is None
        return
    with pytest.raises(InputError, match="3GB is too little for 2048 x 2048 px"):
        plan_memory(recipe, extractor, level_of(2048))


@pytest.mark.parametrize("matching", [0.0, 1.0])
def test_a_run_in_tiles_paints_the_same_picture_and_says_so(matching, make_painter, monkeypatch):
    whole = make_painter(style_matching=matching)
    assert not [event for event in whole.paint() if isinstance(event, Notice)]
    monkeypatch.setattr("impasto.painting.painter.plan_run", lambda *_: (TILED, TILED))
    tiled = make_painter(style_matching=matching)
    notices = [event.text for event in tiled.paint() if isinstance(event, Notice)]
    assert notices == ["painted in tiles of about 48 x 48 px, which takes longer but less memory"]
    assert np.abs(tiled.picture() - whole.picture()).max() < 0.5 / 255


def test_a_run_in_tiles_continues_to_the_same_picture(make_painter, monkeypatch):
    monkeypatch.setattr("impasto.painting.painter.plan_run", lambda *_: (TILED, TILED))
    whole = make_painter()
    for event in whole.paint():
        if isinstance(event, Step) and event.step == 3:
            tensors, values = whole.state()
            state = {name: tensor.clone() for name, tensor in tensors.items()}, dict(values)
    other = make_painter()
    other.load_state(*state)
    list(other.paint())
    assert np.array_equal(other.picture(), whole.picture())


def lacking(monkeypatch, method: str) -> None:
    """Let the objective of a whole picture of the finest level lack memory."""
    own = getattr(Objective, method)

    def fails(self, *arguments, **inputs):
        picture = inputs["content"] if method == "__init__" else arguments[0]
        if type(self) is Objective and max(picture.shape) == 96:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return own(self, *arguments, **inputs)

    monkeypatch.setattr(Objective, method, fails)


@pytest.mark.parametrize("method", ["__init__", "value_and_grad"])
def test_a_run_that_lacks_memory_goes_on_in_tiles(method, make_painter, monkeypatch):
    monkeypatch.setattr(memory, "SMALLEST_TILE", 32**2)
    usual = make_painter()
    list(usual.paint())
    lacking(monkeypatch, method)
    painter = make_painter()
    events = list(painter.paint())
    assert [event.step for event in events if isinstance(event, Step)] == list(range(1, 5))
    assert any("in tiles of about 59 x 59 px" in event.text for event in events if isinstance(event, Notice))
    assert np.abs(painter.picture() - usual.picture()).max() < 0.5 / 255


def test_a_picture_too_small_for_tiles_fails_for_lack_of_memory(make_painter, monkeypatch):
    lacking(monkeypatch, "value_and_grad")
    with pytest.raises(torch.OutOfMemoryError):
        list(make_painter().paint())
