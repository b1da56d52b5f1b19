"""`impasto study`: refused input, stopping and continuing, help."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from impasto.cli import main
from impasto.cli.study import STUDIES
from impasto.images import quantize
from impasto.recipe import PRESETS
from impasto.study import EXPERIMENTS

pytestmark = pytest.mark.usefixtures("plain_charts")

TINY = ("--size", 48, "--device", "cpu", "--precision", "fp32")
CUSTOM = ("study", "custom", "photo.png", "style.jpg")
STOPPABLE = (*CUSTOM, "--vary", "seed=0,1,2", "--steps", 16, "--snapshots", 3, *TINY)
STOPPED = "impasto: stopped: the same command continues; what is there is in {}"


def test_there_is_a_command_for_every_study(impasto):
    assert list(STUDIES) == list(EXPERIMENTS)
    outcome = impasto("study", "--help")
    assert (outcome.code, outcome.err) == (0, "")
    text = " ".join(outcome.out.replace("│", " ").split())
    for name, purpose in STUDIES.items():
        assert f"{name} {purpose}" in text


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_has_its_own_help(impasto, name):
    outcome = impasto("study", name, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert STUDIES[name].split(":")[0] in " ".join(outcome.out.split())
    assert "OPTIONS]" in outcome.out.splitlines()[0]
    assert "Options()" not in outcome.out


@pytest.mark.parametrize("name", ["matplotlib", "jinja2"])
def test_without_the_extra_the_error_names_the_package_to_install(folder, name):
    program = f"import sys; sys.modules[{name!r}] = None; from impasto.cli import main; sys.exit(main())"
    words = ["study", "seeds", "photo.png", "style.jpg"]
    ended = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"impasto: a study needs {name}: {sys.executable} -m pip install ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("iterations --at 10,x", "--at is a list of steps such as 10,100,1000, not '10,x'"),
        ("iterations --at=", "--at is empty"),
        ("iterations --at 0,10", "--at is a list of steps"),
        ("iterations --at 10 --steps 5", "--at says how many steps are done: leave --steps out"),
        ("iterations --at 10,99999999999", "steps takes a whole number"),
        ("iterations --preset nonsense", "preset"),
        ("longrun --at 10 --steps 10", "--at says how many steps are done: leave --steps out"),
        ("longrun --recipes paper,nonsense", "--recipes is a list of presets"),
        ("longrun --recipes paper,paper", "--recipes is a list of presets"),
        ("longrun --recipes=", "--recipes is empty"),
        ("longrun --preset paper", "--recipes"),
        ("layers --ratios a", "--ratios is a list of numbers such as 1e-4,1e-3, not 'a'"),
        ("layers --ratios=", "--ratios is empty"),
        ("layers --ratios=-1", "--ratios is a list of numbers"),
        (f"layers --ratios {','.join(map(str, range(1, 42)))}", "205 runs"),
        ("seeds --runs 1", "at least 2"),
        ("seeds --runs many", "--runs"),
        ("seeds --runs 200", "201 runs"),
        ("custom", "--vary FIELD=VALUE,VALUE"),
        ("custom --vary colour=1", "--vary: there is no setting colour: did you mean color?"),
        ("custom --vary seed", "values are missing"),
        ("custom --vary seed=", "values are missing"),
        ("custom --vary seed=0,1 --seed 3", "seed cannot both be varied and stated"),
        ("custom --vary seed=0 --vary seed=1", "each once"),
        ("custom --vary steps=1,0", "steps takes a whole number"),
        ("custom --vary seed=0,1 --style-weight=-1", "--style-weight takes a number"),
        ("custom --vary pooling=max,loud", "pooling takes max, average or l2"),
        (f"custom --vary seed={','.join(map(str, range(201)))}", "201 runs, more than 200: --yes"),
        ("init --colour 1", "--colour"),
        ("nonsense", "nonsense"),
    ],
    ids=lambda text: text[:40],
)
def test_what_cannot_be_planned_is_refused(refused, words, message):
    name, *options = words.split()
    assert message in refused("study", name, "photo.png", "style.jpg", *options)


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ("nowhere.png style.jpg", "nowhere.png"),
        ("photo.png nowhere", "nowhere"),
        ("- style.jpg", "reads its pictures from files"),
        ("photo.png -", "reads its pictures from files"),
    ],
)
def test_a_picture_that_cannot_be_read_is_refused(refused, pictures, message):
    assert message in refused("study", "seeds", *pictures.split())


def test_many_runs_are_started_if_confirmed(impasto, monkeypatch):
    started = []
    monkeypatch.setattr(
        "impasto.study.StudyFolder.__init__", lambda self, path, plan, *_: started.append(plan) or 1 / 0
    )
    impasto("study", "seeds", "photo.png", "style.jpg", "--runs", 200, "--yes")
    assert [len(plan.cells) for plan in started] == [201]


@pytest.mark.parametrize("study", [("iterations", "--at", "1,2"), ("custom", "--vary", "steps=1,2")], ids=" ".join)
def test_what_a_study_sets_overrides_a_file(impasto, folder, study):
    (folder / "kept.toml").write_text(PRESETS["paper"].as_toml())
    outcome = impasto("study", study[0], "photo.png", "style.jpg", *study[1:], "--recipe", "kept.toml", *TINY)
    assert outcome.code == 0, outcome.err
    runs = json.loads((folder / f"photo_style_{study[0]}" / "study.json").read_text())["runs"]
    assert [run["schedule"]["steps"] for run in runs.values()] == ([2] if study[0] == "iterations" else [1, 2])


def test_json_is_one_object_with_the_figures_of_every_picture(impasto, folder):
    words = ("--vary", "seed=0,1", "--steps", 1, "--size", 48, "--device", "cpu", "--json", "--quiet")
    outcome = impasto(*CUSTOM, "-o", "kept", *words)
    assert (outcome.code, outcome.err, outcome.out.count("\n")) == (0, "", 1)
    report = json.loads(outcome.out)
    assert report["path"] == "kept/report.html"
    assert [(one["run"], one["step"]) for one in report["pictures"]] == [("000-seed-0", 1), ("001-seed-1", 1)]
    assert {"loss", "content", "style", "gray", "clipped"} <= set(report["pictures"][0])


@pytest.fixture(scope="module")
def whole(tmp_path_factory, photo, painting) -> Path:
    """A study that was not interrupted."""
    place = tmp_path_factory.mktemp("whole")
    PIL.Image.fromarray(quantize(photo)).save(place / "photo.png")
    PIL.Image.fromarray(quantize(painting)).save(place / "style.jpg")
    with contextlib.chdir(place):
        assert main([*map(str, STOPPABLE), "-o", "whole", "--quiet"]) == 0
    return place / "whole"


def interrupt(process: subprocess.Popen, runs: Path, number: signal.Signals) -> tuple[int, bytes]:
    """Send a signal in the middle of the second run; return the exit code and the messages."""
    deadline = time.monotonic() + 120
    while not (runs / "001-seed-1" / "snapshots" / "000003.png").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert out == b""
    assert b"Traceback" not in err
    assert not (runs.parent / "report.html").exists()
    assert not (runs / "002-seed-2").exists()
    return process.returncode, err


@pytest.mark.parametrize(
    ("number", "ending"),
    [(signal.SIGKILL, (-signal.SIGKILL, b"")), (signal.SIGTERM, (130, f"{STOPPED}\n".format("parts").encode()))],
    ids=["kill", "term"],
)
def test_an_interrupted_study_is_continued_to_the_same_pictures(start, impasto, folder, whole, number, ending):
    runs = folder / "parts" / "runs"
    assert interrupt(start(*STOPPABLE, "-o", "parts", "--quiet"), runs, number) == ending
    done = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (runs / "000-seed-0").rglob("*.*")}

    outcome = impasto(*STOPPABLE, "-o", "parts")
    assert (outcome.code, outcome.out) == (0, "parts/report.html\n"), outcome.err
    assert "run 1 of 2: seed 1" in outcome.err
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in done} == done
    logs = [(runs / key / "events.jsonl").read_text() for key in ("000-seed-0", "001-seed-1", "002-seed-2")]
    assert [log.count('"Resumed"') for log in logs] == [0, 1, 0]
    for name in ("study.json", "figures.csv", "steps.csv"):
        assert (folder / "parts" / name).read_bytes() == (whole / name).read_bytes(), name
    names = sorted(os.listdir(whole / "pictures"))
    assert sorted(os.listdir(folder / "parts" / "pictures")) == names
    for name in names:
        mine, theirs = (np.asarray(PIL.Image.open(place / "pictures" / name)) for place in (folder / "parts", whole))
        assert (mine == theirs).all(), name


def test_ctrl_c_while_the_report_is_written_keeps_the_painted_runs(impasto, folder, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    words = (*CUSTOM, "-o", "kept", "--vary", "seed=0", "--steps", 1, *TINY)
    monkeypatch.setattr("impasto.study.write_report", interrupted)
    outcome = impasto(*words, "--quiet")
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.errors == [STOPPED.format("kept")]
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert impasto(*words, "--quiet").out == "kept/report.html\n"
