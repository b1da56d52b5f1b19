import json
from collections.abc import Callable
from pathlib import Path

import pytest

from impasto.events import LevelStarted, Step
from impasto.runs import RunFolder, RunSummary, list_runs


def paint(run: RunFolder, steps: int) -> None:
    with run:
        run.record(LevelStarted(level=0, levels=2, width=64, height=48, step=0, steps=20))
        for number in range(1, steps + 1):
            run.record(Step(step=number, steps=20, level=0, loss=8.0 / number, seconds=number * 0.25))


def test_a_run_is_summed_up(new_run: Callable[..., RunFolder]) -> None:
    run = new_run(steps=20)
    paint(run, 4)
    (summary,) = list_runs([run.path])
    assert summary == RunSummary(
        path=run.path,
        status="interrupted",
        created=run.created,
        step=4,
        steps=20,
        level=0,
        loss=2.0,
        seconds=1.0,
        size=(64, 48),
        content="harbour",
        styles=("waves",),
    )


def test_the_planned_steps_are_those_of_the_changed_recipe(new_run: Callable[..., RunFolder]) -> None:
    run = new_run(steps=20)
    with run:
        run.record_change(run.recipe.with_changes(steps=50), 3)
    assert list_runs([run.path])[0].steps == 50


def test_a_folder_of_runs_lists_them_by_name_and_nothing_else(
    tmp_path: Path, new_run: Callable[..., RunFolder]
) -> None:
    for name in ("all/b", "all/a", "all/c"):
        new_run(name)
    (tmp_path / "all" / "notes").mkdir()
    (tmp_path / "all" / "file.txt").touch()
    assert [run.path.name for run in list_runs([tmp_path / "all"])] == ["a", "b", "c"]
    assert [run.path.name for run in list_runs([tmp_path / "all" / "c", tmp_path / "all"])] == ["c", "a", "b", "c"]


def test_an_empty_folder_holds_no_runs(tmp_path: Path) -> None:
    assert list_runs([tmp_path]) == []


def test_damaged_folders_are_listed_with_the_reason_and_do_not_hide_the_others(
    tmp_path: Path, new_run: Callable[..., RunFolder]
) -> None:
    for name in ("a-good", "b-header", "c-log", "d-lines", "e-begun", "f-checkpoint"):
        paint(new_run(f"all/{name}"), 2)
    folder = tmp_path / "all"
    (folder / "b-header/run.json").write_text("{")
    (folder / "c-log/events.jsonl").write_text("x\n{}\n")
    (folder / "d-lines/events.jsonl").write_text('{"type": "Step"}\n{"type": "resumed"}\n')
    (folder / "e-begun/run.json").unlink()
    (folder / "f-checkpoint/checkpoint.safetensors").write_text("damaged, which only loading finds out")
    runs = list_runs([folder])
    damaged = ["damaged"] * 4
    assert [run.status for run in runs] == ["interrupted", *damaged, "interrupted"]
    assert all("\n" not in run.problem and run.problem for run in runs[1:5])
    assert all(not run.problem for run in (runs[0], runs[5]))


def test_a_path_that_is_no_folder_is_listed_as_damaged(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    runs = list_runs([tmp_path / "missing", tmp_path / "file"])
    assert [run.status for run in runs] == ["damaged", "damaged"]


@pytest.mark.parametrize(
    "line",
    [
        {"type": "Step", "step": None, "loss": None, "seconds": None},
        {"type": "result"},
        {"type": "resumed"},
        {"type": "changed", "changes": {"nonsense": 1}},
        {"type": "LevelStarted", "level": 0},
    ],
)
def test_no_line_of_a_log_makes_the_listing_raise(new_run: Callable[..., RunFolder], line: dict[str, object]) -> None:
    run = new_run()
    (run.path / "events.jsonl").write_text((json.dumps(line) + "\n") * 2)
    assert len(list_runs([run.path])) == 1
