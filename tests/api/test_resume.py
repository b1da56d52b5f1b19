"""A run that is killed goes on from its folder and ends with the same picture, bit for bit."""

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

import impasto
from impasto.events import LevelStarted
from impasto.images import quantize
from impasto.runs import RunFolder

PAINTER = """
import json, os, random, sys, traceback
import numpy, torch
import impasto
from impasto.api import run

torch.set_num_threads(1)  # threads and os.fork do not go together
run._CHECKPOINT_SECONDS = 0.0  # a checkpoint after every step, so that a kill may fall into any of them

def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def paint(photo, style, folder, fields):
    random.seed(), numpy.random.seed(), torch.seed()  # as different as processes that were started one by one
    told = lambda event: tell("event", getattr(event, "step", 0))
    if fields is None:
        impasto.resume(folder, on_event=told).wait()
    else:
        impasto.stylize(photo, style, run=folder, on_event=told, **fields)

for line in sys.stdin:
    child = os.fork()
    if not child:
        tell("pid", os.getpid())
        try:
            paint(*json.loads(line))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    tell("gone", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
"""Paints each run that it is told of in a process of its own; torch is loaded once for all of them."""

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
    """Return a function that paints or resumes a run in a process of its own and returns its exit code.

    With `kill_after` the process is killed a moment after it has told that many events.
    """
    command = [sys.executable, "-c", PAINTER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as painter:

        def tell(folder, fields=None, *, kill_after=None):
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

        yield tell
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


@pytest.mark.parametrize("more", [{}, SAMPLED], ids=["plain", "sampled"])
def test_three_kills_at_random_moments_and_the_same_picture(tmp_path, paint, more):
    random.seed(os.getpid())
    assert paint(tmp_path / "whole", FIELDS | more) == 0
    assert len(RunFolder.open(tmp_path / "whole").read_log().of(LevelStarted)) == 2
    killed = tmp_path / "killed"
    for fields in (FIELDS | more, None, None):
        assert paint(killed, fields, kill_after=random.randint(2, 7)) == -signal.SIGKILL
    assert paint(killed) == 0
    one, other = (np.asarray(PIL.Image.open(tmp_path / name / "result.png")) for name in ("whole", "killed"))
    assert np.array_equal(one, other)
    for snapshot in ("000005.png", "000020.png"):
        kept = [PIL.Image.open(tmp_path / name / "snapshots" / snapshot) for name in ("whole", "killed")]
        assert np.array_equal(*map(np.asarray, kept))


def test_a_finished_run_is_not_painted_again(tmp_path, pictures):
    impasto.stylize(*pictures, size=48, steps=2, levels=1, run=tmp_path / "run")
    with pytest.raises(impasto.InputError, match="is finished"):
        impasto.resume(tmp_path / "run")


def test_a_stopped_run_goes_on_and_ends_like_one_that_was_not(tmp_path, pictures):
    fields = {"size": 48, "steps": 6, "levels": 1, "init": "noise"}
    whole = impasto.stylize(*pictures, **fields)
    handle = None

    def stop_at_3(event):
        if isinstance(event, impasto.Step) and event.step == 3:
            while handle is None:
                time.sleep(0.01)
            handle.stop()

    handle = impasto.start(*pictures, run=tmp_path / "run", on_event=stop_at_3, **fields)
    assert handle.wait().steps == 3
    result = impasto.resume(tmp_path / "run").wait()
    assert result.steps == 6
    assert np.array_equal(result.pixels, whole.pixels)
    assert result.losses["total"] == pytest.approx(whole.losses["total"])


def paint_with_a_change(pictures, change, *, stop_at=None, **fields):
    """Paint, change the weights after step 2 and stop after a later one."""
    handle = None

    def steer(event):
        if isinstance(event, impasto.Step):
            while handle is None:
                time.sleep(0.01)
            if event.step == 2:
                handle.change(**change)
            if event.step == stop_at:
                handle.stop()

    handle = impasto.start(*pictures, on_event=steer, **fields)
    return handle.wait()


def test_a_run_whose_weights_changed_resumes_with_the_changed_ones(tmp_path, pictures):
    fields = {"size": 48, "steps": 8, "levels": 1, "style_weight": 20.0}
    paint_with_a_change(pictures, {"style_weight": 50.0}, stop_at=4, run=tmp_path / "run", **fields)
    assert impasto.resume(tmp_path / "run").wait().recipe.style.weight == 50.0


def test_a_run_whose_strength_was_turned_resumes_with_the_turned_one_and_ends_alike(tmp_path, pictures):
    fields = {"size": 48, "steps": 8, "levels": 1, "style_losses": "gram", "strength": 40.0}
    turn = {"strength": 85.0}
    whole = paint_with_a_change(pictures, turn, **fields)
    assert paint_with_a_change(pictures, turn, stop_at=5, run=tmp_path / "run", **fields).steps == 5
    resumed = impasto.resume(tmp_path / "run").wait()
    assert resumed.recipe.style.strength == 85.0
    assert np.array_equal(resumed.pixels, whole.pixels)
