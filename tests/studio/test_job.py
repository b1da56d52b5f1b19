"""What a page shows of a run: its losses, thinned, and whether there is anything new."""

import math
import threading

import pytest

from impasto.events import LevelStarted, Notice, Step
from impasto.painting import Level
from impasto.studio.job import MOST_POINTS, JobMonitor, LossCurve


def level(number, step, steps=10):
    return LevelStarted(level=number, levels=2, width=48 * (number + 1), height=36, step=step, steps=steps)


def done(step, *, seconds=0.0, improved=True):
    return Step(step=step, steps=10, level=0, loss=1.0, terms={"content": 1.0}, seconds=seconds, improved=improved)


@pytest.mark.parametrize("steps", [0, 1, 2, 199, 200, 201, 5000])
def test_however_long_a_run_is_its_curve_has_few_points_from_the_first_step_to_the_last(steps):
    curve = LossCurve()
    for step in range(1, steps + 1):
        curve.add(step, float(step), {"content": step / 2, "tv": 0.0})
    columns = curve.columns()
    assert columns["total"] == columns["step"]
    assert len(columns["step"]) <= MOST_POINTS
    assert len(columns["step"]) >= min(steps, MOST_POINTS // 2)
    assert (columns["step"][:1], columns["step"][-1:]) == (([1.0], [float(steps)]) if steps else ([], []))
    assert columns["step"] == sorted(set(columns["step"]))
    # A term that counts for nothing is not drawn.
    assert "tv" not in columns


def test_a_step_that_was_rejected_brings_no_new_picture_but_is_told():
    watch = JobMonitor(10)
    watch.record(level(0, 0))
    version, news = watch.picture_version, watch.updates
    watch.record(done(1, improved=False))
    assert (watch.picture_version, watch.standing().step) == (version, 1)
    assert watch.updates > news
    watch.record(done(2))
    assert watch.picture_version > version


def test_the_time_left_is_known_after_two_steps():
    watch = JobMonitor(10)
    watch.recall((), 10, (Level(48, 36, 10, 0),))
    watch.record(level(0, 0))
    watch.record(done(1, seconds=1.0))
    assert watch.standing().seconds_left is None
    watch.record(done(2, seconds=2.0))
    assert watch.standing().seconds_left == pytest.approx(8.0)


def test_who_waits_for_news_is_woken_by_a_notice():
    watch = JobMonitor(10)
    seen = watch.updates
    threading.Timer(0.05, watch.record, [Notice(step=0, text="a small region")]).start()
    assert watch.wait(seen, 60.0) > seen
    assert watch.notice == "a small region"
    assert watch.wait(watch.updates, 0.01) == watch.updates


def test_what_a_log_tells_is_taken_up_with_its_gaps():
    watch = JobMonitor(10)
    watch.recall([{"type": "Step", "step": 3, "loss": None, "terms": {"content": 1.0, "style": None}}], 10)
    assert watch.standing().step == 3
    assert math.isnan(watch.losses()["total"][0])
    assert watch.losses()["content"] == [1.0]
