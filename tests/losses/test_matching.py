"""Sorted projections and nearest neighbours against NumPy, SciPy, scikit-image and finite differences."""

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from skimage.exposure import match_histograms

from impasto.losses import matching
from impasto.losses.matching import (
    histogram_loss,
    histogram_targets,
    nearest_neighbor_loss,
    random_directions,
    relaxed_emd_loss,
    sliced_targets,
    sliced_wasserstein_loss,
    unit_vectors,
)


def random_features(channels: int, height: int, width: int, seed: int = 0, dtype=torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(1, channels, height, width, generator=generator, dtype=torch.float64).abs() + 0.01).to(dtype)


def rows(features: torch.Tensor) -> torch.Tensor:
    """Return a map as vectors, one for each position."""
    return features.flatten(2)[0].T


def directions(c: int = 3, k: int = 5) -> torch.Tensor:
    return random_directions(c, k, torch.Generator().manual_seed(7))


def style_losses(style: torch.Tensor, positions: int):
    """Return the four losses as functions of features with that many positions, bound to one style."""
    v = directions(style.shape[1])
    sliced = sliced_targets(style, v, positions=positions)
    histogram = histogram_targets(style, positions=positions)
    vectors = rows(style)
    return {
        "sliced": lambda f: sliced_wasserstein_loss(f, sliced, v),
        "histogram": lambda f: histogram_loss(f, histogram),
        "nearest": lambda f: nearest_neighbor_loss(f, vectors),
        "emd": lambda f: relaxed_emd_loss(f.squeeze(0).flatten(1).T, vectors),
    }


NAMES = ["sliced", "histogram", "nearest", "emd"]


@settings(max_examples=20, deadline=None)
@given(c=st.integers(1, 8), k=st.integers(1, 20))
def test_directions_have_length_1_and_are_orthogonal_within_a_block(c, k):
    drawn = random_directions(c, k, torch.Generator().manual_seed(c))
    assert drawn.shape == (c, k)
    for start in range(0, k, c):
        block = drawn[:, start : start + c]
        torch.testing.assert_close(block.T @ block, torch.eye(block.shape[1]), atol=1e-5, rtol=0)


def test_the_generator_decides_the_directions():
    first, second = (random_directions(4, 6, torch.Generator().manual_seed(seed)) for seed in (1, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, random_directions(4, 6, torch.Generator().manual_seed(2)))


def test_directions_prefer_no_side():
    generator = torch.Generator().manual_seed(0)
    mean = torch.stack([random_directions(3, 3, generator) for _ in range(1000)]).mean(dim=0)
    assert mean.abs().max() < 0.06


@settings(max_examples=30, deadline=None)
@given(height=st.integers(1, 6), width=st.integers(1, 6), positions=st.integers(1, 40), seed=st.integers(0, 99))
def test_targets_are_the_quantiles_of_numpy(height, width, positions, seed):
    style = random_features(3, height, width, seed)
    v = directions()
    at = (np.arange(positions) + 0.5) / positions
    values = rows(style).numpy()
    expected = np.quantile(values @ v.double().numpy(), at, axis=0, method="hazen").T
    np.testing.assert_allclose(sliced_targets(style, v, positions=positions), expected, rtol=1e-9, atol=1e-9)
    expected = np.quantile(values, at, axis=0, method="hazen").T
    np.testing.assert_allclose(histogram_targets(style, positions=positions), expected, rtol=1e-9, atol=1e-9)


def test_sliced_wasserstein_loss_is_the_cost_of_the_best_assignment_along_each_direction():
    f, s, v = random_features(3, 3, 4, 1), random_features(3, 2, 6, 2), directions()
    canvas, style = (rows(x).numpy() @ v.double().numpy() for x in (f, s))
    cost = 0.0
    for k in range(5):
        pairs = (canvas[:, k, None] - style[None, :, k]) ** 2
        cost += pairs[scipy.optimize.linear_sum_assignment(pairs)].sum()
    loss = sliced_wasserstein_loss(f, sliced_targets(s, v, positions=12), v)
    assert loss.item() == pytest.approx(cost / (style**2).sum())


def test_histogram_loss_is_the_distance_to_the_match_of_scikit_image():
    f, s = random_features(3, 5, 6, 1), random_features(3, 6, 5, 2)
    image, reference = (np.moveaxis(x.numpy()[0], 0, -1) for x in (f, s))
    matched = match_histograms(image, reference, channel_axis=-1)
    expected = ((image - matched) ** 2).sum() / (reference**2).sum()
    assert histogram_loss(f, histogram_targets(s, positions=30)).item() == pytest.approx(expected)


def test_nearest_neighbor_loss_is_the_mean_of_the_smallest_centred_cosine_distance():
    f, s = random_features(3, 3, 4, 1), random_features(3, 2, 5, 2)
    canvas, style = rows(f).numpy(), rows(s).numpy()
    expected = cdist(canvas - style.mean(0), style - style.mean(0), "cosine").min(axis=1).mean()
    assert nearest_neighbor_loss(f, rows(s)).item() == pytest.approx(expected)


@pytest.mark.parametrize("swap", [False, True])
def test_relaxed_emd_loss_is_the_larger_of_the_two_means_of_smallest_distances(swap):
    a, b = rows(random_features(3, 3, 4, 1)), rows(random_features(3, 2, 5, 2))[:3] + torch.tensor([2.0, 0, 0])
    if swap:
        a, b = b, a
    distances = cdist(a.numpy(), b.numpy(), "cosine")
    means = distances.min(axis=1).mean(), distances.min(axis=0).mean()
    assert relaxed_emd_loss(a, b).item() == pytest.approx(max(means))
    assert means[0] != pytest.approx(means[1])


@pytest.mark.parametrize("name", NAMES)
def test_gradients_agree_with_finite_differences(name):
    loss = style_losses(random_features(3, 4, 5, 2), 12)[name]
    assert torch.autograd.gradcheck(loss, random_features(3, 3, 4, 1).requires_grad_())


@pytest.mark.parametrize("name", NAMES)
def test_chunks_change_neither_value_nor_gradient(name, monkeypatch):
    style, features = random_features(3, 4, 5, 2), random_features(3, 3, 4, 1).requires_grad_()
    loss = style_losses(style, 12)[name]
    value = loss(features)
    (gradient,) = torch.autograd.grad(value, features)
    monkeypatch.setattr(matching, "SORTED_AT_ONCE", 25)
    monkeypatch.setattr(matching, "COMPARED_AT_ONCE", 65)
    chunked = style_losses(style, 12)[name](features)
    torch.testing.assert_close(chunked, value)
    torch.testing.assert_close(torch.autograd.grad(chunked, features)[0], gradient)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), height=st.integers(1, 6), width=st.integers(1, 6))
def test_the_order_of_positions_does_not_matter_on_either_side(name, seed, height, width):
    f, s = random_features(3, height, width, seed), random_features(3, 4, 5, seed + 1)
    generator = torch.Generator().manual_seed(seed)
    moved, moved_style = (
        x.flatten(2)[:, :, torch.randperm(x.shape[2] * x.shape[3], generator=generator)].reshape(x.shape)
        for x in (f, s)
    )
    n = height * width
    value = style_losses(s, n)[name](f).item()
    assert style_losses(s, n)[name](moved).item() == pytest.approx(value, abs=1e-12)
    assert style_losses(moved_style, n)[name](f).item() == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), contrast=st.floats(0.01, 100))
def test_the_contrast_of_both_sides_does_not_matter(name, seed, contrast):
    f, s = random_features(3, 3, 4, seed), random_features(3, 4, 5, seed + 1)
    expected = pytest.approx(style_losses(s, 12)[name](f).item(), rel=1e-5)
    assert style_losses(s * contrast, 12)[name](f * contrast).item() == expected


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_and_its_gradient_are_0_at_the_target(name):
    s = random_features(3, 4, 5)
    features = s.clone().requires_grad_()
    loss = style_losses(s, 20)[name](features)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert features.grad.abs().max() < 1e-12


@pytest.mark.parametrize("name", ["sliced", "histogram"])
def test_a_style_of_another_size_but_the_same_distribution_costs_nothing(name):
    s = random_features(3, 4, 5)
    assert style_losses(s.repeat(1, 1, 3, 2), 20)[name](s).item() < 0.01
    assert style_losses(s, 120)[name](s.repeat(1, 1, 3, 2)).item() < 0.01


@pytest.mark.parametrize("name", NAMES)
def test_features_that_are_zero_cost_about_1(name):
    s = random_features(3, 4, 5)
    # Cosines are with nothing, except in NNST: there a zero is the opposite of the style's mean, and has neighbours.
    expected = pytest.approx(1) if name != "nearest" else pytest.approx(0.1, abs=0.1)
    assert style_losses(s, 20)[name](torch.zeros_like(s)).item() == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0.0, 0.3])
@pytest.mark.parametrize("black_style", [False, True])
def test_constant_features_have_a_finite_loss_and_gradient(name, value, black_style):
    style = torch.zeros(1, 3, 4, 5) if black_style else random_features(3, 4, 5, dtype=torch.float32)
    features = torch.full((1, 3, 3, 4), value).requires_grad_()
    loss = style_losses(style, 12)[name](features)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(features.grad).all()


def test_a_faint_vector_has_the_gradient_of_division_by_a_constant():
    style = rows(random_features(3, 4, 5))
    features = style.mean(dim=0)[None, :, None, None].repeat(1, 1, 2, 3) + 1e-5 * random_features(3, 2, 3, 5)
    assert torch.autograd.gradcheck(
        lambda f: nearest_neighbor_loss(f, style), features.requires_grad_(), eps=1e-9, atol=1e-4
    )


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_channels_last_features_are_compared_in_fp32(name):
    style = random_features(3, 4, 5, 2)
    half = random_features(3, 3, 4, 1, torch.bfloat16).contiguous(memory_format=torch.channels_last).requires_grad_()
    exact = half.detach().double().requires_grad_()
    loss = style_losses(style.float(), 12)[name]
    # Hypercolumns are made precise before the loss sees them.
    value, expected = loss(half.float() if name == "emd" else half), style_losses(style, 12)[name](exact)
    value.backward()
    expected.backward()
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(expected.item(), rel=1e-4)
    assert half.grad.dtype == torch.bfloat16
    assert half.grad.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(half.grad.double(), exact.grad, rtol=1e-2, atol=1e-5)


def test_unit_vectors_have_length_1_unless_they_are_faint():
    vectors = torch.tensor([[3.0, 4.0], [0.03, 0.04], [0.0, 0.0]])
    expected = torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]])
    torch.testing.assert_close(unit_vectors(vectors, torch.tensor(0.1)), expected)
