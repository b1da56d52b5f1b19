"""Convolutions with frozen weights against automatic differentiation of torch's own functions."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from impasto.backbones import frozen_ops
from impasto.backbones.frozen_ops import convolve
from impasto.backbones.pooling import root_mean_square
from impasto.recipe import Padding

PADDINGS = ("zeros", "reflect", "replicate")


def reference(features: Tensor, kernel: Tensor, bias: Tensor, padding: str) -> Tensor:
    mode = "constant" if padding == "zeros" else padding
    return F.relu(F.conv2d(F.pad(features, (1, 1, 1, 1), mode=mode), kernel, bias))


def filters(inputs: int, outputs: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(inputs + 7 * outputs)
    shapes = ((outputs, inputs, 3, 3), (outputs,))
    kernel, bias = (torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes)
    return kernel, bias


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(2, 7),
    width=st.integers(2, 7),
    padding=st.sampled_from(PADDINGS),
    seed=st.integers(0, 99),
)
def test_convolution_and_gradient_are_those_of_torch(height: int, width: int, padding: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(1, 3, height, width, generator=generator, dtype=torch.float64, requires_grad=True)
    kernel, bias = filters(3, 5)
    found, expected = convolve(features, kernel, bias, padding), reference(features, kernel, bias, padding)
    torch.testing.assert_close(found, expected)
    weights = torch.randn(found.shape, generator=generator, dtype=torch.float64)
    gradients = [torch.autograd.grad((out * weights).sum(), features)[0] for out in (found, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("strip", [1, 20, 10_000])
def test_the_first_convolution_is_exact_before_it_is_rounded(padding: str, strip: int, monkeypatch) -> None:
    monkeypatch.setattr(frozen_ops, "_STRIP_PIXELS", strip)
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 3, 9, 7, generator=generator, requires_grad=True)
    kernel, bias = filters(3, 8, torch.float32)
    found = convolve(image, kernel, bias, padding, dtype=torch.bfloat16)
    expected = reference(image, kernel, bias, padding)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected.bfloat16(), rtol=1e-2, atol=1e-3)
    # A gradient that bf16 can hold: everything computed with it is exact to fp32.
    weights = torch.randn(found.shape, generator=generator).bfloat16()
    (gradient,) = torch.autograd.grad(found, image, weights)
    (known,) = torch.autograd.grad(expected, image, weights.float())
    assert gradient.dtype == torch.float32
    torch.testing.assert_close(gradient, known, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("padding", "beyond"), [("zeros", 0.0), ("reflect", 20.0), ("replicate", 10.0)])
def test_padding_determines_the_values_beyond_the_border(padding: Padding, beyond: float) -> None:
    row = torch.tensor([[[[10.0, 20.0, 30.0], [10.0, 20.0, 30.0]]]])
    shift_right = torch.zeros(1, 1, 3, 3)
    shift_right[..., 1, 0] = 1
    shifted = convolve(row, shift_right, torch.zeros(1), padding)
    assert shifted[0, 0].tolist() == [[beyond, 10.0, 20.0]] * 2


def test_a_convolution_is_a_correlation_plus_bias_clipped_at_zero() -> None:
    features, kernel, bias = torch.randn(1, 2, 4, 5), torch.randn(3, 2, 3, 3), torch.tensor([0.1, 0.2, 0.3])
    windows = features[0].unfold(1, 3, 1).unfold(2, 3, 1)
    expected = (torch.einsum("kcij,chwij->khw", kernel, windows) + bias.view(3, 1, 1)).clamp(min=0)
    torch.testing.assert_close(convolve(features, kernel, bias, "reflect")[0, :, 1:-1, 1:-1], expected)


def test_a_map_that_only_l2_pooling_reads_needs_no_mask() -> None:
    features = torch.randn(1, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    kernel, bias = filters(3, 4)
    gradients = []
    for masked in (False, True):
        pooled = root_mean_square(convolve(features, kernel, bias, "reflect", masked=masked), 1.0)
        gradients += torch.autograd.grad(pooled.square().sum(), features)
    torch.testing.assert_close(*gradients)


def test_only_kernel_and_output_are_kept_for_the_gradient(saved_tensors) -> None:
    features = torch.randn(1, 3, 6, 6, requires_grad=True)
    kernel, bias = filters(3, 4, torch.float32)
    with saved_tensors() as kept:
        response = convolve(features, kernel, bias, "reflect")
    assert [t.shape for t in kept] == [kernel.shape, response.shape]
    with saved_tensors() as kept:
        convolve(features, kernel, bias, "reflect", masked=True)
    assert [t.shape for t in kept] == [kernel.shape]
