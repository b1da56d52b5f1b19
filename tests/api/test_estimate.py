"""Estimates of time and memory, from a speed that is measured once."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import QUICK

import impasto
from impasto.api import Estimate
from impasto.cli.app import main
from impasto.events import Notice
from impasto.losses import needed_layers
from impasto.painting import Level, MemoryPlan, Speed
from impasto.recipe import Recipe

SPEED = Speed(step=0.5, step_pixel=1e-5, fine_pixel=5e-6, level=2.0, level_pixel=3e-5, matching=4.0)


@pytest.fixture
def measured(monkeypatch, tmp_path) -> list[str]:
    """Return the list of the precisions for which the speed was measured, with an empty cache."""
    found: list[str] = []

    def measure(recipe, extractor):
        found.append(recipe.hardware.precision)
        return SPEED

    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path / "cache"))
    monkeypatch.setattr("impasto.api.estimate.measure_speed", measure)
    return found


def test_a_run_takes_its_levels_and_its_steps(make_extractor):
    levels = [Level(50, 40, 10, 1), Level(100, 80, 5, 0, below=1)]
    plans = [MemoryPlan(None, 10, 1e9)] * 2
    expected = 4 + 2 * 2 + 3e-5 * (2000 + 8000) + 10 * (0.5 + 0.02) + 5.4 * (0.5 + 0.04)
    costs = SPEED.costs(Recipe(), levels, plans, make_extractor())
    assert SPEED.seconds(levels, costs) == pytest.approx(expected)
    assert costs[1] == pytest.approx((2 + 3e-5 * 8000, 0.5 + 0.04))


def test_tiles_take_longer(make_extractor):
    level, extractor = Level(512, 512, 5, 0), make_extractor(needed_layers(Recipe()))
    plans = [MemoryPlan(None, 5, 1e9), MemoryPlan(128**2, 5, 1e9), MemoryPlan(128**2, 5, 1e9, recompute=True)]
    costs = [SPEED.costs(Recipe(), [level], [plan], extractor) for plan in plans]
    whole, tiled, recomputed = (SPEED.seconds([level], cost) for cost in costs)
    assert 1.5 < tiled / whole < 6
    assert 1.2 < recomputed / tiled < 1.5


def test_the_speed_is_measured_once_for_each_precision(measured, photo):
    first, again, other = (
        impasto.Session().estimate(photo, "night", **{**QUICK, "precision": precision})
        for precision in ("fp32", "fp32", "bf16")
    )
    assert measured == ["fp32", "bf16"]
    assert first == again
    assert first.memory > other.memory


@pytest.mark.parametrize("text", ["", "[1]", '{"a": {"step": -1}}', "\0"])
def test_a_damaged_cache_is_measured_anew(text, measured, photo, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "speed.json").write_text(text)
    impasto.Session().estimate(photo, "night", **QUICK)
    impasto.Session().estimate(photo, "night", **QUICK)
    assert measured == ["fp32"]


def test_a_cache_that_cannot_be_written_is_no_error(measured, photo, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert impasto.Session().estimate(photo, "night", **QUICK).steps == 4


def test_a_run_begins_with_the_estimate_once_the_speed_is_known(measured, photo):
    def first_notice() -> list[str]:
        events: list[impasto.Event] = []
        impasto.stylize(photo, "night", on_event=events.append, **QUICK)
        return [event.text for event in events if isinstance(event, Notice)]

    before = first_notice()
    estimate = impasto.Session().estimate(photo, "night", **QUICK)
    assert first_notice() == [str(estimate), *before]


def test_a_run_knows_what_its_levels_cost_once_the_speed_is_known(measured, photo):
    def costs() -> list[Any]:
        found: list[Any] = []
        run = impasto.start(photo, "night", on_event=lambda _: ready.wait() and found.append(run.level_costs), **QUICK)
        ready.set()
        run.wait()
        return found

    ready = threading.Event()
    assert set(costs()) == {()}
    estimate = impasto.Session().estimate(photo, "night", **QUICK)
    assert set(costs()) == {estimate.levels}
    assert len(estimate.levels) == 1


def test_what_shortens_a_long_run_is_said():
    short = Estimate(size=(512, 400), steps=9, seconds=125.0, memory=1.21e9, tile=None)
    long = Estimate(size=(4096, 3072), steps=9, seconds=7200.0, memory=7.6e9, tile=1024)
    assert str(short) == "512 x 400 px, 9 steps: about 2:05, 1.3GB"
    assert str(long).startswith("4096 x 3072 px, 9 steps in tiles of 1024 px: about 2:00:00, 7.6GB; --size 2048 takes")


def test_the_command_prints_one_line_or_one_object(measured, photo, capsys, tmp_path):
    impasto.recolor(photo, photo).save(tmp_path / "photo.png")
    words = ["estimate", str(tmp_path / "photo.png"), "night", "--size", "48", "--steps", "3"]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("48 x ")
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"size", "steps", "seconds", "memory", "tile", "advice"}
    assert found["steps"] == 3


def test_a_limit_that_is_too_small_is_an_error_in_one_line(measured, photo, capsys, tmp_path):
    impasto.recolor(photo, photo).save(tmp_path / "photo.png")
    path = Path(tmp_path / "photo.png")
    assert main(["estimate", str(path), "night", "--max-memory", "300MB"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--max-memory" in line


def test_a_run_that_cannot_be_estimated_is_painted_all_the_same(measured, photo, monkeypatch):
    impasto.Session().estimate(photo, "night", **QUICK)

    def fails(*_, **__):
        raise RuntimeError("too small")

    monkeypatch.setattr(Speed, "seconds", fails)
    assert impasto.stylize(photo, "night", **QUICK).steps == 4
