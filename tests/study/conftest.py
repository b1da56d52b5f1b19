"""Studies of tiny pictures with few steps, conducted by the Python interface."""

import csv
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from impasto.images import quantize
from impasto.study import EXPERIMENTS, Findings, StudyFolder, write_report

SMALL = {"size": 48, "device": "cpu", "precision": "fp32"}
_TWO_LAYERS = {"steps": 1, "style_layers": "conv1_1,conv2_1"}
STUDIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "iterations": ({}, {"at": "1,3,6"}),
    "seeds": ({"steps": 2}, {"runs": 2}),
    "layers": (_TWO_LAYERS, {"ratios": "1e-4,1e-2"}),
    "reconstruct": (_TWO_LAYERS, {}),
    "init": ({"steps": 2}, {}),
    "pooling": ({"steps": 1}, {}),
    "optimizers": ({"steps": 2}, {}),
    "backbones": ({"steps": 1}, {}),
    "losses": ({"steps": 1}, {}),
    "longrun": ({}, {"at": "1,3", "recipes": "paper,default"}),
    "custom": ({"steps": 1}, {"vary": ["style-weight=100,1e3", "seed=0,1"]}),
}
"""Stated fields and options with which each study takes a second or two."""


@dataclass
class Conducted:
    """A study that has ended, its findings, and what was reported while it was painted."""

    study: StudyFolder
    findings: Findings
    notes: list[str] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.study.path

    def lines(self, name: str) -> list[dict[str, str]]:
        with (self.path / name).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def recipes(self) -> dict[str, dict[str, Any]]:
        """Return the flat recipes of the runs."""
        return {cell.key: cell.recipe.flat() for cell in self.study.plan.cells}

    def picture(self, *names: str) -> np.ndarray:
        return np.asarray(PIL.Image.open(self.path.joinpath(*names)).convert("RGB"))


def conduct(path: Path, name: str, stated: dict[str, Any], options: dict[str, Any]) -> Conducted:
    """Conduct a study of `photo.png` and `style.jpg` beside its folder."""
    pictures = str(path.parent / "photo.png"), str(path.parent / "style.jpg")
    study = StudyFolder(path, EXPERIMENTS[name].plan(SMALL | stated, **options), *pictures)
    notes, events = [], []
    study.paint(events.append, notes.append)
    return Conducted(study, write_report(study, *pictures), notes, events)


@pytest.fixture(scope="session")
def write_pictures(photo, painting) -> Callable[[Path], None]:
    """Return a function that writes the two pictures of the studies into a folder."""

    def write(folder: Path) -> None:
        PIL.Image.fromarray(quantize(photo)).save(folder / "photo.png")
        PIL.Image.fromarray(quantize(painting)).save(folder / "style.jpg")

    return write


@pytest.fixture(scope="module")
def studies(tmp_path_factory, write_pictures) -> Callable[[str], Conducted]:
    """Return a function that conducts a study of STUDIES once for each `variant`."""
    folder = tmp_path_factory.mktemp("studies")
    write_pictures(folder)
    return functools.cache(lambda name, variant="": conduct(folder / f"{name}{variant}", name, *STUDIES[name]))


@pytest.fixture
def fresh(tmp_path, write_pictures) -> Callable[..., Conducted]:
    """Return a function that conducts a study in a fresh folder, in the same one if it is called again."""
    write_pictures(tmp_path)
    return lambda name, stated, **options: conduct(tmp_path / "study", name, stated, options)
