"""The kill script kills, continues as a person would, and sees a picture that is not the same."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kills

# Writes its run folder and dies, or continues: `paint` writes pictures of the color in color.txt.
PROGRAM = """
import os, pathlib, sys
from PIL import Image
def paint(name):
    Image.new("RGB", (2, 2), pathlib.Path("../color.txt").read_text()).save(name)
pathlib.Path("../words.txt").open("a").write(" ".join(sys.argv[1:3]) + "\\n")
if sys.argv[1] == "resume":
    paint("run/result.png"), paint("out.png")
elif pathlib.Path("../begins.txt").exists():
    os.makedirs("run"), pathlib.Path("run/run.json").touch()
    os.kill(os.getpid(), 9)
else:
    pathlib.Path("../begins.txt").touch()
    os.kill(os.getpid(), 9)
"""


def start(program: str, words: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", program, *words]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, start_new_session=True)


def spawn(words: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    return start(PROGRAM, words, folder)


@pytest.fixture
def whole() -> dict[str, np.ndarray]:
    red = np.asarray(Image.new("RGB", (2, 2), "red"))
    return {"out.png": red, "run/result.png": red}


@pytest.mark.parametrize(("color", "fault"), [("red", ""), ("#ff0001", "different: out.png, run/result.png")])
def test_another_picture_after_kills_is_a_fault(tmp_path, whole, color, fault):
    (tmp_path / "color.txt").write_text(color)
    killed = kills.try_kills("plain", tmp_path / "here", whole, [600, 600], spawn)
    assert killed == kills.Killed("plain", ["not begun", "before a checkpoint"], fault)
    assert (tmp_path / "words.txt").read_text().splitlines() == ["photo.png style.png"] * 2 + ["resume run"]


def test_a_missing_or_a_further_picture_is_a_fault(tmp_path, whole):
    (tmp_path / "color.txt").write_text("red")
    whole["run/snapshots/000003.png"] = whole.pop("out.png")
    fault = kills.try_kills("plain", tmp_path / "here", whole, [600, 600], spawn).fault
    assert fault == "different: out.png, run/snapshots/000003.png"


def test_a_run_that_is_not_continued_is_a_fault(tmp_path, whole):
    def fails(words: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
        return start("import sys; sys.exit('impasto: planted')", words, folder)

    assert "impasto: planted" in kills.try_kills("study", tmp_path / "here", whole, [], fails).fault


def test_a_call_is_killed_with_everything_that_it_started(tmp_path):
    started = []

    def waits(words: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
        started.append(start("import signal; signal.pause()", words, folder))
        return started[0]

    kills.kill((), tmp_path, 0.0, waits)
    assert started[0].returncode == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.killpg(started[0].pid, 0)


def test_pictures_of_the_calls_are_found_and_inputs_are_not(tmp_path):
    folder = kills.prepare(tmp_path / "here")
    for name in ("out.png", "run/inputs/content.png", "run/snapshots/000003.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (1, 1)).save(folder / name)
    assert list(kills.pictures_of(folder)) == ["out.png", "run/snapshots/000003.png"]


def test_kills_are_counted_by_what_they_found():
    killed = [kills.Killed("plain", ["not begun", "finished"], ""), kills.Killed("study", ["not begun"], "different")]
    (row,) = [row for row in kills.rows_of(killed) if row["runs"] == "all"]
    assert [row[name] for name in ("tried", "equal", "kills", *kills.STATES)] == [2, 1, 3, 2, 0, 0, 1]
