"""Losses of pixels against NumPy, scikit-image, formulas written out and finite differences."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_inputs import random_picture
from skimage.measure import block_reduce

from impasto.losses.gradient_energy import gradient_energy, gradient_energy_loss
from impasto.losses.picture import (
    LowFrequencies,
    LuminanceRange,
    LuminanceRangeExcess,
    TotalVariation,
    luminance_range,
    regional_range,
)


def gray(value: float, side: int = 12) -> torch.Tensor:
    return torch.full((1, 3, side, side), value, dtype=torch.float64)


def colors(value: float) -> torch.Tensor:
    return torch.full((1, 3, 1, 1), value, dtype=torch.float64)


# -- total variation ---------------------------------------------------------------------------------------------------


def test_total_variation_of_a_ramp_is_the_square_of_its_slope_in_gray_levels():
    ramp = (torch.arange(6.0) * 2 / 255).expand(1, 3, 4, 6)
    assert TotalVariation()(ramp).item() == pytest.approx(4, rel=1e-4)
    assert TotalVariation()(ramp.mT).item() == pytest.approx(4, rel=1e-4)


def test_total_variation_of_a_single_row_has_no_vertical_part():
    row = torch.tensor([0.0, 1.0, 0.0]).expand(1, 3, 1, 3)
    assert TotalVariation()(row).item() == pytest.approx(255**2)
    assert TotalVariation()(torch.ones(1, 3, 1, 1)).item() == 0


# -- low frequencies ---------------------------------------------------------------------------------------------------


def test_low_frequency_loss_is_12_mean_squares_of_pictures_of_a_sixteenth():
    x, t = random_picture(64, 96, 1), random_picture(64, 96, 2)
    small, target = (block_reduce(a.numpy()[0], (1, 16, 16), np.mean) for a in (x, t))
    assert LowFrequencies(t)(x).item() == pytest.approx(12 * ((small - target) ** 2).mean())


@pytest.mark.parametrize(("side", "factor"), [(3, 1), (8, 2), (40, 10), (63, 15), (160, 16)])
def test_low_frequency_loss_of_small_pictures_leaves_four_pixels(side, factor):
    x, t = random_picture(side, side + 7, 1), random_picture(side, side + 7, 2)
    means = []
    for top in range(0, side, factor):
        for left in range(0, side + 7, factor):
            window = (..., slice(top, top + factor), slice(left, left + factor))
            means.append((x[window].mean(dim=(2, 3)) - t[window].mean(dim=(2, 3))).numpy())
    assert LowFrequencies(t)(x).item() == pytest.approx(12 * np.mean(np.square(means)))


def test_low_frequency_loss_does_not_see_detail():
    checks = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(1, 3, 40, 40)
    assert LowFrequencies(torch.full_like(checks, 0.5))(checks).item() == pytest.approx(0, abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), height=st.integers(1, 20), width=st.integers(1, 20))
def test_low_frequency_loss_is_exactly_0_at_the_target_of_any_size(seed, height, width):
    t = random_picture(height, width, seed)
    assert LowFrequencies(t)(t.clone()).item() == 0


# -- luminance range ---------------------------------------------------------------------------------------------------


def test_one_position_in_a_hundred_exceeds_the_range():
    # 30 x 42 means of 3 x 3 px in each channel, of which the 13 lightest and the 13 darkest may exceed.
    x = random_picture(32, 44, 1) ** 0.05
    means = np.lib.stride_tricks.sliding_window_view(x[0].numpy(), (3, 3), axis=(1, 2)).mean(axis=(3, 4))
    ordered = np.sort(means.reshape(3, -1), axis=1)
    found = luminance_range(x)
    assert found.lightest.flatten().numpy() == pytest.approx(np.maximum(ordered[:, -14], 0.9))
    assert found.darkest.flatten().numpy() == pytest.approx(np.minimum(ordered[:, 13], 0.1))
    assert ordered[:, -14].max() > 0.9
    mirrored = luminance_range(1 - x)
    assert mirrored.darkest.flatten().numpy() == pytest.approx(1 - found.lightest.flatten().numpy())


def test_of_a_constant_style_only_the_ends_of_the_range_are_guarded():
    found = luminance_range(gray(0.4))
    torch.testing.assert_close((found.darkest, found.lightest), (colors(0.1), colors(0.9)))
    assert LuminanceRangeExcess(found)(0.1 + 0.8 * random_picture(20, 20, 2)).item() == 0


@pytest.mark.parametrize(("value", "exceeded"), [(1.0, 0.1), (0.95, 0.05), (0.0, 0.1), (0.04, 0.06), (0.5, 0.0)])
def test_a_position_costs_the_squared_gray_levels_outside_the_range(value, exceeded):
    loss = LuminanceRangeExcess(luminance_range(gray(0.5)))(gray(value))
    assert loss.item() == pytest.approx((255 * exceeded) ** 2)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), height=st.integers(1, 40), width=st.integers(1, 40))
def test_a_style_of_any_size_hardly_exceeds_itself(seed, height, width):
    style = random_picture(height, width, seed).round()
    assert 0 <= LuminanceRangeExcess(luminance_range(style))(style).item() <= 0.04 * 25.5**2


def test_the_range_of_a_masked_style_is_the_range_of_its_used_part():
    picture = gray(0.5, 20)
    picture[..., 10:], picture[..., :10] = 0.97, 0.05
    mask = torch.zeros(1, 1, 20, 20, dtype=torch.float64)
    mask[..., 12:] = 1
    found = luminance_range(picture, mask)
    torch.testing.assert_close((found.darkest, found.lightest), (colors(0.1), colors(0.97)))


def test_the_range_of_several_styles_lies_between_theirs():
    found = LuminanceRange.mixed([luminance_range(gray(value)) for value in (0.04, 0.98)], [0.5, 0.5])
    torch.testing.assert_close((found.darkest, found.lightest), (colors(0.07), colors(0.94)))


@pytest.mark.parametrize(("columns", "costs"), [(slice(0, 5), True), (slice(7, 11), False), (slice(13, 18), False)])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_each_region_has_its_own_range_and_kept_parts_have_none(columns, costs, value):
    narrow, wide = LuminanceRange(colors(0.1), colors(0.9)), LuminanceRange(colors(0.0), colors(1.0))
    left, middle = torch.zeros(2, 1, 1, 12, 18, dtype=torch.float64)
    left[..., :6], middle[..., 6:12] = 1, 1
    picture = torch.full((1, 3, 12, 18), 0.5, dtype=torch.float64)
    picture[..., columns] = value
    loss = LuminanceRangeExcess(regional_range([(narrow, left), (wide, middle)]))(picture)
    assert (loss > 0.1) == costs


@pytest.mark.parametrize("mask", [None, torch.ones(1, 1, 12, 18, dtype=torch.float64)])
def test_a_region_that_is_everywhere_has_its_own_range(mask):
    allowed, white = luminance_range(gray(0.5)), torch.ones(1, 3, 12, 18, dtype=torch.float64)
    found = LuminanceRangeExcess(regional_range([(allowed, mask)]))(white)
    torch.testing.assert_close(found, LuminanceRangeExcess(allowed)(white))


# -- gradient energy ---------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), height=st.integers(1, 12), width=st.integers(1, 12))
def test_gradient_energy_is_the_mean_squared_difference_of_neighbors(seed, height, width):
    x = random_picture(height, width, seed)
    r, g, b = 255 * x[0].numpy()
    expected = []
    for mixed in ((r + g + b) / 3, (r - b) / 2, (2 * g - r - b) / 4):
        steps = [np.diff(mixed, axis=axis) ** 2 for axis in (0, 1)]
        expected.append(sum(some.mean() for some in steps if some.size))
    assert gradient_energy(x).numpy() == pytest.approx(np.array(expected), rel=1e-9, abs=1e-9)


def test_a_gray_picture_has_energy_in_its_lightness_only():
    lightness, *hues = gradient_energy(random_picture(9, 11, 3)[:, :1].expand(1, 3, 9, 11)).tolist()
    assert lightness > 1000
    assert hues == pytest.approx([0, 0], abs=1e-9)


def test_half_and_double_the_strength_cost_alike():
    target = torch.tensor([399.0, 99.0, 24.0], dtype=torch.float64)
    # With 1 for the floor, four times the energy is twice the strength: (ln 2)^2.
    assert gradient_energy_loss(4 * (target + 1) - 1, target).item() == pytest.approx(math.log(2) ** 2)
    assert gradient_energy_loss((target + 1) / 4 - 1, target).item() == pytest.approx(math.log(2) ** 2)


# -- all of them -------------------------------------------------------------------------------------------------------

OF_PICTURES = {
    "tv": lambda x, t: TotalVariation()(x) * 1e-3,
    "low_frequency": lambda x, t: LowFrequencies(t)(x),
    "luminance_range": lambda x, t: LuminanceRangeExcess(luminance_range(t))(x),
}


@pytest.mark.parametrize("name", OF_PICTURES)
def test_gradients_agree_with_finite_differences(name):
    x, t = (1.4 * random_picture(7, 8, 2) - 0.2).repeat_interleave(3, dim=3).requires_grad_(), random_picture(7, 24, 1)
    assert OF_PICTURES[name](x, t).item() > 0
    assert torch.autograd.gradcheck(lambda x: OF_PICTURES[name](x, t), x)


@pytest.mark.parametrize("name", OF_PICTURES)
def test_fp32_is_precise_enough(name):
    x, t = random_picture(30, 30, 2).round(), random_picture(30, 30, 1).round() * 0.5
    single = OF_PICTURES[name](x.float(), t.float())
    assert single.item() == pytest.approx(OF_PICTURES[name](x, t).item(), rel=1e-5)


@pytest.mark.parametrize("name", OF_PICTURES)
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("target", [0.0, 0.7])
def test_constant_pictures_have_a_finite_loss_and_gradient(name, value, target):
    x = gray(value).requires_grad_()
    loss = OF_PICTURES[name](x, gray(target))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(x.grad).all()
