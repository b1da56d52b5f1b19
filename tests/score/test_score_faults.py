"""Faults that were added to clean pictures are found, and clean pictures have none."""

import numpy as np
import pytest
import scipy.ndimage
from specimens import (
    as_saved,
    doubled,
    framed,
    specimen,
    stretched,
    with_a_gray_quarter,
    with_noise,
    with_stripes,
)

from impasto.images import PLATES, crop, resize
from impasto.score.faults import border, checkerboard, clipped, excess, gray, levels, noise

PHOTOS = ("coffee", "astronaut", "chelsea", "rocket")
SMOOTH = (*PHOTOS, "knife", "night")
"""Pictures in whose smooth parts 8 gray levels of noise are visible; the other plates have as much grain themselves."""
COLORFUL = ("coffee", "chelsea", "rocket", "night", "mosaic", "pointillism", "watercolor", "knife")
"""Pictures of which less than an eighth is gray."""
FAULTLESS = dict.fromkeys(("noise", "grid", "border", "clipped", "gray"), 0.0)
VISIBLE = 0.01


def faults_of(picture: np.ndarray, style: np.ndarray) -> dict[str, float]:
    """Return the faults beside a style, and a photo that allows none."""
    return excess(levels(np.ascontiguousarray(picture)), photo=FAULTLESS, style=levels(style))


@pytest.mark.parametrize("name", SMOOTH)
def test_noise_of_8_gray_levels_is_found(name):
    clean = specimen(name, 192)
    assert faults_of(with_noise(clean), clean)["noise"] > VISIBLE


@pytest.mark.parametrize("name", [*PLATES, *PHOTOS])
@pytest.mark.parametrize("damage", [with_stripes, doubled])
def test_a_grid_of_2_pixels_is_found(name, damage):
    clean = specimen(name, 192)
    assert faults_of(damage(clean), clean)["grid"] > 0.02


@pytest.mark.parametrize("name", [*PLATES, *PHOTOS])
@pytest.mark.parametrize("width", [2, 3, 4])
@pytest.mark.parametrize("brightness", [0.0, 1.0])
def test_a_frame_is_found(name, width, brightness):
    clean = specimen(name, 128)
    assert faults_of(framed(clean, width, brightness), clean)["border"] > VISIBLE


@pytest.mark.parametrize("name", [*PLATES, *PHOTOS])
def test_a_contrast_that_exceeds_black_and_white_is_found(name):
    clean = specimen(name, 128)
    assert faults_of(stretched(clean), clean)["clipped"] > VISIBLE


@pytest.mark.parametrize("name", COLORFUL)
def test_a_quarter_that_turned_gray_is_found(name):
    clean = specimen(name, 128)
    assert faults_of(with_a_gray_quarter(clean), clean)["gray"] > 0.1


@pytest.mark.parametrize("name", [*PLATES, *PHOTOS])
def test_a_cropped_a_mirrored_and_a_slightly_resized_style_have_no_faults(name):
    style = specimen(name, 256)
    height, width = style.shape[:2]
    inner = crop(style, (width // 16, height // 16, width * 7 // 8, height * 7 // 8))
    smaller, larger = (resize(style, width * k // 10, height * k // 10) for k in (9, 11))
    for clean in (inner, style[:, ::-1], style[::-1], smaller, larger):
        assert all(value <= VISIBLE for value in faults_of(clean, style).values())


def test_what_the_style_has_is_no_fault_nor_are_grain_and_frame_of_the_photo():
    photo = framed(with_noise(specimen("chelsea", 128)), 2, 0.0)
    plain = levels(np.full((64, 64, 3), 0.5, np.float32))
    of_photo = excess(levels(photo), photo=levels(photo), style=plain)
    assert (of_photo["noise"], of_photo["border"]) == (0, 0)
    bad = doubled(stretched(photo))
    assert set(excess(levels(bad), photo=plain, style=levels(bad)).values()) == {0}


def test_noise_is_the_standard_deviation_of_white_noise_on_a_plain_picture():
    plain = np.full((256, 256, 3), 0.5, np.float32)
    assert noise(plain) == 0
    assert noise(with_noise(plain)) == pytest.approx(8 / 255, rel=0.1)


def test_stripes_and_checks_of_2_pixels_are_as_strong_as_their_amplitude():
    y, x = np.mgrid[:128, :128]
    for pattern in (x, y, x + y):
        picture = np.full((128, 128, 3), 0.5) + 4 / 255 * (-1.0) ** pattern[..., None]
        assert checkerboard(picture.astype(np.float32)) == pytest.approx(4 / 255, rel=0.1)


def test_a_picture_that_darkens_slowly_towards_its_border_has_no_visible_frame():
    y, x = np.mgrid[-1:1:160j, -1:1:160j]
    dark = np.repeat((0.8 - 0.5 * np.maximum(np.abs(x), np.abs(y)) ** 2)[..., None], 3, axis=2)
    assert border(dark.astype(np.float32)) < VISIBLE


def test_clipped_is_the_share_whose_neighborhood_has_one_channel_at_one_end():
    picture = stretched(specimen("coffee", 96), 1.5)
    lost = np.zeros(picture.shape[:2], dtype=bool)
    for channel in np.moveaxis(picture, -1, 0):
        lost |= scipy.ndimage.maximum_filter(channel, 3) == 0
        lost |= scipy.ndimage.minimum_filter(channel, 3) == 1
    assert 0 < lost[1:-1, 1:-1].mean() < 1
    assert clipped(picture) == pytest.approx(lost[1:-1, 1:-1].mean())


def test_single_pixels_of_pure_black_and_white_are_not_clipped():
    picture = specimen("coffee", 96) * 0.8 + 0.1
    picture[::3, ::3] = 0
    picture[1::3, 1::3] = 1
    assert clipped(as_saved(picture)) == 0


def test_gray_is_the_share_of_pixels_without_color():
    vivid = np.tile(np.array([0.8, 0.2, 0.3], np.float32), (30, 40, 1))
    vivid[:15, :20] = 0.4
    assert gray(vivid) == pytest.approx(0.25)
