"""Saliency weights: their mean, their size, and where they are high."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.images import resize
from impasto.saliency import saliency_weights


def random_photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def ball(size: int) -> np.ndarray:
    """Draw an orange ball on a plain blue ground, its center a third of the way across and half the way down."""
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    inside = np.clip((0.15 - np.hypot(x - 1 / 3, y - 0.5)) * 40 + 0.5, 0, 1)[..., None]
    return (inside * [0.9, 0.5, 0.1] + (1 - inside) * [0.2, 0.3, 0.6]).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000), height=st.integers(1, 150), width=st.integers(1, 150), strength=st.floats(0, 100),
)  # fmt: skip
def test_the_weights_have_the_size_of_the_photo_are_positive_and_1_on_average(seed, height, width, strength):
    found = saliency_weights(random_photo(height, width, seed), strength)
    assert found.shape == (height, width)
    assert found.dtype == np.float32
    assert found.min() > 0
    assert found.mean() == pytest.approx(1, rel=1e-4)


def test_the_weights_are_the_same_at_every_size_of_the_canvas():
    large, small = saliency_weights(ball(512), 3.0), saliency_weights(ball(128), 3.0)
    shrunk = large.reshape(128, 4, 128, 4).mean(axis=(1, 3))
    assert np.abs(shrunk - small).mean() < 0.05
    assert np.corrcoef(shrunk.ravel(), small.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("size", [(1, 1), (30, 20), (200, 300)])
@pytest.mark.parametrize("value", [0.0, 0.37, 1.0])
def test_all_weights_of_a_photo_of_one_color_are_1(size, value):
    np.testing.assert_allclose(saliency_weights(np.full((*size, 3), value, dtype=np.float32), 100.0), 1, atol=1e-3)


def test_without_strength_all_weights_are_1():
    np.testing.assert_allclose(saliency_weights(random_photo(70, 150), 0.0), 1, atol=1e-5)


@pytest.mark.parametrize("size", [100, 200, 700])
def test_an_object_on_a_plain_ground_stands_out_at_every_size(size):
    found = saliency_weights(ball(size), 5.0)
    assert found.max() > 2
    assert found.min() < 0.7


def test_an_object_weighs_more_than_the_ground_and_its_edge_most():
    found = saliency_weights(ball(120), 2.0)
    on_ball, on_ground, on_edge = found[50:70, 30:50].mean(), found[:, 90:].mean(), found[60, 57:60].mean()
    assert on_edge > on_ball > 1.5 * on_ground


def test_an_edge_between_two_halves_weighs_more_than_the_halves():
    halves = np.zeros((64, 64, 3), dtype=np.float32)
    halves[:, 32:] = 1
    found = saliency_weights(halves, 2.0)
    assert found[:, 30:34].mean() > 2 * found[:, :20].mean()
    np.testing.assert_allclose(found, found[:, ::-1], atol=1e-3)


def test_more_strength_raises_the_object_above_the_ground():
    found = [saliency_weights(ball(96), strength) for strength in (0.5, 2.0, 8.0)]
    ratios = [weights[40:56, 24:40].mean() / weights[:, 72:].mean() for weights in found]
    assert 1 < ratios[0] < ratios[1] < ratios[2]


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 2), (1, 1000), (1000, 3), (3, 5)])
def test_the_smallest_and_thinnest_photos_have_weights(size):
    found = saliency_weights(random_photo(*size), 5.0)
    assert found.shape == size
    assert np.isfinite(found).all()


def test_the_weights_of_a_transposed_photo_are_transposed():
    photo = resize(random_photo(12, 18, 4), 90, 60)
    transposed = saliency_weights(np.ascontiguousarray(photo.transpose(1, 0, 2)), 3.0)
    np.testing.assert_allclose(transposed.T, saliency_weights(photo, 3.0), atol=1e-3)
