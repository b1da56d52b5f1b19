import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from impasto.images import read_picture
from impasto.recipe import Recipe
from impasto.runs import RunFolder, RunInputs


def _encoded(seed: int, kind: str) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    stream = io.BytesIO()
    PIL.Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def originals(tmp_path: Path) -> dict[str, Path]:
    """Two pictures as a person has them."""
    folder = tmp_path / "originals"
    folder.mkdir()
    files = {"content": folder / "harbour.jpg", "style": folder / "waves.png"}
    files["content"].write_bytes(_encoded(1, "JPEG"))
    files["style"].write_bytes(_encoded(2, "PNG"))
    return files


@pytest.fixture
def inputs(originals: dict[str, Path]) -> RunInputs:
    return RunInputs(content=read_picture(originals["content"]), styles=(read_picture(originals["style"]),), init=None)


@pytest.fixture
def new_run(tmp_path: Path, inputs: RunInputs) -> Callable[..., RunFolder]:
    """Make a run folder with this recipe's fields, unlocked again."""

    def make(name: str = "run", **fields: object) -> RunFolder:
        folder = RunFolder.create(tmp_path / name, recipe=Recipe().with_changes(**fields), inputs=inputs)
        folder.close()
        return folder

    return make
