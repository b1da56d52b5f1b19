"""Steps of the frozen network against automatic differentiation of torch's own functions."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from impasto.backbones import frozen
from impasto.backbones.frozen import convolve, root_mean_square


def reference(features: Tensor, kernel: Tensor, bias: Tensor, padding: str) -> Tensor:
    mode = "constant" if padding == "zeros" else padding
    return F.relu(F.conv2d(F.pad(features, (1, 1, 1, 1), mode=mode), kernel, bias))


def filters(into: int, out: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(into + 7 * out)
    return tuple(
        torch.randn(s, generator=generator, dtype=torch.float64).to(dtype) for s in ((out, into, 3, 3), (out,))
    )


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(2, 7),
    width=st.integers(2, 7),
    padding=st.sampled_from(["zeros", "reflect", "replicate"]),
    seed=st.integers(0, 99),
)
def test_convolution_and_gradient_are_those_of_torch(height: int, width: int, padding: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(1, 3, height, width, generator=generator, dtype=torch.float64, requires_grad=True)
    kernel, bias = filters(3, 5)
    mine, expected = convolve(features, kernel, bias, padding), reference(features, kernel, bias, padding)
    torch.testing.assert_close(mine, expected)
    weights = torch.randn(mine.shape, generator=generator, dtype=torch.float64)
    slopes = [torch.autograd.grad((out * weights).sum(), features)[0] for out in (mine, expected)]
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("padding", ["zeros", "reflect", "replicate"])
@pytest.mark.parametrize("strip", [1, 20, 10_000])
def test_the_first_convolution_is_exact_before_it_is_rounded(padding: str, strip: int, monkeypatch) -> None:
    monkeypatch.setattr(frozen, "_STRIP", strip)
    generator = torch.Generator().manual_seed(0)
    picture = torch.randn(1, 3, 9, 7, generator=generator, requires_grad=True)
    kernel, bias = filters(3, 8, torch.float32)
    mine, expected = (
        convolve(picture, kernel, bias, padding, dtype=torch.bfloat16),
        reference(picture, kernel, bias, padding),
    )
    assert mine.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(mine, expected.bfloat16(), rtol=1e-2, atol=1e-3)
    # A gradient that bf16 can hold: all that is computed with it is exact to fp32.
    weights = torch.randn(mine.shape, generator=generator).bfloat16()
    (slope,) = torch.autograd.grad(mine, picture, weights)
    (known,) = torch.autograd.grad(expected, picture, weights.float())
    assert slope.dtype == torch.float32
    torch.testing.assert_close(slope, known, rtol=1e-5, atol=1e-5)


def test_a_map_that_only_pooling_looks_at_needs_no_mask() -> None:
    features = torch.randn(1, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    kernel, bias = filters(3, 4)
    slopes = []
    for masked in (False, True):
        pooled = root_mean_square(convolve(features, kernel, bias, "reflect", masked=masked), 1.0)
        slopes += torch.autograd.grad(pooled.square().sum(), features)
    torch.testing.assert_close(*slopes)


def test_nothing_but_signs_is_kept_for_the_gradient() -> None:
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    features = torch.randn(1, 3, 6, 6, requires_grad=True)
    kernel, bias = filters(3, 4, torch.float32)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        response = convolve(features, kernel, bias, "reflect")
        assert [t.shape for t in kept] == [kernel.shape, response.shape]
        kept.clear()
        convolve(features, kernel, bias, "reflect", masked=True)
        assert [t.shape for t in kept] == [kernel.shape]


def test_a_gradient_too_large_for_a_tiny_root_stays_finite() -> None:
    features = torch.zeros(1, 1, 2, 2, requires_grad=True)
    (slope,) = torch.autograd.grad(root_mean_square(features, 1.27), features, torch.full((1, 1, 1, 1), 1e38))
    assert torch.isfinite(slope).all()


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_a_gradient_that_is_not_finite_is_not_hidden_by_pooling(wrong: float) -> None:
    features = torch.rand(1, 1, 2, 2, requires_grad=True)
    (slope,) = torch.autograd.grad(root_mean_square(features, 1.27), features, torch.full((1, 1, 1, 1), wrong))
    assert not torch.isfinite(slope).any()
