"""How much neighbouring pixels differ, against sums over pixels, and what a grain costs beside another."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.losses.grain import grain, grain_loss


def random_picture(height: int, width: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((1, 3, height, width)))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), height=st.integers(1, 12), width=st.integers(1, 12))
def test_grain_is_the_mean_square_of_what_neighbours_differ_by(seed, height, width):
    x = random_picture(height, width, seed)
    r, g, b = 255 * x[0].numpy()
    expected = []
    for mixed in ((r + g + b) / 3, (r - b) / 2, (2 * g - r - b) / 4):
        steps = [np.diff(mixed, axis=axis) ** 2 for axis in (0, 1)]
        expected.append(sum(some.mean() for some in steps if some.size))
    assert grain(x).numpy() == pytest.approx(np.array(expected), rel=1e-9, abs=1e-9)


def test_a_grey_picture_has_grain_in_its_lightness_only():
    grey = random_picture(9, 11, 3)[:, :1].expand(1, 3, 9, 11)
    lightness, *hues = grain(grey).tolist()
    assert lightness > 1000
    assert hues == pytest.approx([0, 0], abs=1e-9)


def test_a_flat_picture_has_none_and_a_finite_gradient():
    flat = torch.full((1, 3, 5, 5), 0.3, dtype=torch.float64, requires_grad=True)
    loss = grain_loss(grain(flat), grain(random_picture(6, 6, 1)))
    loss.backward()
    assert grain(flat).tolist() == pytest.approx([0, 0, 0], abs=1e-20)
    assert loss.item() > 1
    assert torch.isfinite(flat.grad).all()


def test_half_and_double_the_grain_cost_alike_and_its_own_nothing():
    target = torch.tensor([399.0, 99.0, 24.0], dtype=torch.float64)
    assert grain_loss(target, target).item() == 0
    # With 1 for the floor, four times the energy is twice the strength: (ln 2)^2.
    assert grain_loss(4 * (target + 1) - 1, target).item() == pytest.approx(math.log(2) ** 2)
    assert grain_loss((target + 1) / 4 - 1, target).item() == pytest.approx(math.log(2) ** 2)


def test_near_the_target_it_is_the_squared_relative_error():
    target = torch.tensor([1e6, 1e6, 1e6], dtype=torch.float64)
    assert grain_loss(target * 1.01**2, target).item() == pytest.approx(0.01**2, rel=0.02)


def test_the_gradient_agrees_with_finite_differences():
    target = grain(random_picture(7, 6, 2) ** 3)
    picture = random_picture(6, 5, 1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: grain_loss(grain(x), target), picture)
