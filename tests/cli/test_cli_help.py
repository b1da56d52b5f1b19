"""The help: complete, instant, and taken from the recipe."""

import subprocess
import sys

import pytest

from impasto import __version__
from impasto.cli.app import COMMANDS
from impasto.recipe import PRESET_PURPOSES, Recipe
from impasto.recipe.writing import flag_of

_LOADED = """
import sys
from impasto.cli import main
code = main(sys.argv[1:])
print([name for name in ("torch", "numpy", "pyvips", "PIL", "gradio") if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    "words",
    [["--help"], [], ["stylize", "--help"], ["score", "--help"], ["studio", "--help"], ["--version"], ["presets"]],
    ids=" ".join,
)
def test_what_needs_no_picture_loads_neither_torch_nor_numpy(words):
    ended = subprocess.run([sys.executable, "-c", _LOADED, *words], capture_output=True, text=True, check=True)
    assert ended.stderr == "[]\n"
    assert ended.stdout


def test_the_help_lists_every_command_with_what_it_does(impasto):
    outcome = impasto("--help")
    assert outcome.code == 0
    text = " ".join(outcome.out.replace("│", " ").split())
    for name, (_, purpose) in COMMANDS.items():
        assert f"{name} {purpose}" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_of_its_own(impasto, command):
    outcome = impasto(command, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert COMMANDS[command][1].split(";")[0].split(".")[0] in " ".join(outcome.out.split())


def test_the_help_of_stylize_tells_every_choice_of_a_recipe_and_what_each_preset_is_for(impasto):
    text = " ".join(impasto("stylize", "--help").out.replace("│", " ").split())
    for name, field in Recipe.model_fields.items():
        assert f"{flag_of(name)} " in text
        assert field.description is not None
        assert field.description in text
    for name, purpose in PRESET_PURPOSES.items():
        assert f"{name}: {purpose}" in text


def test_the_version_is_told(impasto):
    assert impasto("--version").out == f"impasto {__version__}\n"
