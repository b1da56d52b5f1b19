"""What is displayed of a job: its losses, thinned, its progress, and whether there is anything new."""

import threading

import pytest

from impasto.events import LevelStarted, Notice, Step
from impasto.painting import Level
from impasto.studio.job import MAX_POINTS, JobMonitor, LossCurve


def level(number, step, steps=10):
    return LevelStarted(level=number, levels=2, width=48 * (number + 1), height=36, step=step, steps=steps)


def done(step, *, loss=1.0, terms=None, seconds=0.0, improved=True):
    terms = {"content": 1.0} if terms is None else terms
    return Step(step=step, steps=10, level=0, loss=loss, terms=terms, seconds=seconds, improved=improved)


@pytest.mark.parametrize("steps", [0, 1, 2, 199, 200, 201, 5000])
def test_loss_curve_has_few_points_from_the_first_step_to_the_last(steps):
    curve = LossCurve([done(step, loss=float(step), terms={"content": 1.0, "tv": 0.0}) for step in range(1, steps + 1)])
    columns = curve.columns()
    assert columns["total"] == columns["step"] == sorted(set(columns["step"]))
    assert min(steps, MAX_POINTS // 2) <= len(columns["step"]) <= MAX_POINTS
    assert (columns["step"][:1], columns["step"][-1:]) == (([1.0], [float(steps)]) if steps else ([], []))
    # A term that is always 0 is not drawn.
    assert "tv" not in columns


def test_rejected_step_makes_no_new_picture_but_is_reported():
    monitor = JobMonitor(10)
    monitor.record(level(0, 0))
    version, updates = monitor.picture_version, monitor.updates
    monitor.record(done(1, improved=False))
    assert (monitor.picture_version, monitor.progress().step) == (version, 1)
    assert monitor.updates > updates
    monitor.record(done(2))
    assert monitor.picture_version > version


def test_time_left_is_known_after_two_steps():
    monitor = JobMonitor(10)
    monitor.restore((), 10, (Level(48, 36, 10, 0),))
    monitor.record(level(0, 0))
    monitor.record(done(1, seconds=1.0))
    assert monitor.progress().seconds_left is None
    monitor.record(done(2, seconds=2.0))
    assert monitor.progress().seconds_left == pytest.approx(8.0)


def test_notice_wakes_those_who_wait_for_updates():
    monitor = JobMonitor(10)
    seen = monitor.updates
    threading.Timer(0.05, monitor.record, [Notice(step=0, text="a small region")]).start()
    assert monitor.wait(seen, 60.0) > seen
    assert monitor.notice == "a small region"
    assert monitor.wait(monitor.updates, 0.01) == monitor.updates


def test_earlier_steps_of_a_run_are_restored():
    monitor = JobMonitor(10)
    monitor.restore([done(2), done(3, terms={"content": 2.0})], 10)
    assert (monitor.progress().step, monitor.progress().steps) == (3, 10)
    assert monitor.losses()["content"] == [1.0, 2.0]
