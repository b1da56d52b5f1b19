import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from impasto.errors import InputError
from impasto.images import read_picture
from impasto.recipe import PRESETS, Recipe
from impasto.runs import Inputs, RegionInputs, RunFolder

FilesIn = Callable[[Path], dict[str, bytes]]
NewRun = Callable[..., RunFolder]


def create(path: Path, inputs: Inputs, **options: Any) -> RunFolder:
    folder = RunFolder.create(path, inputs=inputs, **{"recipe": Recipe()} | options)
    folder.close()
    return folder


# -- creation ----------------------------------------------------------------------------------------------------------


def test_a_new_run_keeps_the_inputs_byte_for_byte_beside_run_json(
    tmp_path: Path, inputs: Inputs, originals: dict[str, Path], files_in: FilesIn
) -> None:
    path = tmp_path / "some" / "where" / "run"
    create(path, inputs, output=Path("out.png"))
    files = files_in(path)
    assert set(files) == {"run.json", "run.lock", "inputs/content.jpeg", "inputs/style-1.png"}
    assert files["inputs/content.jpeg"] == originals["content"].read_bytes()
    assert files["inputs/style-1.png"] == originals["style"].read_bytes()
    header = json.loads(files["run.json"])
    assert datetime.now(UTC) - datetime.fromisoformat(header.pop("created")) < timedelta(minutes=1)
    assert header.pop("version")
    assert header.pop("computed")["torch"] == torch.__version__
    assert len(header.pop("seal")) == 64
    assert header == {
        "format": 2,
        "program": "impasto",
        "recipe": Recipe().to_dict(),
        "inputs": {
            "content": {
                "file": "inputs/content.jpeg",
                "sha256": inputs.content.sha256,
                "name": "harbor",
                "suffix": ".jpg",
            },
            "styles": [
                {"file": "inputs/style-1.png", "sha256": inputs.styles[0].sha256, "name": "waves", "suffix": ".png"}
            ],
            "init": None,
            "style_masks": [],
            "regions": [],
        },
        "output": os.path.join(os.getcwd(), "out.png"),
        "bits": 8,
        "quality": 95,
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_read_back_from_a_run_folder(tmp_path: Path, inputs: Inputs, preset: str) -> None:
    create(tmp_path / "run", inputs, recipe=PRESETS[preset])
    assert RunFolder.open(tmp_path / "run").recipe == PRESETS[preset]


def test_a_folder_that_holds_a_run_is_refused_and_resume_is_named(
    tmp_path: Path, inputs: Inputs, new_run: NewRun, files_in: FilesIn
) -> None:
    new_run()
    before = files_in(tmp_path)
    with pytest.raises(InputError, match=r"already holds a run: .*`impasto resume .*run`"):
        create(tmp_path / "run", inputs)
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("file", ["notes.txt", "inputs/content.jpeg", ".hidden"])
def test_a_folder_that_holds_anything_is_refused_and_left_alone(
    tmp_path: Path, inputs: Inputs, files_in: FilesIn, file: str
) -> None:
    (tmp_path / "run" / file).parent.mkdir(parents=True)
    (tmp_path / "run" / file).write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        create(tmp_path / "run", inputs)
    assert files_in(tmp_path / "run") == {file: b"mine"}


def test_a_file_in_the_place_of_the_folder_is_reported(tmp_path: Path, inputs: Inputs) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(InputError, match="run is a file"):
        create(tmp_path / "run", inputs)
    with pytest.raises(InputError, match=r"cannot make the run folder .*: Not a directory"):
        create(tmp_path / "run" / "below", inputs)


def test_what_a_killed_process_left_while_creating_a_run_is_replaced(
    tmp_path: Path, inputs: Inputs, new_run: NewRun
) -> None:
    path = new_run().path
    (path / "run.json").unlink()
    (path / "inputs/content.jpeg").write_bytes(b"half")
    assert create(path, inputs).inputs().content.sha256 == inputs.content.sha256


@pytest.mark.parametrize("existed", [False, True])
@pytest.mark.parametrize("failing", ["copy_inputs", "write_inside"])
def test_a_full_disk_leaves_nothing_of_a_run_that_could_not_be_created(
    tmp_path: Path,
    inputs: Inputs,
    no_space: Callable[[str], None],
    files_in: FilesIn,
    failing: str,
    existed: bool,
) -> None:
    path = tmp_path / "run"
    if existed:
        path.mkdir()
    no_space(f"impasto.runs.header.{failing}")
    with pytest.raises(InputError, match=r"cannot make the run folder .*: No space left on device"):
        create(path, inputs)
    assert path.exists() == existed
    assert files_in(path) == {}


def test_a_new_run_in_an_empty_folder_is_locked_until_it_is_closed(tmp_path: Path, inputs: Inputs) -> None:
    (tmp_path / "run").mkdir()
    folder = RunFolder.create(tmp_path / "run", recipe=Recipe(), inputs=inputs)
    assert folder.status == RunFolder.open(tmp_path / "run").status == "running"
    folder.close()
    assert RunFolder.open(tmp_path / "run").status == "interrupted"


# -- run.json ----------------------------------------------------------------------------------------------------------


def test_a_folder_without_a_run_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, message in [("", "holds no run"), ("missing", "missing is not a folder"), ("file", "file is not a")]:
        assert not RunFolder.exists(tmp_path / name)
        with pytest.raises(InputError, match=message):
            RunFolder.open(tmp_path / name)
    (tmp_path / "run.json").mkdir()
    with pytest.raises(InputError, match=r"cannot read .*run\.json: it is not a file"):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 1}, r"run was begun by an older impasto, .*: start the run again"),
        ({"format": 3}, "holds a run of format 3: it needs a newer impasto"),
        ({"program": "other"}, r"run\.json is damaged: program: "),
        ({"created": "yesterday"}, "is damaged: created: "),
        ({"inputs": {"content": None}}, r"is damaged: inputs\.content: "),
        (
            {"inputs": {"content": {"file": "../x.png", "sha256": "0" * 64, "name": ""}, "styles": []}},
            r"is damaged: inputs\.content\.file: ",
        ),
        ({"recipe": {"paint": "blue"}}, "paint"),
        ({"recipe": {"schedule": {"steps": -1}}}, "steps"),
        ({"recipe": 3}, "is damaged: recipe: "),
    ],
)
def test_a_damaged_header_is_an_error_of_one_line(new_run: NewRun, changes: dict[str, Any], message: str) -> None:
    file = new_run().path / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with pytest.raises(InputError, match=message) as caught:
        RunFolder.open(file.parent)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe\x00"])
def test_a_header_that_is_no_json_object_is_reported(new_run: NewRun, content: bytes) -> None:
    path = new_run().path
    (path / "run.json").write_bytes(content)
    with pytest.raises(InputError, match=r"^.*run\.json is damaged.*$"):
        RunFolder.open(path)


def test_fields_that_a_later_version_may_add_are_ignored(new_run: NewRun) -> None:
    file = new_run().path / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"mood": "calm"}))
    assert RunFolder.open(file.parent).recipe == Recipe()


# -- inputs ------------------------------------------------------------------------------------------------------------


def test_the_inputs_are_read_back_when_the_originals_are_gone(
    tmp_path: Path, inputs: Inputs, originals: dict[str, Path]
) -> None:
    first, second = inputs.content, inputs.styles[0]
    given = Inputs(
        content=first,
        styles=(first, second),
        init=second,
        style_masks=(None, first),
        regions=(
            RegionInputs(mask=first),
            RegionInputs(mask=second, style=first),
            RegionInputs(mask=first, style=second, style_mask=first),
        ),
    )
    recipe = Recipe(init="waves.png", regions=("a.png=keep", "b.png=c.png", "d.png=e.png@f.png"))
    create(tmp_path / "run", given, recipe=recipe)
    for file in originals.values():
        file.unlink()
    (tmp_path / "run").rename(tmp_path / "moved")
    moved = RunFolder.open(tmp_path / "moved")
    back = moved.inputs()
    assert moved.recipe == recipe

    def facts(some: Inputs) -> str:
        return repr(some.map(lambda picture, stem: (stem, picture.name, picture.sha256, picture.encoded)))

    assert facts(back) == facts(given)
    assert np.array_equal(back.content.pixels, first.pixels)


def test_pictures_that_were_never_files_are_read_back(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).random((5, 7, 3), dtype=np.float32)
    given = Inputs(content=read_picture(pixels), styles=(read_picture((pixels * 255).astype(np.uint8)),))
    back = create(tmp_path / "run", given).inputs()
    assert np.abs(back.content.pixels - pixels).max() <= 0.5 / 65535 + 1e-7
    assert np.array_equal(back.styles[0].pixels, given.styles[0].pixels)


def test_an_input_that_changed_or_is_missing_is_reported(new_run: NewRun) -> None:
    folder = new_run()
    (folder.path / "inputs/content.jpeg").write_bytes(b"other")
    with pytest.raises(InputError, match=r"content\.jpeg has changed since the run began"):
        folder.inputs()
    (folder.path / "inputs/content.jpeg").unlink()
    message = r"cannot read .*content\.jpeg: No such file or directory; put the picture back"
    with pytest.raises(InputError, match=message):
        folder.inputs()
