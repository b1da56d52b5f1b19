"""Printed commands do in a shell what they say, whatever names they contain."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import PIL.Image
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impasto.cli import main
from impasto.cli.destination import Destination
from impasto.cli.options import Saving
from impasto.images import quantize
from impasto.recipe import Recipe
from impasto.shell import quote
from impasto.study import EXPERIMENTS
from impasto.study.report import study_command

NAMES = [
    *("my town", "it's", 'say "hi"', "-dash", "--size", "a\nb", "line\n", "tab\there", "$HOME", "`date`", "a;b", "*"),
    *("back\\slash", "100%", "日本", "é", "‮txt", "\x1b[2J", "~", "#1", "!x", "a  b", " lead", os.fsdecode(b"caf\xe9")),
]
SHELLS = [shell for shell in ("sh", "bash", "zsh", "ksh") if shutil.which(shell)]


def words_in(shell: str, command: str) -> list[str]:
    """Return the words that a shell gives to the program `impasto` in a command."""
    script = f"impasto() {{ for word; do printf '%s\\0' \"$word\"; done; }}\n{command}"
    ended = subprocess.run([shell, "-c", script], capture_output=True, check=True)
    assert ended.stderr == b""
    return os.fsdecode(ended.stdout).split("\0")[:-1]


def command_in(line: str) -> str:
    """Return the command between the last backticks of a message."""
    return line[line.index("`impasto ") + 1 : line.rindex("`")]


@pytest.fixture
def here(tmp_path, monkeypatch, photo, painting) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, picture in (("photo", photo), ("style", painting)):
        PIL.Image.fromarray(quantize(picture)).save(f"{name}.png")
    return tmp_path


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(min_size=1, max_size=12).map(lambda data: data.replace(b"\0", b"-")), min_size=9))
@pytest.mark.parametrize("shell", SHELLS)
def test_every_word_is_read_back_by_a_shell(shell, names):
    # Only shells that know $'...' read a line break at the end.
    words = [os.fsdecode(name if shell != "sh" else name.rstrip(b"\n") or b"-") for name in names]
    command = " ".join(["impasto", *map(quote, words)])
    assert command.isprintable() or not any(ord(letter) < 32 for letter in command)
    assert words_in(shell, command) == words


@pytest.mark.parametrize("name", NAMES)
def test_the_command_that_continues_a_run_names_its_folder(here, capfd, name):
    Path(name).mkdir()
    Path(name, "run.json").touch()
    assert main(["photo.png", "style.png", f"--run={name}", "--size", "48", "--quiet"]) == 2
    told = capfd.readouterr().err
    assert told.count("\n") == 1
    program, word, folder = ["impasto", *words_in("bash", command_in(told))]
    assert (program, word) == ("impasto", "resume")
    assert not folder.startswith("-")
    assert Path(folder, "run.json").samefile(Path(f"./{name}", "run.json"))


def batch_in(told: str) -> list[str]:
    """Return the words of the batch in a message of one line."""
    assert told.count("\n") == 1
    words = words_in("bash", told[told.index(": impasto batch ") + 2 :])
    assert words[0] == "batch"
    return words[1:]


@pytest.mark.parametrize("name", NAMES)
def test_the_batch_for_a_folder_names_it_and_every_option(here, capfd, name):
    Path(name).mkdir()
    shutil.copy("photo.png", Path(name, "a.png"))
    style = f"./{name}.png"
    shutil.copy("style.png", style)
    assert main([f"./{name}", style, "--size", "48", "--bits", "16", "--init=-start.png", f"--out=./{name}/"]) == 2
    folder, flag, painting, *rest = batch_in(capfd.readouterr().err)
    assert Path(folder).samefile(f"./{name}")
    assert (flag, Path(painting).samefile(style)) == ("--style", True)
    assert rest[:-1] == ["--size", "48", "--init=-start.png", "--bits", "16", "-o"]
    assert Path(rest[-1]) == Path(name, "painted")
    assert not any(file.startswith("-") for file in (folder, painting, rest[-1]))


def test_the_batch_for_named_photos_names_each_of_them(here, capfd):
    photos = ["-a.png", "it's.png", "demo", "a\nb.png"]
    for photo in photos:
        shutil.copy("photo.png", photo)
    assert main(["stylize", *(f"./{photo}" for photo in photos), "style.png", "--quality", "90"]) == 2
    words = batch_in(capfd.readouterr().err)
    assert [Path(word).name for word in words[:4]] == photos
    assert not any(word.startswith("-") for word in words[:4])
    assert words[4:] == ["--style", "style.png", "--quality", "90", "-o", "painted"]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_in_place_of_a_result_is_answered_with_a_file_in_it(here, capfd, name):
    Path(name).mkdir()
    assert main(["photo.png", "style.png", f"--out={name}"]) == 2
    told = capfd.readouterr().err
    assert told.count("\n") == 1
    flag, out = words_in("bash", f"impasto {told[told.rindex('`-o ') + 1 : told.rindex('`')]}")
    assert (flag, Path(out)) == ("-o", Path(name, "photo_style.png"))
    assert not out.startswith("-")


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_of_recipes_and_studies_name_their_files(name):
    is_text = "\n" not in name and name.encode("utf-8", "ignore") == os.fsencode(name)
    recipe = Recipe(init=name, regions=[f"{name}.png=night"] if is_text else ())
    words = words_in("bash", recipe.as_command(name, f"{name}.png"))
    files = [word for word in words if not word.startswith("--")]
    assert [Path(file).name for file in files if "=" not in file and file != "stylize"][:2] == [name, f"{name}.png"]
    assert f"--init={name}" in words or words[words.index("--init") + 1] == name
    plan = EXPERIMENTS["custom"].plan({"init": name}, vary=["seed=1,2"])
    words = words_in("bash", study_command(plan, name, name))
    assert [Path(word).name for word in words[2:4]] == [name, name]
    assert not any(word.startswith("-") for word in words[2:4])


@pytest.mark.parametrize(
    ("saving", "is_resumed", "words"),
    [
        ({}, False, []),
        ({"out": "out.tif", "bits": 16}, False, ["--bits", "16"]),
        ({"out": "my out.jpg", "quality": 80}, True, ["-o", "my out.jpg", "--quality", "80"]),
        ({"out": "-out.png"}, True, ["-o", "./-out.png"]),
        ({"out": "-"}, False, ["-o", "-"]),
    ],
)
def test_the_command_that_continues_a_stopped_run_saves_as_before(here, monkeypatch, saving, is_resumed, words):
    monkeypatch.setattr("sys.stdout.isatty", lambda: False)
    destination = Destination(Saving(**saving), Path("default.png"), is_resumed=is_resumed)
    command = destination.resume_command(Path("my town"))
    assert shlex.split(command) == ["impasto", "resume", "my town", *words]
