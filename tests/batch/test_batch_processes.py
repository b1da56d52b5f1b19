"""Batches in several processes: the same pictures, and a process that is killed loses nothing."""

import os
import shutil
import signal
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.batch.conftest import RECIPE, pictures, same

from impasto.batch import Worker, in_processes, on_this_machine

TWO = partial(in_processes, count=2, threads=1)


def test_pictures_are_the_same_as_in_one_process_and_a_killed_one_loses_nothing(paint, paint_alone):
    recipe, photos, killed = RECIPE.with_changes(steps=12), ("photos/a.png", "photos/b.jpg"), []

    def kill():
        while not (found := list(Path("two").glob(".impasto/runs/*/checkpoint.safetensors"))):
            time.sleep(0.01)
        killed.append(int((found[0].parent / "run.lock").read_text()))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    batch = paint(*photos, recipe=recipe, out="two", engine=TWO)
    killer.join()
    assert killed
    assert dict(batch.counts) == {"painted": 2}
    assert not Path("two/.impasto").exists()
    assert same(paint_alone(*photos, recipe=recipe, out="one"), pictures("two"))


def test_no_process_begins_for_pictures_that_are_there_or_for_a_single_one(paint, monkeypatch):
    several = partial(on_this_machine, count=2)
    paint("photos/a.png", "photos/b.jpg")
    monkeypatch.setattr("impasto.batch.engines.ProcessPoolExecutor", None)
    assert dict(paint("photos/a.png", "photos/b.jpg", engine=several).counts) == {"skipped": 2}
    assert dict(paint(engine=several).counts) == {"skipped": 2, "painted": 1}


def test_equal_photos_that_are_painted_at_once_have_a_picture_each(paint):
    shutil.copy("photos/a.png", "photos/trip/c.png")
    batch = paint("photos/a.png", "photos/trip/c.png", engine=partial(on_this_machine, count=2))
    assert (batch.counts["painted"] + batch.counts["copied"], batch.failed) == (2, [])
    both = pictures("painted")
    assert np.array_equal(both["a_style.png"], both["c_style.png"])


@pytest.mark.long
def test_a_row_that_kills_its_process_is_reported_and_the_others_are_painted(paint, monkeypatch):
    # The system kills a process that takes too much memory.
    batch = paint("photos/a.png", "photos/b.jpg", out="two", engine=_dying)
    assert dict(batch.counts) == {"failed": 1, "painted": 1}
    assert batch.failed[0].photo == "photos/a.png"
    assert batch.failed[0].error == "the process that painted it died, again and again"


class _Dying(Worker):
    def __init__(self):
        super().__init__({}, None)

    def paint(self, row):
        deaths = Path("deaths")
        if row["photo"].endswith("a.png"):
            with deaths.open("a") as file:
                file.write("x")
            os.kill(os.getpid(), signal.SIGKILL)
        while len(deaths.read_text() if deaths.exists() else "") < 3:  # as long as the other one is tried
            time.sleep(0.01)
        return row | {"status": "painted", "error": ""}


def _dying(worker, rows):
    return in_processes(_Dying(), rows, count=2, threads=1)
