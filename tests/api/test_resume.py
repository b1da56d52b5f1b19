"""A run that was killed or stopped continues from its folder and ends with the same picture, bit for bit."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import PIL.Image
import pytest
from tests.api.conftest import start_and

import impasto
from impasto.images import quantize
from impasto.runs import RunFolder

PAINTER = """
import json, os, random, sys, traceback
import numpy, torch
import impasto
from impasto.api import run

torch.set_num_threads(1)  # threads and os.fork do not go together
run._CHECKPOINT_SECONDS = 0.0  # a checkpoint after every step, so that a kill may fall into any of them

def report(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def paint(photo, style, folder, fields):
    random.seed(), numpy.random.seed(), torch.seed()  # as different as processes that were started one by one
    on_event = lambda event: report("event", getattr(event, "step", 0))
    if fields is None:
        impasto.resume(folder, on_event=on_event).wait()
    else:
        impasto.stylize(photo, style, run=folder, on_event=on_event, **fields)

for line in sys.stdin:
    child = os.fork()
    if not child:
        report("pid", os.getpid())
        try:
            paint(*json.loads(line))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    report("gone", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
"""Reads runs from standard input and paints each in a child process; torch is loaded once for all of them."""

FIELDS = {
    "size": 128,
    "steps": 24,
    "levels": 2,
    "level_ratio": 2.0,
    "coarse_steps": 1.0,
    "init": "noise",
    "seed": 3,
    "snapshots": "5,20",
    "content_layers": "conv3_1",
    "style_layers": "conv1_1,conv2_1,conv3_1",
    "style_losses": "gram",
    "threads": 1,
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, photo, painting):
    folder = tmp_path_factory.mktemp("pictures")
    large = np.asarray(PIL.Image.fromarray(quantize(photo)).resize((128, 96)))
    PIL.Image.fromarray(large).save(folder / "photo.png")
    PIL.Image.fromarray(quantize(painting)).save(folder / "painting.png")
    return folder / "photo.png", folder / "painting.png"


@pytest.fixture(scope="module")
def paint(pictures):
    """Return a function that paints or resumes a run in a child process and returns its exit code.

    With `kill_after` the process is killed a moment after it has reported that many events.
    """
    command = [sys.executable, "-c", PAINTER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as painter:

        def report(folder, fields=None, *, kill_after=None):
            painter.stdin.write(json.dumps([*map(str, pictures), str(folder), fields]) + "\n")
            painter.stdin.flush()
            kind, pid = painter.stdout.readline().split()
            assert kind == "pid"
            if kill_after is not None:
                for _ in range(kill_after):
                    assert painter.stdout.readline().startswith("event")
                time.sleep(random.random() * 0.05)
                os.kill(int(pid), signal.SIGKILL)
            gone = next(line for line in iter(painter.stdout.readline, "") if line.startswith("gone"))
            return int(gone.split()[1])

        yield report
        painter.stdin.close()


SAMPLED = {
    "content_losses": "features=1,self_similarity=2",
    "style_losses": "sliced=1,nearest=0.5,relaxed_emd=0.5",
    "samples": 200,
    "directions": 16,
    "saliency_weight": 2.0,
    "content_exponent": 0.5,
    "low_frequency_weight": 0.1,
    "strength": 60,
}


TILED = {"size": 288, "upscale": True, "max_memory": "625MB", "precision": "fp32", "steps": 20}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="plain"),
        pytest.param(SAMPLED, id="sampled"),
        pytest.param(TILED, id="tiled", marks=pytest.mark.long),
    ],
)
def test_a_run_killed_three_times_ends_with_the_same_picture(tmp_path, paint, more):
    random.seed(os.getpid())
    assert paint(tmp_path / "whole", FIELDS | more) == 0
    log = RunFolder.open(tmp_path / "whole").read_log()
    assert len(log.of(impasto.LevelStarted)) == 2
    assert any("painted in tiles" in notice.text for notice in log.of(impasto.events.Notice)) == ("max_memory" in more)
    killed = tmp_path / "killed"
    for fields in (FIELDS | more, None, None):
        assert paint(killed, fields, kill_after=random.randint(2, 7)) == -signal.SIGKILL
    assert paint(killed) == 0
    one, other = (np.asarray(PIL.Image.open(tmp_path / name / "result.png")) for name in ("whole", "killed"))
    assert np.array_equal(one, other)
    for snapshot in ("000005.png", "000020.png"):
        kept = [PIL.Image.open(tmp_path / name / "snapshots" / snapshot) for name in ("whole", "killed")]
        assert np.array_equal(*map(np.asarray, kept))


def test_a_finished_run_cannot_be_resumed(tmp_path, pictures):
    impasto.stylize(*pictures, size=48, steps=2, levels=1, run=tmp_path / "run")
    with pytest.raises(impasto.InputError, match="is finished"):
        impasto.resume(tmp_path / "run")


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, {}), ({"style_weight": 20.0}, {"style_weight": 50.0}), ({"strength": 40.0}, {"strength": 85.0})],
)
def test_a_stopped_run_continues_with_its_changes_and_ends_with_the_same_picture(tmp_path, pictures, before, after):
    fields = {"size": 48, "steps": 8, "levels": 1, "init": "noise", "style_losses": "gram", **before}

    def act(run, step):
        if step.step == 2 and after:
            run.change(**after)

    def act_and_stop(run, step):
        act(run, step)
        if step.step == 5:
            run.stop()

    whole = start_and(act, *pictures, **fields).wait()
    assert start_and(act_and_stop, *pictures, run=tmp_path / "run", **fields).wait().steps == 5
    resumed = impasto.resume(tmp_path / "run").wait()
    assert resumed.steps == 8
    assert {name: resumed.recipe.after().get(name) for name in after} == after
    assert np.array_equal(resumed.pixels, whole.pixels)
    assert resumed.losses == whole.losses
