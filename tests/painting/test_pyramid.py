"""Levels: their sizes and their shares of the steps."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from impasto.images import resize
from impasto.painting import plan_levels
from impasto.painting.pyramid import carry_up
from impasto.recipe import Recipe


def test_one_level_is_the_special_case_of_the_whole_picture():
    (level,) = plan_levels(Recipe(levels=1, steps=7), 300, 200)
    assert (level.width, level.height, level.steps, level.above) == (300, 200, 7, 0)


def test_levels_double_from_coarse_to_fine_and_coarse_ones_get_more_steps():
    levels = plan_levels(Recipe(levels=3, level_ratio=2, coarse_steps=2, steps=70), 512, 384)
    assert [(level.width, level.height) for level in levels] == [(128, 96), (256, 192), (512, 384)]
    assert [level.above for level in levels] == [2, 1, 0]
    assert [level.steps for level in levels] == [39, 20, 11]


def test_levels_below_64_pixels_are_left_out():
    levels = plan_levels(Recipe(levels=5, steps=50), 200, 150)
    assert [level.width for level in levels] == [100, 200]


def test_fewer_steps_than_levels_leave_coarse_levels_out():
    levels = plan_levels(Recipe(levels=4, steps=2), 1024, 1024)
    assert [(level.width, level.steps) for level in levels] == [(512, 1), (1024, 1)]


@given(
    width=st.integers(16, 5000),
    height=st.integers(16, 5000),
    steps=st.integers(1, 3000),
    levels=st.integers(1, 10),
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


def random_picture(height, width, seed=0):
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def test_the_photo_itself_is_carried_up_without_a_loss():
    # What the coarse level could not show is exactly what is given back.
    photo = random_picture(30, 42)
    coarse = resize(photo, 21, 15)
    np.testing.assert_allclose(carry_up(coarse, photo, detail=1.0), photo, atol=1e-6)


def test_without_detail_a_flat_canvas_stays_flat_at_every_ratio():
    for size in ((15, 21), (17, 23), (40, 31)):
        carried = carry_up(np.full((*size, 3), 0.3, dtype=np.float32), random_picture(61, 83), detail=0.0)
        assert carried.shape == (61, 83, 3)
        np.testing.assert_allclose(carried, 0.3, atol=1e-5)


def test_enlarging_keeps_a_slope_where_it_is():
    slope = np.broadcast_to((np.arange(32, dtype=np.float32) + 0.5)[None, :, None] / 32, (8, 32, 3))
    carried = carry_up(np.ascontiguousarray(slope), random_picture(16, 64), detail=0.0)
    expected = (np.arange(64) + 0.5) / 64
    np.testing.assert_allclose(carried[4, 6:-6, 0], expected[6:-6], atol=1e-3)


def test_a_carried_up_picture_is_a_picture():
    carried = carry_up(random_picture(8, 8).round(), random_picture(16, 16, seed=1).round(), detail=1.0)
    assert carried.min() >= 0
    assert carried.max() <= 1
    assert carried.dtype == np.float32
