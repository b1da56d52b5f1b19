"""What do tiles cost, and what do they save?

Every size is painted by processes of their own, as a whole and in tiles: some steps of the finest level with the losses
of `default`, in fp32. The pictures are compared with the first one. A row `rounded` starts from a canvas that differs
by one part in ten million: that much rounding alone makes. Freed memory is returned to the system, as within a limit.
"""

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from common import finest_level, store

SIZES = (512, 1024, 2048)
TILES = ("whole", "rounded", "512", "1024")
_HISTORY = 4


def measure(size: int, tile: str, steps: int, precision: str, picture: str) -> dict[str, Any]:
    """Do some steps on a square of this side in tiles of a side, or as a whole, and save the picture."""
    from impasto import Recipe
    from impasto.api import keep_memory, return_memory_if_scarce
    from impasto.images import demo_photo, plate_path, read_picture, resize
    from impasto.losses import TERMS
    from impasto.painting import MemoryPlan

    keep_memory()
    return_memory_if_scarce(10**12, limit=1.0)
    photo = resize(read_picture(demo_photo()).pixels, size, size)
    recipe = Recipe(size=size, steps=20 * steps, precision=precision)
    plan = MemoryPlan(int(tile) ** 2 if tile.isdigit() else None, _HISTORY, 0.0)
    began = time.perf_counter()
    level = finest_level(recipe, photo, str(plate_path("night")), plan=plan).level
    prepared = time.perf_counter() - began
    if tile == "rounded":
        trial = level.optimizer.ask()
        trial.mul_(1 + 1e-7 * torch.randn(trial.shape, generator=torch.Generator().manual_seed(1)))
    times = []
    for _ in range(steps):
        began = time.perf_counter()
        numbers = level.advance()
        times.append(time.perf_counter() - began)
        loss = math.fsum(numbers[: len(TERMS)].tolist())
    np.save(picture, level.picture())
    # Kilobytes on Linux.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"peak": peak, "seconds": statistics.median(times), "prepared": prepared, "loss": loss}


def run(size: int, tile: str, steps: int, precision: str, folder: Path) -> dict[str, Any]:
    """Measure in a process of its own."""
    picture = folder / f"{size}-{tile}.npy"
    words = [sys.executable, __file__, str(size), str(tile), str(steps), precision, str(picture)]
    found: dict[str, Any] = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return found | {"picture": np.load(picture)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="sides of the square pictures in pixels")
    parser.add_argument("--tiles", default=",".join(TILES), help="sides of the tiles, whole or rounded")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--precision", default="fp32")
    stated = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for size in map(int, stated.sizes.split(",")):
            whole: dict[str, Any] | None = None
            for tile in (tile for tile in stated.tiles.split(",") if not tile.isdigit() or int(tile) < size):
                found = run(size, tile, stated.steps, stated.precision, Path(folder))
                whole = whole or found
                apart = np.abs(found["picture"] - whole["picture"]) * 255
                rows.append(
                    {
                        "pixels": f"{size} x {size}",
                        "tiles": f"{tile} px" if tile.isdigit() else tile,
                        "peak, GB": found["peak"] / 1e9,
                        "seconds to prepare": found["prepared"],
                        "seconds per step": found["seconds"],
                        "times the first row's": found["seconds"] / whole["seconds"],
                        "mean difference, gray levels": float(apart.mean()),
                        "loss": found["loss"],
                    }
                )
    store("tiles", rows, precision=stated.precision, steps=stated.steps)


if __name__ == "__main__":
    if len(sys.argv) == 6 and sys.argv[1].isdigit():
        print(json.dumps(measure(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:])))
    else:
        main()
