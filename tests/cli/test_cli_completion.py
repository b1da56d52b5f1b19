"""Completion: what the program offers, and what a real bash makes of it."""

import os
import shlex
import subprocess
import sys

import pytest

from impasto.images import PLATES
from impasto.recipe import PRESETS

_ASK = """
. ./script
COMP_WORDS=({words}) COMP_CWORD={last}
_impasto
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def files(folder):
    """The current folder, with a folder, recipes, pictures and other files, and the program on the path."""
    (folder / "trip").mkdir()
    for name in ("mine.toml", "notes.txt", "trip/my harbor.jpg", "trip/mine.json", "trip/.hidden.png"):
        (folder / name).touch()
    program = folder / "bin" / "impasto"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m impasto "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.fixture
def offered(impasto, files):
    """Return a function that gives what the program offers for the last of some words."""

    def call(*words: str) -> set[str]:
        outcome = impasto("__complete", *words)
        assert (outcome.code, outcome.err) == (0, "")
        return {line.partition("\t")[0] for line in outcome.out.partition("\x1fbegin\n")[2].splitlines()}

    return call


@pytest.mark.parametrize("command", [[], ["stylize"], ["recolor"], ["study", "seeds"]])
def test_styles_are_the_built_in_ones_pictures_and_folders(offered, command):
    assert offered(*command, "photo.png", "") == {*PLATES, "photo.png", "style.jpg", "trip/", "bin/"}
    assert offered(*command, "photo.png", "trip/") == {*PLATES, "trip/my harbor.jpg"}


def test_every_style_of_several_is_completed(offered):
    assert set(PLATES) < offered("photo.png", "night", "--steps", "5", "")


def test_the_photo_is_a_picture(offered):
    assert offered("stylize", "p") == {"photo.png"}


def test_a_recipe_is_a_recipe_file(offered):
    assert offered("photo.png", "night", "--recipe", "") == {"mine.toml", "trip/", "bin/"}
    assert offered("photo.png", "night", "--recipe=trip/m") == {"trip/mine.json"}


def test_a_run_is_a_run_folder_and_folders_may_hold_some(offered, files):
    (files / "trip" / "town").mkdir()
    (files / "trip" / "town" / "run.json").touch()
    assert offered("resume", "") == {"trip/", "bin/"}
    assert offered("resume", "trip/") == offered("runs", "trip/t") == {"trip/town"}


def test_presets_and_plates_are_completed(offered):
    assert offered("photo.png", "night", "--preset", "") == set(PRESETS)
    assert offered("demo", "--style", "") == set(PLATES)
    assert offered("plates", "export", ".", "") == set(PLATES)


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """The installed script of bash."""
    home = tmp_path_factory.mktemp("home")
    words = [sys.executable, "-m", "impasto", "--install-completion", "--shell", "bash"]
    subprocess.run(words, env=os.environ | {"HOME": str(home)}, check=True, capture_output=True)
    assert ".local/share/bash-completion/completions/impasto" in (home / ".bashrc").read_text()
    return (home / ".local/share/bash-completion/completions/impasto").read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("st", "stylize studio study style.jpg"),
        ("photo.png ni", "night"),
        ("stylize photo.png st", "stained-glass style.jpg"),
        ("photo.png night --prese", "--preset"),
        ("photo.png night --preset pap", "paper"),
        ("photo.png night --recipe mi", "mine.toml"),
        ("photo.png night --color lum", "luminance"),
        # Nothing of its own: bash completes names of files by itself.
        ("photo.png night --run tr", ""),
    ],
)
def test_bash_offers_commands_options_styles_and_files(script, files, words, expected):
    (files / "script").write_text(script)
    ask = _ASK.format(words=f"impasto {words}", last=len(words.split()))
    env = os.environ | {"PATH": f"{files / 'bin'}:{os.environ['PATH']}"}
    # An interactive shell is needed for `compopt` alone, which is silent otherwise.
    ended = subprocess.run(["bash", "-c", ask], cwd=files, env=env, capture_output=True, text=True)
    assert ended.stderr == ""
    assert set(ended.stdout.split()) == set(expected.split())


def test_bash_completes_names_of_files_by_itself_and_no_name_is_broken_at_spaces(script):
    assert "complete -o default -F _impasto impasto" in script
    assert "compopt -o nospace" in script
    assert "compgen" not in script


def test_the_scripts_of_other_shells_let_a_folder_be_continued(impasto, files):
    for shell, expected in (("zsh", "compadd -S ''"), ("fish", "__complete")):
        assert impasto("--install-completion", "--shell", shell, "--output", f"made-{shell}").code == 0
        assert expected in (files / f"made-{shell}").read_text()


def test_fish_offers_the_options_of_painting_after_a_photo(impasto, files):
    assert impasto("--install-completion", "--shell", "fish", "--output", "made").code == 0
    script = (files / "made").read_text()
    # The condition holds as long as no command was written; fish's own one, until any word was.
    assert "complete -c impasto -n __fish_impasto_using_command -l preset " in script
    assert "__fish_use_subcommand -l" not in script
