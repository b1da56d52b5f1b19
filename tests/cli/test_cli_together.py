"""Several processes of torchrun paint one picture together."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tests.conftest import waves

from impasto.images import quantize

TOGETHER = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "impasto")
ALONE = (sys.executable, "-m", "impasto")
SETTINGS = ("--size", "240", "--levels", "2", "--precision", "fp32")


@pytest.fixture
def photo(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    PIL.Image.fromarray(quantize(waves(160, 240, seed=3))).save("photo.png")
    return "photo.png"


def run(program, *words) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*program, *words], capture_output=True, text=True, check=False, timeout=240)


def test_two_processes_paint_the_picture_that_one_paints(photo):
    words = (photo, "night", *SETTINGS, "--steps", "3", "-o")
    together = run(TOGETHER, *words, "together.png")
    assert (together.returncode, together.stdout) == (0, "together.png\n"), together.stderr
    assert "painted by 2 processes in tiles" in together.stderr
    assert len(re.findall("step 3/3", together.stderr)) == 1
    assert run(ALONE, *words, "alone.png").returncode == 0
    assert sorted(path.name for path in Path().iterdir()) == ["alone.png", "photo.png", "together.png"]
    one, other = (np.asarray(PIL.Image.open(f"{name}.png"), np.int16) for name in ("together", "alone"))
    assert np.abs(one - other).max() <= 1
    assert np.mean(one != other) < 0.01


@pytest.mark.long
def test_processes_that_are_stopped_save_the_picture_of_the_same_step(photo):
    words = (photo, "night", *SETTINGS, "--steps", "300", "-o", "painted.png")
    with subprocess.Popen([*TOGETHER, *words], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if re.search("step [0-9]+/300", line):
                os.kill(process.pid, signal.SIGTERM)
                break
        rest = process.stderr.read()
    assert "stopped after" in rest
    assert PIL.Image.open("painted.png").size == (240, 160)


def test_several_processes_paint_no_series(photo):
    refused = run(TOGETHER, photo, "night", "--style-mix-steps", "3")
    assert refused.returncode != 0
    assert "impasto: several processes paint one picture together: --run and --style-mix-steps are" in refused.stderr
