"""Closed streams, odd words and names, little memory, forked processes: one line, and never a lost picture."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest
import pyvips

from impasto.cli import main
from impasto.cli.console import stop_signals, write_error, write_path
from impasto.errors import InputError
from impasto.images import quantize, read_picture
from impasto.recipe import Recipe, read_recipe
from impasto.runs import Inputs, RunFolder

QUICK = ("--size", "48", "--steps", "2", "--levels", "1", "--device", "cpu", "--precision", "fp32")


@pytest.fixture
def folder(tmp_path, monkeypatch, photo) -> Path:
    """The current folder, with photo.png."""
    monkeypatch.chdir(tmp_path)
    PIL.Image.fromarray(quantize(photo)).save("photo.png")
    return tmp_path


def in_shell(redirections: str, *words: str) -> subprocess.CompletedProcess:
    command = f'exec "$@" {redirections}'
    words = ("bash", "-c", command, "bash", sys.executable, "-m", "impasto", *words)
    return subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("redirections", "code"),
    [("2>/dev/full", 0), (">&-", 1), ("<&- >&- 2>&-", 1)],
)
def test_the_picture_is_saved_whatever_streams_are_closed(folder, redirections, code):
    done = in_shell(redirections, "photo.png", "night", "-o", "out.png", *QUICK)
    assert done.returncode == code, done
    assert b"Traceback" not in done.stderr
    assert np.asarray(PIL.Image.open("out.png")).shape == (36, 48, 3)


def test_a_picture_is_asked_for_on_a_closed_standard_input(folder):
    done = in_shell("<&-", "-", "night", "-o", "out.png", *QUICK)
    assert done.returncode == 2
    assert done.stderr == b"impasto: cannot read standard input: Bad file descriptor\n"


def said(capfd, *words: str) -> str:
    """Return the one line with which words are refused."""
    assert main(list(words)) == 2
    (line,) = capfd.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("",), "an argument is empty"),
        (("photo.png", ""), "an argument is empty"),
        (("photo.png", "night", "-o", ""), "-o is empty"),
        (("photo.png", "night", "--run="), "--run is empty"),
        (("photo.png", "night", "--init", ""), "--init is empty"),
        (("info", ""), "an argument is empty"),
        (("photo.png", "night", "\u2013size", "48"), "write --size"),
        (("photo.png", "night", "\u2014seed=1"), "write --seed=1"),
        (("photo.png", "night", "--style-scale", "\u22125"), "write -5"),
        (("photo.png", "night", "--snapshots", ","), "--snapshots takes whole numbers"),
        (("photo.png", "night", "--style-layers", " , "), "unknown layer"),
        (("photo.png", "night", "-o", ".png"), ".png has no extension"),
        (
            ("file:///mine/photo.png", "night"),
            "file:///mine/photo.png is not a file: impasto reads and writes files only, so write",
        ),
        *(
            ((*words, "-"), "- is standard input or output, which cannot be used there")
            for words in (("photo.png", "night", "--run"), ("resume",), ("runs",), ("plates", "export"))
        ),
        (("photo.png", "night", "--recipe", "-"), "cannot read the recipe -"),
    ],
)
def test_empty_words_and_long_dashes_are_refused(folder, capfd, words, message):
    assert message in said(capfd, *words)


@pytest.mark.parametrize("word", ["night@~/gone.png", "~/gone.png=night"])
def test_the_home_folder_is_found_inside_a_word(folder, capfd, monkeypatch, word):
    monkeypatch.setenv("HOME", "/the/home")
    words = ["photo.png", word] if "@" in word else ["photo.png", "night", "--region", f"photo.png={word[:10]}"]
    assert "/the/home/gone.png" in said(capfd, *words, *QUICK)


@pytest.mark.parametrize("columns", ["0", "1", "7", "99999999999"])
@pytest.mark.parametrize("words", [["--help"], ["stylize", "--help"], ["plates", "--help"]])
def test_the_help_fits_into_any_number_of_columns(monkeypatch, capfd, columns, words):
    monkeypatch.setenv("COLUMNS", columns)
    assert main(words) == 0
    assert "Usage" in capfd.readouterr().out


@pytest.mark.parametrize("name", [b"caf\xe9.png", "b\u00fccher.png".encode(), b"two\nlines.png"])
def test_a_program_gets_the_bytes_of_a_path(capfdbinary, name):
    write_path(Path(os.fsdecode(name)))
    assert capfdbinary.readouterr().out == name + b"\n"


def test_a_run_of_names_that_are_no_text_is_kept(folder):
    name = os.fsdecode(b"caf\xe9.png")
    Path("photo.png").rename(name)
    picture = read_picture(name)
    inputs = Inputs(content=picture, styles=(picture,))
    RunFolder.create(Path("run"), recipe=Recipe(), inputs=inputs, output=Path(name)).close()
    kept = RunFolder.open(Path("run"))
    assert kept.output == folder / name
    assert kept.was_made_here
    assert kept.inputs().content.name == "caf\ufffd"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_recipe_is_read_in_the_encodings_that_editors_write(tmp_path, encoding):
    file = tmp_path / "recipe.toml"
    file.write_bytes("# \u00fc\r\nseed = 7\r\n".encode(encoding))
    assert read_recipe(file)["seed"] == 7


def test_two_names_that_are_too_long_together_make_a_shorter_one(folder, capfd):
    long = ["\u00fc" * 100 + ".png", "b" * 200 + ".png"]
    for name in long:
        Path(name).write_bytes(Path("photo.png").read_bytes())
    assert main([*long, *QUICK]) == 0
    assert Path(capfd.readouterr().out.strip()).name == "\u00fc" * 50 + "_" + "b" * 100 + ".png"


@pytest.mark.parametrize("make", [os.mkdir, lambda name: Path(name).write_text("no picture")])
def test_a_built_in_style_wins_over_a_file_and_says_so(folder, capfd, make):
    make("night")
    assert main(["photo.png", "night", "-o", "out.png", "--quiet", *QUICK]) == 0
    assert "night is the built-in style; a file of that name is written ./night" in capfd.readouterr().err


def test_a_file_named_like_a_built_in_style_is_reached_by_its_folder(folder, capfd):
    Path("night").write_text("no picture")
    assert "night is not a picture" in said(capfd, "photo.png", "./night", *QUICK)


@pytest.mark.parametrize(("width", "height"), [(12, 12), (9, 20)])
def test_the_advice_for_a_tiny_photo_works(folder, capfd, width, height):
    PIL.Image.new("RGB", (width, height), "teal").save("tiny.png")
    line = said(capfd, "tiny.png", "night", "-o", "out.png", "--steps", "1")
    advice = line.rpartition("; ")[2].partition(",")[0].split()
    assert main(["tiny.png", "night", "-o", "out.png", "--steps", "1", "--levels", "1", *advice]) == 0


def test_of_a_photo_too_narrow_for_any_size_only_a_part_can_be_painted(folder, capfd):
    PIL.Image.new("RGB", (5000, 1)).save("line.png")
    assert said(capfd, "line.png", "night").endswith("crop the photo to a shape that is less narrow")


def _read_in_child(path: str) -> str:
    try:
        read_picture(path)
    except InputError as error:
        return str(error)
    return ""


def test_a_process_that_was_forked_too_late_says_so_at_once(folder):
    read_picture("photo.png")
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert "spawn" in pool.apply_async(_read_in_child, ("photo.png",)).get(60)


def test_a_photo_whose_name_holds_an_at_gives_the_picture_its_whole_name(folder, capfd):
    Path("photo.png").rename("a@b.png")
    assert main(["a@b.png", "night", *QUICK]) == 0
    assert capfd.readouterr().out == "a@b_night.png\n"


def test_a_current_folder_that_is_gone_is_told(folder):
    (folder / "gone").mkdir()
    words = ("bash", "-c", 'cd gone && rmdir ../gone && exec "$@"', "bash", sys.executable, "-m", "impasto", "plates")
    done = subprocess.run(words, capture_output=True, text=True)
    told = [line for line in done.stderr.splitlines() if line.startswith("impasto")]
    assert (done.returncode, done.stdout) == (2, "")
    assert told == ["impasto: the current folder cannot be used (No such file or directory): go to another one"]


@pytest.mark.parametrize("encoding", ["utf-16", "cp037", "ascii", "idna"])
def test_json_is_ascii_whatever_the_encoding_of_the_terminal(folder, encoding):
    variables = os.environ | {"PYTHONIOENCODING": encoding}
    words = [sys.executable, "-m", "impasto", "runs", "--json"]
    assert subprocess.run(words, env=variables, capture_output=True).stdout == b'{"runs": []}\n'


def test_a_picture_for_which_there_is_no_place_at_all_is_told(folder, capfd, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise FileNotFoundError("No usable temporary directory found")

    def fail(*_: object, **__: object) -> None:
        raise InputError("no space")

    monkeypatch.setattr("impasto.cli.destination.tempfile", SimpleNamespace(gettempdir=refuse))
    monkeypatch.setattr("impasto.api.pictures.write_picture", fail)
    assert main(["photo.png", "night", "-o", "out.png", "--quiet", *QUICK]) == 1
    assert capfd.readouterr().err == "impasto: no space\n"


def test_a_message_needs_no_memory_for_a_pattern(monkeypatch, capfd):
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("re._compiler.compile", refuse)
    re.purge()
    write_error("there is not enough memory")
    assert capfd.readouterr().err == "there is not enough memory\n"


def test_a_signal_while_libvips_logs_is_not_lost(capfd):
    @pyvips.ffi.callback("void(void *)")
    def _log_handler_callback(_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    def log_and_wait() -> None:
        _log_handler_callback(pyvips.ffi.NULL)
        signal.sigtimedwait([], 60)

    with pytest.raises(KeyboardInterrupt), stop_signals():
        log_and_wait()
    assert capfd.readouterr().err == ""


def test_a_signal_while_torch_is_loaded_waits_until_it_is(capfd):
    loaded = []
    module = {"__name__": "torch.part", "loaded": loaded, "signal": signal}

    def load_and_wait() -> None:
        exec("signal.raise_signal(signal.SIGTERM); loaded.append(True)", module)
        signal.sigtimedwait([], 60)

    with pytest.raises(KeyboardInterrupt), stop_signals():
        load_and_wait()
    assert loaded == [True]
    assert capfd.readouterr().err == ""
