"""Sums of squares a few rows at a time, against einsum and finite differences."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.losses import squares
from impasto.losses.squares import squared_error, squared_sum


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(squares, "NUMBERS_AT_ONCE", 30)


def maps(channels: int, height: int, width: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, channels, height, width, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.usefixtures("narrow")
@settings(max_examples=40, deadline=None)
@given(
    channels=st.integers(1, 4),
    height=st.integers(1, 9),
    width=st.integers(1, 5),
    seed=st.integers(0, 99),
    weighted=st.booleans(),
    dtype=st.sampled_from([torch.float64, torch.bfloat16]),
)
def test_sum_and_gradient_are_their_formulas(channels, height, width, seed, weighted, dtype):
    f, p = maps(channels, height, width, seed, dtype).requires_grad_(), maps(channels, height, width, seed + 1, dtype)
    w = torch.rand(1, 1, height, width, dtype=torch.float64) if weighted else None
    each = torch.ones(height, width, dtype=torch.float64) if w is None else w[0, 0]
    difference = f.detach().double() - p.double()
    loose = {"rtol": 1e-9, "atol": 1e-12} if dtype == torch.float64 else {"rtol": 1e-5, "atol": 1e-6}
    error = squared_error(f, p, w if w is None or dtype == torch.float64 else w.float())
    assert error.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(error.double(), torch.einsum("yx,bcyx,bcyx->", each, difference, difference), **loose)
    (slope,) = torch.autograd.grad(error, f)
    assert slope.dtype == dtype
    near = {"rtol": 1e-9, "atol": 1e-12} if dtype == torch.float64 else {"rtol": 1e-2, "atol": 1e-4}
    torch.testing.assert_close(slope.double(), 2 * each * difference, **near)
    squared = torch.einsum("yx,bcyx,bcyx->", each, p.double(), p.double())
    torch.testing.assert_close(squared_sum(p, w if w is None else w.to(error.dtype)).double(), squared, **loose)


@pytest.mark.usefixtures("narrow")
def test_the_gradient_agrees_with_finite_differences():
    f, p, w = maps(2, 5, 4, 1).requires_grad_(), maps(2, 5, 4, 2), torch.rand(1, 1, 5, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: squared_error(x, p, w), f)
