"""Fitting, resizing, cropping and rotating against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.errors import InputError
from impasto.images import by_strips, crop, fit, resize, rotate, strips

sides = st.integers(1, 40_000)


@given(sides, sides, st.integers(1, 20_000))
def test_fit_returns_the_long_side_and_keeps_the_shape(width, height, long_side):
    wide, tall = fit(width, height, long_side)
    assert max(wide, tall) == long_side
    assert min(wide, tall) >= 1
    exact = min(width, height) * long_side / max(width, height)
    assert min(wide, tall) == pytest.approx(max(exact, 1), abs=0.5 + 1e-9)


def test_fit_rounds_a_half_up():
    assert [fit(4, 2, 1), fit(20, 10, 5), fit(10, 20, 5)] == [(1, 1), (5, 3), (3, 5)]


def _lanczos_matrix(old: int, new: int) -> np.ndarray:
    """Weights of the windowed sinc written out from its definition, for centers of pixels."""
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
def test_a_resized_picture_of_one_color_keeps_it(value, height, width, new_height, new_width):
    resized = resize(np.full((height, width, 3), value, np.float32), new_width, new_height)
    assert resized.shape == (new_height, new_width, 3)
    assert np.abs(resized - value).max() < 1e-6


def test_resizing_to_the_same_size_copies_the_values():
    values = np.random.default_rng(0).random((5, 6, 3)).astype(np.float32)
    same = resize(values, 6, 5)
    assert np.array_equal(same, values)
    assert not np.shares_memory(same, values)


def test_a_crop_is_left_top_width_height():
    values = np.arange(5 * 6 * 3, dtype=np.float32).reshape(5, 6, 3)
    assert np.array_equal(crop(values, (2, 1, 4, 3)), values[1:4, 2:6])
    assert np.array_equal(crop(values[..., 0], (0, 0, 6, 5)), values[..., 0])


@pytest.mark.parametrize("box", [(-1, 0, 2, 2), (0, -1, 2, 2), (0, 0, 0, 2), (0, 0, 2, 0), (5, 0, 2, 2), (0, 4, 2, 2)])
def test_a_crop_outside_the_picture_is_refused(box):
    with pytest.raises(InputError, match="picture of 6 x 5"):
        crop(np.zeros((5, 6, 3), np.float32), box)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
@pytest.mark.parametrize("turns", [-5, -4, -1, 0, 1, 2, 3, 6])
def test_quarter_turns_are_counterclockwise_and_exact(shape, turns):
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    turned = rotate(values, 90.0 * turns)
    np.testing.assert_array_equal(turned, np.rot90(values, turns % 4))
    assert turned.dtype == np.float32
    assert turned.flags.c_contiguous


@settings(deadline=None, max_examples=100)
@given(
    degrees=st.floats(-400, 400) | st.sampled_from([1e-9, -1e-9, 45.0, 89.999, 0.1]),
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    is_mask=st.booleans(),
)
def test_no_corner_of_a_rotated_picture_is_black(degrees, height, width, is_mask):
    shape = (height, width) if is_mask else (height, width, 3)
    turned = rotate(np.full(shape, 0.8, dtype=np.float32), degrees)
    assert turned.ndim == len(shape)
    assert min(turned.shape[:2]) >= 1
    if min(height, width) > 1:
        assert np.abs(turned - 0.8).max() < 1e-5


@pytest.mark.parametrize("degrees", [3.0, -30.0, 45.0, 77.7, 91.0, 150.0, -200.0])
def test_the_center_is_unchanged_after_rotating_there_and_back(degrees):
    y, x = np.mgrid[0:160, 0:200]
    values = (0.5 + 0.4 * np.sin(x / 9) * np.cos(y / 7 + 1)).astype(np.float32)
    back = rotate(rotate(values, degrees), -degrees)
    tall, wide = back.shape
    # Cutting out twice may move the center by a pixel in each direction.
    best = min(
        np.abs(back[tall // 2 - 12 : tall // 2 + 12, wide // 2 - 12 : wide // 2 + 12]
               - values[80 + dy - 12 : 80 + dy + 12, 100 + dx - 12 : 100 + dx + 12]).mean()
        for dy in (-1, 0, 1) for dx in (-1, 0, 1)
    )  # fmt: skip
    assert best < 0.03


def test_a_rotation_is_counterclockwise_by_as_many_degrees():
    ramp = np.tile(np.linspace(0, 1, 201, dtype=np.float32), (201, 1))
    down, across = (slope[20:-20, 20:-20].mean() for slope in np.gradient(rotate(ramp, 30.0)))
    assert np.degrees(np.arctan2(-down, across)) == pytest.approx(30, abs=0.5)
    assert np.hypot(across, down) == pytest.approx(1 / 200, rel=0.01)


@pytest.mark.parametrize(("width", "height"), [(400, 300), (300, 400), (500, 100), (100, 500), (256, 256)])
@pytest.mark.parametrize("degrees", [2.0, 20.0, 45.0, 60.0, 88.0])
def test_the_largest_upright_rectangle_is_cut_out(width, height, degrees):
    tall, wide = rotate(np.zeros((height, width), dtype=np.float32), degrees).shape
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    # Its corners, rotated back, are inside the picture.
    assert wide * cosine + tall * sine <= width + 1e-9
    assert wide * sine + tall * cosine <= height + 1e-9
    # By exhaustive search: for every width the largest height that fits.
    widths = np.arange(1, width + height)
    heights = np.minimum((width - widths * cosine) / sine, (height - widths * sine) / cosine)
    assert (wide + 3) * (tall + 3) >= (widths * heights.clip(0)).max()


def test_a_rotated_mask_stays_between_0_and_1():
    mask = np.zeros((40, 60), dtype=np.float32)
    mask[10:30, 20:40] = 1
    for degrees in (10.0, 45.0, -70.0):
        turned = rotate(mask, degrees)
        assert turned.min() >= 0
        assert turned.max() <= 1


def test_what_is_computed_in_strips_is_what_is_computed_at_once(monkeypatch):
    picture = np.random.default_rng(0).random((37, 23, 3), dtype=np.float32)
    expected = picture**2 + picture[::-1]
    monkeypatch.setattr("impasto.images.geometry._STRIP", 100)
    assert len(list(strips(37, 23))) == 10
    np.testing.assert_array_equal(by_strips(lambda one, other: one**2 + other, picture, picture[::-1]), expected)
