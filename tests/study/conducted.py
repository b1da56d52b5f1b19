"""Studies on tiny pictures with few steps, as they are conducted on the command line."""

import contextlib
import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from impasto.cli import main
from impasto.images import quantize

SMALL = ("--size", "48", "--device", "cpu", "--precision", "fp32")
TWO_LAYERS = ("--style-layers", "conv1_1,conv2_1")
STUDIES = {
    "iterations": ("--at", "1,3,6"),
    "seeds": ("--runs", "2", "--steps", "2"),
    "layers": ("--ratios", "1e-4,1e-2", *TWO_LAYERS, "--steps", "1"),
    "reconstruct": (*TWO_LAYERS, "--steps", "1"),
    "init": ("--steps", "2"),
    "pooling": ("--steps", "1"),
    "optimizers": ("--steps", "2"),
    "backbones": ("--steps", "1"),
    "losses": ("--steps", "1"),
    "longrun": ("--at", "1,3", "--recipes", "paper,default"),
    "custom": ("--vary", "style-weight=100,1e3", "--vary", "seed=0,1", "--steps", "1"),
}
"""What each study is told, so that it takes a second or two."""


@dataclass(frozen=True)
class Conducted:
    """A study that has ended: its folder, its exit code, and the two streams."""

    path: Path
    code: int
    out: str
    err: str

    def lines(self, name: str) -> list[dict[str, str]]:
        """Read a CSV file of the study as anybody would."""
        with (self.path / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def recipes(self) -> dict[str, dict[str, Any]]:
        return json.loads((self.path / "study.json").read_text(encoding="utf-8"))["runs"]

    def pixels(self, key: str) -> np.ndarray:
        return np.asarray(PIL.Image.open(self.path / "runs" / key / "result.png").convert("RGB"))


def run_main(folder: Path, *words: str) -> tuple[int, str, str]:
    """Call the command line in a folder of its own; return the exit code and both streams."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words))
    return code, out.getvalue(), err.getvalue()


def keep_pictures(folder: Path, photo: np.ndarray, painting: np.ndarray) -> None:
    PIL.Image.fromarray(quantize(photo)).save(folder / "photo.png")
    PIL.Image.fromarray(quantize(painting)).save(folder / "style.jpg")
