"""Nothing that is there is destroyed: inputs, read-only files, other people's files; and odd file systems."""

import errno
import io
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import impasto
from impasto.cli import main
from impasto.errors import InputError
from impasto.images import atomic_write, plate_path, quantize, write_picture
from impasto.recipe import Recipe, resolve
from impasto.runs import RunFolder

pytestmark = pytest.mark.usefixtures("plain_charts")
QUICK = ("--size", "48", "--steps", "2", "--device", "cpu", "--precision", "fp32", "--quiet")
SMALL = {"size": 48, "steps": 3, "levels": 1, "device": "cpu", "precision": "fp32", "style_layers": "conv1_1"}
SMALL |= {"content_layers": "conv2_1", "style_losses": "gram", "threads": 1}


@pytest.fixture
def here(tmp_path, monkeypatch, photo, painting) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, picture in (("photo", photo), ("style", painting), ("other", painting[::-1])):
        PIL.Image.fromarray(quantize(picture)).save(f"{name}.png")
    PIL.Image.fromarray((photo[..., 0] > 0.5).astype(np.uint8) * 255).save("mask.png")
    return tmp_path


@pytest.fixture
def refused(here, capfd):
    """Call the command line with what it must refuse; check that no file has changed, and return the line."""

    def call(*words: object) -> str:
        before = contents(here)
        capfd.readouterr()
        code = main([str(word) for word in words])
        out, err = capfd.readouterr()
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert contents(here) == before
        return err

    return call


def contents(folder: Path) -> dict[Path, tuple[int, bytes | None]]:
    return {path: (path.lstat().st_mode, path.read_bytes() if path.is_file() else None) for path in folder.rglob("*")}


# -- inputs ------------------------------------------------------------------------------------------------------------

INPUTS: dict[str, Callable[[Path], tuple[str, ...]]] = {
    "photo": lambda path: (path, "style.png"),
    "style": lambda path: ("photo.png", path),
    "mixed style": lambda path: ("photo.png", "style.png", path, "--style-mix", "1,1"),
    "style mask": lambda path: ("photo.png", f"style.png@{path}"),
    "masked style": lambda path: ("photo.png", f"{path}@mask.png"),
    "region's mask": lambda path: ("photo.png", "style.png", "--region", f"{path}=night"),
    "region's style": lambda path: ("photo.png", "style.png", "--region", f"mask.png={path}"),
    "region's style mask": lambda path: ("photo.png", "style.png", "--region", f"mask.png=other.png@{path}"),
    "init": lambda path: ("photo.png", "style.png", "--init", path),
    "from": lambda path: ("photo.png", "style.png", "--from", path),
    "weights": lambda path: ("photo.png", "style.png", "--weights", path),
}
"""Words that read a picture in some way."""

OUTPUTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "result": ("out.png", ("-o", "out.png")),
    "snapshot": ("out-000002.png", ("-o", "out.png", "--snapshots", "1,2")),
    "regular snapshot": ("out-000002.png", ("-o", "out.jpg", "--snapshot-every", "1")),
}
"""A file that is written, and words that write it."""

LINKS: dict[str, Callable[[Path, Path], str]] = {
    "same": lambda source, written: shutil.copy(source, written) and written.name,
    "spelled otherwise": lambda source, written: shutil.copy(source, written) and f"../{Path.cwd().name}/{written}",
    "output is a link": lambda source, written: written.symlink_to(source.name) or source.name,
    "output is a chain": lambda source, written: _chain(source, written) or source.name,
    "input is a link": lambda source, written: _behind(source, written) or source.name,
    "hard link": lambda source, written: os.link(source, written) or source.name,
}
"""Make the written file an input that has another name; return the name of the input."""


def _chain(source: Path, written: Path) -> None:
    Path("between.png").symlink_to(source.name)
    written.symlink_to("between.png")


def _behind(source: Path, written: Path) -> None:
    source.rename(written)
    source.symlink_to(written.name)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("role", INPUTS)
def test_no_input_is_overwritten_under_any_name(refused, photo, role, output, link):
    written, words = OUTPUTS[output]
    picture = Path("input.png")
    if role == "from":
        write_picture(picture, photo, metadata={"program": "impasto", "recipe": Recipe().to_dict()})
    else:
        shutil.copy("mask.png" if "mask" in role else "other.png", picture)
    name = LINKS[link](picture, Path(written))
    assert "choose another name with -o" in refused(*INPUTS[role](name), *words, *QUICK)


@pytest.mark.parametrize("written", ["out-mix-50-50.png", "out-mix-0-100.png", "out-mix-100-0-000001.png", "out.png"])
@pytest.mark.parametrize("role", ["photo", "init", "region's mask"])
def test_no_picture_of_a_series_overwrites_an_input(refused, role, written):
    shutil.copy("mask.png" if "mask" in role else "other.png", written)
    photo, *words = INPUTS[role](written)
    words = [photo, "style.png", "other.png", *words[1:], "--style-mix-steps", "3", "--snapshots", "1", "-o", "out.png"]
    assert f"{written} is one of the pictures to paint from" in refused(*words, *QUICK)


@pytest.mark.parametrize("command", ["recolor", "mask"])
@pytest.mark.parametrize("link", LINKS)
def test_commands_that_do_not_paint_overwrite_no_input(refused, command, link):
    name = LINKS[link](Path("photo.png"), Path("out.png"))
    words = [name, "style.png"] if command == "recolor" else [name]
    assert "out.png is one of the pictures" in refused(command, *words, "-o", "out.png")


def test_what_comes_from_standard_input_is_not_overwritten(here):
    before = Path("photo.png").read_bytes()
    words = [sys.executable, "-m", "impasto", "-", "style.png", "-o", "photo.png", *QUICK]
    with Path("photo.png").open("rb") as file:
        ended = subprocess.run(words, stdin=file, capture_output=True, text=True)
    assert ended.returncode == 2, ended.stderr
    assert "photo.png is one of the pictures to paint from" in ended.stderr
    assert Path("photo.png").read_bytes() == before


@pytest.mark.parametrize("words", [("-o", "-"), ("-o", "out.png"), ()], ids=" ".join)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_nothing_is_written_to_an_input_through_a_standard_stream(here, words, stream):
    before = Path("photo.png").read_bytes()
    called = [sys.executable, "-m", "impasto", "photo.png", "style.png", *words, *QUICK]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with Path("photo.png").open("ab") as file:
        ended = subprocess.run(called, **streams | {stream: file})
    assert ended.returncode == 2
    if stream == "stdout":
        assert Path("photo.png").read_bytes() == before
    assert not list(here.glob("*out*"))


def test_a_recipe_file_is_not_overwritten(refused):
    Path("recipe.tif").write_text("steps = 2\n")
    assert "recipe.tif is one of" in refused("photo.png", "style.png", "--recipe", "recipe.tif", "-o", "recipe.tif")


def test_an_input_behind_a_linked_folder_is_not_overwritten(refused):
    Path("folder").mkdir()
    Path("linked").symlink_to("folder")
    shutil.copy("photo.png", "folder/photo.png")
    assert "is one of" in refused("folder/photo.png", "style.png", "-o", "linked/photo.png", *QUICK)
    assert "is inside linked" in refused("folder/photo.png", "style.png", "--run", "linked", "-o", "a.png", *QUICK)


def test_the_photo_that_a_demo_leaves_is_not_written_where_its_picture_goes(here, capfd, monkeypatch):
    monkeypatch.setattr("impasto.cli.stylize.resolve", lambda *stated: resolve(*stated).with_changes(steps=2))
    Path("photo.jpg").symlink_to("gone.jpg")
    assert main(["demo", "--size", "32", "--quiet", "-o", "out.png"]) == 0
    assert not Path("gone.jpg").exists()
    Path("photo.jpg").unlink()
    assert main(["demo", "--size", "32", "--quiet", "-o", "photo.jpg"]) == 0
    assert PIL.Image.open("photo.jpg").size == (32, 21)


def test_a_built_in_style_is_not_overwritten_by_what_is_painted_from_it(refused):
    assert "one of the pictures" in refused("photo.png", "night", "-o", plate_path("night"), *QUICK)
    assert "one of the pictures" in refused("demo", "-o", plate_path("night"), "--size", "32")


@pytest.mark.parametrize("place", ["run/inputs/content.png", "run/inputs/photo.png"])
def test_a_new_run_folder_does_not_take_the_place_of_an_input_in_it(refused, place):
    Path("run/inputs").mkdir(parents=True)
    Path("run/run.lock").touch()
    shutil.copy("photo.png", place)
    assert "run" in refused(place, "style.png", "--run", "run", "-o", "out.png", *QUICK)
    assert "run" in refused("photo.png", place, "--run", "run", "-o", "out.png", *QUICK)


def test_files_of_others_beside_the_remains_of_a_run_are_not_deleted(refused):
    Path("run/inputs").mkdir(parents=True)
    Path("run/run.lock").touch()
    shutil.copy("photo.png", "run/inputs/holiday.png")
    assert "run is not empty" in refused("photo.png", "style.png", "--run", "run", *QUICK)


@pytest.mark.parametrize("run", ["out.png", "out.png/run"])
def test_picture_and_run_folder_cannot_have_the_same_name(refused, run):
    assert "choose another name with -o" in refused("photo.png", "style.png", "--run", run, "-o", "out.png", *QUICK)


# -- other files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("--snapshots", "1"), ("--style-mix-steps", "2")], ids=["snapshot", "mix"])
def test_only_painted_pictures_are_replaced_at_names_that_nobody_wrote(refused, capfd, words):
    names = ["photo.png", "style.png", *(["other.png"] if "--style-mix-steps" in words else [])]
    written = "out-000001.png" if "--snapshots" in words else "out-mix-100-0.png"
    shutil.copy("photo.png", written)
    assert f"{written} is in the way" in refused(*names, *words, "-o", "out.png", *QUICK)
    Path(written).unlink()
    for _ in range(2):
        assert main([*names, *words, "-o", "out.png", *QUICK]) == 0


def test_without_o_no_file_is_replaced_at_all(here, capfd):
    shutil.copy("photo.png", "photo_style-000001.png")
    before = Path("photo_style-000001.png").read_bytes()
    assert main(["photo.png", "style.png", "--snapshots", "1", *QUICK]) == 0
    assert capfd.readouterr().out == "photo_style-2.png\n"
    assert Path("photo_style-000001.png").read_bytes() == before
    assert Path("photo_style-2-000001.png").is_file()


def test_a_name_that_a_broken_link_has_is_taken(here, capfd):
    Path("photo_style.png").symlink_to("gone.png")
    assert main(["photo.png", "style.png", *QUICK]) == 0
    assert capfd.readouterr().out == "photo_style-2.png\n"
    assert not Path("gone.png").exists()


# -- read-only files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o444, 0o400, 0o555])
@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("photo.png style.png -o out.png", "out.png"),
        ("photo.png style.png --snapshots 1 -o out.png", "out-000001.png"),
        ("photo.png style.png other.png --style-mix-steps 2 -o out.png", "out-mix-0-100.png"),
        ("photo.png style.png other.png --style-mix-steps 2 -o out.png", "out.png"),
        ("recolor photo.png style.png -o out.png", "out.png"),
        ("mask photo.png -o out.png", "out.png"),
        ("demo --size 32 -o out.png", "out.png"),
        ("photo.png style.png -o link.png", "out.png"),
    ],
)
def test_a_read_only_file_is_refused_before_anything_is_painted(refused, photo, words, written, mode):
    write_picture(Path(written), photo, metadata={"program": "impasto"})
    Path(written).chmod(mode)
    Path("link.png").symlink_to("out.png")
    stated = QUICK if words.startswith("photo") else ()
    assert "read-only" in refused(*words.split(), *stated)


def test_no_way_of_writing_replaces_a_read_only_file(here, photo):
    for name in ("a.png", "b.txt"):
        Path(name).write_bytes(b"precious")
        Path(name).chmod(0o444)
    with pytest.raises(InputError, match="read-only"):
        impasto.subject_mask("photo.png").save("a.png")
    with pytest.raises(InputError, match="read-only"):
        atomic_write(Path("b.txt"), b"new")
    assert [Path(name).read_bytes() for name in ("a.png", "b.txt")] == [b"precious"] * 2


def test_a_file_that_becomes_read_only_meanwhile_keeps_its_place_and_the_picture_another(here, capfd, monkeypatch):
    Path("out.png").write_bytes(b"precious")
    real = impasto.api.Result.save

    def save(self, path, **options):
        if Path(path).name == "out.png":
            Path(path).chmod(0o444)
        return real(self, path, **options)

    monkeypatch.setattr(impasto.api.Result, "save", save)
    assert main(["photo.png", "style.png", "-o", "out.png", *QUICK]) == 1
    assert "the picture is kept as out-unfinished.png" in capfd.readouterr().err
    assert Path("out.png").read_bytes() == b"precious"


# -- kept runs and studies ---------------------------------------------------------------------------------------------


@pytest.fixture
def stopped(here) -> Path:
    """A run that was stopped after its first step."""
    seen = []
    run = impasto.start("photo.png", "style.png", run="run", on_event=lambda _: seen and run.stop(), **SMALL)
    seen.append(True)
    run.wait()
    return here / "run"


@pytest.mark.parametrize("name", ["photo.png", "style.png", "copied.png", "run/inputs/content.png", "linked.png"])
def test_a_continued_run_overwrites_neither_its_copies_nor_the_files_they_were_made_of(refused, stopped, name):
    shutil.copy("photo.png", "copied.png")
    os.link("run/inputs/style-1.png", "linked.png")
    assert f"{name} is one of the pictures" in refused("resume", "run", "-o", name)


@pytest.mark.parametrize("name", ["result.png", "events.jsonl"])
def test_a_read_only_file_of_a_run_is_found_before_it_is_continued(refused, stopped, name):
    Path("run", name).chmod(0o444)
    assert f"run/{name} is read-only" in refused("resume", "run", "-o", "out.png")


STUDY = ("study", "iterations", "photo.png", "style.png", "--at", "1", "-o", "study")


def test_a_study_that_is_continued_overwrites_no_input_and_no_read_only_file(refused):
    stated = [word for word in QUICK if word not in ("--steps", "2")]
    assert main([*STUDY, *stated]) == 0
    shutil.copy("photo.png", "study/report.png")
    words = [word.replace("photo.png", "study/report.png") for word in STUDY]
    assert "study/report.png, which is painted from, is inside study" in refused(*words, *stated)
    for name in ("report.html", "figures.csv", "sheet.png"):
        Path("study", name).chmod(0o444)
        assert f"study/{name} is read-only" in refused(*STUDY, *stated)
        Path("study", name).chmod(0o644)
    Path("study/sheet.png").unlink()
    os.link("photo.png", "study/sheet.png")
    assert "study/sheet.png is one of the files" in refused(*STUDY, *stated)


# -- odd file systems --------------------------------------------------------------------------------------------------

CALLS = ("fcntl.flock", "os.fsync", "os.chmod", "os.replace", "safetensors rename")
REFUSALS = ("ENOLCK", "ENOSYS", "EOPNOTSUPP", "EPERM", "EINVAL")
LINES = {"fcntl.flock": "has no locks", "os.fsync": "power cut", "os.replace": "in one step"}


def refuse(monkeypatch, call: str, number: int) -> None:
    def fail(*_args, **_kwargs):
        raise OSError(number, os.strerror(number))

    if call == "safetensors rename":
        from safetensors import SafetensorError

        def fail_to_rename(*_args, **_kwargs):
            raise SafetensorError(f"I/O error: {os.strerror(number)} (os error {number})")

        monkeypatch.setattr("impasto.runs.checkpoint.save_file", fail_to_rename)
    else:
        monkeypatch.setattr(call, fail)


@pytest.mark.parametrize(("call", "name"), [(call, "EPERM") for call in CALLS] + [("all", name) for name in REFUSALS])
def test_what_a_file_system_refuses_is_done_without_and_the_picture_is_the_same(here, capfd, monkeypatch, call, name):
    run = ["photo.png", "style.png", *QUICK, "--layers", "conv1_1"][:-2]
    assert main([*run, "-o", "whole.png"]) == 0
    Path("out.png").write_bytes(b"old")
    Path("out.png").chmod(0o604)
    capfd.readouterr()
    for each in CALLS if call == "all" else [call]:
        refuse(monkeypatch, each, getattr(errno, name))
    assert main([*run, "--run", "run", "-o", "out.png"]) == 0
    err = capfd.readouterr().err
    expected = [text for each, text in LINES.items() if call in (each, "all")]
    assert all(text in err for text in expected)
    assert len(err.splitlines()) == len(expected) + (call in ("os.chmod", "all"))
    assert np.array_equal(np.asarray(PIL.Image.open("out.png")), np.asarray(PIL.Image.open("whole.png")))
    assert not [path for path in here.rglob("*") if path.suffix == ".tmp"]
    monkeypatch.undo()
    os.chdir(here)
    assert RunFolder.open(Path("run")).load_checkpoint() is not None


def test_a_run_without_locks_is_continued_to_the_same_picture(stopped, photo, painting, monkeypatch):
    refuse(monkeypatch, "fcntl.flock", errno.ENOLCK)
    with pytest.warns(UserWarning, match="has no locks"):
        result = impasto.resume("run").wait()
    whole = impasto.stylize("photo.png", "style.png", **SMALL)
    assert np.array_equal(result.pixels, whole.pixels)


def test_a_write_in_place_that_fails_puts_the_old_file_back(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_bytes(b"precious")
    refuse(monkeypatch, "os.replace", errno.EPERM)
    real = os.fsync
    calls = iter([real])  # the temporary file can be flushed, the target cannot

    def fsync(descriptor):
        next(calls, None) or refuse_space()

    def refuse_space():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(InputError, match="No space left"):
        atomic_write(path, b"a longer text than before")
    assert path.read_bytes() == b"precious"
    with pytest.raises(InputError, match="No space left"):
        atomic_write(tmp_path / "new.txt", b"new")
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_saved_picture_can_be_written_where_files_cannot_be_renamed(here, monkeypatch):
    refuse(monkeypatch, "os.replace", errno.EBUSY)  # a single file that a container mounts
    Path("out.png").write_bytes(b"old")
    with pytest.warns(UserWarning, match="in one step"):
        impasto.subject_mask("photo.png").save("out.png")
    assert PIL.Image.open(io.BytesIO(Path("out.png").read_bytes())).size == (64, 48)
    assert stat.S_ISREG(Path("out.png").stat().st_mode)
