"""Run folders from strangers: links, pipes, damaged and exchanged files. Nothing outside the folder is touched."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from safetensors.torch import save_file

import impasto
from impasto.backbones.weight_formats import CONVOLUTIONS, kernel_shape
from impasto.cli import main
from impasto.errors import ImpastoError, InputError, RunError
from impasto.events import Step
from impasto.images import quantize
from impasto.runs import FolderLock, RunFolder, list_runs
from impasto.runs.checkpoint import CheckpointFiles

SETTINGS = {"size": 48, "steps": 6, "levels": 1, "device": "cpu", "precision": "fp32", "style_layers": "conv1_1"}
SETTINGS |= {"content_layers": "conv2_1", "style_losses": "gram", "snapshots": (1,), "threads": 1}
ENTRIES = (
    *("run.json", "run.lock", "events.jsonl", "checkpoint.safetensors", "checkpoint.previous.safetensors"),
    *("checkpoint.saving", "result.png", "latest.png", "inputs", "inputs/content.png", "snapshots"),
    "snapshots/000001.png",
)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, photo, painting) -> Path:
    """A run that was stopped after three of six steps."""
    path = tmp_path_factory.mktemp("stopped") / "run"

    def stop(event):
        if isinstance(event, Step) and event.step == 3:
            run.stop()

    ready = []
    run = impasto.start(photo, painting, run=path, on_event=lambda event: ready and stop(event), **SETTINGS)
    ready.append(True)
    run.wait()
    assert RunFolder.open(path).has_checkpoint
    return path


@pytest.fixture
def run(tmp_path, stopped) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(stopped, tmp_path / "run"))


def contents(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def as_link(path: Path, outside: Path) -> None:
    path.symlink_to(outside, target_is_directory=outside.is_dir())


def as_hard_link(path: Path, outside: Path) -> None:
    if outside.is_dir():
        path.mkdir()
        for file in outside.iterdir():
            os.link(file, path / file.name)
    else:
        os.link(outside, path)


def as_dangling_link(path: Path, outside: Path) -> None:
    path.symlink_to(outside.with_name("new"))


@pytest.mark.parametrize("replace", [as_link, as_hard_link, as_dangling_link])
@pytest.mark.parametrize("entry", ENTRIES)
def test_nothing_outside_a_run_folder_is_changed_through_a_link_in_it(tmp_path, run, entry, replace):
    outside = tmp_path / "outside"
    outside.mkdir()
    inside = run / entry
    (outside / "000009.png").write_bytes(b"precious")
    target = outside / "target"
    if inside.is_dir():
        shutil.copytree(inside, target)
        (target / "000009.png").write_bytes(b"precious")
        shutil.rmtree(inside)
    elif inside.exists():
        inside.rename(target)
    else:
        target.mkdir()
    before = contents(outside)
    inside.parent.mkdir(exist_ok=True)
    replace(inside, target)
    with suppress(ImpastoError):
        impasto.resume(run).wait()
    assert contents(outside) == before


@pytest.mark.parametrize(
    "entry", ["run.json", "run.lock", "events.jsonl", "checkpoint.safetensors", "inputs/content.png"]
)
def test_a_pipe_in_a_run_folder_is_not_waited_for(run, entry):
    (run / entry).unlink()
    os.mkfifo(run / entry)
    (run / "checkpoint.previous.safetensors").unlink(missing_ok=True)
    with pytest.raises(InputError, match="it is not a file"):
        impasto.resume(run)
    assert len(list_runs([run])) == 1


def test_links_in_a_folder_are_listed_as_damage_that_hides_no_other_run(tmp_path, run):
    for name in ("a", "c"):
        shutil.copytree(run, tmp_path / "all" / name)
    shutil.copytree(run, tmp_path / "all" / "b")
    (tmp_path / "all" / "b" / "events.jsonl").unlink()
    (tmp_path / "all" / "b" / "events.jsonl").symlink_to("/etc/hostname")
    found = list_runs([tmp_path / "all"])
    assert [each.status for each in found] == ["interrupted", "damaged", "interrupted"]
    assert "is a link" in found[1].problem


def test_a_lock_is_not_taken_through_a_link_nor_its_owner_believed(tmp_path):
    (tmp_path / "target").write_text("precious")
    (tmp_path / "run.lock").symlink_to("target")
    with pytest.raises(InputError, match="is a link"):
        FolderLock(tmp_path / "run.lock").acquire()
    assert (tmp_path / "target").read_text() == "precious"
    holder = FolderLock(tmp_path / "own.lock")
    holder.acquire()
    (tmp_path / "own.lock").write_text("1 \x1b[2J")
    with pytest.raises(InputError, match=r"process unknown"):
        FolderLock(tmp_path / "own.lock").acquire()
    holder.release()


# -- where the picture goes --------------------------------------------------------------------------------------------


@pytest.fixture
def with_output(tmp_path, monkeypatch, photo, painting) -> Path:
    """A run that was begun by the command line with `-o out.png`, and killed before its first step."""
    monkeypatch.chdir(tmp_path)
    for name, picture in (("photo", photo), ("style", painting)):
        PIL.Image.fromarray(quantize(picture)).save(f"{name}.png")
    impasto.start("photo.png", "style.png", run="run", output="out.png", **SETTINGS).wait()
    log = Path("run/events.jsonl")
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-2]))
    return tmp_path


def test_a_run_continues_to_where_its_picture_was_wanted(with_output):
    assert main(["resume", "run", "--quiet"]) == 0
    assert (with_output / "out.png").is_file()


@pytest.mark.parametrize("change", ["copied", "renamed", "edited"])
def test_a_folder_from_elsewhere_does_not_choose_where_its_picture_goes(with_output, capfd, change):
    if change == "copied":
        shutil.copytree("run", "other")
    else:
        Path("run").rename("other")
    if change == "edited":
        Path("other").rename("run")
        file = Path("run/run.json")
        file.write_text(file.read_text().replace("out.png", "elsewhere.png"))
    name = "run" if change == "edited" else "other"
    assert main(["resume", name, "--quiet"]) == 2
    told = capfd.readouterr().err
    assert (".png" in told, "-o" in told, told.count("\n")) == (True, True, 1)
    assert {path.name for path in with_output.iterdir()} <= {"photo.png", "style.png", "run", name}
    assert main(["resume", name, "--quiet", "-o", "mine.png"]) == 0
    assert (with_output / "mine.png").is_file()


# -- checkpoints -------------------------------------------------------------------------------------------------------


def test_the_checkpoint_of_another_photo_or_recipe_is_refused(tmp_path, run, photo, painting):
    for number, (content, changes) in enumerate(
        [(1 - photo, {}), (photo, {"seed": 5}), (photo, {"optimizer": "adam"})]
    ):
        other = tmp_path / f"other-{number}"
        impasto.start(content, painting, run=other, **SETTINGS | changes).wait()
        shutil.copy(other / "checkpoint.safetensors", run / "checkpoint.safetensors")
        (run / "checkpoint.previous.safetensors").unlink(missing_ok=True)
        with pytest.raises(InputError, match="made with another recipe or other pictures"):
            impasto.resume(run)


def test_a_foreign_checkpoint_does_not_hide_the_runs_own_previous_one(tmp_path, run, stopped, photo, painting):
    impasto.start(1 - photo, painting, run=tmp_path / "other", **SETTINGS).wait()
    shutil.copy(run / "checkpoint.safetensors", run / "checkpoint.previous.safetensors")
    shutil.copy(tmp_path / "other" / "checkpoint.safetensors", run / "checkpoint.safetensors")
    whole = impasto.stylize(photo, painting, **SETTINGS)
    assert np.array_equal(impasto.resume(run).wait().pixels, whole.pixels)


@pytest.mark.parametrize(
    "edit",
    [
        ("optimizer", "name", "adam"),
        ("network", "backbone", "vgg16"),
        ("style", "weight", 99.0),
        ("start", "init", "/etc/hostname"),
        ("schedule", "steps", 7),
        ("picture", "size", 40),
    ],
    ids=lambda edit: edit[1],
)
def test_a_recipe_edited_under_a_checkpoint_is_refused_in_one_line(run, edit):
    section, name, value = edit
    header = json.loads((run / "run.json").read_text())
    header["recipe"][section][name] = value
    (run / "run.json").write_text(json.dumps(header))
    with pytest.raises(InputError) as caught:
        impasto.resume(run)
    assert "\n" not in str(caught.value)


def test_a_header_written_in_another_layout_is_the_same_run(run, photo, painting):
    header = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(dict(reversed(header.items())), sort_keys=True))
    assert np.array_equal(impasto.resume(run).wait().pixels, impasto.stylize(photo, painting, **SETTINGS).pixels)


@pytest.mark.parametrize(
    "change",
    [
        *({"step": value} for value in (-1, 2, 4, 10**30, "3", None, 3.0, True, [3])),
        *({"level": value} for value in (-1, 1, 10**9, "0")),
        *({"level_step": value} for value in (-3, 99, None)),
        *({"losses": value} for value in ([1.0] * 1000, "no", [None], {"a": 1.0})),
        {"step": 9, "level_step": 9},
        {"unknown": 1},
    ],
    ids=str,
)
def test_impossible_numbers_in_a_checkpoint_are_refused_in_one_line(run, change):
    files = CheckpointFiles(run, RunFolder.open(run)._header.digest())
    state = files.load()
    assert state is not None
    files.save(state.tensors, state.scalars | change)
    (run / "checkpoint.previous.safetensors").unlink()
    with pytest.raises(InputError) as caught:
        impasto.resume(run).wait()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["missing", "shape", "type", "not finite"])
def test_tensors_that_do_not_fit_are_refused_in_one_line(run, damage):
    files = CheckpointFiles(run, RunFolder.open(run)._header.digest())
    state = files.load()
    assert state is not None
    tensors, name = dict(state.tensors), "optimizer.accepted"
    tensor = tensors.pop(name)
    if damage != "missing":
        damaged = {"shape": tensor[..., 1:], "type": tensor.double(), "not finite": tensor * float("nan")}
        tensors[name] = damaged[damage].contiguous()
    files.save(tensors, state.scalars)
    (run / "checkpoint.previous.safetensors").unlink()
    with pytest.raises(InputError, match="start a new run"):
        impasto.resume(run).wait()


def test_a_logged_change_of_what_cannot_change_is_refused(run):
    line = {"type": "Changed", "time": "2026-01-02T03:04:05+00:00", "step": 1, "changes": {"optimizer": "adam"}}
    log = run / "events.jsonl"
    log.write_text(json.dumps(line) + "\n" + log.read_text())
    with pytest.raises(InputError, match="optimizer cannot change"):
        impasto.resume(run)


# -- a folder that goes away -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vanish", [shutil.rmtree, lambda path: path.rename(path.with_name("elsewhere"))])
@pytest.mark.parametrize("comes_back", [False, True])
def test_a_run_folder_that_is_removed_or_renamed_while_painting_is_noticed(
    tmp_path, photo, painting, vanish, comes_back
):
    path = tmp_path / "run"

    def act(event):
        if isinstance(event, Step) and event.step == 2:
            vanish(path)
            if comes_back:
                path.mkdir()

    with pytest.raises(RunError, match="was removed or renamed") as caught:
        impasto.stylize(photo, painting, run=path, on_event=act, **SETTINGS)
    assert "resume" not in str(caught.value)
    assert not path.exists() or not list(path.iterdir())


@pytest.mark.parametrize("output", ["file:///%00.png", "file://[x/a.png", "a\0.png", ""])
def test_an_output_that_is_no_path_is_damage(run, output):
    header = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(header | {"output": output}))
    with pytest.raises(InputError, match=r"run\.json is damaged"):
        RunFolder.open(run)


def test_a_checkpoint_of_a_hundred_thousand_tensors_is_refused_before_they_are_read(run, monkeypatch):
    (run / "checkpoint.previous.safetensors").unlink(missing_ok=True)
    save_file({str(n): torch.zeros(0) for n in range(100_000)}, run / "checkpoint.safetensors")
    monkeypatch.setattr("impasto.runs.checkpoint._digest", lambda *_: pytest.fail("they were read"))
    with pytest.raises(InputError, match="it holds 100000 tensors"):
        impasto.resume(run)


def test_a_folder_from_elsewhere_does_not_choose_which_weights_are_read(tmp_path, photo, painting, capfd):
    from impasto.backbones import describe_weights

    weights = tmp_path / "mine.safetensors"
    chance = torch.Generator().manual_seed(1)
    tensors = {}
    for name in CONVOLUTIONS:
        shape = kernel_shape(name)
        tensors[f"{name}.weight"] = torch.randn(shape, generator=chance) * (2 / (9 * shape[1])) ** 0.5
        tensors[f"{name}.bias"] = torch.zeros(shape[0])
    save_file(tensors, weights)
    assert describe_weights(str(weights))["path"] == str(weights)
    run = impasto.start(photo, painting, run=tmp_path / "run", weights=weights, **SETTINGS)
    run.stop()
    run.wait()
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    assert main(["resume", str(tmp_path / "copy"), "--quiet"]) == 2
    told = capfd.readouterr().err
    assert (str(weights) in told, "--weights" in told, told.count("\n")) == (True, True, 1)
    weights.rename(tmp_path / "moved.safetensors")
    words = ["resume", str(tmp_path / "copy"), "--weights", str(tmp_path / "moved.safetensors"), "--quiet"]
    assert main([*words, "-o", str(tmp_path / "out.png")]) == 0
    assert main(["resume", str(tmp_path / "run"), "--quiet"]) == 2  # here nothing was given
    assert "there is no file of weights" in capfd.readouterr().err
