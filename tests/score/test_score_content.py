"""What is kept of the photo, against the formulae written out with NumPy and SciPy, and as properties."""

import numpy as np
import pytest
import torch
from drawn import noise, ripples
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from impasto.score.content import (
    content_fidelity,
    multiscale_similarity,
    perceptual_distance,
    self_similarity_distance,
)


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


def maps(channels: int, height: int, width: int, seed: int) -> torch.Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(seed))


def test_the_similarity_is_one_for_the_same_picture_and_falls_with_noise():
    clean, grain = ripples(64, 64, 1), noise(64, 64, 2) - 0.5
    values = [multiscale_similarity(tensor(clean), tensor(clean + s * grain)) for s in (0, 0.05, 0.2, 0.8)]
    assert values[0] == pytest.approx(1, abs=1e-6)
    assert values == sorted(values, reverse=True)
    with pytest.raises(ValueError, match="10 px"):
        multiscale_similarity(tensor(clean[:10]), tensor(clean[:10]))


def test_the_perceptual_distance_is_the_weighted_difference_of_unit_vectors():
    a, b = [maps(3, 4, 5, 1), maps(2, 3, 2, 2)], [maps(3, 4, 5, 3), maps(2, 3, 2, 4)]
    weights = [maps(3, 1, 1, 5), maps(2, 1, 1, 6)]
    expected = 0.0
    for one, other, weight in zip(a, b, weights, strict=True):
        u, v = (m[0].numpy() / np.linalg.norm(m[0].numpy(), axis=0) for m in (one, other))
        expected += np.einsum("chw,c->hw", (u - v) ** 2, weight.flatten().numpy()).mean()
    assert perceptual_distance(a, b, weights) == pytest.approx(expected, rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), brighter=st.floats(0.1, 10))
def test_self_similarity_lies_from_zero_to_one_and_sees_no_contrast(seed, brighter):
    a, b = maps(4, 6, 5, seed), maps(4, 6, 5, seed + 1)
    found = self_similarity_distance(a, b)
    assert 0 < found < 1
    assert self_similarity_distance(a, a) == 0
    assert self_similarity_distance(a, b * brighter) == pytest.approx(found, abs=1e-4)


def test_a_large_map_is_compared_on_a_grid_of_about_a_thousand_places():
    a, b = maps(3, 90, 60, 1), maps(3, 90, 60, 2)
    assert self_similarity_distance(a, b) == pytest.approx(
        self_similarity_distance(a[..., 1::3, 1::3].contiguous(), b[..., 1::3, 1::3].contiguous()), abs=1e-6
    )


def test_self_similarity_compares_the_cosine_distances_of_places():
    a, b = maps(6, 5, 7, 1), maps(6, 5, 7, 2)
    one, other = (cdist(*2 * [m[0].flatten(1).T.numpy().astype(np.float64)], metric="cosine") for m in (a, b))
    expected = np.abs(one / one.sum(axis=0) - other / other.sum(axis=0)).sum(axis=0).mean() / 2
    assert self_similarity_distance(a, b) == pytest.approx(expected, abs=1e-5)


def test_content_fidelity_is_the_mean_cosine_of_the_layers():
    a, b = ({"x": maps(3, 4, 5, s), "y": maps(2, 3, 3, s + 1)} for s in (1, 5))
    cosines = []
    for name in a:
        u, v = a[name].numpy().ravel(), b[name].numpy().ravel()
        cosines.append(u @ v / np.sqrt((u @ u) * (v @ v)))
    assert content_fidelity(a, b) == pytest.approx(np.mean(cosines), abs=1e-6)
    assert content_fidelity(a, a) == pytest.approx(1, abs=1e-6)
