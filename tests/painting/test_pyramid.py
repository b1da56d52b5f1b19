"""Levels: their sizes and their shares of the steps."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from impasto.painting import plan_levels
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
