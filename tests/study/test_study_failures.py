"""Runs that fail, folders that are occupied, and the same study once more."""

import json
import os

import numpy as np
import PIL.Image
import pytest
import torch

from impasto.errors import InputError
from impasto.losses import Objective
from impasto.study import EXPERIMENTS, StudyFolder

pytestmark = pytest.mark.usefixtures("plain_charts")

THREE_RUNS = {"vary": ["seed=0,1,2"]}
FOUR_STEPS = {"optimizer": "adam", "steps": 4}
ONE_STEP = {"steps": 1}


def contents(folder) -> dict:
    """Return bytes and time stamp of every file."""
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def break_evaluation(monkeypatch):
    """Return a function that breaks the evaluation of the objective with this number, counted over all runs."""

    def arrange(number: int, failure) -> None:
        evaluate, count = Objective.value_and_grad, iter(range(10**6))

        def broken(self, *canvas):
            terms, gradient = evaluate(self, *canvas)
            if next(count) != number:
                return terms, gradient
            if failure == "not finite":
                return {name: value * float("nan") for name, value in terms.items()}, gradient
            raise failure

        monkeypatch.setattr(Objective, "value_and_grad", broken)

    return arrange


NO_GPU_MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.mark.parametrize(("failure", "good"), [("not finite", 2), (MemoryError(), 2), (NO_GPU_MEMORY, 0)])
def test_a_run_that_fails_does_not_end_the_study_and_is_marked(fresh, break_evaluation, failure, good):
    break_evaluation(4 + good, failure)
    done = fresh("custom", FOUR_STEPS, **THREE_RUNS)
    assert done.study.has_failed
    assert [note.partition(":")[0] for note in done.notes if "failed" in note] == ["seed 1 failed"]
    first, broken, last = done.lines("figures.csv")
    assert first["problem"] == last["problem"] == ""
    assert broken["problem"]
    assert int(broken["step"]) <= good + 1
    assert (done.path / "runs" / "002-seed-2" / "result.png").exists()
    text = (done.path / "report.html").read_text(encoding="utf-8")
    assert text.count("(failed)</td>") == text.count("<td>seed 1 (failed)</td>") == 1


def test_a_study_with_a_failed_run_has_still_failed_the_next_time_and_paints_nothing(fresh, break_evaluation):
    break_evaluation(6, "not finite")
    first = fresh("custom", FOUR_STEPS, **THREE_RUNS)
    before = contents(first.path / "runs")
    again = fresh("custom", FOUR_STEPS, **THREE_RUNS)
    assert first.study.has_failed
    assert again.study.has_failed
    assert contents(first.path / "runs") == before


@pytest.mark.parametrize(
    ("name", "number", "options"),
    [
        ("iterations", 0, {"at": "1,4"}),
        ("seeds", 2, {"runs": 2}),
        ("longrun", 0, {"at": "1,4", "recipes": "paper,classic"}),
    ],
)
def test_there_is_a_report_even_if_a_run_fails_before_its_first_picture(fresh, break_evaluation, name, number, options):
    break_evaluation(number, MemoryError())
    done = fresh(name, {"optimizer": "adam"} | ({"steps": 2} if name == "seeds" else {}), **options)
    assert done.study.has_failed
    assert "(failed)" in (done.path / "report.html").read_text(encoding="utf-8")
    assert "nan" not in done.lines("figures.csv")[0].values()


def test_pictures_that_are_too_small_to_be_judged_have_no_scores_and_the_summary_says_so(tmp_path, fresh):
    PIL.Image.open(tmp_path / "photo.png").resize((20, 15)).save(tmp_path / "photo.png")
    shallow = ONE_STEP | {"style_layers": "conv1_1", "content_layers": "conv2_1"}
    done = fresh("custom", shallow, vary=["seed=0,1"])
    assert [(line["content"], line["style"]) for line in done.lines("figures.csv")] == [("", "")] * 2
    (sentence,) = EXPERIMENTS["custom"].summary(done.findings)
    assert "The pictures have no scores" in sentence


@pytest.mark.parametrize("name", ["init", "optimizers", "longrun", "iterations"])
def test_a_loss_of_zero_is_no_error(fresh, name):
    """Without style, a canvas that starts from the photo has no loss."""
    stated = {"style_weight": 0.0} | (ONE_STEP if name in ("init", "optimizers") else {})
    options = {} if name in ("init", "optimizers") else {"at": "1,2"}
    options |= {"recipes": "paper"} if name == "longrun" else {}
    done = fresh(name, stated if name == "init" else stated | {"init": "content"}, **options)
    assert not done.study.has_failed
    assert EXPERIMENTS[name].summary(done.findings)


def test_the_same_study_again_writes_only_the_report(fresh):
    first = fresh("custom", ONE_STEP, vary=["seed=0,1"])
    before = contents(first.path)
    (first.path / "report.html").unlink()
    (first.path / "figures.csv").write_text("old")
    again = fresh("custom", ONE_STEP, vary=["seed=0,1"])
    assert again.notes == again.events == []
    after = contents(first.path)
    assert {path: data for path, (data, _) in after.items()} == {path: data for path, (data, _) in before.items()}
    runs = [path for path in before if "runs" in path.relative_to(first.path).parts]
    assert runs
    assert all(after[path] == before[path] for path in runs)


def test_steps_in_another_order_are_the_same_study(fresh):
    fresh("iterations", {}, at="1,2")
    assert fresh("iterations", {}, at="2, 1,2").notes == []


@pytest.mark.parametrize(
    ("name", "stated", "options"),
    [
        ("custom", ONE_STEP, {"vary": ["seed=0,2"]}),
        ("custom", {"steps": 2}, {"vary": ["seed=0,1"]}),
        ("seeds", ONE_STEP, {"runs": 2}),
        ("custom", ONE_STEP, {"vary": ["seed=0,1"]}),
    ],
    ids=["other values", "other recipe", "other study", "other photo"],
)
def test_a_folder_of_another_study_is_not_changed(fresh, tmp_path, request, name, stated, options):
    first = fresh("custom", ONE_STEP, vary=["seed=0,1"])
    before = contents(first.path)
    if request.node.callspec.id == "other photo":
        PIL.Image.fromarray(np.full((48, 64, 3), 120, np.uint8)).save(tmp_path / "photo.png")
    with pytest.raises(InputError, match="holds another study"):
        fresh(name, stated, **options)
    assert contents(first.path) == before


@pytest.mark.parametrize(
    ("occupied", "message"),
    [("file", "not an empty folder"), ("folder", "not an empty folder"), ("damaged", "another"), ("list", "another")],
)
def test_a_place_that_holds_something_else_is_refused(fresh, tmp_path, occupied, message):
    place = tmp_path / "study"
    if occupied == "file":
        place.write_text("a letter")
    else:
        place.mkdir()
        text = {"folder": "a letter", "damaged": "{", "list": json.dumps([1])}[occupied]
        (place / ("letter.txt" if occupied == "folder" else "study.json")).write_text(text)
    before = sorted(place.rglob("*"))
    with pytest.raises(InputError, match=message):
        fresh("custom", ONE_STEP, vary=["seed=0"])
    assert sorted(place.rglob("*")) == before


def test_a_folder_with_only_an_unfinished_write_counts_as_empty(fresh, tmp_path):
    place = tmp_path / "study"
    place.mkdir()
    unfinished = place / ".impasto-0123456789abcdef.tmp"
    unfinished.write_text("{")
    fresh("custom", ONE_STEP, vary=["seed=0"])
    assert unfinished.exists()  # Another process may be writing it.


def test_a_run_that_cannot_be_painted_is_named_before_anything_is_written(fresh, tmp_path):
    with pytest.raises(InputError, match=r"^style_size 16: .*too small"):
        fresh("custom", ONE_STEP, vary=["style-size=48,16"])
    assert not os.path.exists(tmp_path / "study")


def test_planning_and_checking_a_study_loads_no_weights(tmp_path, write_pictures, monkeypatch):
    def load(*_):
        raise AssertionError("weights were loaded")

    write_pictures(tmp_path)
    monkeypatch.setattr("torch.load", load)
    monkeypatch.setattr("impasto.backbones.load_weights", load)
    plan = EXPERIMENTS["backbones"].plan({"size": 48})
    study = StudyFolder(tmp_path / "study", plan, str(tmp_path / "photo.png"), str(tmp_path / "style.jpg"))
    assert len(study.remaining_levels) >= len(plan.cells) >= 1


def test_a_long_run_evaluates_the_objective_for_every_step_it_reports(fresh, monkeypatch):
    evaluate, count = Objective.value_and_grad, []
    monkeypatch.setattr(Objective, "value_and_grad", lambda *given: count.append(1) or evaluate(*given))
    done = fresh("longrun", {}, at="7", recipes="paper,default")
    assert len(count) == len(done.lines("steps.csv")) == 14


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ("size=512,768", "^size 512 and size 768 come out identical: the photo has only 64 x 48 px.*--upscale"),
        ("size=photo,64", "^size photo and size 64 come out identical: leave one out"),
        ("strength=50,50.0", "^strength 50 and strength 50.0 come out identical: leave one out"),
    ],
)
def test_runs_that_would_come_out_identical_are_refused(tmp_path, write_pictures, vary, message):
    write_pictures(tmp_path)
    plan = EXPERIMENTS["custom"].plan({}, vary=[vary])
    with pytest.raises(InputError, match=message):
        StudyFolder(tmp_path / "study", plan, str(tmp_path / "photo.png"), str(tmp_path / "style.jpg"))
    assert not os.path.exists(tmp_path / "study")


def test_a_setting_without_effect_is_named_in_the_report(fresh):
    done = fresh("custom", {"steps": 3, "optimizer": "lbfgs"}, vary=["learning-rate=1,2", "style-weight=1,100"])
    same = [line for line in EXPERIMENTS["custom"].conclusions(done.findings) if "bit for bit" in line]
    assert [line.partition(" gave")[0] for line in same] == [
        f"learning_rate 1, style_weight {weight} and learning_rate 2, style_weight {weight}" for weight in (1, 100)
    ]
    assert "has no effect here" in (done.path / "report.html").read_text(encoding="utf-8")
