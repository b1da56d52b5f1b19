"""Runs: control while painting, and events in listener and folder."""

import os
import subprocess
import sys
import threading

import numpy as np
import PIL.Image
import pytest
from tests.api.conftest import QUICK, start_and

import impasto
from impasto.api import Session, plan_job, read_inputs, run_job
from impasto.events import Changed, Failed, Notice
from impasto.images import read_metadata
from impasto.painting import Painter
from impasto.recipe import Recipe
from impasto.runs import RunFolder

LONG = {**QUICK, "steps": 5000}


def test_a_run_pauses_resumes_and_stops(photo, painting):
    paused, steps = threading.Event(), []

    def act(run, step):
        steps.append(step.step)
        if step.step == 3:
            run.pause()
            paused.set()
        if step.step == 5:
            run.stop()

    run = start_and(act, photo, painting, **LONG)
    paused.wait()
    with pytest.raises(TimeoutError):
        run.wait(0.05)
    assert (run.paused, run.running, run.image.size) == (True, True, (48, 36))
    assert steps == [1, 2, 3]
    run.resume()
    result = run.wait()
    assert (result.reason, result.steps, run.running) == ("stopped", 5, False)


def test_a_run_stopped_at_a_coarse_level_has_the_full_size_and_shows_a_small_picture_before(photo, painting, tmp_path):
    shown = []

    def act(run, step):
        shown.append(run.image.size)
        run.stop()

    clear = np.dstack([photo, np.linspace(0, 1, photo.size // 3, dtype=np.float32).reshape(photo.shape[:2])])
    fields = {**QUICK, "size": 128, "levels": 2, "upscale": True, "snapshots": 1}
    run = start_and(act, clear, painting, run=tmp_path / "run", **fields)
    result = run.wait()
    assert (shown, result.steps, run.image.size) == ([(64, 48)], 1, (128, 96))
    assert (result.pixels.shape, result.alpha.shape) == ((96, 128, 3), (96, 128))
    folder = RunFolder.open(tmp_path / "run")
    for path in (folder.result_path, folder.snapshot_path(1)):
        assert PIL.Image.open(path).size == (128, 96)


def test_the_last_picture_of_a_run_that_failed_at_a_coarse_level_has_the_full_size(photo, painting, tmp_path):
    def act(run, step):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        start_and(
            act, photo, painting, run=tmp_path / "run", **{**QUICK, "size": 128, "levels": 2, "upscale": True}
        ).wait()
    assert PIL.Image.open(RunFolder.open(tmp_path / "run").latest_path).size == (128, 96)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"size": 768}, ["the photo has only 64 x 48 px, so the result has, too: --upscale paints it at 768 px"]),
        ({"size": 128, "upscale": True}, []),
        ({"size": "photo"}, []),
        ({"size": 64}, []),
    ],
)
def test_a_run_says_first_when_the_photo_is_too_small_for_the_size(photo, painting, fields, told):
    events = []
    impasto.stylize(photo, painting, on_event=events.append, **{**QUICK, "steps": 1, **fields})
    assert [event.text for event in events if isinstance(event, Notice)] == told
    assert [type(event) for event in events[: len(told)]] == [Notice] * len(told)


def test_a_run_can_be_stopped_before_its_first_step_and_not_be_held_by_a_pause(photo, painting):
    run = impasto.start(photo, painting, **LONG)
    run.stop()
    run.pause()
    assert run.wait(60.0).reason == "stopped"
    with pytest.raises(impasto.InputError, match="has ended"):
        run.change(style_weight=1.0)


def test_changed_weights_count_at_the_next_step_and_are_in_the_result(photo, painting):
    steps = []

    def act(run, step):
        steps.append(step)
        if step.step == 2:
            run.change(style_weight=15_000.0)
            with pytest.raises(impasto.InputError, match="pooling cannot change"):
                run.change(pooling="max")

    result = start_and(act, photo, painting, style_weight=100.0, **QUICK).wait()
    assert [result.recipe.after(step).style.weight for step in (1, 2)] == [100.0, 15_000.0]
    assert steps[2].terms["style"] > 100 * steps[1].terms["style"]


def test_several_changes_before_a_step_are_one_checkpoint_and_one_entry_of_the_log(
    photo, painting, tmp_path, monkeypatch
):
    saved, save = [], RunFolder.save_checkpoint
    monkeypatch.setattr(RunFolder, "save_checkpoint", lambda *args: (saved.append(1), save(*args))[1])

    def act(run, step):
        if step.step == 2:
            for weight in (10.0, 20.0, 40.0):
                run.change(style_weight=weight)
            run.change(tv_weight=0.5)

    result = start_and(act, photo, painting, run=tmp_path / "run", **QUICK).wait()
    (changed,) = RunFolder.open(tmp_path / "run").read_log().of(Changed)
    assert (changed.step, changed.changes) == (2, {"changes": ["2:style_weight=40,tv_weight=0.5"]})
    assert len(saved) == 3, "at the start, at the change and at the end"
    assert result.recipe.schedule.changes == ((2, {"style_weight": 40.0, "tv_weight": 0.5}),)


def test_a_change_is_recorded_in_pictures_only_once_it_is_applied(photo, painting, tmp_path):
    def act(run, step):
        if step.step == 2:
            run.change(style_weight=7.0)

    start_and(act, photo, painting, run=tmp_path / "run", style_weight=3.0, snapshots=(2, 3), **QUICK).wait()
    folder = RunFolder.open(tmp_path / "run")
    changes = [read_metadata(folder.snapshot_path(step))["recipe"]["schedule"]["changes"] for step in (2, 3)]
    assert changes == [[], ["2:style_weight=7"]]


def test_a_job_is_painted_in_the_thread_that_calls_run_job(photo, painting):
    recipe, threads = Recipe(**QUICK), set()
    job = plan_job(recipe, read_inputs(photo, painting, recipe))
    result = run_job(job, Session().painter, on_event=lambda event: threads.add(threading.get_ident()))
    assert threads == {threading.get_ident()}
    assert np.array_equal(result.pixels, impasto.stylize(photo, painting, recipe).pixels)


def test_the_error_of_a_listener_is_raised_and_the_folder_keeps_the_picture(photo, painting, tmp_path):
    def act(run, step):
        if step.step == 2:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        start_and(act, photo, painting, run=tmp_path / "run", **QUICK).wait()
    folder = RunFolder.open(tmp_path / "run")
    assert [event.message for event in folder.read_log().of(Failed)] == ["'mine'"]
    assert PIL.Image.open(folder.latest_path).size == (48, 36)
    assert impasto.resume(tmp_path / "run").wait().steps == 4


def test_a_picture_that_cannot_be_kept_does_not_hide_why_a_run_failed(photo, painting, tmp_path, monkeypatch):
    def act(run, step):
        monkeypatch.setattr(Painter, "picture", lambda self: (_ for _ in ()).throw(RuntimeError("out of memory")))
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        start_and(act, photo, painting, run=tmp_path / "run", **QUICK).wait()
    assert [event.message for event in RunFolder.open(tmp_path / "run").read_log().of(Failed)] == ["'mine'"]


def test_a_script_that_ends_before_its_run_ends_without_a_crash(tmp_path):
    code = "import numpy, impasto; impasto.start(numpy.ones((48, 64, 3)), 'night', size=48, levels=1, steps=100000)"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


_RELEASED = """
import gc, weakref
import numpy as np
import impasto
from impasto.api import session

references, read = [], session.read_inputs

def watch(*args):
    inputs = read(*args)
    pictures = [inputs.content, *inputs.styles, *(region.mask for region in inputs.regions)]
    references.extend(weakref.ref(picture.pixels) for picture in pictures)
    return inputs

def listen(event):
    if isinstance(event, impasto.Step):
        gc.collect()
        print(event.step, sum(reference() is not None for reference in references), "of", len(references), flush=True)

session.read_inputs = watch
photo = np.random.default_rng(0).random((300, 400, 4))
mask = np.zeros((300, 400))
mask[:, :200] = 1
impasto.stylize(photo, photo[::-1].copy(), regions=[impasto.Region(mask, "keep")], size=64, steps=2, levels=1,
                init="content", on_event=listen)
"""


def test_the_full_size_pixels_of_inputs_are_released_once_painting_has_begun():
    done = subprocess.run([sys.executable, "-c", _RELEASED], check=False, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["1 0 of 3", "2 0 of 3"], done.stderr


@pytest.mark.parametrize(
    ("name", "own", "expected"),
    [
        ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", {}, "200"),
        ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "7"}, "7"),
        ("THP_MEM_ALLOC_ENABLE", {}, "1"),
        ("THP_MEM_ALLOC_ENABLE", {"THP_MEM_ALLOC_ENABLE": "0"}, "0"),
    ],
)
def test_importing_impasto_sets_what_the_libraries_read_unless_it_is_set_already(name, own, expected):
    inherited = {other: value for other, value in os.environ.items() if other != name}
    words = [sys.executable, "-c", f"import os, impasto; print(os.environ['{name}'])"]
    done = subprocess.run(words, env=inherited | own, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [expected]


LOAD = "import builtins, io; builtins.open = lambda *_: io.StringIO('0.1 0.1 0.1 {}/80 4711')"
"""The fourth word of /proc/loadavg counts the threads that compute, this one included."""


@pytest.mark.parametrize(
    ("environment", "before", "expected"),
    [
        ({}, LOAD.format(1), "10000"),
        ({}, LOAD.format(9), "1000"),
        ({}, "import builtins; builtins.open = int", "1000"),
        ({"GOMP_SPINCOUNT": "7"}, "", "7"),
        ({"OMP_WAIT_POLICY": "active"}, "", "None"),
        ({}, "import sys; sys.modules['torch'] = sys", "None"),
    ],
    ids=["free", "busy", "unknown", "own count", "own policy", "torch is loaded"],
)
def test_importing_impasto_sets_how_long_threads_spin_by_how_busy_the_machine_is(environment, before, expected):
    inherited = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    code = f"import os, sys; {before}\nimport impasto\nprint(os.environ.get('GOMP_SPINCOUNT'), 'numpy' in sys.modules)"
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, env=inherited | environment, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [expected, "False"]
