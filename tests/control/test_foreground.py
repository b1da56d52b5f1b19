"""The map of what is foreground: shortest ways against a loop written out, and drawn scenes whose answer is known."""

import numpy as np
import pytest
from scipy.sparse.csgraph import shortest_path

from impasto.control.foreground import SIZE, _describe, _divide, _shortest, _texture, foreground


def scene(height: int, width: int, box: tuple[int, int, int, int], color=(0.8, 0.2, 0.1)) -> np.ndarray:
    """Draw a rectangle (top, bottom, left, right) on a ground of grey-blue clouds."""
    y, x = np.mgrid[:height, :width]
    clouds = 0.05 * np.sin(x / 9 + np.cos(y / 13))
    photo = np.stack([0.45 + clouds, 0.5 + clouds, 0.6 + clouds], axis=2)
    photo[box[0] : box[1], box[2] : box[3]] = color
    return photo.astype(np.float32)


def test_the_shortest_ways_are_those_of_scipy():
    chance = np.random.default_rng(3)
    lengths = np.where(chance.random((40, 40)) < 0.15, chance.random((40, 40)), np.inf)
    lengths = np.minimum(lengths, lengths.T)
    np.testing.assert_allclose(_shortest(lengths), shortest_path(np.where(np.isinf(lengths), 0, lengths)))


def test_patches_do_not_cross_a_strong_edge_and_are_about_as_many_as_asked_for():
    lab = np.zeros((160, 120, 3), dtype=np.float32)
    lab[:, 47:, 0] = 90
    labels = _divide(lab)
    left, right = set(labels[:, :47].ravel()), set(labels[:, 47:].ravel())
    assert not left & right
    assert 300 < len(left | right) < 500


def test_patches_know_their_colour_their_place_their_border_and_their_neighbours():
    labels = np.repeat(np.repeat(np.arange(9).reshape(3, 3), 4, axis=0), 4, axis=1)
    features = np.repeat((labels * 2.0)[..., None], 4, axis=2)
    patches = _describe(labels, features)
    np.testing.assert_allclose(patches.features[:, 0], np.arange(9) * 2)
    np.testing.assert_allclose(patches.places[0], [-1 / 3, -1 / 3])
    np.testing.assert_allclose(patches.places[4], [0, 0], atol=1e-12)
    assert patches.border[4] == 0
    assert patches.border[7] < patches.border[1] == 1
    assert np.flatnonzero(patches.neighbors[4]).tolist() == [1, 3, 5, 7]


def test_a_thing_in_the_middle_is_foreground_and_the_ground_is_not():
    found = foreground(scene(120, 160, (40, 80, 60, 100)))
    assert found.shape == (SIZE * 3 // 4, SIZE)
    assert found[45:75, 65:95].min() > 0.8
    assert found[:30].max() < 0.2
    assert found[:, :40].max() < 0.2


def test_a_thing_that_the_bottom_cuts_off_is_foreground():
    found = foreground(scene(120, 160, (30, 120, 55, 105)))
    assert found[50:115, 65:95].min() > 0.5
    assert found[:20].max() < 0.2


def test_nothing_of_a_meadow_under_the_sky_is_surely_foreground():
    found = foreground(scene(120, 160, (50, 120, 0, 160), color=(0.2, 0.5, 0.1)))
    assert found.max() < 0.5


def test_a_single_edge_is_no_texture_and_a_pattern_is():
    lightness = np.zeros((80, 80), dtype=np.float32)
    lightness[:, 60:] = 10
    lightness[:, :30] = 10 * np.random.default_rng(1).random((80, 30))
    found = _texture(lightness)
    assert found[10:70, 5:20].mean() > 1.5 * found[10:70, 45:75].max()


@pytest.mark.parametrize("size", [(60, 80), (240, 320), (480, 640)])
def test_the_map_is_the_same_at_every_size_of_the_photo(size):
    boxed = np.kron(scene(60, 80, (20, 40, 30, 50))[:, :, 0], np.ones((8, 8)))
    large = np.stack([boxed, 0.6 - boxed / 2, boxed], axis=2).astype(np.float32)
    small = large.reshape(size[0], 480 // size[0], size[1], 640 // size[1], 3).mean(axis=(1, 3))
    apart = np.abs(foreground(small) - foreground(large))
    assert apart.mean() < 0.03
