"""Frames of a film: what levels start from, and how little what is known of the frame before moves."""

from dataclasses import replace

import numpy as np
import pytest

from impasto.images import resize
from impasto.painting import CanvasRegion, Earlier, Level, LevelOptimizer, Scene, StyleImage
from impasto.painting.starts import first_canvas, next_canvas
from impasto.recipe import Recipe

HEIGHT, WIDTH = 32, 48


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((HEIGHT, WIDTH, 3), dtype=np.float32)


@pytest.fixture
def extractor(make_extractor):
    return make_extractor(("conv1_1", "conv2_1"))


@pytest.fixture
def earlier():
    """A frame before that is known in the left half."""
    known = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    known[:, : WIDTH // 2] = 1
    return Earlier(picture=picture(3), known=known, weight=known)


@pytest.fixture
def scene(earlier):
    return Scene(content=picture(1), regions=(CanvasRegion(styles=(StyleImage(pixels=picture(2)),)),), earlier=earlier)


def test_a_frame_starts_from_the_one_before_where_that_is_known(scene, earlier):
    usual = first_canvas(Recipe(), replace(scene, earlier=None))
    start = first_canvas(Recipe(), scene)
    np.testing.assert_allclose(start[:, : WIDTH // 2], earlier.picture[:, : WIDTH // 2], atol=1e-6)
    np.testing.assert_array_equal(start[:, WIDTH // 2 :], usual[:, WIDTH // 2 :])


def test_a_coarse_level_that_changed_nothing_returns_the_frame_before(scene):
    recipe = Recipe(residual_detail=0.0)
    start = first_canvas(recipe, scene)
    finer = next_canvas(recipe, scene, resize(start, WIDTH // 2, HEIGHT // 2))
    np.testing.assert_allclose(finer[:, : WIDTH // 2 - 1], start[:, : WIDTH // 2 - 1], atol=1e-6)
    # Where nothing is known, detail is what the recipe says: none.
    assert np.abs(np.diff(finer[:, WIDTH // 2 + 4 :], axis=1)).mean() < 0.5 * np.abs(np.diff(start, axis=1)).mean()


def test_a_scene_is_resized_with_the_frame_before(scene):
    small = scene.at(Level(WIDTH // 2, HEIGHT // 2, 1, 1)).earlier
    assert small.picture.shape == (HEIGHT // 2, WIDTH // 2, 3)
    assert small.known[:, : WIDTH // 4 - 2].min() > 0.99
    assert small.weight[:, WIDTH // 4 + 2 :].max() < 0.01


def test_what_is_known_moves_less(scene, extractor):
    recipe = Recipe(
        steps=4, content_layers=("conv2_1",), style_layers=("conv1_1", "conv2_1"), style_losses=("gram",),
        style_matching=0.0, temporal_weight=0.0,
    )  # fmt: skip
    level = LevelOptimizer(recipe, scene, extractor, Level(WIDTH, HEIGHT, 4, 0))
    start = level.picture()
    for _ in range(4):
        level.advance()
    moved = np.abs(level.picture() - start).mean(axis=2)
    assert moved[:, : WIDTH // 2].mean() < 0.5 * moved[:, WIDTH // 2 :].mean()
    assert moved[:, : WIDTH // 2].mean() > 0
