"""Small commands: demo, info, plates, presets, weights, runs."""

import hashlib
import io
import json
import shlex

import numpy as np
import PIL.Image
import pytest
import torch

from impasto.images import PLATES, demo_photo, plate_path, read_metadata, read_picture, write_picture
from impasto.networks import NETWORKS
from impasto.recipe import PRESET_PURPOSES, PRESETS, Recipe, read_recipe, resolve

EMBEDDED = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"


@pytest.fixture
def short_demo(monkeypatch):
    """Let the demo do two steps instead of all."""
    monkeypatch.setattr("impasto.cli.stylize.resolve", lambda preset, stated: resolve(preset, {"steps": 2}, stated))


def test_the_demo_paints_the_built_in_photo_and_prints_path_and_time(impasto, folder, short_demo):
    outcome = impasto("demo", "--size", 32)
    assert (outcome.code, outcome.out) == (0, "impasto-demo.png\n"), outcome
    assert outcome.errors[-1].startswith("impasto: painted in ")
    inputs = read_metadata(folder / "impasto-demo.png")["inputs"]
    assert inputs["content"][0]["sha256"] == hashlib.sha256(demo_photo().read_bytes()).hexdigest()
    assert inputs["styles"][0]["sha256"] == hashlib.sha256(plate_path("night").read_bytes()).hexdigest()


def test_the_demo_overwrites_its_own_picture_only(impasto, stylize, folder, short_demo):
    stylize("-o", "impasto-demo.png")
    painted = (folder / "impasto-demo.png").read_bytes()
    (folder / "impasto-demo-2.png").write_bytes(b"something else")
    arguments = ["demo", "--size", 32, "--style", "night", "--quiet"]
    assert [impasto(*arguments).out for _ in range(2)] == ["impasto-demo-3.png\n"] * 2
    assert (folder / "impasto-demo.png").read_bytes() == painted
    assert (folder / "impasto-demo-2.png").read_bytes() == b"something else"


def test_the_demo_leaves_its_photo_beside_the_picture_unless_a_file_has_its_name(impasto, folder, short_demo):
    outcome = impasto("demo", "--size", 32)
    assert "impasto: the photo is photo.jpg, to try other commands with: impasto photo.jpg mosaic" in outcome.errors
    left, photo = (read_picture(path).pixels for path in (folder / "photo.jpg", demo_photo()))
    assert abs(left - photo).mean() < 0.01
    (folder / "photo.jpg").write_bytes(b"mine")
    assert impasto("demo", "--size", 32).code == 0
    assert (folder / "photo.jpg").read_bytes() == b"mine"


def test_info_shows_how_a_picture_was_painted_and_how_to_repeat_it(stylize, impasto, folder):
    stylize("-o", "out.jpg", "--seed", 3)
    outcome = impasto("info", "out.jpg")
    assert (outcome.code, outcome.err) == (0, "")
    for name in ("photo.png", "style.jpg"):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() in outcome.out
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert {"seed = 3", "[schedule]", "steps 2", "name photo.png"} <= set(lines)
    command = "impasto photo.png style.jpg --size 48 --seed 3 --steps 2 --device cpu --precision fp32"
    assert lines[-2:] == ["repeat it with (add the folders of the files, which are not stored)", command]


def test_info_gives_the_same_as_json(stylize, impasto, folder):
    stylize("-o", "out.png")
    facts = json.loads(impasto("info", "out.png", "--json").out)
    assert facts == read_metadata(folder / "out.png") | {"command": facts["command"]}
    assert facts["command"].startswith("impasto photo.png style.jpg ")


def test_info_leaves_out_what_there_is_none_of(stylize, impasto, folder):
    stylize("-o", "out.png")
    facts = impasto("info", "out.png").out.partition("recipe\n")[0]
    assert "\nstyles" in facts or "\n  styles" in facts
    assert "init" not in facts


def test_the_command_that_info_prints_paints_the_same_picture(impasto, folder, monkeypatch):
    (folder / "it's a photo.png").write_bytes((folder / "photo.png").read_bytes())
    small = ["--size", 48, "--steps", 2, "--device", "cpu", "--precision", "fp32"]
    impasto("it's a photo.png", "night", *small, "-o", "out.png")
    command = shlex.split(impasto("info", "out.png").out.splitlines()[-1])
    assert command[:3] == ["impasto", "it's a photo.png", "night"]
    assert impasto(*command[1:], "-o", "again.png").code == 0
    assert (folder / "again.png").read_bytes() == (folder / "out.png").read_bytes()


def test_info_shows_a_picture_whose_recipe_this_version_does_not_know(stylize, impasto, folder):
    stylize("-o", "out.png")
    record = read_metadata(folder / "out.png")
    record["recipe"]["content"]["rescue"] = 3
    write_picture(folder / "new.png", np.zeros((8, 8, 3), np.float32), metadata=record)
    outcome = impasto("info", "new.png")
    assert outcome.code == 0
    assert "rescue = 3" in outcome.out
    assert outcome.out.splitlines()[-1].startswith("(this version cannot repeat ")


def test_info_reads_a_picture_from_standard_input(stylize, impasto, folder, monkeypatch):
    stylize("-o", "out.webp")
    piped = io.TextIOWrapper(io.BytesIO((folder / "out.webp").read_bytes()))
    monkeypatch.setattr("sys.stdin", piped)
    assert impasto("info", "-").out == impasto("info", "out.webp").out


def test_info_without_a_picture_shows_the_installation(impasto):
    outcome = impasto("info")
    assert outcome.code == 0
    for word in (torch.__version__, *NETWORKS["vgg19"].layers):
        assert word in outcome.out
    facts = json.loads(impasto("info", "--json").out)
    assert facts["device"] in ("cpu", "cuda", "mps")
    assert facts["precision"] in ("fp32", "bf16")
    assert facts["weights"]["sha256"] == EMBEDDED


def test_plates_are_listed_by_name(impasto):
    outcome = impasto("plates")
    assert (outcome.code, outcome.err) == (0, "")
    assert [line.split()[0] for line in outcome.out.splitlines()] == list(PLATES)


def test_plates_are_exported_byte_for_byte_and_nothing_is_overwritten(impasto, folder):
    (folder / "styles").mkdir()
    outcome = impasto("plates", "export", "styles", "night")
    assert (outcome.code, outcome.out) == (0, f"styles/{plate_path('night').name}\n")
    exported = folder / outcome.out.strip()
    assert exported.read_bytes() == plate_path("night").read_bytes()
    assert impasto("plates", "export", "styles", "night").code == 0
    exported.write_bytes(b"mine")
    refused = impasto("plates", "export", "styles", "night")
    assert (refused.code, len(refused.errors)) == (2, 1)
    assert exported.read_bytes() == b"mine"


def test_all_plates_are_exported_if_none_is_named(impasto, folder):
    (folder / "styles").mkdir()
    assert impasto("plates", "export", "styles").code == 0
    shapes = [np.asarray(PIL.Image.open(path)).shape for path in (folder / "styles").iterdir()]
    assert shapes == [(1024, 1024, 3)] * len(PLATES)


def test_presets_are_listed_with_their_purpose(impasto):
    lines = impasto("presets").out.splitlines()
    assert [tuple(line.split(maxsplit=1)) for line in lines] == list(PRESET_PURPOSES.items())


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_printed_as_a_recipe_that_reads_back(impasto, folder, name):
    (folder / "recipe.toml").write_text(impasto("presets", name).out)
    assert Recipe(**read_recipe(folder / "recipe.toml")) == PRESETS[name]


def test_weights_lists_the_available_weights(impasto, monkeypatch, folder):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(folder / "cache"))
    outcome = impasto("weights")
    assert outcome.code == 0
    assert EMBEDDED in outcome.out
    assert "CC BY 4.0" in outcome.out
    assert "impasto weights fetch" in outcome.out


def test_weights_that_cannot_be_downloaded_are_reported_in_one_line(impasto, monkeypatch, folder):
    def no_network(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(folder / "cache"))
    monkeypatch.setattr("urllib.request.urlopen", no_network)
    outcome = impasto("weights", "fetch")
    assert (outcome.code, outcome.out, len(outcome.errors)) == (2, "", 1)
    assert "embedded weights are used" in outcome.err


def test_a_folder_without_runs_explains_how_to_keep_one(impasto):
    outcome = impasto("runs", ".")
    assert (outcome.code, outcome.out) == (0, "")
    assert "--run" in outcome.err
    assert json.loads(impasto("runs", "--json").out) == {"runs": []}


def test_a_folder_of_runs_that_does_not_exist_is_an_error(impasto):
    outcome = impasto("runs", "nofolder")
    assert (outcome.code, outcome.out, outcome.err) == (2, "", "impasto: there is no folder nofolder\n")


def test_info_of_a_folder_names_the_command_that_lists_its_runs(impasto, folder):
    (folder / "my runs").mkdir()
    outcome = impasto("info", "my runs")
    assert outcome.code == 2
    hint = "`impasto runs 'my runs'` lists the runs in it"
    assert outcome.errors == [f"impasto: my runs is a folder, not a picture: {hint}"]


def test_a_finished_run_is_not_resumed_but_its_picture_is_named(stylize, impasto, folder):
    stylize("-o", "out.png", "--run", "town")
    for wanted in (str(folder / "out.png"), "town/result.png"):
        outcome = impasto("resume", "town")
        assert (outcome.code, outcome.out) == (0, f"{wanted}\n")
        assert outcome.err == "impasto: the run in town is finished: there is nothing to continue\n"
        # Another picture may have taken the place of the first.
        (folder / "out.png").write_bytes((folder / "photo.png").read_bytes())
    assert json.loads(impasto("resume", "town", "--json", "--quiet").out) == {"path": "town/result.png"}
    assert impasto("resume", "town", "-o", "b.png").code == 2


def test_a_damaged_run_is_listed_with_its_problem(impasto, folder):
    (folder / "broken").mkdir()
    (folder / "broken" / "run.json").write_text("{")
    outcome = impasto("runs", ".")
    assert outcome.code == 0
    assert outcome.out.split()[:2] == ["broken", "damaged"]
