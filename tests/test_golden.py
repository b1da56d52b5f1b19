"""Small runs whose losses and pixels are compared with stored ones.

After a change that is meant to alter them, look at pictures, then store new ones:
`IMPASTO_STORE_GOLDEN=1 python -m pytest tests/test_golden.py`.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import impasto

STORE = Path(__file__).parent / "golden"
RUNS = {
    "paper": {"recipe": "paper", "size": 64, "steps": 6, "seed": 7, "precision": "fp32"},
    "notebook": {"recipe": "notebook", "size": 64, "steps": 6, "precision": "fp32"},
    "classic": {"recipe": "classic", "size": 64, "steps": 4, "seed": 7, "precision": "fp32"},
    "default": {"recipe": "default", "size": 64, "steps": 6, "precision": "fp32"},
}


@pytest.mark.parametrize("name", RUNS)
def test_a_stored_run_repeats(name, photo, painting):
    result = impasto.stylize(photo, painting, **RUNS[name])
    small = result.pixels.reshape(6, 8, 8, 8, 3).mean(axis=(1, 3)).ravel()
    found = {"losses": result.losses["total"], "pixels": [round(float(value), 5) for value in small]}
    path = STORE / f"{name}.json"
    if os.environ.get("IMPASTO_STORE_GOLDEN"):
        path.write_text(json.dumps(found, indent=1) + "\n")
    stored = json.loads(path.read_text())
    # Processors round differently, and from step to step the difference grows.
    assert found["losses"][0] == pytest.approx(stored["losses"][0], rel=1e-4)
    assert found["losses"] == pytest.approx(stored["losses"], rel=0.02)
    np.testing.assert_allclose(found["pixels"], stored["pixels"], atol=0.02)
