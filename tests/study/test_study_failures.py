"""A run that fails, a folder that is taken, the same study once more."""

import html
import json
import os

import numpy as np
import PIL.Image
import pytest
import torch

from impasto.losses import Objective
from impasto.study import StudyFolder

pytestmark = pytest.mark.usefixtures("plain_charts")

THREE = ("--vary", "seed=0,1,2", "--optimizer", "adam", "--steps", "4")


@pytest.fixture
def breaks(monkeypatch):
    """Return a function that lets one run break in its steps behind the given one."""

    def arrange(key: str, good: int, breaking) -> None:
        began, called = StudyFolder.begin, Objective.__call__
        painted, done = [], []

        def begin(self, cell, on_event=None):
            painted.append(cell.key)
            return began(self, cell, on_event)

        def call(self, picture):
            if painted[-1] == key:
                done.append(1)
                if len(done) > good:
                    return breaking(called(self, picture))
            return called(self, picture)

        monkeypatch.setattr(StudyFolder, "begin", begin)
        monkeypatch.setattr(Objective, "__call__", call)

    return arrange


def not_finite(loss):
    return loss * float("nan")


def no_memory(_):
    raise MemoryError


def no_memory_of_a_gpu(_):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.mark.parametrize(("breaking", "good"), [(not_finite, 2), (no_memory, 2), (no_memory_of_a_gpu, 0)])
def test_a_run_that_fails_does_not_stop_the_others_and_is_marked(fresh, breaks, breaking, good):
    breaks("001-seed-1", good, breaking)
    done = fresh("custom", *THREE)
    assert done.code == 1, done.err
    assert "Traceback" not in done.err
    assert "seed 1 failed: " in done.err
    assert done.out == "study/report.html\n"
    first, broken, last = done.lines("figures.csv")
    assert first["problem"] == last["problem"] == ""
    assert broken["problem"]
    assert int(broken["step"]) <= good + 1
    assert (done.path / "runs" / "002-seed-2" / "result.png").exists()
    text = html.unescape((done.path / "report.html").read_text(encoding="utf-8"))
    assert "<td>seed 1 (failed)</td>" in text
    assert text.count("(failed)</td>") == 1
    assert f"failed: {broken['problem']}" in text


def test_a_study_with_a_failed_run_says_so_again_and_paints_nothing(fresh, breaks):
    breaks("001-seed-1", 2, not_finite)
    first = fresh("custom", *THREE)
    before = {path: path.stat().st_mtime_ns for path in (first.path / "runs").rglob("*") if path.is_file()}
    again = fresh("custom", *THREE)
    assert (first.code, again.code) == (1, 1)
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        ("iterations", "run", ("--at", "1,4", "--optimizer", "adam")),
        ("seeds", "seed-1", ("--runs", "2", "--optimizer", "adam", "--steps", "2")),
        ("longrun", "paper", ("--at", "1,4", "--recipes", "paper,classic", "--optimizer", "adam")),
    ],
)
def test_there_is_a_report_even_if_a_run_fails_before_its_first_picture(fresh, breaks, name, key, words):
    breaks(key, 0, no_memory)
    done = fresh(name, *words)
    assert done.code == 1, done.err
    assert "Traceback" not in done.err
    assert "(failed)" in (done.path / "report.html").read_text(encoding="utf-8")


def test_pictures_that_are_too_small_to_be_judged_have_no_scores_and_the_report_says_so(tmp_path, fresh):
    PIL.Image.open(tmp_path / "photo.png").resize((20, 15)).save(tmp_path / "photo.png")
    shallow = ("--style-layers", "conv1_1", "--content-layers", "conv2_1")
    done = fresh("custom", "--vary", "seed=0,1", "--steps", "1", *shallow)
    assert done.code == 0, done.err
    assert [(line["content"], line["style"]) for line in done.lines("figures.csv")] == [("", "")] * 2
    assert "The pictures have no scores" in done.err
    assert "nan" not in done.err


@pytest.mark.parametrize("name", ["init", "optimizers", "longrun", "iterations"])
def test_a_loss_of_nothing_is_no_error(fresh, name):
    """The photo's content alone, begun with the photo, is there at once: every loss is 0."""
    words = ["--steps", "1"] if name in ("init", "optimizers") else ["--at", "1,2"]
    words += ["--recipes", "paper"] if name == "longrun" else []
    words += [] if name == "init" else ["--init", "content"]
    done = fresh(name, "--style-weight", "0", *words)
    assert done.code == 0, done.err
    assert "Traceback" not in done.err


def test_the_same_study_again_makes_only_the_report_anew(fresh):
    words = ("--vary", "seed=0,1", "--steps", "1")
    first = fresh("custom", *words)
    kept = {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()}
    times = {path: path.stat().st_mtime_ns for path in kept}
    (first.path / "report.html").unlink()
    (first.path / "figures.csv").write_text("old")
    again = fresh("custom", *words)
    assert (again.code, again.out) == (0, first.out)
    assert "run 1 of" not in again.err
    assert {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()} == kept
    runs = [path for path in kept if "runs" in path.relative_to(first.path).parts]
    assert runs
    assert {path: path.stat().st_mtime_ns for path in runs} == {path: times[path] for path in runs}


def test_steps_in_another_order_are_the_same_study(fresh):
    assert fresh("iterations", "--at", "1,2").code == 0
    assert fresh("iterations", "--at", "2, 1,2").code == 0


def test_a_folder_that_holds_another_study_is_left_alone(fresh):
    first = fresh("custom", "--vary", "seed=0,1", "--steps", "1")
    kept = {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()}
    others = {
        "other values": ("custom", "--vary", "seed=0,2", "--steps", "1"),
        "other recipe": ("custom", "--vary", "seed=0,1", "--steps", "2"),
        "other study": ("seeds", "--runs", "2", "--steps", "1"),
    }
    for other, words in others.items():
        refused = fresh(*words)
        assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1), other
        assert "holds another study" in refused.err, other
        assert {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()} == kept, other


def test_the_same_study_of_another_photo_is_another_study(fresh, tmp_path):
    words = ("--vary", "seed=0", "--steps", "1")
    assert fresh("custom", *words).code == 0
    PIL.Image.fromarray(np.full((48, 64, 3), 120, np.uint8)).save(tmp_path / "photo.png")
    refused = fresh("custom", *words)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "holds another study" in refused.err


@pytest.mark.parametrize("taken", ["file", "folder", "damaged", "list"])
def test_a_place_that_holds_something_else_is_refused_in_one_line(fresh, tmp_path, taken):
    place = tmp_path / "study"
    if taken == "file":
        place.write_text("a letter")
    else:
        place.mkdir()
        text = {"folder": "a letter", "damaged": "{", "list": json.dumps([1])}[taken]
        (place / ("letter.txt" if taken == "folder" else "study.json")).write_text(text)
    refused = fresh("custom", "--vary", "seed=0", "--steps", "1")
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    words = {"file": "not an empty folder", "folder": "not an empty folder", "damaged": "damaged", "list": "another"}
    assert words[taken] in refused.err
    assert [path.name for path in place.rglob("*")] == ([] if taken == "file" else [os.listdir(place)[0]])


def test_a_folder_with_nothing_but_the_rest_of_a_killed_write_is_empty(fresh, tmp_path):
    place = tmp_path / "study"
    place.mkdir()
    rest = place / ".impasto-0123456789abcdef.tmp"
    rest.write_text("{")
    assert fresh("custom", "--vary", "seed=0", "--steps", "1").code == 0
    assert rest.exists()  # Another process may be writing it now.


def test_a_long_run_does_every_step_that_it_tells(fresh, monkeypatch):
    called, done = Objective.__call__, []

    def call(self, picture):
        done.append(picture.requires_grad)
        return called(self, picture)

    monkeypatch.setattr(Objective, "__call__", call)
    result = fresh("longrun", "--at", "7", "--recipes", "paper,default")
    assert result.code == 0
    assert sum(done) == len(result.lines("steps.csv")) == 14
