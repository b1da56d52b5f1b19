"""Measures of style, against SciPy, closed forms and the formulas written out with NumPy."""

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from specimens import noise, ripples

from impasto.color import to_oklab
from impasto.losses import mean_gram
from impasto.score.style import (
    color_distance,
    color_projections,
    directions,
    distinct,
    global_effects,
    histogram,
    local_patterns,
    patches,
    projections,
    quantiles,
    sliced_wasserstein,
    squared_distance,
)


def maps(channels: int, height: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(seed))


def distance(a: torch.Tensor, b: torch.Tensor) -> float:
    return sliced_wasserstein(projections(a), projections(b))


def test_along_a_direction_the_distance_is_the_cost_of_the_best_assignment():
    a, b = maps(4, 3, 6, 1), maps(4, 3, 6, 2)
    expected = []
    for line in directions(4, 4).T:
        x, y = (line @ m[0].flatten(1).numpy() for m in (a, b))
        costs = (x[:, None] - y) ** 2
        expected.append(costs[scipy.optimize.linear_sum_assignment(costs)].mean())
    assert squared_distance(projections(a), projections(b)) == pytest.approx(np.mean(expected), rel=1e-5)


def test_features_scaled_by_a_factor_score_the_factor_less_one():
    style = maps(5, 9, 8, 1)
    style -= style.mean(dim=(2, 3), keepdim=True)
    assert distance(3 * style, style) == pytest.approx(2, rel=1e-5)
    assert distance(0 * style, style) == pytest.approx(1, rel=1e-5)


def test_positions_do_not_matter_and_their_number_hardly():
    a, b = maps(70, 12, 10, 1), maps(70, 12, 10, 2) + 1
    order = torch.randperm(120, generator=torch.Generator().manual_seed(3))
    moved = a.flatten(2)[..., order].view(1, 70, 8, 15)
    assert distance(moved, b) == pytest.approx(distance(a, b), rel=1e-5)
    assert distance(moved, a) == pytest.approx(0, abs=1e-5)
    # Every feature twice: the same distribution with twice as many quantiles.
    twice = a.repeat_interleave(2, dim=3)
    assert distance(twice, a) < 0.03
    assert distance(twice, b) == pytest.approx(distance(a, b), rel=0.02)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(2, 30), count=st.integers(1, 60), seed=st.integers(0, 99))
def test_quantiles_are_those_of_numpy_at_the_middles_of_equal_shares(n, count, seed):
    ordered = np.sort(np.random.default_rng(seed).random((2, n), dtype=np.float32), axis=1)
    wanted = np.stack([np.quantile(row, (np.arange(count) + 0.5) / count, method="hazen") for row in ordered])
    np.testing.assert_allclose(quantiles(ordered, count), wanted, atol=1e-5)


def test_a_picture_that_repeats_one_patch_of_the_style_takes_little_of_it():
    style = patches(maps(3, 9, 9, 1))
    one = style[:1].expand(len(style), -1)
    assert local_patterns(one, style, distinct(style)) == pytest.approx((1 + 1 / len(style)) / 2, abs=1e-6)


def test_about_a_thousand_patches_of_a_large_map_are_used():
    assert all(500 < len(patches(maps(1, side, 90, 1))) <= 1024 for side in (33, 64, 65, 130, 200))


def test_directions_are_always_the_same_and_orthogonal():
    assert np.array_equal(directions(256, 128), directions(256, 128))
    np.testing.assert_allclose(directions(64, 64).T @ directions(64, 64), np.eye(64), atol=1e-5)
    assert projections(maps(300, 2, 2, 1)).shape == (128, 4)


def test_a_shifted_palette_scores_the_length_of_the_shift():
    lab = to_oklab(ripples(20, 30, 1), np.float32)
    step = np.array([0.05, -0.03, 0.02], dtype=np.float32)
    found = color_distance(color_projections(lab + step), color_projections(lab))
    assert found == pytest.approx(np.linalg.norm(step), rel=1e-3)


def test_black_and_white_are_1_apart():
    black, white = (
        color_projections(to_oklab(np.full((5, n, 3), v, np.float32), np.float32)) for n, v in ((4, 0), (7, 1))
    )
    assert color_distance(black, white) == pytest.approx(1, abs=1e-4)


def test_global_effects_are_the_cosines_of_gram_matrices_and_histograms():
    features = [{"x": maps(3, 4, 5, s), "y": maps(2, 6, 3, s + 9)} for s in (1, 2)]
    grams = tuple({name: mean_gram(m) for name, m in one.items()} for one in features)
    pictures = [noise(40, 11, 1), noise(30, 12, 2)]

    def cosine(u, v):
        return np.sum(u * v) / np.sqrt(np.sum(u * u) * np.sum(v * v))

    textures = [
        cosine(*(np.einsum("ahw,bhw->ab", one[name][0].numpy(), one[name][0].numpy()) for one in features))
        for name in ("x", "y")
    ]
    levels = [np.rint(picture * 255) for picture in pictures]
    colors = [cosine(*(np.histogram(p[..., c], bins=256, range=(-0.5, 255.5))[0] for p in levels)) for c in range(3)]
    found = global_effects(grams, tuple(map(histogram, pictures)))
    assert found == pytest.approx((np.mean(textures) + np.mean(colors)) / 2, abs=1e-5)
    assert global_effects((grams[0], grams[0]), (histogram(pictures[0]),) * 2) == pytest.approx(1, abs=1e-6)


def every_patch(features: torch.Tensor) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(features[0].numpy(), (3, 3), axis=(1, 2))
    rows = windows.transpose(1, 2, 0, 3, 4).reshape(-1, 9 * features.shape[1])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_local_patterns_are_nearest_patches_and_how_many_are_used():
    a, b = maps(2, 6, 7, 1), maps(2, 8, 5, 2)
    np.testing.assert_allclose(patches(a), every_patch(a), atol=1e-6)
    cosines = every_patch(a) @ every_patch(b).T
    expected = (cosines.max(axis=1).mean() + len(set(cosines.argmax(axis=1))) / len(every_patch(b))) / 2
    style = patches(b)
    assert distinct(style) == len(style)
    assert local_patterns(patches(a), style, distinct(style)) == pytest.approx(expected, abs=1e-6)
    assert local_patterns(style, style, distinct(style)) == pytest.approx(1, abs=1e-6)
