"""The lines that install impasto: README, Makefile, pyproject.toml and the code name the same index and extras."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from impasto.extras import missing_extra

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
READMES = ("README.md", "README.zh.md")
(INDEX,) = PROJECT["tool"]["uv"]["index"]


def install_section(readme: str) -> str:
    """Return the second section of a README, up to the next heading of its level."""
    return re.split(r"^## ", (ROOT / readme).read_text(encoding="utf-8"), flags=re.MULTILINE)[1]


@pytest.mark.parametrize("name", [*READMES, "Makefile"])
def test_torch_for_processors_comes_from_the_index_of_pyproject(name):
    urls = re.findall(r"https://download\.pytorch\.org/whl/cpu[^\s`)]*", (ROOT / name).read_text(encoding="utf-8"))
    assert set(urls) == {INDEX["url"]}


def test_a_missing_torchvision_is_taken_from_the_same_index(monkeypatch):
    monkeypatch.setattr("impasto.extras.version", lambda name: "2.13.0+cpu")
    assert str(missing_extra("more", "backbones")).split()[-1] == INDEX["url"]


def test_uv_asks_that_index_for_torch_alone_and_on_linux_only():
    assert INDEX["explicit"] is True
    source = {"index": INDEX["name"], "marker": "sys_platform == 'linux'"}
    assert PROJECT["tool"]["uv"]["sources"] == {"torch": source}


@pytest.mark.parametrize("name", [*READMES, "Makefile"])
def test_every_extra_that_is_installed_is_declared(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    named = {extra for extras in re.findall(r"[.l]\[([a-z,]+)\]['\"]", text) for extra in extras.split(",")}
    assert "studio" in named
    assert named <= set(PROJECT["project"]["optional-dependencies"])


@pytest.mark.parametrize("readme", READMES)
def test_the_install_section_is_the_first_and_shows_uv_and_pip_in_three_lines_each_at_most(readme):
    section = install_section(readme)
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    lines = [block.splitlines() for block in blocks]
    assert [block[0].split()[0] for block in lines] == ["uv", "python3", "make"]
    assert max(map(len, lines)) <= 3


@pytest.mark.parametrize("is_active", [False, True])
def test_make_demo_ends_with_how_impasto_is_found_unless_it_is(tmp_path, is_active):
    program = tmp_path / "bin" / "impasto"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho painted\n")
    program.chmod(0o755)
    (tmp_path / "demo.stamp").touch()
    path = f"{program.parent}:/usr/bin:/bin" if is_active else "/usr/bin:/bin"
    words = ["make", "--no-print-directory", f"VENV={tmp_path}", "demo"]
    made = subprocess.run(words, cwd=ROOT, env={"PATH": path}, capture_output=True, text=True, check=True)
    assert "painted\n" in made.stdout
    assert (f". {program.parent}/activate" in made.stdout) == (not is_active)


@pytest.fixture
def make(tmp_path):
    """Return a function that sets an environment up by make, with a pip that only fails as it is told."""

    def run(stamp: str, *fails: str) -> tuple[str, list[str], str]:
        """Return what make says first, the calls of pip, and standard error."""
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "python").touch()
        pip = tmp_path / "pip"
        answers = "\n".join(f"*{word}*) exit 1;;" for word in fails)
        pip.write_text(f'#!/bin/sh\necho "pip $*"\ncase "$*" in\n{answers}\nesac\n')
        pip.chmod(0o755)
        words = ["make", "--no-print-directory", f"VENV={tmp_path}", f"PIP={pip}", f"{tmp_path}/{stamp}.stamp"]
        made = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        first, *lines = made.stdout.splitlines()
        return first, [line.removeprefix("pip ") for line in lines if line.startswith("pip ")], made.stderr

    return run


@pytest.mark.parametrize("stamp", ["demo", "dev"])
def test_make_says_how_much_it_downloads_before_it_does(make, stamp):
    said, calls, _ = make(stamp)
    sizes = re.findall(r"\d\.\d GB", said)
    assert len(sizes) == 2
    assert len(calls) == (3 if stamp == "dev" else 2)  # torch, impasto with all that it needs, weights for the tests
    if stamp == "demo":
        assert all(size in install_section(readme) for size in sizes for readme in READMES)


@pytest.mark.parametrize("fails", [(), ("--no-index",), ("--no-index", "--index-url")])
def test_make_asks_the_index_only_for_a_torch_that_is_nowhere_else(make, fails):
    _, calls, errors = make("demo", *fails)
    ways = ["--no-index", f"--index-url {INDEX['url']}"][: len(fails) + 1]
    assert calls == [*(f"--no-deps {way} torch" for way in ways), "-e .[studio]"]
    assert ("cannot be reached" in errors) == (len(fails) == 2)
