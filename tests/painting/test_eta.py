"""The remaining time."""

import json
from itertools import accumulate
from pathlib import Path

import pytest

from impasto.events import LevelStarted, Step
from impasto.painting import Eta, Level, LevelCost, clock

DURATIONS = json.loads((Path(__file__).parent.parent / "golden" / "durations.json").read_text())
"""Seconds after each step of runs with one thread (processor time), and what `impasto estimate` knew, by the level."""

LEVELS = (Level(50, 40, 20, 2), Level(100, 80, 12, 1), Level(200, 160, 8, 0))
PIXELS = [2000, 8000, 32000]


def begin(eta: Eta, level: int, step: int) -> None:
    size = LEVELS[level]
    eta.level_started(LevelStarted(level=level, levels=3, width=size.width, height=size.height, step=step, steps=40))


def paint(eta: Eta, level: int, steps: range, seconds: float, each: float) -> float:
    """Do steps that take `each` seconds, the first of them at `seconds`; return the time of the last one."""
    times = [seconds + each * done for done in range(len(steps))]
    for step, time in zip(steps, times, strict=True):
        eta.step_done(Step(step=step, steps=40, level=level, loss=1.0, seconds=time))
    return times[-1]


def replay(name: str, *, knows_costs: bool, slow: float = 1.0) -> list[tuple[float, float, float | None]]:
    """Return time, time left and estimate after each step of a recorded run, and the time at its end.

    The first two steps of each level take `slow` times as long as recorded.
    """
    sizes, recorded = DURATIONS[name]["sizes"], DURATIONS[name]["seconds"]
    counts, seconds, later, last = [len(times) for times in recorded], [], 0.0, 0.0
    for times in recorded:
        seconds.append([])
        for number, time in enumerate(times):
            later += (slow - 1) * (time - last) if number < 2 else 0
            last = time
            seconds[-1].append(time + later)
    count, total, end = len(sizes), sum(counts), seconds[-1][-1]
    levels = [
        Level(*size, steps, count - 1 - n, below=n) for n, (size, steps) in enumerate(zip(sizes, counts, strict=True))
    ]
    costs = [LevelCost(*cost) for cost in DURATIONS[name]["costs"]] if knows_costs else []
    eta, found = Eta(levels, lambda: costs), []
    for index, (first, times) in enumerate(zip(accumulate([1, *counts]), seconds, strict=False)):
        width, height = sizes[index]
        eta.level_started(
            LevelStarted(level=index, levels=count, width=width, height=height, step=first - 1, steps=total)
        )
        for step, time in enumerate(times, start=first):
            eta.step_done(Step(step=step, steps=total, level=index, loss=1.0, seconds=time))
            found.append((time, end - time, eta.seconds_left()))
    return found


def worst(found: list[tuple[float, float, float | None]], begin: float) -> float:
    """Return how far the estimates are from what was left, as a share of it, from a time on and but for the end."""
    end = found[-1][0]
    return max(abs(said / left - 1) for time, left, said in found if begin <= time < 0.97 * end and said is not None)


@pytest.mark.parametrize("knows_costs", [False, True])
@pytest.mark.parametrize("name", DURATIONS)
def test_the_time_left_is_right_within_40_percent_after_three_seconds_and_25_after_a_quarter(name, knows_costs):
    found = replay(name, knows_costs=knows_costs)
    assert worst(found, 3.0) < 0.4
    assert worst(found, found[-1][0] / 4) < 0.25
    # A tenth, unless the first guess was too long.
    assert all(said is not None for time, _, said in found if time > (0 if knows_costs else 0.12 * found[-1][0]))


@pytest.mark.parametrize("knows_costs", [False, True])
@pytest.mark.parametrize("name", DURATIONS)
def test_slow_first_steps_of_a_level_do_not_lengthen_the_estimate(name, knows_costs):
    found = replay(name, knows_costs=knows_costs, slow=4.0)
    assert all(said < 1.4 * left for time, left, said in found if 3 <= time < 0.97 * found[-1][0] and said is not None)


def test_there_is_no_estimate_before_two_steps():
    eta = Eta(LEVELS[:1])
    begin(eta, 0, 0)
    paint(eta, 0, range(1, 2), 3.0, 0.5)
    assert eta.seconds_left() is None
    paint(eta, 0, range(2, 3), 3.5, 0.5)
    assert eta.seconds_left() == pytest.approx(18 * 0.5)


def test_one_level_alone_says_nothing_about_larger_ones_until_a_tenth_is_done_by_the_longest_estimate():
    eta = Eta(LEVELS)
    begin(eta, 0, 0)
    paint(eta, 0, range(1, 6), 0.5, 0.5)
    assert eta.seconds_left() is None
    paint(eta, 0, range(6, 21), 3.0, 0.5)
    assert 12 * 0.5 + 8 * 0.5 < eta.seconds_left() < 12 * 4 * 0.5 + 8 * 16 * 0.5


def test_two_levels_determine_the_fixed_part_and_the_part_of_each_pixel():
    def cost(pixels):
        return 0.3 + 1e-4 * pixels

    eta = Eta(LEVELS)
    begin(eta, 0, 0)
    done = paint(eta, 0, range(1, 21), cost(PIXELS[0]), cost(PIXELS[0]))
    begin(eta, 1, 20)
    # The preparation of a level takes as long as three of its steps.
    paint(eta, 1, range(21, 25), done + 4 * cost(PIXELS[1]), cost(PIXELS[1]))
    assert eta.seconds_left() == pytest.approx(8 * cost(PIXELS[1]) + (8 + 3) * cost(PIXELS[2]))


@pytest.mark.parametrize(("slow", "expected"), [(0.5, 0.5), (40.0, 160.0)], ids=["fixed", "in proportion"])
def test_whatever_was_measured_a_larger_level_costs_no_less_and_no_more_than_in_proportion(slow, expected):
    eta = Eta(LEVELS)
    begin(eta, 0, 0)
    done = paint(eta, 0, range(1, 21), 1.0, 1.0)
    begin(eta, 1, 20)
    paint(eta, 1, range(21, 25), done + slow, slow)
    assert eta.seconds_left() == pytest.approx(8 * slow + 8 * expected)


def test_a_size_that_was_painted_before_costs_what_it_cost_then():
    # The runs of a study have the same levels; their seconds begin at zero each time.
    eta = Eta(LEVELS[:2] + LEVELS[:2])
    for index, (step, each) in enumerate([(0, 0.5), (20, 7.0), (32, 0.5)]):
        begin(eta, index, step) if index < 2 else eta.level_started(
            LevelStarted(level=2, levels=4, width=50, height=40, step=32, steps=64)
        )
        paint(eta, index, range(step + 1, step + 13), each, each)
    assert eta.seconds_left() == pytest.approx(8 * 0.5 + (12 + 0) * 7.0, rel=0.2)


def test_a_run_resumed_in_the_middle_of_a_level_has_the_rest_of_it_left():
    eta = Eta(LEVELS)
    begin(eta, 2, 35)
    paint(eta, 2, range(36, 39), 1.0, 1.0)
    assert eta.seconds_left() == pytest.approx(2.0)


def test_a_level_after_a_plateau_has_all_of_its_steps_left():
    eta = Eta(LEVELS)
    begin(eta, 2, 7)
    paint(eta, 2, range(8, 11), 1.0, 1.0)
    assert eta.seconds_left() == pytest.approx(5.0)


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (600.0, "10:00"), (3600.0, "1:00:00")])
def test_clock(seconds, text):
    assert clock(seconds) == text
