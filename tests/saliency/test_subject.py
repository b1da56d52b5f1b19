"""The automatic mask: drawn subjects whose outline is known, photos whose subject is known, and what has no subject."""

import numpy as np
import pytest
import skimage.data
from scipy.sparse.csgraph import shortest_path

from impasto.errors import InputError
from impasto.images import resize
from impasto.saliency import AUTOMATIC_MASKS, automatic_mask, subject_mask
from impasto.saliency.subject import MAP_SIZE, describe, foreground_probability, segment, shortest_paths, texture

PHOTOS = {
    # Points of the subject as shares of height and width, and corners that belong to the background.
    "astronaut": (((0.26, 0.44), (0.75, 0.4), (0.15, 0.42)), ((0.03, 0.25), (0.03, 0.65), (0.97, 0.03))),
    "chelsea": (((0.45, 0.52), (0.4, 0.38), (0.78, 0.58)), ((0.03, 0.03), (0.03, 0.97), (0.97, 0.97))),
    "coffee": (((0.55, 0.42), (0.3, 0.48), (0.75, 0.55)), ((0.03, 0.03), (0.03, 0.97), (0.97, 0.97), (0.97, 0.03))),
}


def photo_of(name: str) -> np.ndarray:
    return getattr(skimage.data, name)().astype(np.float32) / 255


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def flower(height: int = 240, width: int = 320, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw a rough red flower on green and yellow grass; return the photo and where the flower is."""
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[:height, :width] + 0.5) / height
    angle, distance = np.arctan2(y - 0.5, x - 0.6), np.hypot(y - 0.5, x - 0.6)
    inside = distance < 0.24 + 0.05 * np.cos(5 * angle)
    grass = resize(rng.random((height // 3, width // 6), dtype=np.float32), width, height)[..., None]
    face = resize(rng.random((height // 8, width // 8), dtype=np.float32), width, height)[..., None]
    ground = grass * [0.55, 0.7, 0.2] + (1 - grass) * [0.15, 0.4, 0.1]
    petals = face * [0.9, 0.3, 0.3] + (1 - face) * [0.6, 0.05, 0.2]
    return np.where(inside[..., None], petals, ground).astype(np.float32), inside


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of mask > 1/2 and truth."""
    inside = mask > 0.5
    return float((inside & truth).sum() / (inside | truth).sum())


@pytest.mark.parametrize("size", [(240, 320), (60, 80), (900, 1200), (400, 250)])
def test_a_drawn_subject_on_textured_ground_is_found_to_its_outline(size):
    photo, truth = flower(*size)
    mask = subject_mask(photo)
    assert (mask.shape, mask.dtype) == (size, np.float32)
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert overlap(mask, truth) > 0.9


def test_a_gray_photo_has_its_subject_found_by_lightness_and_texture():
    photo, truth = flower()
    gray = np.repeat(photo @ np.float32([0.1, 0.8, 0.1])[:, None], 3, axis=2)
    assert overlap(subject_mask(gray), truth) > 0.9


@pytest.mark.parametrize("name", PHOTOS)
def test_the_mask_of_a_photo_contains_the_subject_and_not_the_corners(name):
    mask = subject_mask(photo_of(name))
    height, width = mask.shape
    for points, value in zip(PHOTOS[name], (1, 0), strict=True):
        found = [mask[int(y * height), int(x * width)] for y, x in points]
        assert found == pytest.approx([value] * len(points), abs=0.1)


def test_the_outline_of_the_cup_and_saucer_is_found():
    """The truth is the ellipse of the saucer with the cup above it, measured in the photo."""
    mask = subject_mask(photo_of("coffee"))
    y, x = np.mgrid[:400, :600]
    saucer = ((x - 280) / 200) ** 2 + ((y - 240) / 150) ** 2 < 1
    cup = ((x - 290) / 120) ** 2 + ((y - 120) / 100) ** 2 < 1
    assert overlap(mask, saucer | cup) > 0.85


def test_the_border_is_narrow_and_as_soft_as_in_the_photo():
    def soft_share(photo: np.ndarray) -> float:
        mask = subject_mask(photo)
        return float(((mask > 0.05) & (mask < 0.95)).mean())

    photo, _ = flower()
    blurred = resize(resize(photo, 40, 30), 320, 240)
    assert soft_share(photo) < 0.01 < soft_share(blurred) < 0.15


def test_a_photo_and_its_mirror_image_have_the_same_subject():
    photo, _ = flower(seed=4)
    mirrored = subject_mask(np.ascontiguousarray(photo[:, ::-1]))[:, ::-1]
    assert overlap(mirrored, subject_mask(photo) > 0.5) > 0.95


def test_the_mask_does_not_depend_on_the_random_state():
    import cv2

    photo, _ = flower()
    kept = photo.copy()
    first = subject_mask(photo)
    cv2.setRNGSeed(77)
    np.testing.assert_array_equal(subject_mask(photo), first)
    np.testing.assert_array_equal(photo, kept)


def test_the_names_stand_for_the_subject_and_for_the_rest():
    photo, truth = flower()
    assert AUTOMATIC_MASKS == ("foreground", "background")
    foreground, background = (automatic_mask(name, photo) for name in AUTOMATIC_MASKS)
    assert overlap(foreground, truth) > 0.9
    np.testing.assert_allclose(foreground + background, 1, atol=1e-6)
    with pytest.raises(InputError, match="'sky'; those that impasto finds itself are foreground, background"):
        automatic_mask("sky", photo)


@pytest.mark.parametrize(
    "photo",
    [np.full((*size, 3), value, np.float32) for size in ((1, 1), (1, 40), (60, 80), (3, 500)) for value in (0, 0.37, 1)]
    + [noise(150, 200, seed) for seed in range(4)]
    + [noise(4, 400)],  # too thin to be divided
    ids=lambda photo: f"{photo.shape[0]}x{photo.shape[1]}",
)
def test_a_photo_of_one_color_of_noise_or_too_thin_has_no_subject(photo):
    with pytest.raises(InputError, match="no subject stands out"):
        subject_mask(photo)


@pytest.mark.parametrize("size", [(5, 5), (9, 12), (16, 8)])
def test_the_smallest_photos_have_a_mask(size):
    photo = np.full((*size, 3), 0.8, dtype=np.float32)
    photo[size[0] // 3 : -(size[0] // 3), size[1] // 3 : -(size[1] // 3)] = [0.1, 0.2, 0.5]
    mask = subject_mask(photo)
    assert mask.shape == size
    assert mask[size[0] // 2, size[1] // 2] > 0.9
    assert max(mask[0, 0], mask[0, -1], mask[-1, 0], mask[-1, -1]) < 0.1


# The map of foreground


def scene(height: int, width: int, box: tuple[int, int, int, int], color=(0.8, 0.2, 0.1)) -> np.ndarray:
    """Draw a rectangle (top, bottom, left, right) on a ground of gray-blue clouds."""
    y, x = np.mgrid[:height, :width]
    clouds = 0.05 * np.sin(x / 9 + np.cos(y / 13))
    photo = np.stack([0.45 + clouds, 0.5 + clouds, 0.6 + clouds], axis=2)
    photo[box[0] : box[1], box[2] : box[3]] = color
    return photo.astype(np.float32)


def test_the_shortest_paths_are_those_of_scipy():
    rng = np.random.default_rng(3)
    lengths = np.where(rng.random((40, 40)) < 0.15, rng.random((40, 40)), np.inf)
    lengths = np.minimum(lengths, lengths.T)
    np.testing.assert_allclose(shortest_paths(lengths), shortest_path(np.where(np.isinf(lengths), 0, lengths)))


def test_superpixels_do_not_cross_a_strong_edge():
    lab = np.zeros((160, 120, 3), dtype=np.float32)
    lab[:, 47:, 0] = 90
    labels = segment(lab)
    left, right = set(labels[:, :47].ravel()), set(labels[:, 47:].ravel())
    assert not left & right
    assert 300 < len(left | right) < 500


def test_superpixels_have_a_color_a_center_a_border_and_neighbors():
    labels = np.repeat(np.repeat(np.arange(9).reshape(3, 3), 4, axis=0), 4, axis=1)
    found = describe(labels, np.repeat((labels * 2.0)[..., None], 4, axis=2))
    np.testing.assert_allclose(found.features[:, 0], np.arange(9) * 2)
    np.testing.assert_allclose(found.centers[[0, 4]], [[-1 / 3, -1 / 3], [0, 0]], atol=1e-12)
    assert found.border[4] == 0
    assert found.border[7] < found.border[1] == 1
    assert np.flatnonzero(found.neighbors[4]).tolist() == [1, 3, 5, 7]


def test_an_object_in_the_center_is_foreground_and_the_ground_is_not():
    found = foreground_probability(scene(120, 160, (40, 80, 60, 100)))
    assert found.shape == (MAP_SIZE * 3 // 4, MAP_SIZE)
    assert found[45:75, 65:95].min() > 0.8
    assert max(found[:30].max(), found[:, :40].max()) < 0.2


def test_an_object_that_the_bottom_cuts_off_is_foreground():
    found = foreground_probability(scene(120, 160, (30, 120, 55, 105)))
    assert found[50:115, 65:95].min() > 0.5
    assert found[:20].max() < 0.2


def test_a_meadow_under_the_sky_has_no_certain_foreground():
    assert foreground_probability(scene(120, 160, (50, 120, 0, 160), color=(0.2, 0.5, 0.1))).max() < 0.5


def test_a_pattern_is_a_texture_and_a_single_edge_is_not():
    lightness = np.zeros((80, 80), dtype=np.float32)
    lightness[:, 60:] = 10
    lightness[:, :30] = 10 * np.random.default_rng(1).random((80, 30))
    found = texture(lightness)
    assert found[10:70, 5:20].mean() > 1.5 * found[10:70, 45:75].max()


@pytest.mark.parametrize("size", [(60, 80), (240, 320)])
def test_the_map_is_the_same_at_every_size_of_the_photo(size):
    boxed = np.kron(scene(60, 80, (20, 40, 30, 50))[:, :, 0], np.ones((8, 8)))
    large = np.stack([boxed, 0.6 - boxed / 2, boxed], axis=2).astype(np.float32)
    small = large.reshape(size[0], 480 // size[0], size[1], 640 // size[1], 3).mean(axis=(1, 3))
    assert np.abs(foreground_probability(small) - foreground_probability(large)).mean() < 0.03
