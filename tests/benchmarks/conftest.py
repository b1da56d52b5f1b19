"""Fixtures of the benchmarks' tests: the modules on the path, and a folder of small pictures."""

import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))

from impasto.images import write_picture
from scoreboard.inputs import PAIRS


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> Path:
    """A folder with a picture of 40 x 40 for every name in the list of pairs."""
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    for kind, names in (("content", {c for c, _ in PAIRS}), ("style", {s for _, s in PAIRS})):
        (folder / kind).mkdir()
        for name in sorted(names):
            write_picture(folder / kind / f"{name}.png", generator.integers(0, 256, (40, 40, 3), dtype=np.uint8))
    return folder
