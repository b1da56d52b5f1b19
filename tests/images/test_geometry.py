import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.errors import InputError
from impasto.images import crop, fit, resize

sides = st.integers(1, 40_000)


@given(sides, sides, st.integers(1, 20_000))
def test_fit_gives_the_long_side_asked_for_and_the_shape_that_was(width, height, long_side):
    wide, tall = fit(width, height, long_side)
    assert max(wide, tall) == long_side
    assert min(wide, tall) >= 1
    exact = min(width, height) * long_side / max(width, height)
    assert min(wide, tall) == pytest.approx(max(exact, 1), abs=0.5 + 1e-9)


def test_fit_rounds_a_half_up():
    assert fit(4, 2, 1) == (1, 1)
    assert fit(20, 10, 5) == (5, 3)
    assert fit(10, 20, 5) == (3, 5)


def _lanczos_matrix(old: int, new: int) -> np.ndarray:
    """Weights of the windowed sinc written out from its definition, for centres of pixels."""
    stretch = max(old / new, 1)
    distance = ((np.arange(new)[:, None] + 0.5) * old / new - (np.arange(old)[None] + 0.5)) / stretch
    weights = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("size", [(30, 20), (7, 5), (59, 39), (1, 1), (90, 60), (61, 41), (600, 1), (3, 400)])
def test_resizing_is_lanczos_with_three_lobes_up_and_down(size):
    width, height = size
    values = np.random.default_rng(0).random((40, 60, 3)).astype(np.float32)
    down, across = _lanczos_matrix(40, height), _lanczos_matrix(60, width)
    expected = np.einsum("ab,bcd,ec->aed", down, values, across).clip(0, 1)
    got = resize(values, width, height)
    assert got.dtype == np.float32
    assert np.abs(got - expected).max() < 1e-5
    assert np.abs(resize(values[..., 1], width, height) - expected[..., 1]).max() < 1e-5


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 1, width=32), *[st.integers(1, 50)] * 4)
def test_a_picture_of_one_colour_keeps_it(value, height, width, new_height, new_width):
    resized = resize(np.full((height, width, 3), value, np.float32), new_width, new_height)
    assert resized.shape == (new_height, new_width, 3)
    assert np.abs(resized - value).max() < 1e-6


def test_resizing_stays_in_range_at_hard_edges():
    edge = np.zeros((20, 20), np.float32)
    edge[:, 10:] = 1
    resized = resize(edge, 90, 90)
    assert resized.min() == 0
    assert resized.max() == 1


def test_fine_stripes_become_grey_and_not_a_moire():
    stripes = np.tile(np.array([0, 1], np.float32), (64, 128))
    assert np.abs(resize(stripes, 37, 9)[:, 3:-3] - 0.5).max() < 0.02


def test_the_same_size_gives_the_same_values_in_another_array():
    values = np.random.default_rng(0).random((5, 6, 3)).astype(np.float32)
    same = resize(values, 6, 5)
    assert np.array_equal(same, values)
    assert not np.shares_memory(same, values)


def test_a_crop_is_left_top_width_height():
    values = np.arange(5 * 6 * 3, dtype=np.float32).reshape(5, 6, 3)
    assert np.array_equal(crop(values, (2, 1, 4, 3)), values[1:4, 2:6])
    assert np.array_equal(crop(values[..., 0], (0, 0, 6, 5)), values[..., 0])


@pytest.mark.parametrize("box", [(-1, 0, 2, 2), (0, -1, 2, 2), (0, 0, 0, 2), (0, 0, 2, 0), (5, 0, 2, 2), (0, 4, 2, 2)])
def test_a_crop_that_leaves_the_picture_is_refused(box):
    with pytest.raises(InputError, match="picture of 6 x 5"):
        crop(np.zeros((5, 6, 3), np.float32), box)
