"""The monitor of a job: thinned losses, progress, updates."""

import threading

import pytest

from impasto.events import LevelStarted, Notice, Step
from impasto.painting import Level
from impasto.studio.job import MAX_POINTS, JobMonitor


def level(number, step, steps=10):
    return LevelStarted(level=number, levels=2, width=48 * (number + 1), height=36, step=step, steps=steps)


def done(step, *, loss=1.0, seconds=0.0, improved=True):
    terms = {"content": loss}
    return Step(step=step, steps=10, level=0, loss=loss, terms=terms, seconds=seconds, improved=improved)


@pytest.fixture
def monitor():
    monitor = JobMonitor(10)
    monitor.restore((), 10, (Level(48, 36, 10, 0),))
    return monitor


@pytest.mark.parametrize("steps", [0, 1, 2, 199, 200, 201, 5000])
def test_losses_of_a_long_run_are_few_from_the_first_to_the_last(monitor, steps):
    for step in range(1, steps + 1):
        monitor.record(done(step, loss=float(step)))
    losses = monitor.losses()
    assert min(steps, MAX_POINTS // 2) <= len(losses) <= MAX_POINTS
    assert losses == sorted(set(losses))
    assert (losses[:1], losses[-1:]) == (([1.0], [float(steps)]) if steps else ([], []))


def test_rejected_step_makes_no_new_picture_but_is_reported(monitor):
    monitor.record(level(0, 0))
    version, updates = monitor.picture_version, monitor.updates
    monitor.record(done(1, improved=False))
    assert (monitor.picture_version, monitor.progress().step) == (version, 1)
    assert monitor.updates > updates
    monitor.record(done(2))
    assert monitor.picture_version > version


def test_time_left_is_known_after_two_steps(monitor):
    monitor.record(level(0, 0))
    monitor.record(done(1, seconds=1.0))
    assert monitor.progress().seconds_left is None
    monitor.record(done(2, seconds=2.0))
    assert monitor.progress().seconds_left == pytest.approx(8.0)


def test_notice_wakes_those_who_wait_for_updates(monitor):
    seen = monitor.updates
    threading.Timer(0.05, monitor.record, [Notice(step=0, text="a small region")]).start()
    assert monitor.wait(seen, 60.0) > seen
    assert monitor.notice == "a small region"
    assert monitor.wait(monitor.updates, 0.01) == monitor.updates


def test_earlier_steps_of_a_run_are_restored(monitor):
    monitor.restore([done(2), done(3, loss=2.0)], 10)
    assert (monitor.progress().step, monitor.progress().steps) == (3, 10)
    assert monitor.losses() == [1.0, 2.0]
