"""The examples run unchanged, on small pictures."""

import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import PIL.Image
import pytest

from impasto import recipe as recipes
from impasto.images import quantize, read_metadata
from impasto.losses import STYLE_LOSSES
from impasto.networks import NETWORKS
from impasto.recipe import PRESETS

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def folder(tmp_path, monkeypatch, photo, painting) -> Path:
    """The current folder, with photo.jpg (64 x 48) and style.jpg in it."""
    PIL.Image.fromarray(quantize(photo)).save(tmp_path / "photo.jpg")
    PIL.Image.fromarray(quantize(painting)).save(tmp_path / "style.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_example(folder, monkeypatch, capsys):
    """Run an example in this process and return the lines it prints."""

    def run(command: str) -> list[str]:
        name, *words = shlex.split(command)
        monkeypatch.setattr(sys, "argv", [name, *words])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return run


def test_every_example_is_run_by_a_test_of_this_file():
    tested = Path(__file__).read_text()
    assert all(f"{path.name} photo.jpg" in tested for path in EXAMPLES.glob("*.py"))


def test_stylize_saves_a_picture_and_prints_the_command_that_repeats_it(run_example, folder):
    lines = run_example("stylize.py photo.jpg style.jpg --size 48 --steps 2 --out small.png")
    assert PIL.Image.open(folder / "small.png").size == (48, 36)
    assert lines[0].startswith("small.png: 48 x 36, ")
    assert "impasto photo.jpg style.jpg --size 48 --steps 2" in lines[2]


def test_strengths_lays_the_photo_and_a_picture_for_each_strength_side_by_side(run_example, folder):
    run_example("strengths.py photo.jpg night --strengths 0.01,100 --size 48 --steps 16")
    row = np.asarray(PIL.Image.open(folder / "strengths.png"), dtype=float)
    assert row.shape == (36, 3 * 48, 3)
    photo, weak, strong = np.split(row, 3, axis=1)
    assert np.abs(strong - photo).mean() > np.abs(weak - photo).mean()


def test_watch_changes_the_weight_halfway_and_keeps_both_pictures(run_example, folder):
    lines = run_example("watch.py photo.jpg style.jpg --size 48 --steps 6 --factor 3 --out watched.png")
    weight = 3 * PRESETS["default"].style.weight
    assert f"step 3: the style now counts {weight:g}" in lines
    (change,) = read_metadata(folder / "watched.png")["recipe"]["schedule"]["changes"]
    assert change.partition(":")[2] == f"style_weight={weight:g}"
    before, after = (np.asarray(PIL.Image.open(folder / f"watched{tag}.png")) for tag in ("-halfway", ""))
    assert before.shape == after.shape == (36, 48, 3)
    assert not np.array_equal(before, after)


def test_own_network_adds_a_network_and_paints_with_it(run_example, folder):
    with mock.patch.dict(NETWORKS):
        (line,) = run_example("own_network.py photo.jpg style.jpg --size 48 --steps 8 --out own.png")
        assert NETWORKS["filters"].canonical("middle") == "middle"
    record = read_metadata(folder / "own.png")
    assert record["recipe"]["network"]["backbone"] == "filters"
    assert record["weights"]["name"] == "filters as it is built"
    first, last = (float(number) for number in re.findall(r"([\d.e+-]+) at the", line))
    assert last < first


def test_own_style_loss_paints_with_it(run_example, folder):
    with mock.patch.dict(STYLE_LOSSES), mock.patch.dict(recipes.STYLE_LOSSES):
        run_example("own_style_loss.py photo.jpg style.jpg")
    assert PIL.Image.open(folder / "skewness.png").size == (64, 48)


def test_resume_continues_after_a_kill_and_ends_with_the_same_picture(run_example, folder):
    command = "resume.py photo.jpg style.jpg {} --size 48 --steps 30"
    name, *words = shlex.split(command.format("runs/killed"))
    process = [sys.executable, str(EXAMPLES / name), *words]
    with subprocess.Popen(process, stdout=subprocess.PIPE, text=True) as killed:
        assert any(line.startswith("step 3 of 30") for line in killed.stdout)
        killed.kill()
    assert not (folder / "runs/killed/result.png").exists()
    for run in ("runs/killed", "runs/undisturbed"):
        assert run_example(command.format(run))[-1] == f"{run}/result.png after 30 steps (steps)"
    killed_picture, undisturbed = (
        np.asarray(PIL.Image.open(folder / f"runs/{run}/result.png")) for run in ("killed", "undisturbed")
    )
    assert np.array_equal(killed_picture, undisturbed)


@pytest.mark.long
def test_ray_pipeline_paints_every_picture_and_prints_how_each_ended(folder):
    words = shlex.split("ray_pipeline.py photo.jpg night 48")
    own = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    done = subprocess.run(
        [sys.executable, EXAMPLES / words[0], *words[1:]], env=os.environ | own, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "photo_painted.png: painted"
    assert PIL.Image.open(folder / "photo_painted.png").size == (48, 36)
