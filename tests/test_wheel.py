"""The wheel holds the whole package and nothing else, and needs no repository; the sdist makes the same one."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from impasto.images import PLATES

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "impasto"


def run(*words: object, cwd: Path, **environment: str) -> str:
    """Run a program, fail if it fails, and return what it writes to standard output."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    outcome = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=inherited | environment, capture_output=True, text=True
    )
    assert outcome.returncode == 0, (words, outcome.stdout, outcome.stderr)
    return outcome.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder with the wheel's package alone; the libraries come from the environment of the tests."""
    target = tmp_path_factory.mktemp("installed")
    options = ("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "install", *options, "--target", target, wheel, cwd=target)
    return target


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {name for name in names if name.startswith("impasto/")}
    files = [path for path in SOURCES.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert package == {f"impasto/{path.relative_to(SOURCES).as_posix()}" for path in files}
    assert "impasto/py.typed" in package
    assert {f"impasto/images/data/{name}.webp" for name in PLATES} < package
    beside = {name.partition("/")[2] for name in names - package}
    about = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE", "licenses/NOTICE"}
    assert beside == about | {"data/share/man/man1/impasto.1"}


def test_every_extra_of_the_wheel_asks_for_something_and_has_a_plain_name(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        metadata = message_from_bytes(archive.read(name))
    required = " ".join(metadata.get_all("Requires-Dist"))
    extras = metadata.get_all("Provides-Extra")
    assert [extra for extra in extras if f"extra == '{extra}'" not in required] == []
    assert [extra for extra in extras if not re.fullmatch("[a-z]+", extra)] == []
    assert metadata["License-Expression"] == "MIT"


def test_the_sdist_holds_what_the_tests_need_and_makes_the_same_wheel(wheel, tmp_path):
    run(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    source = tmp_path / sdist.name.removesuffix(".tar.gz")
    held = {path.relative_to(source).as_posix() for path in source.rglob("*")}
    assert {
        "tests/conftest.py",
        "docs/installation.md",
        "Makefile",
        ".ci/run",
        "CITATION.cff",
        "constraints.txt",
    } < held
    assert [name for name in held if "__pycache__" in name or name.startswith("benchmarks/out")] == []
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source, cwd=tmp_path)
    assert contents(tmp_path / wheel.name) == contents(wheel)


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_installed_package_is_the_one_that_is_imported_and_reads_all_plates(installed, tmp_path):
    program = (
        "import impasto, impasto.images as i; print(impasto.__file__);"
        "print(*(i.read_picture(i.plate_path(name)).width for name in i.PLATES))"
    )
    home, widths = run(sys.executable, "-c", program, cwd=tmp_path, PYTHONPATH=str(installed)).splitlines()
    assert Path(home) == installed / "impasto" / "__init__.py"
    assert widths.split() == ["1024"] * len(PLATES)


def test_the_installed_command_prints_version_and_plates(installed, wheel, tmp_path):
    command = installed / "bin" / "impasto"
    version = run(command, "--version", cwd=tmp_path, PYTHONPATH=str(installed))
    assert version == f"impasto {wheel.name.split('-')[1]}\n"
    plates = run(command, "plates", cwd=tmp_path, PYTHONPATH=str(installed))
    assert [line.split()[0] for line in plates.splitlines()] == list(PLATES)


def pip_lines(wheel: Path, index: str) -> str:
    """Return the lines of the README for pip, with the wheel instead of the repository's folder, and another index."""
    (lines,) = re.findall(
        r"^```sh\n(python3 -m venv.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert '".[studio]"' in lines
    return lines.replace('".[', f'"{wheel}[').replace("https://download.pytorch.org/whl/cpu", index)


def index_for_processors(folder: Path) -> str:
    """Return PyTorch's index, or where it cannot be reached one with the wheel that lies beside pip.

    What torch itself needs is in the former; beside the latter it comes from the usual index.
    """
    found = ("--quiet", "--no-deps", "--no-index", "-c", ROOT / "constraints.txt", "-d", folder / "torch", "torch")
    if subprocess.run([sys.executable, "-m", "pip", "download", *map(str, found)], capture_output=True).returncode:
        return "https://download.pytorch.org/whl/cpu"
    (name,) = os.listdir(folder / "torch")
    (folder / "torch" / "index.html").write_text(f'<a href="{name.replace("+", "%2B")}">{name}</a>')
    return f"{folder.as_uri()} --no-deps"


@pytest.mark.long
def test_the_wheel_paints_in_another_folder_when_it_is_installed_by_the_lines_of_the_readme(wheel, tmp_path):
    index = tmp_path / "index"
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (index, home, elsewhere):
        folder.mkdir()
    lines = pip_lines(wheel, index_for_processors(index))
    plain = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_QUIET": "1", "HOME": str(home)}
    run("sh", "-ec", lines, cwd=elsewhere, **plain)
    programs = home / "impasto" / "bin"
    torch = run(programs / "python", "-c", "import torch; print(torch.version.cuda)", cwd=elsewhere)
    assert torch == "None\n"
    run(programs / "impasto", "plates", "export", ".", "mosaic", cwd=elsewhere)
    small = ("--size", 64, "--steps", 2, "--quiet")
    painted = run(programs / "impasto", "stylize", "mosaic.webp", "night", *small, cwd=elsewhere)
    assert painted == "mosaic_night.png\n"
    assert (elsewhere / "mosaic_night.png").stat().st_size > 1000
    assert "steps = 2" in run(programs / "impasto", "info", "mosaic_night.png", cwd=elsewhere)
