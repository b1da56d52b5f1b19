import errno
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from impasto.errors import InputError
from impasto.recipe import PRESETS, Recipe
from impasto.runs import RunFolder, RunInputs
from impasto.runs import begin as module


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_run_keeps_the_inputs_byte_for_byte_beside_run_json(
    tmp_path: Path, inputs: RunInputs, originals: dict[str, Path]
) -> None:
    path = tmp_path / "some" / "where" / "run"
    RunFolder.create(path, recipe=Recipe(), inputs=inputs, output=Path("out.png"), command="impasto stylize").close()
    assert set(files_in(path)) == {"run.json", "run.lock", "inputs/content.jpg", "inputs/style-1.png"}
    assert (path / "inputs/content.jpg").read_bytes() == originals["content"].read_bytes()
    assert (path / "inputs/style-1.png").read_bytes() == originals["style"].read_bytes()
    header = json.loads((path / "run.json").read_text())
    assert datetime.now(UTC) - datetime.fromisoformat(header.pop("created")) < timedelta(minutes=1)
    assert header.pop("version")
    assert header == {
        "format": 1,
        "program": "impasto",
        "recipe": Recipe().model_dump(mode="json"),
        "inputs": {
            "content": {"file": "inputs/content.jpg", "sha256": inputs.content.sha256, "name": "harbour"},
            "styles": [{"file": "inputs/style-1.png", "sha256": inputs.styles[0].sha256, "name": "waves"}],
            "init": None,
            "style_masks": [],
            "regions": [],
        },
        "output": os.path.join(os.getcwd(), "out.png"),
        "command": "impasto stylize",
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_comes_back_from_a_run_folder(tmp_path: Path, inputs: RunInputs, preset: str) -> None:
    RunFolder.create(tmp_path / "run", recipe=PRESETS[preset], inputs=inputs).close()
    assert RunFolder.open(tmp_path / "run").recipe == PRESETS[preset]


def test_an_empty_folder_is_taken(tmp_path: Path, inputs: RunInputs) -> None:
    (tmp_path / "run").mkdir()
    RunFolder.create(tmp_path / "run", recipe=Recipe(), inputs=inputs).close()


def test_a_folder_that_holds_a_run_is_refused_and_resume_is_named(
    tmp_path: Path, inputs: RunInputs, new_run: Callable[..., RunFolder]
) -> None:
    new_run()
    before = files_in(tmp_path)
    with pytest.raises(InputError, match=r"already holds a run: `impasto resume .*run`"):
        RunFolder.create(tmp_path / "run", recipe=Recipe(), inputs=inputs)
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("file", ["notes.txt", "inputs/content.jpg", ".hidden"])
def test_a_folder_that_holds_anything_is_refused_and_left_alone(tmp_path: Path, inputs: RunInputs, file: str) -> None:
    (tmp_path / "run" / file).parent.mkdir(parents=True)
    (tmp_path / "run" / file).write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        RunFolder.create(tmp_path / "run", recipe=Recipe(), inputs=inputs)
    assert files_in(tmp_path / "run") == {file: b"mine"}


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path, inputs: RunInputs) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(InputError, match="run is a file"):
        RunFolder.create(tmp_path / "run", recipe=Recipe(), inputs=inputs)
    with pytest.raises(InputError, match=r"cannot make the run folder .*: Not a directory"):
        RunFolder.create(tmp_path / "run" / "below", recipe=Recipe(), inputs=inputs)


def test_what_a_kill_left_of_a_beginning_run_is_taken_over(
    tmp_path: Path, inputs: RunInputs, new_run: Callable[..., RunFolder]
) -> None:
    path = new_run().path
    (path / "run.json").unlink()
    (path / "inputs/content.jpg").write_bytes(b"half")
    RunFolder.create(path, recipe=Recipe(), inputs=inputs).close()
    assert RunFolder.open(path).inputs().content.sha256 == inputs.content.sha256


@pytest.mark.parametrize("existed", [False, True])
@pytest.mark.parametrize("failing", ["keep_inputs", "write_header"])
def test_a_full_disk_leaves_nothing_of_a_run_that_could_not_begin(
    tmp_path: Path, inputs: RunInputs, monkeypatch: pytest.MonkeyPatch, failing: str, existed: bool
) -> None:
    def no_space(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "run"
    if existed:
        path.mkdir()
    monkeypatch.setattr(module, failing, no_space)
    with pytest.raises(InputError, match=r"cannot make the run folder .*: No space left on device"):
        RunFolder.create(path, recipe=Recipe(), inputs=inputs)
    assert path.exists() == existed
    assert files_in(tmp_path / "run") == {}


def test_a_new_run_is_locked_by_who_made_it(tmp_path: Path, inputs: RunInputs) -> None:
    folder = RunFolder.create(tmp_path / "run", recipe=Recipe(), inputs=inputs)
    assert folder.status == "running"
    assert RunFolder.open(tmp_path / "run").status == "running"
    folder.close()
    assert RunFolder.open(tmp_path / "run").status == "interrupted"
