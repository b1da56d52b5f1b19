"""What do several styles and regions cost?

Steps at 512 px with the default recipe: with one style, with two, and with regions whose masks have soft borders. The
cases take turns, so that a busy machine slows all of them; ratios are medians over the turns.
"""

import statistics
import time

import numpy as np

from common import finest_level, store
from impasto import Region
from impasto.api import keep_memory
from impasto.images import demo_photo, read_picture
from impasto.recipe import Recipe

TURNS = 15


def masks() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the upper half, the lower left and a disc, each with a soft border."""
    height, width = read_picture(demo_photo()).pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.array([height, width], np.float32)[:, None, None]
    upper = ((0.5 - y) / 0.12 + 0.5).clip(0, 1)
    left = ((0.4 - x) / 0.1 + 0.5).clip(0, 1) * (y > 0.5)
    disc = (1.5 - np.hypot((x - 0.72) / 0.15, (y - 0.75) / 0.16)).clip(0, 1)
    return upper, left, disc


def main() -> None:
    keep_memory()
    upper, left, disc = masks()
    cases: dict[str, tuple[list[str], list[Region]]] = {
        "one style": (["night"], []),
        "two styles": (["night", "mosaic"], []),
        "one region": (["night"], [Region(upper, "mosaic")]),
        "two regions, one of them kept": (["night"], [Region(upper, "mosaic"), Region(disc, "keep")]),
        "three regions": (["night"], [Region(upper, "mosaic"), Region(left, "knife"), Region(disc, "woodcut")]),
    }
    recipe = Recipe(size=512, levels=1)
    levels = {name: finest_level(recipe, demo_photo(), *case).level for name, case in cases.items()}
    times: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(TURNS + 1):
        for name, level in levels.items():
            started = time.perf_counter()
            level.advance()
            if turn:  # the first step allocates memory
                times[name].append(time.perf_counter() - started)
    rows = []
    for name, seconds in times.items():
        ratios = [own / plain for own, plain in zip(seconds, times["one style"], strict=True)]
        rows.append(
            {"what": name, "seconds a step": statistics.median(seconds), "times one": statistics.median(ratios)}
        )
    store("controls", rows)


if __name__ == "__main__":
    main()
