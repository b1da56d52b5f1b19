"""A studio that ends or is killed, and its successor: no job is lost, no picture differs."""

import signal
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
from patience import PATIENCE

import impasto
from impasto.errors import InputError
from impasto.events import Resumed
from impasto.images import quantize
from impasto.runs import RunFolder
from impasto.studio import Studio

SERVE = """
import json, sys, time
from impasto.api import run
from impasto.recipe import Recipe
from impasto.studio import Studio, Workspace
from impasto.studio.job import JobMonitor
run._CHECKPOINT_SECONDS = 0.0  # a checkpoint after every step
folder, photo, style, recipe, ending = sys.argv[1:]
record = JobMonitor.record
def record_and_hold(monitor, event):
    record(monitor, event)
    if getattr(event, "step", 0) == 2:
        print("painted", flush=True)
        time.sleep(0.5 if ending == "end" else 600)
JobMonitor.record = record_and_hold
studio = Studio(Workspace(folder))
recipe = Recipe(**json.loads(recipe))
jobs = [studio.submit(photo, style, recipe), studio.submit(photo, style, recipe.with_changes(seed=1))]
while jobs[0].monitor.progress().step < 2:
    time.sleep(0.01)
if ending == "sleep":
    time.sleep(600)
"""


def serve(workspace, pictures, recipe, ending):
    words = [workspace.path, *pictures, recipe.as_json(), ending]
    return subprocess.Popen([sys.executable, "-c", SERVE, *map(str, words)], stdout=subprocess.PIPE, text=True)


def check_the_rest_is_painted(studio, pictures, recipe):
    """Both jobs end, oldest first, with the pictures of undisturbed runs."""
    second, first = [studio.job(entry.name) for entry in studio.list_runs()]
    for job, seed in ((first, 0), (second, 1)):
        assert job.wait(PATIENCE)
        assert job.state == "finished"
        expected = impasto.stylize(*pictures, recipe.with_changes(seed=seed))
        assert np.array_equal(np.asarray(PIL.Image.open(job.result())), quantize(expected.pixels))
    assert [entry.status for entry in studio.list_runs()] == ["finished", "finished"]


def test_everything_is_painted_after_a_kill(workspace, open_studio, pictures, small):
    with serve(workspace, pictures, small, "sleep") as process:
        assert process.stdout.readline() == "painted\n"
        with pytest.raises(InputError, match="a studio is open with"):
            Studio(workspace)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert [entry.status for entry in workspace.list_runs()] in (["waiting", "interrupted"], ["interrupted"])
    check_the_rest_is_painted(open_studio(), pictures, small)
    assert RunFolder.open(workspace.list_runs()[-1].path).read_log().of(Resumed) == [Resumed(step=1)]


def test_program_that_ends_without_closing_its_studio_leaves_its_jobs(workspace, open_studio, pictures, small):
    with serve(workspace, pictures, small, "end") as process:
        assert process.wait(PATIENCE) == 0
    # The second may have started when the first ended.
    assert {entry.status for entry in workspace.list_runs()} <= {"waiting", "interrupted"}
    check_the_rest_is_painted(open_studio(), pictures, small)


def test_closed_studio_leaves_its_jobs_for_the_next(workspace, open_studio, pictures, small, paint_to, start_closing):
    studio = open_studio()
    first, hold = paint_to(studio, 2)
    second = studio.submit(*pictures, small.with_changes(seed=1))
    closing = start_closing(studio)
    hold.release()
    closing.join()
    assert (first.state, second.state) == ("waiting", "waiting")
    assert [entry.status for entry in workspace.list_runs()] == ["waiting", "interrupted"]
    with pytest.raises(InputError, match="closing"):
        studio.submit(*pictures, small)
    studio.close()
    check_the_rest_is_painted(open_studio(), pictures, small)


def test_stopped_job_is_not_resumed_by_the_next_studio(open_studio, paint_to):
    studio = open_studio()
    job, hold = paint_to(studio, 2)
    job.stop()
    hold.release()
    assert job.wait(PATIENCE)
    studio.close()
    studio = open_studio()
    assert studio.job(job.name) is None
    assert [entry.status for entry in studio.list_runs()] == ["stopped"]


def test_changed_job_that_waits_is_still_changed_after_a_restart(open_studio, pictures, small, paint_to):
    studio = open_studio()
    _, hold = paint_to(studio, 1)
    job = studio.submit(*pictures, small)
    job.change(style_weight=7.0)
    job.pause()
    hold.release()
    studio.close()
    job = open_studio().job(job.name)
    assert job.wait(PATIENCE)
    assert job.recipe.after().style.weight == 7.0


def test_damaged_run_does_not_keep_the_studio_from_opening(workspace, open_studio):
    (workspace.runs / "damaged").mkdir()
    (workspace.runs / "damaged" / "run.json").write_text("{")
    assert [entry.status for entry in open_studio().list_runs()] == ["damaged"]
