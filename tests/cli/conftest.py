"""A folder with a photo and a painting, the command line called in this process, and in one of its own."""

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
# Whatever started the tests may ignore Ctrl-C; a terminal does not.
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
    """The current folder: photo.png (64 x 48) and style.jpg (56 x 64) are in it."""
    PIL.Image.fromarray(quantize(photo)).save(tmp_path / "photo.png")
    PIL.Image.fromarray(quantize(painting)).save(tmp_path / "style.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def impasto(folder, capfd):
    """Call the command line in this process; standard error is read from the system, so that no library escapes."""

    def call(*words: object) -> Outcome:
        capfd.readouterr()
        code = main([str(word) for word in words])
        return Outcome(code, *capfd.readouterr())

    return call


@pytest.fixture
def stylize(impasto):
    """Call `impasto stylize photo.png style.jpg` in this process; two small steps, unless something else is said."""

    def call(*words: object, content: str = "photo.png", style: str = "style.jpg") -> Outcome:
        said = [str(word) for word in words]
        small = {"--size": "48", "--steps": "2", "--device": "cpu", "--precision": "fp32"}
        more = [word for flag, value in small.items() if flag not in said for word in (flag, value)]
        return impasto("stylize", content, style, *said, *more)

    return call


@pytest.fixture
def start(folder):
    """Start the command line in a process of its own; it is killed at the end of the test if it still lives."""
    started = []

    def launch(*words: object, stdin: bytes | None = None) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *map(str, words)],
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
        )
        started.append(process)
        return process

    yield launch
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
