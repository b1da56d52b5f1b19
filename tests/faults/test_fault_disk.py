"""Full disks: exit code 1 everywhere, no picture is lost, and what was begun is continued when there is space again."""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import impasto
from impasto.cli import main
from impasto.errors import DiskError, InputError, RunError, file_error
from impasto.events import LevelStarted
from impasto.images import quantize
from impasto.runs import RunFolder, list_runs
from impasto.study import EXPERIMENTS, StudyFolder

pytestmark = pytest.mark.usefixtures("plain_charts")
SMALL = {"size": 48, "steps": 3, "levels": 1, "device": "cpu", "precision": "fp32", "style_layers": "conv1_1"}
SMALL |= {"content_layers": "conv2_1", "style_losses": "gram", "threads": 1}
QUICK = ("--size", "48", "--steps", "2", "--device", "cpu", "--precision", "fp32", "--quiet")


@contextmanager
def full(limit: int = 2000) -> Iterator[None]:
    """Let the system refuse every file above a size, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def here(tmp_path, monkeypatch, photo, painting) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    for name, picture in (("photo", photo), ("style", painting)):
        PIL.Image.fromarray(quantize(picture)).save(f"{name}.png")
    return tmp_path


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EFBIG", "EIO"])
def test_an_error_of_a_disk_is_both_kinds_of_error_and_others_are_errors_of_input(name):
    number = getattr(errno, name)
    assert isinstance(file_error("x", OSError(number, os.strerror(number))), InputError)
    assert isinstance(file_error("x", OSError(number, os.strerror(number))), RunError)
    assert type(file_error("x", OSError(errno.EACCES, "no"))) is type(file_error("x", ValueError())) is InputError


@pytest.mark.parametrize(
    "words",
    [
        f"photo.png style.png -o out.png {' '.join(QUICK)}",
        f"photo.png style.png --run run -o out.png {' '.join(QUICK)}",
        "recolor photo.png style.png -o out.png",
        "plates export . night",
        f"study custom photo.png style.png -o study --vary seed=0,1 {' '.join(QUICK)}",
    ],
)
def test_every_command_ends_with_1_and_one_line_on_a_full_disk(here, capfd, words):
    before = set(here.rglob("*"))
    with full():
        code = main(words.split())
    told = capfd.readouterr().err.splitlines()
    assert code == 1
    assert "File too large" in told[0]
    assert len(told) <= 2
    assert all(path.name != "out.png" and path.suffix != ".tmp" for path in set(here.rglob("*")) - before)


def test_standard_output_on_a_full_disk_keeps_a_copy(here, capfd, monkeypatch):
    def refuse(_: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("impasto.cli.destination.write_bytes", refuse)
    assert main(["photo.png", "style.png", "-o", "-", *QUICK]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert "standard output: No space left on device" in line
    assert line.endswith("photo_style-unfinished.png")
    assert PIL.Image.open("photo_style-unfinished.png").size == (48, 36)


def test_a_full_device_as_standard_output_ends_with_1_and_no_message_of_python(here):
    with Path("/dev/full").open("wb") as device:
        words = [sys.executable, "-m", "impasto", "presets", "paper"]
        ended = subprocess.run(words, stdout=device, stderr=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stderr) == (1, "impasto: No space left on device\n")


def refuses_once(monkeypatch, place: str, when: Callable[[], bool]) -> None:
    """Let a function fail as on a full disk the first time that `when` returns True."""
    module, _, name = place.rpartition(".")
    real, done = getattr(sys.modules[module], name), []

    def call(*given, **named):
        if not done and when():
            done.append(True)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*given, **named)

    monkeypatch.setattr(place, call)


def test_a_run_that_lacked_space_is_interrupted_and_continues_to_the_same_picture(here, photo, painting, monkeypatch):
    whole = impasto.stylize(photo, painting, **SMALL)
    ended = []
    refuses_once(monkeypatch, "impasto.runs.checkpoint.save_file", lambda: len(ended) >= 2)
    with pytest.raises(DiskError, match=r"No space left on device; .*`impasto resume run`"):
        impasto.stylize(photo, painting, run="run", on_event=ended.append, **SMALL)
    assert [run.status for run in list_runs([here])] == ["interrupted"]
    assert np.array_equal(impasto.resume("run").wait().pixels, whole.pixels)
    assert RunFolder.open(Path("run")).status == "finished"


@pytest.mark.parametrize("first", ["impasto.runs.files.atomic_write", "impasto.runs.checkpoint.save_file"])
def test_a_study_paints_the_runs_again_that_lacked_space(here, monkeypatch, first):
    plan = EXPERIMENTS["custom"].plan(SMALL | {"steps": 1}, vary=["seed=0,1"])
    levels = []
    refuses_once(monkeypatch, first, lambda: bool(levels))

    def note(event):
        if isinstance(event, LevelStarted):
            levels.append(event)

    with pytest.raises(DiskError, match=r"No space left on device.*the same study continues"):
        StudyFolder(Path("study"), plan, "photo.png", "style.png").paint(note, str)
    again = StudyFolder(Path("study"), plan, "photo.png", "style.png")
    assert len(again.remaining_cells) == 2
    again.paint(note, str)
    assert not again.remaining_cells
    assert not again.has_failed
    assert len(list(Path("study").rglob("result.png"))) == 2
