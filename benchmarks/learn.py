"""How near do learned styles come to the optimizer, and how long do they take?

`python benchmarks/learn.py [STYLE...] [--steps 400] [--size 512]` learns each style, and stops on the way to score what
it paints: distance from the style and loss of content by `impasto score`, mean over photos, and the largest fault. The
first row is the network for any style, the last one the preset draft.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import impasto
from common import IMAGES, store
from impasto.api import Learning, plate_or_file
from impasto.images import read_picture
from impasto.score import score_picture

PHOTOS = ("tubingen.jpg", "eval-02.png", "eval-05.png")
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Shares of the steps after which a style is scored."""


def main(styles: list[str], steps: int, size: int) -> None:
    photos = [IMAGES / "content" / name for name in PHOTOS]
    rows = []
    for style in styles:
        rows += learned(style, steps, size, photos)
    store("learn", rows)


def learned(style: str, steps: int, size: int, photos: list[Path]) -> list[dict[str, Any]]:
    picture, seconds = read_picture(plate_or_file(style)).pixels, 0.0
    name = Path(style).stem
    rows = [{"style": name, "what": "any style"} | scores(photos, picture, size, preset="instant")]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "learned.safetensors"
        for share in SHARES:
            began = time.process_time()
            learning = Learning(picture, path, steps=steps)
            for event in learning.events():
                if isinstance(event, impasto.Step) and event.step >= share * steps:
                    learning.stop()
            seconds += time.process_time() - began
            row = {"style": name, "what": f"{learning.result().steps} steps", "cpu_seconds": seconds}
            rows.append(row | scores(photos, path, size, preset="instant", against=picture))
    return [*rows, {"style": name, "what": "draft"} | scores(photos, picture, size, preset="draft")]


def scores(
    photos: list[Path], style: Any, size: int, *, preset: str, against: np.ndarray | None = None
) -> dict[str, float]:
    found = []
    for photo in photos:
        painted = impasto.stylize(photo, style, preset=preset, size=size, upscale=True).pixels
        found.append(score_picture(painted, read_picture(photo).pixels, style if against is None else against))
    return {
        "style_distance": float(np.mean([score.style for score in found])),
        "content_loss": float(np.mean([score.content for score in found])),
        "fault": max(score.faults for score in found),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("styles", nargs="*", default=["night", str(IMAGES / "style" / "starry_night.jpg")])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--size", type=int, default=512)
    given = parser.parse_args()
    main(given.styles, given.steps, given.size)
