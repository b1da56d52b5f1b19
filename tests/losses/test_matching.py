"""Sorted projections and nearest neighbors against NumPy, SciPy and scikit-image."""

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_inputs import bind, random_map, rows_of, seeded, style_loss
from scipy.spatial.distance import cdist
from skimage.exposure import match_histograms

from impasto.losses import Positions
from impasto.losses.nearest import nearest_neighbor_loss, relaxed_emd_loss, unit_vectors
from impasto.losses.sliced import SortedTarget, quantiles, random_directions, sorted_loss


@settings(max_examples=20, deadline=None)
@given(c=st.integers(1, 8), k=st.integers(1, 20))
def test_directions_have_length_1_and_are_orthogonal_within_a_block(c, k):
    drawn = random_directions(c, k, seeded(c))
    assert drawn.shape == (c, k)
    for start in range(0, k, c):
        block = drawn[:, start : start + c]
        torch.testing.assert_close(block.T @ block, torch.eye(block.shape[1]), atol=1e-5, rtol=0)


def test_directions_prefer_no_side():
    generator = seeded(0)
    mean = torch.stack([random_directions(3, 3, generator) for _ in range(1000)]).mean(dim=0)
    assert mean.abs().max() < 0.06


@settings(max_examples=30, deadline=None)
@given(height=st.integers(1, 6), width=st.integers(1, 6), count=st.integers(1, 40), seed=st.integers(0, 99))
def test_quantiles_are_those_of_numpy(height, width, count, seed):
    style, directions = Positions(random_map(3, height, width, seed)), random_directions(3, 5, seeded())
    at, values = (np.arange(count) + 0.5) / count, style.rows.numpy()
    expected = np.quantile(values @ directions.double().numpy(), at, axis=0, method="hazen").T
    np.testing.assert_allclose(quantiles(style, directions, count=count), expected, rtol=1e-9, atol=1e-9)
    expected = np.quantile(values, at, axis=0, method="hazen").T
    np.testing.assert_allclose(quantiles(style, None, count=count), expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 40), seed=st.integers(0, 99))
def test_weighted_quantiles_are_interpolated_between_the_middles_of_the_weights(count, seed):
    maps, weights = random_map(3, 4, 5, seed), 0.1 + torch.rand(20, generator=seeded(seed), dtype=torch.float64)
    found = quantiles(Positions(maps, weights), None, count=count)
    for row, values in zip(found.numpy(), maps.flatten(2)[0].numpy(), strict=True):
        order = np.argsort(values)
        own = weights.numpy()[order]
        middles = (np.cumsum(own) - own / 2) / own.sum()
        np.testing.assert_allclose(row, np.interp((np.arange(count) + 0.5) / count, middles, values[order]))


def test_the_sliced_loss_is_the_cost_of_the_best_assignment_along_each_direction():
    f, s, directions = random_map(3, 3, 4, 1), random_map(3, 2, 6, 2), random_directions(3, 5, seeded())
    canvas, style = (rows_of(x).numpy() @ directions.double().numpy() for x in (f, s))
    cost = 0.0
    for k in range(5):
        pairs = (canvas[:, k, None] - style[None, :, k]) ** 2
        cost += pairs[scipy.optimize.linear_sum_assignment(pairs)].sum()
    loss = sorted_loss(f, SortedTarget(quantiles(Positions(s), directions, count=12), directions))
    assert loss.item() == pytest.approx(cost / (style**2).sum())


def test_the_histogram_loss_is_the_distance_to_the_match_of_scikit_image():
    f, s = random_map(3, 5, 6, 1), random_map(3, 6, 5, 2)
    image, reference = (np.moveaxis(x.numpy()[0], 0, -1) for x in (f, s))
    matched = match_histograms(image, reference, channel_axis=-1)
    expected = ((image - matched) ** 2).sum() / (reference**2).sum()
    assert bind(style_loss("histogram"), s, f)(f).item() == pytest.approx(expected)


@pytest.mark.parametrize("swap", [False, True])
def test_the_relaxed_emd_is_the_larger_of_the_two_means_of_smallest_distances(swap):
    a, b = rows_of(random_map(3, 3, 4, 1)), rows_of(random_map(3, 2, 5, 2))[:3] + torch.tensor([9.0, 0, 0])
    if swap:
        a, b = b, a
    distances = cdist(a.numpy(), b.numpy(), "cosine")
    means = distances.min(axis=1).mean(), distances.min(axis=0).mean()
    assert relaxed_emd_loss(a, b).item() == pytest.approx(max(means))
    assert means[0] != pytest.approx(means[1])


def test_a_faint_vector_has_the_gradient_of_division_by_a_constant():
    style = rows_of(random_map(3, 4, 5))
    maps = style.mean(dim=0)[None, :, None, None].repeat(1, 1, 2, 3) + 1e-5 * random_map(3, 2, 3, 5)
    function = lambda f: nearest_neighbor_loss(f, style)  # noqa: E731
    assert torch.autograd.gradcheck(function, maps.requires_grad_(), eps=1e-9, atol=1e-4)


def test_unit_vectors_have_length_1_unless_they_are_faint():
    vectors = torch.tensor([[3.0, 4.0], [0.03, 0.04], [0.0, 0.0]])
    expected = torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]])
    torch.testing.assert_close(unit_vectors(vectors, torch.tensor(0.1)), expected)
