"""Small photos in folders, and a recipe that is painted in a moment."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tests.api.conftest import QUICK
from tests.conftest import waves

from impasto.batch import Batch, find_photos, in_process, plan_tasks
from impasto.images import quantize
from impasto.recipe import Recipe

RECIPE = Recipe(**QUICK | {"steps": 2})


def write_photo(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(quantize(waves(36, 48, seed=seed))).save(path)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder: photos/a.png, photos/b.jpg, photos/trip/a.png, and style.png."""
    for seed, name in enumerate(("photos/a.png", "photos/b.jpg", "photos/trip/a.png", "style.png")):
        write_photo(tmp_path / name, seed)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_batch(*words: str, out="painted", styles=("style.png",), recipe: Recipe = RECIPE, **form) -> Batch:
    found, _ = find_photos(words or ["photos"], out)
    tasks = plan_tasks(found, [(style,) for style in styles], form.get("suffix", ".png"))
    return Batch(tasks, out, recipe, **form)


@pytest.fixture
def paint(folder):
    """Return a function that paints a batch of the folder `photos`, and returns it."""

    def painted(*words: str, engine=in_process, **options) -> Batch:
        batch = make_batch(*words, **options)
        batch.paint(engine)
        return batch

    return painted


@pytest.fixture
def paint_alone(folder):
    """Return a function that paints photos by `impasto batch`, in one process that is not this one."""

    def painted(*words: str, out: str, recipe: Recipe) -> dict[str, np.ndarray]:
        Path("recipe.toml").write_text(recipe.as_toml())
        options = ["--style", "style.png", "--recipe", "recipe.toml", "-o", out, "--quiet"]
        subprocess.run([sys.executable, "-m", "impasto", "batch", *(words or ["photos"]), *options], check=True)
        return pictures(out)

    return painted


def pictures(out: str) -> dict[str, np.ndarray]:
    """Return the pixels of every result by its name."""
    names = sorted(path for path in Path(out).rglob("*.png") if ".impasto" not in path.parts)
    return {path.relative_to(out).as_posix(): np.asarray(PIL.Image.open(path)) for path in names}


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)
