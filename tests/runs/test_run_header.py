import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impasto.errors import InputError
from impasto.images import read_picture
from impasto.recipe import Recipe
from impasto.runs import RegionInputs, RunFolder, RunInputs


def test_the_inputs_come_back_when_the_originals_are_gone(
    tmp_path: Path, inputs: RunInputs, originals: dict[str, Path]
) -> None:
    given = replace(inputs, styles=(*inputs.styles, inputs.content), init=inputs.styles[0])
    RunFolder.create(tmp_path / "run", recipe=Recipe(), inputs=given).close()
    for file in originals.values():
        file.unlink()
    (tmp_path / "run").rename(tmp_path / "moved")
    back = RunFolder.open(tmp_path / "moved").inputs()
    assert back.init is not None
    assert given.init is not None
    assert len(back.styles) == 2
    for one, other in [
        (back.content, given.content),
        *zip(back.styles, given.styles, strict=True),
        (back.init, given.init),
    ]:
        assert np.array_equal(one.pixels, other.pixels)
        assert (one.name, one.sha256, one.encoded) == (other.name, other.sha256, other.encoded)


def test_pictures_that_never_were_files_come_back_too(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).random((5, 7, 3), dtype=np.float32)
    given = RunInputs(content=read_picture(pixels), styles=(read_picture((pixels * 255).astype(np.uint8)),), init=None)
    RunFolder.create(tmp_path / "run", recipe=Recipe(), inputs=given).close()
    back = RunFolder.open(tmp_path / "run").inputs()
    assert np.abs(back.content.pixels - pixels).max() <= 0.5 / 65535 + 1e-7
    assert np.array_equal(back.styles[0].pixels, given.styles[0].pixels)


def test_an_input_that_changed_is_refused(new_run: Callable[..., RunFolder]) -> None:
    folder = new_run()
    kept = folder.path / "inputs" / "content.jpg"
    kept.write_bytes(kept.read_bytes() + b"\0")
    with pytest.raises(InputError, match=r"content\.jpg has changed since the run began"):
        folder.inputs()


def test_an_input_that_is_missing_is_told(new_run: Callable[..., RunFolder]) -> None:
    folder = new_run()
    (folder.path / "inputs" / "style-1.png").unlink()
    with pytest.raises(
        InputError, match=r"cannot read .*style-1\.png: No such file or directory; put the picture back"
    ):
        folder.inputs()


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run"):
        RunFolder.open(tmp_path)
    with pytest.raises(InputError, match="missing is not a folder with a run"):
        RunFolder.open(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file is not a folder with a run"):
        RunFolder.open(tmp_path / "file")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "holds a run of format 2: it needs a newer impasto"),
        ({"program": "other"}, r"run\.json is damaged: program: "),
        ({"created": "yesterday"}, "is damaged: created: "),
        ({"inputs": {"content": None}}, r"is damaged: inputs\.content: "),
        (
            {"inputs": {"content": {"file": "../x.png", "sha256": "0" * 64, "name": ""}, "styles": [], "init": None}},
            r"is damaged: inputs\.content\.file: ",
        ),
        ({"recipe": {"colour": "blue"}}, "colour"),
        ({"recipe": {"steps": -1}}, "steps"),
        ({"recipe": 3}, "is damaged: recipe: "),
    ],
)
def test_a_damaged_header_is_told_in_one_line(
    new_run: Callable[..., RunFolder], changes: dict[str, Any], message: str
) -> None:
    path = new_run().path
    fields = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(fields | changes))
    with pytest.raises(InputError, match=message) as caught:
        RunFolder.open(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe\x00"])
def test_a_header_that_is_no_json_object_is_told(new_run: Callable[..., RunFolder], content: bytes) -> None:
    path = new_run().path
    (path / "run.json").write_bytes(content)
    with pytest.raises(InputError, match=r"run\.json") as caught:
        RunFolder.open(path)
    assert "\n" not in str(caught.value)


def test_fields_that_a_later_version_may_add_are_left_alone(new_run: Callable[..., RunFolder]) -> None:
    path = new_run().path
    fields = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(fields | {"mood": "calm"}))
    assert RunFolder.open(path).recipe == Recipe()


@pytest.mark.parametrize("crop", [None, [1, 2, 5, 6]])
def test_a_run_that_was_begun_before_there_were_masks_and_regions_is_still_one(
    new_run: Callable[..., RunFolder], crop: list[int] | None
) -> None:
    file = new_run().path / "run.json"
    header: dict[str, Any] = json.loads(file.read_text())
    for field in ("style_mix", "style_scale", "style_rotation", "regions"):
        del header["recipe"][field]
    header["recipe"]["style_crop"] = crop
    del header["inputs"]["style_masks"], header["inputs"]["regions"]
    file.write_text(json.dumps(header))
    folder = RunFolder.open(file.parent)
    assert folder.recipe == Recipe(style_crop=crop)
    assert folder.inputs().regions == ()
    assert folder.inputs().style_masks in ((), (None,))


def test_masks_and_regions_come_back_where_they_were(tmp_path: Path, inputs: RunInputs) -> None:
    first, second = inputs.content, inputs.styles[0]
    given = replace(
        inputs,
        styles=(first, second),
        style_masks=(None, first),
        regions=(
            RegionInputs(mask=first),
            RegionInputs(mask=second, style=first),
            RegionInputs(mask=first, style=second, style_mask=first),
        ),
    )
    recipe = Recipe(regions=("a.png=keep", "b.png=c.png", "d.png=e.png@f.png"))
    RunFolder.create(tmp_path / "run", recipe=recipe, inputs=given).close()
    folder = RunFolder.open(tmp_path / "run")
    back = folder.inputs()
    assert folder.recipe == recipe

    def hashes(some: Any) -> Any:
        return [None if picture is None else picture.sha256 for picture in some]

    assert hashes(back.style_masks) == hashes(given.style_masks)
    for one, other in zip(back.regions, given.regions, strict=True):
        assert hashes((one.mask, one.style, one.style_mask)) == hashes((other.mask, other.style, other.style_mask))
