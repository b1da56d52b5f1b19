"""A missing package is answered with a command that installs it into the environment that runs impasto."""

import ast
import json
import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from impasto.extras import install_command, missing_extra

ROOT = Path(__file__).parents[1]
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

SOURCES = {
    "editable clone": ("pip", {"url": "file:///gone/impasto", "dir_info": {"editable": True}}),
    "clone": ("pip", {"url": "file:///gone/impasto", "dir_info": {}}),
    "wheel": ("pip", {"url": "file:///gone/impasto-0.1.0-py3-none-any.whl", "archive_info": {}}),
    "index": ("pip", None),
    "tool of pipx": ("pip", {"url": "file:///gone/impasto", "dir_info": {}}),
    "tool of uv": ("uv", {"url": "file:///gone/impasto", "dir_info": {}}),
    "uv sync": ("uv", {"url": "file:///gone/impasto", "dir_info": {"editable": True}}),
}
"""What installs packages there, and what direct_url.json records; the source itself is gone by now.

An environment of pipx shares pip with the others, one of uv has none.
"""


@pytest.fixture
def metadata(tmp_path, monkeypatch) -> Path:
    """The metadata of an installed impasto, with the extras that pyproject.toml declares."""
    folder = tmp_path / "impasto-0.1.0.dist-info"
    folder.mkdir()
    lines = [f"Requires-Dist: {name}; extra == '{extra}'" for extra, names in DECLARED.items() for name in names]
    lines = ["Metadata-Version: 2.4", "Name: impasto", "Version: 0.1.0", "Requires-Dist: numpy>=2", *lines]
    (folder / "METADATA").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def packages(words: list[str]) -> set[Requirement]:
    return set(map(Requirement, words))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("extra", ["notebook", "study", "studio", "video"])
def test_the_packages_of_an_extra_are_installed_for_this_python(metadata, monkeypatch, source, extra):
    installer, recorded = SOURCES[source]
    if recorded is not None:
        (metadata / "direct_url.json").write_text(json.dumps(recorded))
    (metadata / "INSTALLER").write_text(installer)
    monkeypatch.setattr("impasto.extras.find_spec", lambda name: object() if installer == name else None)
    monkeypatch.setattr(sys, "executable", "/opt/my tools/bin/python")
    problem, _, command = str(missing_extra("it needs more", extra)).partition(": ")
    expected = {
        "pip": ["/opt/my tools/bin/python", "-m", "pip", "install"],
        "uv": ["uv", "pip", "install", "--python", "/opt/my tools/bin/python"],
    }[installer]
    words = shlex.split(command)
    assert problem == "it needs more"
    assert words[: len(expected)] == expected
    assert packages(words[len(expected) :]) == packages(DECLARED[extra])


@pytest.mark.parametrize(
    ("torch", "expected"),
    [
        ("2.13.0+cpu", ["torch==2.13.0+cpu", "--extra-index-url", "https://download.pytorch.org/whl/cpu"]),
        ("2.13.0+cu130", ["torch==2.13.0+cu130", "--extra-index-url", "https://download.pytorch.org/whl/cu130"]),
        ("2.13.0", ["torch==2.13.0"]),
        ("2.13.0+mine", ["torch==2.13.0+mine"]),
    ],
)
def test_torchvision_is_installed_for_the_build_of_torch_that_is_here(metadata, monkeypatch, torch, expected):
    monkeypatch.setattr("impasto.extras.version", {"torch": torch}.__getitem__)
    words = shlex.split(str(missing_extra("more", "backbones")))
    assert words[-len(expected) - 1 :] == [*DECLARED["backbones"], *expected]


def test_a_shell_and_pip_understand_the_command():
    command = str(missing_extra("more", "studio")).partition(": ")[2]
    environment = os.environ | {"PIP_DRY_RUN": "1", "PIP_NO_INDEX": "1"}
    ended = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "Requirement already satisfied: gradio" in ended.stdout


def test_on_windows_words_are_quoted_as_its_shells_expect(monkeypatch):
    monkeypatch.setattr("impasto.extras.os", SimpleNamespace(name="nt"))
    monkeypatch.setattr(sys, "executable", r"C:\impasto\python.exe")
    expected = r'C:\impasto\python.exe -m pip install "gradio<7,>=6.31" jinja2'
    assert install_command("gradio<7,>=6.31", "jinja2") == expected


def test_every_extra_that_an_error_names_is_declared():
    calls = [
        node
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "missing_extra"
    ]
    named = {call.args[1].value for call in calls if isinstance(call.args[1], ast.Constant)}
    assert {"notebook", "study", "studio", "backbones"} <= named <= set(DECLARED)
