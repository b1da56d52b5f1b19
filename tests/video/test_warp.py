"""Warping and what is known of a frame from the one before, by shifts that are known exactly."""

import numpy as np
import pytest

from impasto.video.warp import Motion, same_places, warp, warp_sharply


def waves(height: int, width: int, across: float = 0.0, down: float = 0.0) -> np.ndarray:
    """A smooth picture moved by any number of pixels: a sum of cosines up to 0.4 cycles a pixel."""
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    rows, columns = rows - down, columns - across
    channels = [
        0.5 + 0.2 * np.cos(2 * np.pi * 0.4 * columns + phase) + 0.2 * np.cos(2 * np.pi * 0.31 * (rows + 0.3 * columns))
        for phase in (0.0, 1.0, 2.0)
    ]
    return np.stack(channels, axis=2).astype(np.float32)


def constant(height: int, width: int, across: float, down: float) -> np.ndarray:
    return np.full((height, width, 2), (across, down), dtype=np.float32)


def inner(picture: np.ndarray, margin: int = 12) -> np.ndarray:
    return picture[margin:-margin, margin:-margin]


@pytest.mark.parametrize("size", [(64, 80), (63, 81)])
def test_a_sharp_warp_moves_fine_waves_by_half_pixels(size):
    moved = warp_sharply(waves(*size), constant(*size, -0.5, 0.25))
    np.testing.assert_allclose(inner(moved), inner(waves(*size, across=0.5, down=-0.25)), atol=0.02)


def test_a_picture_that_moves_back_and_forth_stays_sharp():
    first = picture = waves(64, 80)
    for step in range(20):
        picture = warp_sharply(picture, constant(64, 80, 0.5 * (-1) ** step, 0.0))
    assert inner(picture).std() > 0.8 * inner(first).std()
    blurred = first
    for step in range(20):
        blurred = warp(blurred, constant(64, 80, 0.5 * (-1) ** step, 0.0))
    assert inner(blurred).std() < 0.6 * inner(first).std()


def test_everything_is_known_where_nothing_moves():
    picture = waves(48, 64)
    still = constant(48, 64, 0, 0)
    assert same_places(Motion(still, still), picture, picture).min() == 1


def test_what_enters_the_picture_is_not_known():
    motion = Motion(constant(48, 64, 5, 0), constant(48, 64, -5, 0))
    known = same_places(motion, waves(48, 64, across=-5), waves(48, 64))
    assert known[:, -5:].max() == 0
    assert known[:, :-5].mean() > 0.9


def test_a_flow_that_does_not_return_is_not_trusted():
    forth = constant(48, 64, -5, 0)
    forth[:, :20] = (3, 0)
    known = same_places(
        Motion(constant(48, 64, 5, 0), forth),
        np.full((48, 64, 3), 0.5, np.float32),
        np.full((48, 64, 3), 0.5, np.float32),
    )
    assert known[:, :14].max() == 0
    assert known[:, 22:58].min() == 1


def test_another_color_is_another_thing():
    still, before = constant(48, 64, 0, 0), np.full((48, 64, 3), 0.5, dtype=np.float32)
    now = before.copy()
    now[10:30, 10:30, 0] = 0.9
    known = same_places(Motion(still, still), now, before)
    assert known[14:26, 14:26].max() == 0
    assert known[36:].min() == 1
