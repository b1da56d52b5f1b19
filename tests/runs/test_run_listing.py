import json
from collections.abc import Callable
from pathlib import Path

import pytest

from impasto.events import LevelStarted, Step
from impasto.runs import RunFolder, RunSummary, list_runs, log

NewRun = Callable[..., RunFolder]


def paint(run: RunFolder, steps: int) -> None:
    with run:
        run.record(LevelStarted(level=0, levels=2, width=64, height=48, step=0, steps=20))
        for number in range(1, steps + 1):
            run.record(Step(step=number, steps=20, level=0, loss=8.0 / number, seconds=number * 0.25))


def test_a_run_is_summarized(new_run: NewRun) -> None:
    run = new_run(steps=20)
    paint(run, 4)
    (summary,) = list_runs([run.path])
    assert summary == RunSummary(
        path=run.path,
        status="interrupted",
        created=run.created,
        recipe=run.recipe,
        step=4,
        steps=20,
        level=0,
        loss=2.0,
        seconds=1.0,
        size=(64, 48),
        content="harbor",
        styles=("waves",),
    )


def test_listing_a_run_parses_its_log_once(new_run: NewRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run()
    paint(run, 2)
    real, files = log.open_inside, []
    monkeypatch.setattr(log, "open_inside", lambda folder, path: files.append(path.name) or real(folder, path))
    list_runs([run.path])
    assert files == ["events.jsonl"]


def test_the_planned_steps_are_those_of_the_changed_recipe(new_run: NewRun) -> None:
    run = new_run(steps=20)
    with run:
        run.record_change(run.recipe.with_changes(steps=50), 3)
    assert list_runs([run.path])[0].steps == 50


def test_a_stopped_run_has_the_status_interrupted_and_the_reason_stopped(new_run: NewRun) -> None:
    run = new_run()
    with run:
        run.finish(b"picture", "stopped")
    (summary,) = list_runs([run.path])
    assert (summary.status, summary.ending) == ("interrupted", "stopped")


def test_the_runs_of_a_folder_are_listed_by_name_and_nothing_else(tmp_path: Path, new_run: NewRun) -> None:
    for name in ("all/b", "all/a", "all/c"):
        new_run(name)
    (tmp_path / "all" / "notes").mkdir()
    (tmp_path / "all" / "file.txt").touch()
    assert [run.path.name for run in list_runs([tmp_path / "all"])] == ["a", "b", "c"]
    assert [run.path.name for run in list_runs([tmp_path / "all" / "c", tmp_path / "all"])] == ["c", "a", "b", "c"]


def test_damaged_folders_are_listed_with_the_reason_and_do_not_hide_the_others(tmp_path: Path, new_run: NewRun) -> None:
    for name in ("a-good", "b-header", "c-log", "d-lines", "e-begun", "f-checkpoint", "g-folder"):
        paint(new_run(f"all/{name}"), 2)
    folder = tmp_path / "all"
    (folder / "b-header/run.json").write_text("{")
    (folder / "c-log/events.jsonl").write_text("x\n{}\n")
    (folder / "d-lines/events.jsonl").write_text('{"type": "Step"}\n')
    (folder / "e-begun/run.json").unlink()
    (folder / "f-checkpoint/checkpoint.safetensors").write_text("damaged, which only loading finds out")
    (folder / "g-folder/events.jsonl").unlink()
    (folder / "g-folder/events.jsonl").mkdir()
    runs = list_runs([folder])
    assert [run.status for run in runs] == ["interrupted", *["damaged"] * 4, "interrupted", "damaged"]
    assert all("\n" not in run.problem and bool(run.problem) == (run.status == "damaged") for run in runs)


def test_an_empty_folder_holds_no_runs_and_a_path_that_is_no_folder_is_listed_as_damaged(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    runs = list_runs([tmp_path / name for name in ("empty", "missing", "file")])
    assert [(run.path.name, run.status) for run in runs] == [("missing", "damaged"), ("file", "damaged")]


@pytest.mark.parametrize(
    "line",
    [
        {"type": "Step", "step": None, "loss": None, "seconds": None},
        {"type": "ResultSaved"},
        {"type": "Changed", "step": 1, "changes": {"nonsense": 1}},
        {"type": "LevelStarted", "level": 0},
    ],
)
def test_no_line_of_a_log_makes_the_listing_fail(new_run: NewRun, line: dict[str, object]) -> None:
    run = new_run()
    text = json.dumps({"time": "2026-01-02T03:04:05.678+00:00"} | line) + "\n"
    (run.path / "events.jsonl").write_text(text * 2)
    assert [run.status for run in list_runs([run.path])] == ["damaged"]
