"""Measures of content, against scikit-image, SciPy and the formulas written out with NumPy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from skimage.metrics import structural_similarity
from specimens import noise, ripples, specimen

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


def test_the_perceptual_distance_is_the_weighted_difference_of_unit_vectors():
    a, b = [maps(3, 4, 5, 1), maps(2, 3, 2, 2)], [maps(3, 4, 5, 3), maps(2, 3, 2, 4)]
    weights = [maps(3, 1, 1, 5), maps(2, 1, 1, 6)]
    expected = 0.0
    for one, other, weight in zip(a, b, weights, strict=True):
        u, v = (m[0].numpy() / np.linalg.norm(m[0].numpy(), axis=0) for m in (one, other))
        expected += np.einsum("chw,c->hw", (u - v) ** 2, weight.flatten().numpy()).mean()
    assert perceptual_distance(a, b, weights) == pytest.approx(expected, rel=1e-5)


def ssim(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the mean of scikit-image's SSIM where the window fits, and of its contrast and structure.

    With a large constant added to both pictures, their luminances are alike; contrast and structure remain.
    """
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    full, rest = (
        structural_similarity(x + lift, y + lift, full=True, **options)[1][5:-5, 5:-5].mean() for lift in (0, 1e3)
    )
    return full, rest


def halved(x: np.ndarray) -> np.ndarray:
    height, width = x.shape[0] // 2, x.shape[1] // 2
    return x[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))


@pytest.mark.parametrize(("side", "scales"), [(20, 1), (40, 2), (96, 4), (200, 5)])
def test_ms_ssim_is_the_product_of_what_scikit_image_finds_on_each_scale(side, scales):
    photo = specimen("coffee", 300)[:side, :side]
    other = np.clip(0.8 * photo + 0.2 * specimen("night", side)[:side, :side] + 0.05, 0, 1).astype(np.float32)
    x, y = (picture.astype(np.float64) @ [0.299, 0.587, 0.114] for picture in (photo, other))
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:scales])
    expected = 1.0
    for scale, weight in enumerate(weights / weights.sum()):
        full, structure = ssim(x, y)
        expected *= (full if scale == scales - 1 else structure) ** weight
        x, y = halved(x), halved(y)
    assert multiscale_similarity(tensor(photo), tensor(other)) == pytest.approx(expected, abs=2e-4)


def test_ms_ssim_is_one_for_the_same_picture_and_falls_with_noise():
    clean, grain = ripples(64, 64, 1), noise(64, 64, 2) - 0.5
    values = [multiscale_similarity(tensor(clean), tensor(clean + s * grain)) for s in (0, 0.05, 0.2, 0.8)]
    assert values[0] == pytest.approx(1, abs=1e-6)
    assert values == sorted(values, reverse=True)
    with pytest.raises(ValueError, match="10 px"):
        multiscale_similarity(tensor(clean[:10]), tensor(clean[:10]))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), contrast=st.floats(0.1, 10))
def test_self_similarity_is_between_zero_and_one_and_independent_of_contrast(seed, contrast):
    a, b = maps(4, 6, 5, seed), maps(4, 6, 5, seed + 1)
    found = self_similarity_distance(a, b)
    assert 0 < found < 1
    assert self_similarity_distance(a, a) == 0
    assert self_similarity_distance(a, b * contrast) == pytest.approx(found, abs=1e-4)


def test_a_large_map_is_compared_on_a_grid_of_about_a_thousand_positions():
    a, b = maps(3, 90, 60, 1), maps(3, 90, 60, 2)
    assert self_similarity_distance(a, b) == pytest.approx(
        self_similarity_distance(a[..., 1::3, 1::3].contiguous(), b[..., 1::3, 1::3].contiguous()), abs=1e-6
    )


def test_self_similarity_compares_the_cosine_distances_of_positions():
    a, b = maps(6, 5, 7, 1), maps(6, 5, 7, 2)
    one, other = (cdist(*2 * [m[0].flatten(1).T.numpy().astype(np.float64)], metric="cosine") for m in (a, b))
    expected = np.abs(one / one.sum(axis=0) - other / other.sum(axis=0)).sum(axis=0).mean() / 2
    assert self_similarity_distance(a, b) == pytest.approx(expected, abs=1e-5)


def test_content_fidelity_is_the_mean_cosine_of_the_layers():
    a, b = ({"x": maps(3, 4, 5, s), "y": maps(2, 3, 3, s + 1)} for s in (1, 5))
    cosines = [1 - cdist(a[k].reshape(1, -1).numpy(), b[k].reshape(1, -1).numpy(), "cosine").item() for k in "xy"]
    assert content_fidelity(a, b) == pytest.approx(np.mean(cosines), abs=1e-6)
    assert content_fidelity(a, a) == pytest.approx(1, abs=1e-6)
