"""A folder with a photo and a painting; the command line in this process and in a child process."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import PIL.Image
import pytest

from impasto.cli import main
from impasto.images import quantize

_PROGRAM = """
import signal, sys
from impasto.cli import main
# The process that started the tests may ignore Ctrl-C; a terminal does not.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        return self.err.splitlines()


@pytest.fixture
def folder(tmp_path, monkeypatch, photo, painting) -> Path:
    """The current folder, with photo.png (64 x 48) and style.jpg (56 x 64)."""
    PIL.Image.fromarray(quantize(photo)).save(tmp_path / "photo.png")
    PIL.Image.fromarray(quantize(painting)).save(tmp_path / "style.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def impasto(folder, capfd):
    """Call the command line in this process; the file descriptors are captured, so that no library's output escapes."""

    def call(*words: object) -> Outcome:
        capfd.readouterr()
        code = main([str(word) for word in words])
        return Outcome(code, *capfd.readouterr())

    return call


@pytest.fixture
def stylize(impasto):
    """Call `impasto stylize photo.png style.jpg` in this process; two small steps, unless other flags are given."""

    def call(*words: object, content: str = "photo.png", style: str = "style.jpg") -> Outcome:
        given = [str(word) for word in words]
        small = {"--size": "48", "--steps": "2", "--device": "cpu", "--precision": "fp32"}
        more = [word for flag, value in small.items() if flag not in given for word in (flag, value)]
        return impasto("stylize", content, style, *given, *more)

    return call


@pytest.fixture
def refused(impasto, folder):
    """Call the command line with input that it must refuse; check exit code and files, and return the message."""

    def call(*words: object) -> str:
        before = contents(folder)
        outcome = impasto(*words)
        assert (outcome.code, outcome.out, len(outcome.errors)) == (2, "", 1), outcome
        assert outcome.err.startswith("impasto: ")
        assert contents(folder) == before
        return outcome.err

    return call


def contents(folder: Path) -> dict[Path, bytes | None]:
    """Return everything in a folder, to compare it later."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def start(folder):
    """Start the command line in a child process, which is killed at the end of the test."""
    started = []

    def launch(*words: object, stdin: bytes | None = None, **options) -> subprocess.Popen:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        source = subprocess.PIPE if stdin is not None else subprocess.DEVNULL
        words = (sys.executable, "-c", _PROGRAM, *map(str, words))
        process = subprocess.Popen(words, stdin=source, cwd=folder, **streams)
        started.append(process)
        return process

    yield launch
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
