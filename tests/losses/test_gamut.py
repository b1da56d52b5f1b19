"""How light and dark a canvas may get: the extremes of the style, and what goes beyond."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.losses.gamut import gamut_loss, gamut_of


def random_picture(height: int, width: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((1, 3, height, width)))


def grey(value: float, side: int = 12) -> torch.Tensor:
    return torch.full((1, 3, side, side), value, dtype=torch.float64)


def test_the_extremes_are_what_one_place_in_a_hundred_exceeds():
    # 30 x 42 means of 3 x 3 px in each channel, of which the 13 lightest and the 13 darkest may exceed.
    x = random_picture(32, 44, 1) ** 0.05
    means = np.lib.stride_tricks.sliding_window_view(x[0].numpy(), (3, 3), axis=(1, 2)).mean(axis=(3, 4))
    ordered = np.sort(means.reshape(3, -1), axis=1)
    gamut = gamut_of(x)
    assert gamut.lightest.flatten().numpy() == pytest.approx(np.maximum(ordered[:, -14], 0.9))
    assert gamut.darkest.flatten().numpy() == pytest.approx(np.minimum(ordered[:, 13], 0.1))
    assert ordered[:, -14].max() > 0.9
    mirrored = gamut_of(1 - x)
    assert mirrored.darkest.flatten().numpy() == pytest.approx(1 - gamut.lightest.flatten().numpy())


def test_of_a_flat_style_only_the_ends_of_the_range_are_guarded():
    gamut = gamut_of(grey(0.4))
    assert gamut.darkest.flatten().tolist() == pytest.approx([0.1] * 3)
    assert gamut.lightest.flatten().tolist() == pytest.approx([0.9] * 3)
    assert gamut_loss(0.1 + 0.8 * random_picture(20, 20, 2), gamut).item() == 0


@pytest.mark.parametrize(("value", "exceeded"), [(1.0, 0.1), (0.95, 0.05), (0.0, 0.1), (0.04, 0.06), (0.5, 0.0)])
def test_a_place_costs_the_square_of_the_grey_levels_it_goes_too_far(value, exceeded):
    assert gamut_loss(grey(value), gamut_of(grey(0.5))).item() == pytest.approx((255 * exceeded) ** 2)


def test_single_bright_pixels_cost_nothing_and_a_burnt_patch_does():
    gamut, dot, patch = gamut_of(grey(0.5)), grey(0.5), grey(0.5)
    dot[..., 5, 5] = 1
    patch[..., 4:8, 4:8] = 1
    assert gamut_loss(dot, gamut).item() == 0
    assert gamut_loss(patch, gamut).item() > 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), height=st.integers(1, 40), width=st.integers(1, 40))
def test_a_style_of_any_size_hardly_exceeds_itself(seed, height, width):
    style = random_picture(height, width, seed).round()
    loss = gamut_loss(style, gamut_of(style)).item()
    assert 0 <= loss <= 0.04 * 25.5**2


def test_the_gradient_agrees_with_a_finite_difference():
    picture = (1.4 * random_picture(7, 8, 2) - 0.2).repeat_interleave(3, dim=3).requires_grad_()
    gamut = gamut_of(random_picture(9, 9, 1))
    assert gamut_loss(picture, gamut).item() > 0
    assert torch.autograd.gradcheck(lambda x: gamut_loss(x, gamut), picture)


def test_the_floats_of_a_network_are_enough():
    style, picture = random_picture(30, 30, 1).round(), random_picture(30, 30, 2).round()
    exact = gamut_loss(picture, gamut_of(0.5 * style)).item()
    assert gamut_loss(picture.float(), gamut_of(0.5 * style.float())).item() == pytest.approx(exact, rel=1e-5)
