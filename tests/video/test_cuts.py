"""Cuts are found where scenes change, and not in flashes, pans, fades, noise or a light that goes on."""

import cv2
import numpy as np
import pytest

from impasto.video import find_cuts

HEIGHT, WIDTH = 36, 64
WARM, COOL = (0.8, 0.4, 0.2), (0.2, 0.4, 0.8)


def landscape(seed: int, tint) -> np.ndarray:
    """A wide picture of blurred patches around a color, along which a camera can pan."""
    patches = np.random.default_rng(seed).random((HEIGHT // 4, 6 * WIDTH // 4, 3), np.float32)
    smooth = cv2.resize(patches, (6 * WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    return (0.6 * smooth + 0.4 * np.array(tint, np.float32)).astype(np.float32)


FIRST, SECOND, LIKE_FIRST = landscape(1, WARM), landscape(2, COOL), landscape(3, WARM)
WHITE = np.ones((HEIGHT, WIDTH, 3), np.float32)


def view(picture: np.ndarray, x: int = 0) -> np.ndarray:
    return np.ascontiguousarray(picture[:, x : x + WIDTH])


def still(picture: np.ndarray, count: int = 15) -> list[np.ndarray]:
    return [view(picture)] * count


def test_a_cut_is_found():
    assert list(find_cuts(still(FIRST) + still(SECOND))) == [15]


def test_a_cut_between_pictures_of_like_colors_is_found():
    assert list(find_cuts(still(FIRST) + still(LIKE_FIRST))) == [15]


def test_every_one_of_several_quick_cuts_is_found():
    pictures = [landscape(seed, np.random.default_rng(seed).random(3)) for seed in range(10, 15)]
    assert list(find_cuts([frame for picture in pictures for frame in still(picture, 6)])) == [6, 12, 18, 24]


@pytest.mark.parametrize("speed", [1, 4, 16, 32])
def test_a_pan_is_no_cut(speed):
    assert list(find_cuts([view(FIRST, x) for x in range(0, 5 * WIDTH, speed)])) == []


def test_a_cut_between_two_pans_is_found():
    pans = [view(picture, 8 * x) for picture in (FIRST, SECOND) for x in range(20)]
    assert list(find_cuts(pans)) == [20]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_flash_is_no_cut(length):
    assert list(find_cuts(still(FIRST) + [WHITE] * length + still(FIRST))) == []


def test_a_light_that_goes_on_is_no_cut():
    assert list(find_cuts([frame * np.float32(0.3) for frame in still(FIRST)] + still(FIRST))) == []


def test_a_fade_through_black_is_no_cut():
    out, into = [np.float32(1 - step / 20) for step in range(21)], [np.float32(step / 20) for step in range(21)]
    assert list(find_cuts([view(FIRST) * x for x in out] + [view(SECOND) * x for x in into])) == []


def test_noise_is_no_cut():
    rng = np.random.default_rng(0)
    noise = [(frame + rng.normal(0, 0.1, frame.shape)).clip(0, 1).astype(np.float32) for frame in still(FIRST, 30)]
    assert list(find_cuts(noise)) == []


@pytest.mark.parametrize(("count", "found"), [(0, []), (1, []), (2, [2])])
def test_scenes_of_few_frames(count, found):
    assert list(find_cuts(still(FIRST, count) + still(SECOND, count) * (count > 1))) == found


def test_frames_are_not_kept():
    alive = 0

    class Counted(np.ndarray):
        def __del__(self):
            nonlocal alive
            alive -= 1

    def frames():
        nonlocal alive
        for number in range(200):
            alive += 1
            assert alive < 20
            yield view(FIRST, number).view(Counted)

    assert list(find_cuts(frames())) == []
