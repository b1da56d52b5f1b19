"""Poolings against values computed by hand and finite differences."""

import math

import pytest
import torch
from torch import Tensor

from impasto.backbones import VGG19Weights, build_extractor
from impasto.backbones.pooling import L2_GAINS, halve, root_mean_square
from impasto.recipe import Pooling

WINDOW = torch.tensor([[[[1.0, 2.0], [4.0, 10.0]]]])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("max", 10.0), ("average", 17 / 4), ("l2", L2_GAINS["vgg19"] * math.sqrt((1 + 4 + 16 + 100) / 4))],
)
def test_pooling_gives_the_value_computed_by_hand(kind: Pooling, expected: float) -> None:
    assert halve(WINDOW, kind).item() == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["max", "average", "l2"])
def test_pooling_leaves_out_an_odd_last_row_and_column(kind: Pooling) -> None:
    odd = torch.rand(1, 3, 7, 5)
    assert halve(odd, kind).shape == (1, 3, 3, 2)
    assert torch.equal(halve(odd, kind), halve(odd[..., :6, :4], kind))


@pytest.mark.parametrize("shape", [(6, 4), (7, 4), (6, 5), (7, 5)])
def test_the_gradient_of_l2_pooling_agrees_with_finite_differences(shape: tuple[int, int]) -> None:
    features = torch.randn(1, 2, *shape, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: halve(x, "l2"), features)


def test_l2_pooling_of_zeros_is_nearly_zero_and_has_a_finite_gradient() -> None:
    zeros = torch.zeros(1, 1, 4, 4, requires_grad=True)
    pooled = halve(zeros, "l2")
    pooled.sum().backward()
    assert pooled.max() < 1e-5
    assert zeros.grad is not None
    assert torch.equal(zeros.grad, torch.zeros_like(zeros))


def test_a_gradient_too_large_for_a_tiny_root_stays_finite() -> None:
    features = torch.zeros(1, 1, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(root_mean_square(features, 1.27), features, torch.full((1, 1, 1, 1), 1e38))
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_a_gradient_that_is_not_finite_is_not_hidden_by_l2_pooling(wrong: float) -> None:
    features = torch.rand(1, 1, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(root_mean_square(features, 1.27), features, torch.full((1, 1, 1, 1), wrong))
    assert not torch.isfinite(gradient).any()


def test_l2_pooling_keeps_features_as_large_as_max_pooling_does(weights: VGG19Weights, photos: list[Tensor]) -> None:
    layers = ("conv2_1", "conv3_1", "conv4_1", "conv5_1")
    by_max, by_l2 = (
        build_extractor(weights, layers=layers, pooling=kind, padding="zeros", device=torch.device("cpu"))
        for kind in ("max", "l2")
    )
    pairs = [(by_l2(photo), by_max(photo)) for photo in photos]
    for name in layers:
        ratios = [float(one[name].norm() / other[name].norm()) for one, other in pairs]
        assert 0.8 < math.prod(ratios) ** (1 / len(photos)) < 1.2, name
