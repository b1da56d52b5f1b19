"""The help: complete, instant, and taken from the recipe."""

import os
import re
import subprocess
import sys

import pytest

from impasto import __version__
from impasto.cli.app import COMMANDS
from impasto.recipe import FIELDS, PRESET_PURPOSES, flag_of

_LOADED = """
import sys
from impasto.cli import main
for words in sys.argv[1:]:
    assert main(words.split()) == 0
print([name for name in ("torch", "numpy", "pyvips", "PIL", "gradio") if name in sys.modules], file=sys.stderr)
"""

COMMON = {flag_of(name) for name, field in FIELDS.items() if field.common}


@pytest.fixture
def help_of(impasto, monkeypatch):
    """Return a function that gives the help of a command as one line without boxes."""
    monkeypatch.setenv("COLUMNS", "300")

    def call(*words: str) -> str:
        outcome = impasto(*words)
        assert (outcome.code, outcome.err) == (0, "")
        return " ".join(outcome.out.replace("│", " ").split())

    return call


def flags_in(text: str) -> set[str]:
    return set(re.findall(r"--[a-z][a-z-]+", text))


def test_what_needs_no_picture_loads_neither_torch_nor_numpy():
    lines = ["", "--help", "--help-all", "stylize --help", "score --help", "studio --help", "study --help"]
    lines += ["study seeds --help", "--version", "presets"]
    ended = subprocess.run([sys.executable, "-c", _LOADED, *lines], capture_output=True, text=True, check=True)
    assert ended.stderr == "[]\n"
    assert ended.stdout


@pytest.mark.parametrize(
    ("environment", "spins"),
    [({}, "'10+00'"), ({"GOMP_SPINCOUNT": "7"}, "'7'"), ({"OMP_WAIT_POLICY": "passive"}, "'0'")],
    ids=["default", "spin count", "wait policy"],
)
def test_waiting_threads_spin_briefly_unless_the_environment_is_set(environment, spins):
    own = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    # OpenMP itself reports the settings that it has read.
    own |= {"OMP_DISPLAY_ENV": "verbose", **environment}
    ended = subprocess.run([sys.executable, "-m", "impasto", "info"], env=own, capture_output=True, text=True)
    assert ended.returncode == 0
    found = re.search(r"GOMP_SPINCOUNT = (\S+)", ended.stderr)
    if found is None:
        pytest.skip("torch uses another OpenMP here")
    assert re.fullmatch(spins, found[1])


def test_the_help_lists_every_command_with_its_purpose(help_of):
    text = help_of("--help")
    for name, (_, purpose) in COMMANDS.items():
        assert f"{name} {purpose}" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_own_help(help_of, command):
    assert COMMANDS[command][1] in help_of(command, "--help")


def test_the_help_of_stylize_shows_the_common_settings_and_names_help_all(help_of):
    text = help_of("stylize", "--help")
    assert flags_in(text) & {flag_of(name) for name in FIELDS} == COMMON
    assert 20 <= len(flags_in(text)) <= 30
    assert "--help-all" in text
    for name, purpose in PRESET_PURPOSES.items():
        assert f"{name}: {purpose}" in text


@pytest.mark.parametrize("words", [["--help-all"], ["stylize", "--help-all"], ["study", "custom", "--help-all"]])
def test_all_settings_are_shown_with_their_description_under_their_heading(help_of, words):
    text = help_of(*words)
    for name, field in FIELDS.items():
        # Words in their order: where a line is too short, names of values stand between them.
        at = start = text.index(f"{flag_of(name)} ")
        for word in field.info.description.split():
            at = text.index(word, at)
        assert at - start < 400, name
        assert f"╭─ {field.group} ─" in text


def test_the_first_group_of_options_is_the_one_to_start_with(help_of):
    first = help_of("stylize", "--help").split("╭─ ")[2]
    assert first.startswith("Start with these")
    assert flags_in(first) == {"--help-all", "--preset", "--size", "--strength", "--style-scale", "--color"}


def test_a_setting_is_shown_with_its_unit_bounds_and_default(help_of):
    text = help_of("stylize", "--help")
    assert "[a whole number of px from 16 to 65,536, or photo] [default: 512]" in text
    assert "[a number from 0 to 100] [default: 50" in text


def test_a_flag_of_another_command_is_shown_though_a_setting_of_that_name_is_not_common(help_of):
    assert "--color-map" in help_of("recolor", "--help")
    assert "--max-megapixels" in help_of("studio", "--help")


def test_a_flag_of_another_command_is_shown_with_its_own_default(help_of):
    assert "in megapixels. [default: 50]" in help_of("studio", "--help")
    assert "--color-strength N How far colors move, 0 to 100. [default: 100]" in help_of("recolor", "--help")


def test_the_version_is_printed(impasto):
    assert impasto("--version").out == f"impasto {__version__}\n"
