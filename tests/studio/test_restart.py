"""A studio that ends, by its own will or not, and one that opens after it: no order is lost, no picture differs."""

import signal
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
from patience import PATIENCE

import impasto
from impasto.errors import InputError
from impasto.images import quantize
from impasto.runs import RunFolder
from impasto.studio import Studio

SERVE = """
import sys, time
from impasto.api import run
from impasto.recipe import Recipe
from impasto.studio import Studio, Workspace
from impasto.studio.job import JobMonitor
run._CHECKPOINT_SECONDS = 0.0  # a checkpoint after every step
folder, photo, style, recipe, ending = sys.argv[1:]
record = JobMonitor.record
def heard(watch, event):
    record(watch, event)
    if getattr(event, "step", 0) == 2:
        print("painted", flush=True)
        time.sleep(0.5 if ending == "end" else 600)
JobMonitor.record = heard
studio = Studio(Workspace(folder))
recipe = Recipe.model_validate_json(recipe)
orders = [studio.submit(photo, style, recipe), studio.submit(photo, style, recipe.with_changes(seed=1))]
while orders[0].progress().step < 2:
    time.sleep(0.01)
if ending == "sleep":
    time.sleep(600)
"""


def serve(workspace, pictures, recipe, ending):
    words = [workspace.path, *pictures, recipe.model_dump_json(exclude_unset=True), ending]
    return subprocess.Popen([sys.executable, "-c", SERVE, *map(str, words)], stdout=subprocess.PIPE, text=True)


def check_the_rest_is_painted(studio, pictures, recipe):
    """Both orders end, oldest first, with the pictures that nothing disturbed."""
    second, first = [studio.job(entry.name) for entry in studio.list_runs()]
    for job, seed in ((first, 0), (second, 1)):
        assert job.wait(PATIENCE)
        assert job.state == "finished"
        expected = impasto.stylize(*pictures, recipe.with_changes(seed=seed))
        assert np.array_equal(np.asarray(PIL.Image.open(job.result())), quantize(expected.pixels))
    assert [entry.status for entry in studio.list_runs()] == ["finished", "finished"]


def test_after_a_kill_everything_is_painted_to_its_end(workspace, open_studio, pictures, small):
    with serve(workspace, pictures, small, "sleep") as process:
        assert process.stdout.readline() == "painted\n"
        with pytest.raises(InputError, match="another impasto"):
            Studio(workspace)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert [entry.status for entry in workspace.list_runs()] in (["waiting", "interrupted"], ["interrupted"])
    check_the_rest_is_painted(open_studio(), pictures, small)
    resumed = [line for line in RunFolder.open(workspace.list_runs()[-1].path).events() if line["type"] == "resumed"]
    assert [line["step"] for line in resumed] == [1]


def test_a_program_that_ends_without_closing_its_studio_leaves_its_orders_for_the_next(
    workspace, open_studio, pictures, small
):
    with serve(workspace, pictures, small, "end") as process:
        assert process.wait(PATIENCE) == 0
    # The second may have been begun when the first was ended.
    assert {entry.status for entry in workspace.list_runs()} <= {"waiting", "interrupted"}
    check_the_rest_is_painted(open_studio(), pictures, small)


def test_a_studio_that_closes_leaves_its_orders_for_the_next(workspace, open_studio, pictures, small, hold_after):
    brush = hold_after(2)
    studio = open_studio()
    first, second = (studio.submit(*pictures, small.with_changes(seed=seed)) for seed in (0, 1))
    brush.wait()
    # The brush is let go once the studio has begun to close.
    first._run.stop, stop = lambda: (stop(), brush.let_go()), first._run.stop
    studio.close()
    assert (first.state, second.state) == ("waiting", "waiting")
    assert [entry.status for entry in workspace.list_runs()] == ["waiting", "interrupted"]
    with pytest.raises(InputError, match="closing"):
        studio.submit(*pictures, small)
    studio.close()
    check_the_rest_is_painted(open_studio(), pictures, small)


def test_what_a_person_stopped_is_not_taken_up_again(workspace, open_studio, pictures, small, hold_after):
    brush = hold_after(2)
    studio = open_studio()
    job = studio.submit(*pictures, small)
    brush.wait()
    job.stop()
    brush.let_go()
    assert job.wait(PATIENCE)
    studio.close()
    studio = open_studio()
    assert studio.job(job.name) is None
    assert [entry.status for entry in studio.list_runs()] == ["stopped"]


def test_an_order_that_was_changed_while_it_waited_is_still_changed_after_a_restart(
    workspace, open_studio, pictures, small, hold_after
):
    brush = hold_after(1)
    studio = open_studio()
    studio.submit(*pictures, small)
    brush.wait()
    job = studio.submit(*pictures, small)
    job.change(style_weight=7.0, steps=2)
    brush.let_go()
    job.pause()
    studio.close()
    job = open_studio().job(job.name)
    assert job.wait(PATIENCE)
    assert (job.recipe.style_weight, job.progress().step) == (7.0, 2)


def test_a_damaged_run_does_not_keep_the_studio_shut(workspace, open_studio, pictures, small):
    studio = open_studio()
    job = studio.submit(*pictures, small)
    job.stop()
    job.wait(PATIENCE)
    (workspace.runs / "spoilt").mkdir()
    (workspace.runs / "spoilt" / "run.json").write_text("{")
    studio.close()
    assert [entry.status for entry in open_studio().list_runs() if entry.name == "spoilt"] == ["damaged"]
