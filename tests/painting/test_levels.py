"""Levels: their sizes and their shares of the steps."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

import impasto
from impasto.images import resize
from impasto.losses import needed_layers, style_losses
from impasto.losses.registry import content_losses
from impasto.networks import layer_stride
from impasto.painting import plan_levels
from impasto.painting.pyramid import COARSEST_LEVEL, MIN_LEVEL, enlarge_canvas, recipe_at
from impasto.recipe import PRESETS, Recipe


def test_one_level_is_the_whole_picture():
    (level,) = plan_levels(Recipe(levels=1, steps=7), 300, 200)
    assert (level.width, level.height, level.steps, level.above) == (300, 200, 7, 0)


def test_levels_double_from_coarse_to_fine_and_coarse_ones_get_more_steps():
    levels = plan_levels(Recipe(levels=3, level_ratio=2, coarse_steps=2, steps=70), 512, 384)
    assert [(level.width, level.height) for level in levels] == [(128, 96), (256, 192), (512, 384)]
    assert [level.above for level in levels] == [2, 1, 0]
    assert [level.below for level in levels] == [0, 1, 2]
    assert [level.steps for level in levels] == [39, 20, 11]


def layers_at(level: int, extractor, **changes) -> set[str]:
    recipe = Recipe(**{"levels": 2, **changes})
    return set(needed_layers(recipe_at(recipe, plan_levels(recipe, 256, 192)[level], extractor)))


def test_the_finest_of_several_levels_compares_shallow_layers_only(make_extractor):
    extractor = make_extractor(needed_layers(Recipe()))
    every = set(needed_layers(Recipe()))
    shallow = {layer for layer in every if layer_stride(layer) <= 4}
    assert shallow < every
    assert layers_at(0, extractor) == every
    assert layers_at(-1, extractor) == shallow
    few = {"style_losses": "wasserstein=1", "content_layers": "conv2_2,conv4_2"}
    assert layers_at(-1, extractor, fine_stride=2, **few) == {
        layer for layer in shallow if layer_stride(layer) <= 2
    } | {"conv2_2"}
    assert layers_at(-1, extractor, fine_stride=0) == every
    assert layers_at(-1, extractor, levels=1) == every


def test_a_loss_that_has_no_shallow_layer_keeps_all_of_every_loss(make_extractor):
    recipe = Recipe(content_layers="conv4_2")
    extractor = make_extractor(needed_layers(recipe))
    assert layers_at(-1, extractor, content_layers="conv4_2") == set(needed_layers(recipe))


def test_the_layers_that_stay_have_the_weight_of_those_left_out(make_extractor):
    recipe = Recipe(levels=2)
    extractor = make_extractor(needed_layers(recipe))
    fine = recipe_at(recipe, plan_levels(recipe, 256, 192)[-1], extractor)
    for of_level, of_recipe in zip(
        (style_losses(fine), content_losses(fine)), (style_losses(recipe), content_losses(recipe)), strict=True
    ):
        assert list(of_level) == list(of_recipe)
        for name, loss in of_recipe.items():
            assert sum(of_level[name].layers.values()) == pytest.approx(sum(loss.layers.values())), name
    assert fine.style.losses["nearest"].layers == {"conv3_1": pytest.approx(0.4)}
    assert fine.with_changes(style_losses=recipe.style.losses, content_losses=recipe.content.losses) == recipe


def test_networks_whose_strides_are_not_known_keep_all_layers(make_extractor):
    extractor = make_extractor(needed_layers(Recipe()))
    extractor.reach = {}
    assert layers_at(-1, extractor) == set(needed_layers(Recipe()))


def test_levels_that_are_too_small_are_left_out():
    levels = plan_levels(Recipe(levels=5, level_ratio=2, steps=50), 3 * MIN_LEVEL, 2 * MIN_LEVEL)
    assert [level.width for level in levels] == [round(1.5 * MIN_LEVEL), 3 * MIN_LEVEL]
    levels = plan_levels(Recipe(levels=5, level_ratio=2, steps=50), 4 * MIN_LEVEL, 2 * MIN_LEVEL)
    assert [level.width for level in levels] == [MIN_LEVEL, 2 * MIN_LEVEL, 4 * MIN_LEVEL]


@given(long=st.integers(128, 4096), share=st.floats(0.36, 1), portrait=st.booleans())
def test_automatic_levels_begin_near_one_size_for_any_shape(long, share, portrait):
    width, height = long, max(1, round(long * share))
    levels = plan_levels(
        Recipe(levels="auto", level_ratio=2, steps=1000), *(height, width) if portrait else (width, height)
    )
    sides = [max(level.width, level.height) for level in levels]
    assert COARSEST_LEVEL / 2**0.5 - 1 <= sides[0] <= COARSEST_LEVEL * 2**0.5 + 1
    assert all(abs(fine - 2 * coarse) <= 2 for coarse, fine in pairwise(sides))
    assert sides[-1] == long
    assert [level.above for level in levels] == list(range(len(levels)))[::-1]


def test_twice_the_size_is_one_automatic_level_more():
    recipe = Recipe(levels="auto", level_ratio=2, steps=1000)
    counts = [len(plan_levels(recipe, side, side)) for side in (256, 512, 1024, 2048)]
    assert [after - before for before, after in pairwise(counts)] == [1, 1, 1]


def test_a_picture_as_small_as_the_coarsest_level_has_one():
    for side in (16, COARSEST_LEVEL // 2, COARSEST_LEVEL):
        (level,) = plan_levels(Recipe(levels="auto", level_ratio=2), side, side)
        assert level.width == side


def test_fewer_steps_than_levels_leave_coarse_levels_out():
    levels = plan_levels(Recipe(levels=4, level_ratio=2, coarse_steps=2, steps=2), 1024, 1024)
    assert [(level.width, level.steps) for level in levels] == [(512, 1), (1024, 1)]


@given(
    width=st.integers(16, 5000),
    height=st.integers(16, 5000),
    steps=st.integers(1, 3000),
    levels=st.integers(1, 10) | st.just("auto"),
    ratio=st.floats(1.1, 4),
    coarse=st.floats(0.05, 20),
)
def test_steps_always_sum_and_every_level_gets_one(width, height, steps, levels, ratio, coarse):
    recipe = Recipe(steps=steps, levels=levels, level_ratio=ratio, coarse_steps=coarse)
    planned = plan_levels(recipe, width, height)
    assert sum(level.steps for level in planned) == steps
    assert min(level.steps for level in planned) >= 1
    assert (planned[-1].width, planned[-1].height) == (width, height)
    assert all(a.width <= b.width and a.height <= b.height for a, b in pairwise(planned))


@given(steps=st.integers(4, 10_000), limit=st.integers(1, 500), side=st.integers(64, 2000))
def test_no_coarse_level_gets_more_than_the_limit_and_the_finest_gets_the_rest(steps, limit, side):
    free = plan_levels(Recipe(steps=steps, coarse_limit=10_000), side, side)
    planned = plan_levels(Recipe(steps=steps, coarse_limit=limit), side, side)
    assert [level.steps for level in planned[:-1]] == [min(limit, level.steps) for level in free[:-1]]
    assert sum(level.steps for level in planned) == steps


def test_the_limit_leaves_every_preset_as_it_would_be_without():
    for recipe in (recipe for recipe in PRESETS.values() if recipe.method == "optimize"):
        assert plan_levels(recipe, 512, 384) == plan_levels(recipe.with_changes(coarse_limit=10**6), 512, 384)


@pytest.mark.parametrize("preset", [name for name, recipe in PRESETS.items() if recipe.schedule.levels == "auto"])
def test_a_poster_takes_no_more_than_about_twenty_steps_of_full_size(preset):
    levels = plan_levels(PRESETS[preset], 4096, 3072)
    pixels = [level.width * level.height for level in levels]
    assert sum(level.steps * size for level, size in zip(levels, pixels, strict=True)) <= 20.5 * pixels[-1]


def random_picture(height, width, seed=0):
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def test_enlarging_the_reduced_photo_returns_the_photo():
    # What the coarse level could not show is exactly what is given back.
    photo = random_picture(30, 42)
    coarse = resize(photo, 21, 15)
    np.testing.assert_allclose(enlarge_canvas(coarse, photo, detail=1.0), photo, atol=1e-6)


def test_a_flat_canvas_stays_flat_without_detail():
    for size in ((15, 21), (17, 23), (40, 31)):
        enlarged = enlarge_canvas(np.full((*size, 3), 0.3, dtype=np.float32), random_picture(61, 83), detail=0.0)
        assert enlarged.shape == (61, 83, 3)
        np.testing.assert_allclose(enlarged, 0.3, atol=1e-5)


def test_enlarging_does_not_shift_a_gradient():
    slope = np.broadcast_to((np.arange(32, dtype=np.float32) + 0.5)[None, :, None] / 32, (8, 32, 3))
    enlarged = enlarge_canvas(np.ascontiguousarray(slope), random_picture(16, 64), detail=0.0)
    expected = (np.arange(64) + 0.5) / 64
    np.testing.assert_allclose(enlarged[4, 6:-6, 0], expected[6:-6], atol=1e-3)


def test_a_panorama_begins_at_the_smallest_size_of_the_deepest_layer():
    # conv4_2 comes after three halvings, and two positions are the least: 16 px.
    levels = plan_levels(Recipe(), 1024, 128)
    assert [(level.width, level.height) for level in levels] == [(128, 16), (256, 32), (512, 64), (1024, 128)]
    shallow = plan_levels(Recipe(content_layers=("conv2_1",), style_layers=("conv1_1",)), 1024, 192)
    assert shallow[0].width == 64


@pytest.mark.parametrize("detail", [0.7, np.linspace(0, 1, 90 * 122, dtype=np.float32).reshape(90, 122, 1)])
def test_a_large_canvas_is_enlarged_part_by_part(monkeypatch, detail):
    canvas, photo = random_picture(45, 61), random_picture(90, 122, seed=1)
    expected = enlarge_canvas(canvas, photo, detail=detail)
    monkeypatch.setattr("impasto.images.geometry._STRIP", 1000)
    monkeypatch.setattr("impasto.painting.pyramid._BLOCK", 20)
    np.testing.assert_allclose(enlarge_canvas(canvas, photo, detail=detail), expected, atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"color": "photo"}, {"color": "luminance"}, {"max_memory": "1GB"}])
def test_a_picture_of_many_strips_is_painted_like_one_of_a_single_strip(monkeypatch, settings):
    photo = data.coffee()[:256:2, :384:2]
    settings = {"size": 192, "steps": 8, "levels": 3, "precision": "fp32", "threads": 1} | settings
    expected = impasto.stylize(photo, "night", **settings).pixels
    monkeypatch.setattr("impasto.images.geometry._STRIP", 2000)
    np.testing.assert_allclose(impasto.stylize(photo, "night", **settings).pixels, expected, atol=1 / 255)
