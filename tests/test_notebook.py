"""Runs in Jupyter: the widgets of `watch`, and the tutorial, executed by a real kernel."""

import io
import sys
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import PIL.Image
import pytest

import impasto
from impasto.notebook import watch

TUTORIAL = Path(__file__).parents[1] / "examples" / "tutorial.ipynb"
SMALL = {"size": 48, "levels": 1}


@pytest.fixture
def shown(monkeypatch):
    """The widgets that were displayed."""
    boxes = []
    monkeypatch.setattr("IPython.display.display", boxes.append)
    return boxes


def parts(box):
    """Return bar, text, buttons and picture."""
    bar, line, buttons, picture = box.children
    return bar, line, *buttons.children, picture


def test_the_bar_reaches_the_end_and_the_picture_is_the_result(shown, photo):
    values = []
    run = watch(photo, "night", steps=8, **SMALL, on_event=values.append)
    result = run.wait()
    (box,) = shown
    bar, line, pause, stop, picture = parts(box)
    assert (bar.value, bar.max, bar.bar_style) == (8, 8, "success")
    assert line.value.startswith("8 steps in ")
    assert pause.disabled
    assert stop.disabled
    assert np.array_equal(PIL.Image.open(io.BytesIO(picture.value)), result.image)
    assert [event.step for event in values if isinstance(event, impasto.Step)] == list(range(1, 9))


def test_the_picture_grows_while_it_is_painted(shown, photo):
    pictures = []

    def on_event(event):
        if shown:
            pictures.append(parts(shown[0])[-1].value)

    watch(photo, "night", steps=12, **SMALL, on_event=on_event).wait()
    assert len(set(pictures) - {b""}) >= 3


def test_the_buttons_pause_continue_and_stop_a_run(shown, photo):
    run = watch(photo, "night", steps=100_000, **SMALL)
    _, line, pause, stop, _ = parts(shown[0])
    pause.click()
    assert run.paused
    assert pause.description == "Go on"
    pause.click()
    assert not run.paused
    stop.click()
    assert run.wait().reason == "stopped"
    assert line.value.endswith("(stopped)")


def test_without_ipywidgets_the_command_that_adds_it_is_named(monkeypatch, photo):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(impasto.InputError, match=r"needs ipywidgets: .* install"):
        watch(photo, "night", **SMALL)


def test_the_tutorial_runs_and_shows_progress_and_pictures(tmp_path):
    notebook = nbformat.read(TUTORIAL, as_version=4)
    assert [cell for cell in notebook.cells if cell.cell_type == "code" and cell.outputs] == []
    (first,) = [cell for cell in notebook.cells if "SIZE = 384" in cell.source]
    first.source = first.source.replace("SIZE = 384", "SIZE = 64")
    (second,) = [cell for cell in notebook.cells if "steps=60" in cell.source]
    second.source = second.source.replace("steps=60", "steps=10")
    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}})
    client.execute()
    models = [entry["state"] for entry in notebook.metadata["widgets"].popitem()[1]["state"].values()]
    (bar,) = [state for state in models if state["_model_name"] == "IntProgressModel"]
    assert (bar["value"], bar["max"]) == (10, 10)
    kinds = [kind for cell in notebook.cells for output in cell.get("outputs", ()) for kind in output.get("data", ())]
    assert kinds.count("image/png") == 5  # the result, the sheet, three strengths
    assert (tmp_path / "painted.png").exists()
    assert "impasto photo.jpg night" in notebook.cells[-1].outputs[-1].text
