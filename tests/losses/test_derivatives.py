"""A value whose gradient was written by hand."""

import pytest
import torch

from impasto.losses.derivatives import with_gradient


def test_the_gradient_is_the_one_given_times_what_comes_from_above():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = 3 * with_gradient(torch.tensor(5.0), x, torch.tensor([7.0, -1.0]))
    assert loss.item() == 15
    loss.backward()
    assert x.grad.tolist() == [21, -3]


def test_a_second_derivative_is_refused_instead_of_wrong():
    x = torch.ones(2, requires_grad=True)
    (gradient,) = torch.autograd.grad(
        with_gradient(torch.tensor(1.0), x * x, torch.ones(2)).square(), x, create_graph=True
    )
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
