"""Losses that keep the layout against SciPy, scikit-image, formulas written out and finite differences."""

import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from skimage.measure import block_reduce

from impasto.losses import content_loss
from impasto.losses.layout import (
    MOST_VECTORS,
    color_anchor_loss,
    laplacian_loss,
    self_similarity_loss,
)


def random_map(channels: int, height: int, width: int, seed: int = 0, dtype=torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, channels, height, width, generator=generator, dtype=torch.float64).to(dtype)


def random_vectors(count: int, channels: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, channels, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def laplacian(picture: np.ndarray) -> np.ndarray:
    """Sum SciPy's Laplacian over the channels of a 3 x h x w picture."""
    return sum(scipy.ndimage.laplace(channel, mode="nearest") for channel in picture)


def test_self_similarity_loss_compares_columns_of_distances_that_sum_to_1():
    a, b = random_vectors(7, 4, 1), random_vectors(7, 4, 2)
    shares = []
    for vectors in (a.numpy(), b.numpy()):
        distances = cdist(vectors, vectors, "cosine")
        shares.append(distances / distances.sum(axis=0, keepdims=True))
    expected = np.abs(shares[0] - shares[1]).sum(axis=0).mean()
    loss = self_similarity_loss(a, b)
    assert loss.item() == pytest.approx(expected, rel=1e-3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(2, 12), scale=st.floats(0.1, 10))
def test_self_similarity_does_not_see_a_rotation_of_the_features_or_their_scale(seed, count, scale):
    a, b = random_vectors(count, 4, seed), random_vectors(count, 4, seed + 1)
    rotation, _ = torch.linalg.qr(random_vectors(4, 4, seed + 2) - 0.5)
    value = self_similarity_loss(a, b).item()
    assert 0 <= value <= 2
    assert self_similarity_loss(a @ rotation * scale, b).item() == pytest.approx(value, abs=1e-9)
    assert self_similarity_loss(b @ rotation * scale, b).item() == pytest.approx(0, abs=1e-9)


def test_self_similarity_loss_is_1_where_all_places_are_alike():
    b = random_vectors(9, 4)
    assert self_similarity_loss(b[:1].expand(9, 4), b).item() == pytest.approx(1, rel=1e-3)


def test_too_many_vectors_are_refused_before_memory_is():
    many = torch.zeros(MOST_VECTORS + 1, 1)
    with pytest.raises(ValueError, match="sample at most"):
        self_similarity_loss(many, many)


def test_laplacian_loss_is_its_formula_by_scipy_and_scikit_image():
    x, t = random_map(3, 32, 48, 1), random_map(3, 32, 48, 2)
    expected = []
    for p in (4, 16):
        edges, target = (laplacian(block_reduce(a.numpy()[0], (1, p, p), np.mean)) for a in (x, t))
        expected.append(((edges - target) ** 2).mean() / ((target**2).mean() + (1 / 255) ** 2))
    assert laplacian_loss(x, t).item() == pytest.approx(np.mean(expected))


def test_laplacian_loss_leaves_hue_and_brightness_free():
    t = random_map(3, 16, 16)
    assert laplacian_loss(t.flip(1) + 0.2, t, pooling=(2,)).item() == pytest.approx(0, abs=1e-12)
    assert laplacian_loss(torch.full_like(t, 0.5), t, pooling=(2,)).item() == pytest.approx(1, rel=1e-3)


def test_color_anchor_loss_is_12_mean_squares_of_pictures_of_a_sixteenth():
    x, t = random_map(3, 64, 96, 1), random_map(3, 64, 96, 2)
    small, target = (block_reduce(a.numpy()[0], (1, 16, 16), np.mean) for a in (x, t))
    assert color_anchor_loss(x, t).item() == pytest.approx(12 * ((small - target) ** 2).mean())


@pytest.mark.parametrize(("side", "factor"), [(3, 1), (8, 2), (40, 10), (63, 15), (160, 16)])
def test_color_anchor_loss_of_small_pictures_leaves_four_pixels(side, factor):
    x, t = random_map(3, side, side + 7, 1), random_map(3, side, side + 7, 2)
    means = []
    for top in range(0, side, factor):
        for left in range(0, side + 7, factor):
            window = (..., slice(top, top + factor), slice(left, left + factor))
            means.append((x[window].mean(dim=(2, 3)) - t[window].mean(dim=(2, 3))).numpy())
    assert color_anchor_loss(x, t).item() == pytest.approx(12 * np.mean(np.square(means)))


def test_color_anchor_loss_does_not_see_detail():
    checks = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(1, 3, 40, 40)
    assert color_anchor_loss(checks, torch.full_like(checks, 0.5)).item() == pytest.approx(0, abs=1e-12)


def losses_of_a_picture(target: torch.Tensor):
    weight = torch.linspace(0.5, 1.5, target.shape[3], dtype=target.dtype).expand(1, 1, *target.shape[2:])
    return [
        lambda x: laplacian_loss(x, target, pooling=(2, 3)),
        lambda x: color_anchor_loss(x, target),
        lambda x: content_loss(x, target, normalization="relative", weight=weight),
        lambda x: self_similarity_loss(x.squeeze(0).flatten(1).T, target.squeeze(0).flatten(1).T),
    ]


def test_gradients_agree_with_finite_differences():
    x, t = random_map(3, 5, 6, 1).requires_grad_(), random_map(3, 5, 6, 2)
    for loss in losses_of_a_picture(t):
        assert torch.autograd.gradcheck(loss, x)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), height=st.integers(1, 20), width=st.integers(1, 20))
def test_the_losses_are_exactly_0_at_the_target_of_any_size(seed, height, width):
    t = random_map(3, height, width, seed)
    for loss in losses_of_a_picture(t):
        assert loss(t.clone()).item() == 0


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("target", [0.0, 0.7, None])
def test_constant_pictures_have_a_finite_loss_and_gradient(value, target):
    t = random_map(3, 8, 9, dtype=torch.float32) if target is None else torch.full((1, 3, 8, 9), target)
    for loss in losses_of_a_picture(t):
        x = torch.full((1, 3, 8, 9), value).requires_grad_()
        result = loss(x)
        result.backward()
        assert torch.isfinite(result)
        assert torch.isfinite(x.grad).all()
