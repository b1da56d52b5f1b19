import math

import pytest
import torch
from torch import Tensor

from impasto.backbones import Extractor, Weights
from impasto.backbones.frozen import convolve
from impasto.backbones.vgg import L2_GAIN, LAYERS, kernel_shape, pool
from impasto.recipe import Padding, Pooling

WINDOW = torch.tensor([[[[1.0, 2.0], [4.0, 10.0]]]])
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("kind", "expected"), [("max", 10.0), ("average", 17 / 4), ("l2", L2_GAIN * math.sqrt((1 + 4 + 16 + 100) / 4))]
)
def test_pooling_gives_the_value_computed_by_hand(kind: Pooling, expected: float) -> None:
    assert pool(WINDOW, kind).item() == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["max", "average", "l2"])
def test_pooling_leaves_out_an_odd_last_row_and_column(kind: Pooling) -> None:
    odd = torch.rand(1, 3, 7, 5)
    assert pool(odd, kind).shape == (1, 3, 3, 2)
    assert torch.equal(pool(odd, kind), pool(odd[..., :6, :4], kind))


@pytest.mark.parametrize("shape", [(6, 4), (7, 4), (6, 5), (7, 5)])
def test_the_gradient_of_l2_pooling_is_that_of_finite_differences(shape: tuple[int, int]) -> None:
    features = torch.randn(1, 2, *shape, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: pool(x, "l2"), features)


def test_l2_pooling_of_zeros_is_nearly_zero_and_has_a_finite_gradient() -> None:
    zeros = torch.zeros(1, 1, 4, 4, requires_grad=True)
    pooled = pool(zeros, "l2")
    pooled.sum().backward()
    assert pooled.max() < 1e-5
    assert zeros.grad is not None
    assert torch.equal(zeros.grad, torch.zeros_like(zeros))


def _shift_left(channels: int = 1) -> Tensor:
    kernel = torch.zeros(channels, channels, 3, 3)
    kernel[..., 1, 0] = 1
    return kernel


@pytest.mark.parametrize(("padding", "beyond"), [("zeros", 0.0), ("reflect", 20.0), ("replicate", 10.0)])
def test_padding_decides_what_lies_beyond_the_border(padding: Padding, beyond: float) -> None:
    row = torch.tensor([[[[10.0, 20.0, 30.0], [10.0, 20.0, 30.0]]]])
    shifted = convolve(row, _shift_left(), torch.zeros(1), padding)
    assert shifted[0, 0].tolist() == [[beyond, 10.0, 20.0]] * 2


@pytest.mark.parametrize("padding", ["zeros", "reflect", "replicate"])
def test_a_convolution_is_a_correlation_plus_bias_clipped_at_zero(padding: Padding) -> None:
    features, kernel = torch.randn(1, 2, 4, 5), torch.randn(3, 2, 3, 3)
    inner = sum(
        torch.einsum("kc,chw->khw", kernel[:, :, dy, dx], features[0, :, dy : dy + 2, dx : dx + 3])
        for dy in range(3)
        for dx in range(3)
    )
    assert isinstance(inner, Tensor)
    expected = (inner + torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)).clamp(min=0)
    found = convolve(features, kernel, torch.tensor([0.1, 0.2, 0.3]), padding)
    torch.testing.assert_close(found[0, :, 1:-1, 1:-1], expected)


def test_the_kernel_shapes_sum_to_the_published_number_of_parameters() -> None:
    shapes = [kernel_shape(name) for name in LAYERS if name.startswith("conv")]
    # 20,024,384 is the published size of VGG-19 without its three fully connected layers.
    assert sum(math.prod(shape) + shape[0] for shape in shapes) == 20_024_384


def test_l2_pooling_keeps_features_as_large_as_max_pooling_does(weights: Weights, photos: list[Tensor]) -> None:
    layers = ("conv2_1", "conv3_1", "conv4_1", "conv5_1")
    ratios: dict[str, list[float]] = {name: [] for name in layers}
    for photo in photos:
        by_max, by_l2 = (
            Extractor(weights, layers=layers, pooling=kind, padding="zeros", device=CPU)(photo)
            for kind in ("max", "l2")
        )
        for name in layers:
            ratios[name].append(float(by_l2[name].norm() / by_max[name].norm()))
    for name in layers:
        geometric_mean = math.prod(ratios[name]) ** (1 / len(photos))
        assert 0.8 < geometric_mean < 1.2, name
