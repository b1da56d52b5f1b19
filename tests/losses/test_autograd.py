"""Gradients written by hand: a value whose gradient is known, and sums of squares a few rows at a time."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_inputs import random_map

from impasto.losses.autograd import squared_error, with_gradient


def test_the_given_gradient_is_multiplied_by_the_incoming_one():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = 3 * with_gradient(torch.tensor(5.0), x, torch.tensor([7.0, -1.0]))
    assert loss.item() == 15
    loss.backward()
    assert x.grad.tolist() == [21, -3]


def test_a_second_derivative_is_refused_instead_of_wrong():
    x = torch.ones(2, requires_grad=True)
    value = with_gradient(torch.tensor(1.0), x * x, torch.ones(2)).square()
    (gradient,) = torch.autograd.grad(value, x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.fixture
def few_rows_at_a_time(monkeypatch) -> None:
    monkeypatch.setattr("impasto.losses.autograd.chunk_size", lambda channels, device: 30)


@pytest.mark.usefixtures("few_rows_at_a_time")
@settings(max_examples=40, deadline=None)
@given(
    channels=st.integers(1, 4),
    height=st.integers(1, 9),
    width=st.integers(1, 5),
    seed=st.integers(0, 99),
    weighted=st.booleans(),
    dtype=st.sampled_from([torch.float64, torch.bfloat16]),
)
def test_squared_error_and_its_gradient_are_their_formulas(channels, height, width, seed, weighted, dtype):
    f, p = (random_map(channels, height, width, seed + n, dtype) for n in (0, 1))
    exact = dtype == torch.float64
    each = torch.rand(height, width, dtype=torch.float64) if weighted else torch.ones(height, width).double()
    weight = each[None, None].to(torch.float64 if exact else torch.float32) if weighted else None
    difference = f.double() - p.double()
    error = squared_error(f.requires_grad_(), p, weight)
    assert error.dtype == (torch.float64 if exact else torch.float32)
    expected = torch.einsum("yx,bcyx,bcyx->", each, difference, difference)
    torch.testing.assert_close(error.double(), expected, rtol=1e-9 if exact else 1e-5, atol=1e-6)
    (slope,) = torch.autograd.grad(error, f)
    assert slope.dtype == dtype
    torch.testing.assert_close(slope.double(), 2 * each * difference, rtol=1e-9 if exact else 1e-2, atol=1e-4)


@pytest.mark.usefixtures("few_rows_at_a_time")
def test_the_gradient_agrees_with_finite_differences():
    f, p, w = random_map(2, 5, 4, 1), random_map(2, 5, 4, 2), torch.rand(1, 1, 5, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: squared_error(x, p, w), f.requires_grad_())
