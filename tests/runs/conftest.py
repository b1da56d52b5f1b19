import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from impasto.images import read_picture
from impasto.recipe import Recipe
from impasto.runs import Inputs, RunFolder


def _encoded(seed: int, kind: str) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    stream = io.BytesIO()
    PIL.Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def originals(tmp_path: Path) -> dict[str, Path]:
    """Two picture files of a user."""
    folder = tmp_path / "originals"
    folder.mkdir()
    files = {"content": folder / "harbor.jpg", "style": folder / "waves.png"}
    files["content"].write_bytes(_encoded(1, "JPEG"))
    files["style"].write_bytes(_encoded(2, "PNG"))
    return files


@pytest.fixture
def inputs(originals: dict[str, Path]) -> Inputs:
    return Inputs(content=read_picture(originals["content"]), styles=(read_picture(originals["style"]),))


@pytest.fixture
def new_run(tmp_path: Path, inputs: Inputs) -> Callable[..., RunFolder]:
    """Make a run folder with these settings, unlocked again."""

    def make(name: str = "run", **settings: Any) -> RunFolder:
        folder = RunFolder.create(tmp_path / name, recipe=Recipe(**settings), inputs=inputs)
        folder.close()
        return folder

    return make


@pytest.fixture
def no_space(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Replace a function by one that fails as on a full disk."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return lambda target: monkeypatch.setattr(target, fail)


@pytest.fixture
def files_in() -> Callable[[Path], dict[str, bytes]]:
    """Return the content of every file below a folder."""
    return lambda folder: {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
