"""The remaining time."""

import pytest

from impasto.events import LevelStarted, Step
from impasto.painting import Eta, Level, clock

LEVELS = (Level(50, 40, 20, 1), Level(100, 80, 10, 0))


def started(level: int, step: int) -> LevelStarted:
    size = LEVELS[level]
    return LevelStarted(level=level, levels=2, width=size.width, height=size.height, step=step, steps=30)


def done(step: int, level: int, seconds: float) -> Step:
    return Step(step=step, steps=30, level=level, loss=1.0, seconds=seconds)


def test_there_is_no_estimate_before_two_steps():
    eta = Eta(LEVELS)
    eta.level_started(started(0, 0))
    eta.step_done(done(1, 0, 3.0))
    assert eta.seconds_left() is None


def test_a_step_costs_in_proportion_to_the_pixels_of_its_level():
    eta = Eta(LEVELS)
    eta.level_started(started(0, 0))
    for step in range(1, 6):
        eta.step_done(done(step, 0, 3.0 + 0.5 * step))
    # 15 steps of half a second here, 10 steps of four times that on the next level.
    assert eta.seconds_left() == pytest.approx(15 * 0.5 + 10 * 4 * 0.5)


def test_every_level_is_measured_on_its_own():
    eta = Eta(LEVELS)
    eta.level_started(started(0, 0))
    eta.step_done(done(19, 0, 9.5))
    eta.step_done(done(20, 0, 10.0))
    eta.level_started(started(1, 20))
    assert eta.seconds_left() == pytest.approx(10 * 4 * 0.5)
    eta.step_done(done(21, 1, 13.0))
    eta.step_done(done(22, 1, 14.0))
    assert eta.seconds_left() == pytest.approx(8 * 1.0)


def test_a_run_resumed_in_the_middle_of_a_level_has_the_rest_of_it_left():
    eta = Eta(LEVELS)
    eta.level_started(started(1, 26))
    eta.step_done(done(27, 1, 1.0))
    eta.step_done(done(28, 1, 2.0))
    assert eta.seconds_left() == pytest.approx(2.0)


def test_a_level_after_a_plateau_has_all_of_its_steps_left():
    eta = Eta(LEVELS)
    eta.level_started(started(1, 7))
    eta.step_done(done(8, 1, 1.0))
    eta.step_done(done(9, 1, 2.0))
    assert eta.seconds_left() == pytest.approx(8.0)


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (600.0, "10:00"), (3600.0, "1:00:00")])
def test_clock(seconds, text):
    assert clock(seconds) == text
