"""Everything stored is read within bounds: run.json, log lines, recipes in files and pictures, edited in any way."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import impasto
from impasto.api import Session, plan_job, portable_recipe
from impasto.api.job import picture_metadata
from impasto.cli import main
from impasto.errors import ImpastoError, InputError
from impasto.events import LevelStarted, Notice, Step
from impasto.images import read_picture, write_picture
from impasto.recipe import Recipe, checked_record, read_recipe, resolve
from impasto.runs import Inputs, RunFolder, list_runs
from impasto.untrusted import load_json, load_toml

DEEP = "[" * 100_000
ODD = st.sampled_from(
    [
        *(
            None,
            True,
            -1,
            0,
            1.5,
            10**400,
            -(10**30),
            float("inf"),
            float("nan"),
            "",
            "x" * 100_000,
            "\0",
            "../..",
            "full",
        ),
        *("\x1b[2J", "\ud800", [], {}, [[]], [None], {"": None}, {"a": {"b": [1]}}, [1] * 1000, ["a=b"] * 300, "1,2,3"),
        *({"weight": 10**400}, [float("inf"), 0, 1, 1], "torchvision:x", "keep", "9999-12-31T23:59:59.999999-23:59"),
    ]
)
ANY = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """Return the paths of everything in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


def edited(value: Any, path: tuple, odd: Any, *, removes: bool = False) -> Any:
    """Return a copy with something else at a path."""
    if not path:
        return odd
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    if removes:
        del inner[path[-1]]
    else:
        inner[path[-1]] = odd
    return changed


# -- bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [DEEP, '{"a":' * 100_000, "[" + "1," * 1_000_000 + "1]", '"' + "x" * 2_000_000 + '"', "[" * 40 + "]" * 40]
)
def test_json_out_of_bounds_is_refused(text):
    with pytest.raises(ValueError, match=r"too long|too deeply"):
        load_json(text)
    with pytest.raises(ValueError, match=r"too long|too deeply"):
        load_json(text.encode())


@pytest.mark.parametrize(
    "text", ["a = " + DEEP, "a" + ".a" * 100_000 + " = 1", "a = [" + "1," * 10**6 + "]", "a.b" * 30]
)
def test_toml_out_of_bounds_is_refused(text):
    with pytest.raises(ValueError, match=r"too long|too deeply|Expected"):
        load_toml(text)


def test_what_is_refused_for_its_size_is_not_parsed(monkeypatch):
    monkeypatch.setattr(json, "loads", lambda _: pytest.fail("it was parsed"))
    for text in (DEEP, "[" + "1," * 1_000_000 + "1]"):
        with pytest.raises(ValueError, match="too long"):
            load_json(text)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=4), max_leaves=12))
def test_what_is_within_bounds_is_read_as_json_reads_it(value):
    assert load_json(json.dumps(value)) == value


# -- run.json ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with two runs: one of them is left alone, the other is damaged by the tests."""
    place = tmp_path_factory.mktemp("runs")
    pixels = np.random.default_rng(0).random((64, 64, 3))
    photo, style, mask = (read_picture(pixels * factor) for factor in (1, 0.5, 1))
    recipe = Recipe(size=64, regions=("sky.png=waves.png",), style_mix=(1.0,), style_crop="0,0,40,40/full")
    region = impasto.runs.RegionInputs(mask=mask, style=style)
    inputs = Inputs(content=photo, styles=(style,), style_masks=(mask,), regions=(region,))
    for name in ("bad", "good"):
        with RunFolder.create(place / name, recipe=recipe, inputs=inputs) as run:
            run.record(LevelStarted(level=0, levels=2, width=64, height=48, step=0, steps=20))
            run.record(Step(step=1, steps=20, level=0, loss=1.0, terms={"style": 1.0}, seconds=1.0))
            run.record(Notice(step=1, text="x"))
            run.record_change(recipe.with_changes(style_weight=3.0), 1)
    return place


def use(path: Path) -> None:
    """Do with a folder what `runs` and `resume` do before they paint."""
    run = RunFolder.open(path)
    plan_job(run.recipe, run.inputs())
    with run:
        run.rewind(0)


def check(folder: Path) -> None:
    try:
        use(folder / "bad")
    except ImpastoError as error:
        text = str(error)
    else:
        text = ""
    assert "\n" not in text
    bad, good = list_runs([folder])
    assert good.status == "interrupted"
    assert bad.status in ("damaged", "interrupted")


HEADER = {"recipe", "inputs", "created", "output", "version", "format", "program"}


@ANY
@given(data=st.data(), odd=ODD, removes=st.booleans())
def test_a_header_edited_in_any_way_is_used_or_refused_in_one_line(folder, data, odd, removes):
    header = json.loads((folder / "good" / "run.json").read_text())
    assert set(header) >= HEADER
    place = data.draw(st.sampled_from(places(header)))
    (folder / "bad" / "run.json").write_text(json.dumps(edited(header, place, odd, removes=removes)))
    shutil.copy(folder / "good" / "events.jsonl", folder / "bad" / "events.jsonl")
    check(folder)


@ANY
@given(data=st.data(), odd=ODD, removes=st.booleans())
def test_a_log_edited_in_any_way_is_used_or_refused_in_one_line(folder, data, odd, removes):
    lines = (folder / "good" / "events.jsonl").read_text().splitlines()
    number = data.draw(st.sampled_from(range(len(lines))))
    line = json.loads(lines[number])
    place = data.draw(st.sampled_from(places(line)))
    lines[number] = json.dumps(edited(line, place, odd, removes=removes))
    shutil.copy(folder / "good" / "run.json", folder / "bad" / "run.json")
    (folder / "bad" / "events.jsonl").write_text("\n".join(lines) + "\n")
    check(folder)


@pytest.mark.parametrize("file", ["run.json", "events.jsonl"])
@pytest.mark.parametrize(
    "text", [DEEP, "[" + "1," * 1_000_000 + "1]", "\xff", '"' + "x" * 3_000_000 + '"', "9" * 5000, ""]
)
def test_huge_and_broken_files_are_refused(folder, file, text):
    for name in ("run.json", "events.jsonl"):
        shutil.copy(folder / "good" / name, folder / "bad" / name)
    (folder / "bad" / file).write_text(text + "\n", encoding="latin-1")
    with pytest.raises(InputError):
        RunFolder.open(folder / "bad")
    check(folder)


# -- recipes in files and pictures -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    """The record of a picture with all kinds of entries."""
    recipe = resolve("default", {"regions": ["foreground=night"], "style_crop": ["1,2,3,4"], "snapshots": [1, 2]})
    picture = {"name": "photo", "sha256": "0" * 64}
    inputs = {"content": [picture], "styles": [picture | {"mask": picture}], "init": [], "regions": [{"mask": picture}]}
    sources = {"weights": picture, "inputs": inputs, "figures": {"steps": 3, "loss": 1.0}}
    return json.loads(json.dumps(picture_metadata(recipe, sources)))


@ANY
@given(data=st.data(), odd=ODD, removes=st.booleans())
def test_the_record_of_a_picture_edited_in_any_way_is_shown_or_refused(tmp_path, record, capfd, data, odd, removes):
    place = data.draw(st.sampled_from([place for place in places(record) if place]))
    path = tmp_path / "painted.png"
    write_picture(path, np.zeros((4, 4, 3), np.uint8), metadata=edited(record, place, odd, removes=removes))
    for more in ([], ["--json"]):
        assert main(["info", str(path), *more]) in (0, 2)
        told = capfd.readouterr()
        assert "Traceback" not in told.err
        assert "\x1b" not in told.out + told.err


def test_the_record_of_a_picture_is_kept_as_it_is(record):
    assert checked_record(record) == record
    assert checked_record(record)["recipe"] == portable_recipe(resolve(None, record["recipe"]))


@ANY
@given(data=st.data(), odd=ODD)
def test_a_recipe_edited_in_any_way_is_resolved_or_refused_in_one_line(record, data, odd):
    place = data.draw(st.sampled_from(places(record["recipe"])))
    changed = edited(record["recipe"], place, odd)
    try:
        resolve(None, changed if isinstance(changed, dict) else {})
    except InputError as error:
        text = str(error)
    else:
        text = ""
    assert "\n" not in text


@pytest.mark.parametrize("suffix", [".toml", ".json"])
@pytest.mark.parametrize("text", [DEEP, "a = " + DEEP, "[" + "1," * 1_000_000 + "1]", "x" * 3_000_000])
def test_a_recipe_file_out_of_bounds_is_refused_in_one_line(tmp_path, suffix, text):
    (tmp_path / f"mine{suffix}").write_text(text)
    with pytest.raises(InputError, match="is not valid"):
        read_recipe(tmp_path / f"mine{suffix}")


def test_a_session_is_not_needed_to_refuse_a_damaged_folder(folder):
    (folder / "bad" / "run.json").write_text("{}")
    with pytest.raises(InputError, match=r"run\.json is damaged"):
        Session().resume(folder / "bad")


# -- files that a recipe names -----------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch, photo, painting) -> Path:
    """The current folder, with a photo, a style, and a secret that no recipe may read."""
    monkeypatch.chdir(tmp_path)
    for name, pixels in (("photo", photo), ("style", painting), ("secret", photo[:, ::-1])):
        write_picture(Path(f"{name}.png"), np.asarray(pixels))
    return tmp_path


NAMED = {
    "init": ('[start]\ninit = "{}"', "--init"),
    "mask": ('regions = [{{mask = "{}", style = "night"}}]', "--region"),
    "style": ('regions = [{{mask = "style.png", style = "{}"}}]', "--region"),
    "style mask": ('regions = [{{mask = "style.png", style = "night", style_mask = "{}"}}]', "--region"),
    "weights": ('[network]\nweights = "{}"', "--weights"),
}
QUICK = ("--size", "48", "--steps", "1", "--device", "cpu", "--precision", "fp32", "--quiet")


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("name", ["secret.png", "/etc/hostname", "pipe", "../x"])
def test_a_recipe_reads_no_file_that_was_not_given(here, capfd, kind, name):
    import os

    os.mkfifo("pipe")
    text, flag = NAMED[kind]
    Path("mine.toml").write_text(text.format(name))
    assert main(["photo.png", "style.png", "--recipe", "mine.toml", "-o", "out.png", *QUICK]) == 2
    told = capfd.readouterr().err
    assert (name in told, flag in told, told.count("\n")) == (True, True, 1)
    assert not Path("out.png").exists()


def test_a_recipe_may_name_what_was_given_and_a_flag_gives_it_again(here):
    Path("mine.toml").write_text('[start]\ninit = "photo.png"')
    Path("sub").mkdir()
    Path("photo.png").rename("sub/photo.png")
    assert main(["sub/photo.png", "style.png", "--recipe", "mine.toml", "-o", "a.png", *QUICK]) == 0
    Path("mine.toml").write_text('[start]\ninit = "secret.png"')
    words = ["sub/photo.png", "style.png", "--recipe", "mine.toml", *QUICK]
    assert main([*words, "--init", "secret.png", "-o", "b.png"]) == 0
    assert PIL.Image.open("a.png").tobytes() != PIL.Image.open("b.png").tobytes()
    assert main(["sub/photo.png", "style.png", "--from", "b.png", "-o", "c.png", "--quiet"]) == 2
    assert (
        main(["sub/photo.png", "style.png", "--from", "b.png", "--init", "secret.png", "-o", "c.png", "--quiet"]) == 0
    )
    assert PIL.Image.open("c.png").tobytes() == PIL.Image.open("b.png").tobytes()


def test_a_style_without_a_mask_may_say_so(tmp_path, record, capfd):
    without = edited(record, ("inputs", "styles", 0, "mask"), None, removes=False)
    write_picture(tmp_path / "painted.png", np.zeros((4, 4, 3), np.uint8), metadata=without)
    assert main(["info", str(tmp_path / "painted.png")]) == 0
    assert "Traceback" not in capfd.readouterr().err
