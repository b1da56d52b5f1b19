"""Every study, conducted once for all tests of this folder, and a browser for the reports."""

import fcntl
import json
import os
from collections.abc import Callable

import pytest
from conducted import SMALL, STUDIES, Conducted, keep_pictures, run_main


@pytest.fixture(scope="session")
def studies(tmp_path_factory, photo, painting) -> Callable[[str], Conducted]:
    """Return a function that conducts a study, or hands back the one that any process of the tests has conducted."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "studies"

    def conduct(name: str) -> Conducted:
        folder = shared / name
        folder.mkdir(parents=True, exist_ok=True)
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = folder / "outcome.json"
            if not kept.exists():
                keep_pictures(folder, photo, painting)
                outcome = run_main(folder, "study", name, "photo.png", "style.jpg", *SMALL, *STUDIES[name])
                kept.write_text(json.dumps(outcome))
            return Conducted(folder / f"photo_style_{name}", *json.loads(kept.read_text()))

    return conduct


@pytest.fixture
def fresh(tmp_path, photo, painting) -> Callable[..., Conducted]:
    """Return a function that conducts a study in a fresh folder, again if it is called again."""
    keep_pictures(tmp_path, photo, painting)

    def conduct(name: str, *words: str) -> Conducted:
        outcome = run_main(tmp_path, "study", name, "photo.png", "style.jpg", "-o", "study", *SMALL, *words)
        return Conducted(tmp_path / "study", *outcome)

    return conduct
