"""The automatic mask: drawn subjects whose outline is known, photos whose subject is known, and what has no subject."""

import sys

import numpy as np
import pytest
import skimage.data

from impasto.control import AUTOMATIC, automatic_mask, subject_mask
from impasto.errors import InputError
from impasto.images import resize

PHOTOS = {
    # A name: middles of the subject, as shares of height and width, and corners that belong to the background.
    "astronaut": (((0.26, 0.44), (0.75, 0.4), (0.15, 0.42)), ((0.03, 0.25), (0.03, 0.65), (0.97, 0.03))),
    "chelsea": (((0.45, 0.52), (0.4, 0.38), (0.78, 0.58)), ((0.03, 0.03), (0.03, 0.97), (0.97, 0.97))),
    "coffee": (((0.55, 0.42), (0.3, 0.48), (0.75, 0.55)), ((0.03, 0.03), (0.03, 0.97), (0.97, 0.97), (0.97, 0.03))),
}


def photo_of(name: str) -> np.ndarray:
    return getattr(skimage.data, name)().astype(np.float32) / 255


def drawn(height: int = 240, width: int = 320, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw a flower with a rough red face on green and yellow grass; return the photo and where the flower is."""
    chance = np.random.default_rng(seed)
    y, x = (np.mgrid[:height, :width] + 0.5) / height
    angle, distance = np.arctan2(y - 0.5, x - 0.6), np.hypot(y - 0.5, x - 0.6)
    flower = distance < 0.24 + 0.05 * np.cos(5 * angle)
    grass = resize(chance.random((height // 3, width // 6), dtype=np.float32), width, height)[..., None]
    face = resize(chance.random((height // 8, width // 8), dtype=np.float32), width, height)[..., None]
    ground = grass * [0.55, 0.7, 0.2] + (1 - grass) * [0.15, 0.4, 0.1]
    petals = face * [0.9, 0.3, 0.3] + (1 - face) * [0.6, 0.05, 0.2]
    return np.where(flower[..., None], petals, ground).astype(np.float32), flower


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of mask > 1/2 and truth."""
    inside = mask > 0.5
    return float((inside & truth).sum() / (inside | truth).sum())


@pytest.mark.parametrize("size", [(240, 320), (60, 80), (900, 1200), (400, 250)])
def test_a_drawn_subject_on_textured_ground_is_found_to_its_outline(size):
    photo, truth = drawn(*size)
    mask = subject_mask(photo)
    assert (mask.shape, mask.dtype) == (size, np.float32)
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert overlap(mask, truth) > 0.9


def test_a_grey_photo_has_its_subject_found_by_lightness_and_texture():
    photo, truth = drawn()
    grey = np.repeat(photo @ np.float32([0.1, 0.8, 0.1])[:, None], 3, axis=2)
    assert overlap(subject_mask(grey), truth) > 0.9


@pytest.mark.parametrize("name", PHOTOS)
def test_the_mask_of_a_photo_holds_the_subject_and_leaves_out_the_corners(name):
    mask = subject_mask(photo_of(name))
    height, width = mask.shape
    inside, outside = PHOTOS[name]
    assert [mask[int(y * height), int(x * width)] for y, x in inside] == pytest.approx([1] * len(inside), abs=0.1)
    assert [mask[int(y * height), int(x * width)] for y, x in outside] == pytest.approx([0] * len(outside), abs=0.1)


def test_the_outline_of_the_cup_and_saucer_is_found():
    """The truth is the ellipse of the saucer with the cup above it, measured in the photo."""
    mask = subject_mask(photo_of("coffee"))
    y, x = np.mgrid[:400, :600]
    saucer = ((x - 280) / 200) ** 2 + ((y - 240) / 150) ** 2 < 1
    cup = ((x - 290) / 120) ** 2 + ((y - 120) / 100) ** 2 < 1
    assert overlap(mask, saucer | cup) > 0.85


def test_the_border_is_as_soft_as_that_of_the_photo_and_narrow():
    def share_between(photo: np.ndarray) -> float:
        mask = subject_mask(photo)
        return float(((mask > 0.05) & (mask < 0.95)).mean())

    photo, _ = drawn()
    blurred = resize(resize(photo, 40, 30), 320, 240)
    assert share_between(photo) < 0.01 < share_between(blurred) < 0.15


def test_a_photo_and_its_mirror_image_have_the_same_subject():
    photo, _ = drawn(seed=4)
    mirrored = subject_mask(np.ascontiguousarray(photo[:, ::-1]))[:, ::-1]
    assert overlap(mirrored, subject_mask(photo) > 0.5) > 0.95


def test_the_same_photo_gives_the_same_mask_whatever_chance_was_drawn_before():
    import cv2

    photo = photo_of("astronaut")
    kept = photo.copy()
    first = subject_mask(photo)
    cv2.setRNGSeed(77)
    np.testing.assert_array_equal(subject_mask(photo), first)
    np.testing.assert_array_equal(photo, kept)


def test_the_words_stand_for_the_subject_and_for_the_rest():
    photo, truth = drawn()
    assert AUTOMATIC == ("foreground", "background")
    before, behind = (automatic_mask(name, photo) for name in AUTOMATIC)
    assert overlap(before, truth) > 0.9
    np.testing.assert_allclose(before + behind, 1, atol=1e-6)
    with pytest.raises(InputError, match="'sky'; those that impasto finds itself are foreground, background"):
        automatic_mask("sky", photo)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (60, 80), (3, 500)])
@pytest.mark.parametrize("value", [0.0, 0.37, 1.0])
def test_a_photo_of_one_colour_has_no_subject(size, value):
    with pytest.raises(InputError, match="no subject stands out"):
        subject_mask(np.full((*size, 3), value, dtype=np.float32))


@pytest.mark.parametrize("seed", range(4))
def test_noise_has_no_subject(seed):
    noise = np.random.default_rng(seed).random((150, 200, 3), dtype=np.float32)
    with pytest.raises(InputError, match="no subject stands out"):
        subject_mask(noise)


@pytest.mark.parametrize("size", [(5, 5), (9, 12), (16, 8)])
def test_the_smallest_photos_have_a_mask(size):
    photo = np.full((*size, 3), 0.8, dtype=np.float32)
    photo[size[0] // 3 : -(size[0] // 3), size[1] // 3 : -(size[1] // 3)] = [0.1, 0.2, 0.5]
    mask = subject_mask(photo)
    assert mask.shape == size
    assert mask[size[0] // 2, size[1] // 2] > 0.9
    assert max(mask[0, 0], mask[0, -1], mask[-1, 0], mask[-1, -1]) < 0.1


def test_a_photo_longer_than_forty_times_its_height_has_no_subject():
    strip = np.random.default_rng(0).random((4, 400, 3), dtype=np.float32)
    with pytest.raises(InputError, match="no subject stands out"):
        subject_mask(strip)


def test_without_opencv_the_package_to_install_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match=r"^[^\n]*pip install 'impasto\[masks\]'$"):
        subject_mask(drawn()[0])
