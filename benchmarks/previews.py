"""How soon does the studio show a photo in its built-in styles, and does that slow a painting in progress?

The same picture is painted in turn alone and beside previews of a new photo; previews are made alone, too. `python
benchmarks/previews.py [--turns 3]`.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from common import store
from impasto.images import PLATES, demo_photo
from impasto.recipe import resolve
from impasto.studio import Studio, Workspace

SIZE, STEPS = 512, 60


def previewed(studio: Studio, photo: Path) -> float:
    """Return the seconds until the photo was painted in every style."""
    began = time.perf_counter()
    assert len(list(studio.previews.paint(photo, list(PLATES)))) == len(PLATES)
    return time.perf_counter() - began


def painted(studio: Studio, photo: Path | None) -> tuple[float, float]:
    """Return the seconds of a painting, and those of the previews of a photo beside it."""
    job = studio.submit(demo_photo(), "night", resolve("default", {"size": SIZE, "steps": STEPS}))
    began = time.perf_counter()
    while not studio.is_painting:
        time.sleep(0.01)
    seconds = 0.0 if photo is None else previewed(studio, photo)
    while not job.has_ended:
        time.sleep(0.01)
    return time.perf_counter() - began, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=3)
    turns = parser.parse_args().turns
    found: dict[str, list[float]] = {"alone": [], "beside": [], "previews alone": [], "previews beside": []}
    with tempfile.TemporaryDirectory() as folder, Studio(Workspace(Path(folder))) as studio:

        def photo(number: int) -> Path:
            """Return a photo that was not previewed before."""
            path = Path(folder) / f"{number}.png"
            pixels = np.asarray(Image.open(demo_photo()).convert("RGB"))
            Image.fromarray(np.roll(pixels, number, axis=1)).save(path)
            return path

        painted(studio, photo(0))
        for turn in range(1, turns + 1):
            found["alone"].append(painted(studio, None)[0])
            seconds, previews = painted(studio, photo(2 * turn))
            found["beside"].append(seconds)
            found["previews beside"].append(previews)
            found["previews alone"].append(previewed(studio, photo(2 * turn + 1)))
    middle = {name: statistics.median(values) for name, values in found.items()}
    rows: list[dict[str, Any]] = [
        {"what": name, "median, s": middle[name], "all, s": ", ".join(f"{value:.2f}" for value in values)}
        for name, values in found.items()
    ]
    rows.append({"what": "beside / alone", "median, s": middle["beside"] / middle["alone"], "all, s": ""})
    store("previews", rows, turns=turns)


if __name__ == "__main__":
    main()
