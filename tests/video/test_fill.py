"""What comes into view begins as pieces of the painting around it."""

import numpy as np
import pytest

from impasto.video.fill import filled


def two_halves(height, width):
    """Return a frame of two plain halves, and a painting of it with other strokes in each."""
    random = np.random.default_rng(0)
    frame = np.full((height, width, 3), (0.8, 0.2, 0.2), np.float32)
    frame[:, width // 2 :] = (0.2, 0.2, 0.8)
    painting = frame + random.uniform(-0.1, 0.1, frame.shape).astype(np.float32)
    return frame, painting


@pytest.mark.parametrize("size", [(96, 128), (270, 480), (61, 83)])
def test_a_hole_is_filled_from_where_the_clip_looks_alike(size):
    frame, painting = two_halves(*size)
    height, width = size
    known = np.ones(size, np.float32)
    hole = slice(height // 3, height // 2), slice(width // 6, width // 3)
    known[hole] = 0
    damaged = painting * known[:, :, None]
    found, begun = filled(damaged, known, frame)
    np.testing.assert_array_equal(found[known == 1], painting[known == 1])
    assert begun.min() == 1
    np.testing.assert_allclose(found[hole].mean(axis=(0, 1)), (0.8, 0.2, 0.2), atol=0.03)
    # Strokes, not their mean.
    assert found[hole].std(axis=(0, 1)).min() > 0.5 * painting[hole].std(axis=(0, 1)).min()


def test_nothing_is_cloned_where_the_clip_shows_something_new():
    frame, painting = two_halves(96, 128)
    known = np.ones((96, 128), np.float32)
    frame[20:60, 10:50], known[20:60, 10:50] = (0.1, 0.9, 0.1), 0
    found, begun = filled(painting, known, frame)
    np.testing.assert_array_equal(begun[28:52, 18:42], 0)
    np.testing.assert_array_equal(found[28:52, 18:42], painting[28:52, 18:42])


def test_a_painting_that_is_known_stays_as_it_is_and_one_that_is_not_gets_nothing():
    frame, painting = two_halves(96, 128)
    for known in (np.ones((96, 128), np.float32), np.zeros((96, 128), np.float32)):
        found, begun = filled(painting, known, frame)
        np.testing.assert_array_equal(found, painting)
        np.testing.assert_array_equal(begun, known)
