"""How much memory does a picture take, and does a step's time grow with the pixels alone?

Every size is painted by a process of its own: 18 steps of `default` on one level, timed once its history of 10 pairs
is full.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from typing import Any

from common import store

SIZES = (256, 512, 1024, 2048)
_STEPS = 18


def measure(size: int) -> dict[str, Any]:
    """Paint a square of this side; return the peak of the process and the median seconds of a later step."""
    from impasto.api.hardware import keep_memory
    from impasto.api.prepare import prepare, read_inputs
    from impasto.events import Step
    from impasto.images import demo_photo, plate_path, read_picture, resize
    from impasto.recipe import Recipe

    # As the program does.
    keep_memory()
    photo = resize(read_picture(demo_photo()).pixels, size, size)
    recipe = Recipe(size=size, levels=1, steps=_STEPS)
    painter = prepare(recipe, read_inputs(photo, str(plate_path("night")), recipe)).painter()
    del photo
    moments = [time.perf_counter() for event in painter.paint() if isinstance(event, Step)]
    times = [after - before for before, after in pairwise(moments)]
    # Kilobytes on Linux.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"peak": peak, "seconds": statistics.median(times[11:])}


def main() -> None:
    rows: list[dict[str, Any]] = []
    smaller: dict[str, Any] | None = None
    for size in SIZES:
        ran = subprocess.run([sys.executable, __file__, str(size)], check=True, capture_output=True, text=True)
        found = json.loads(ran.stdout) | {"pixels": size**2}
        further = "-"
        if smaller:
            further = (found["peak"] - smaller["peak"]) / (found["pixels"] - smaller["pixels"]) / 1e3
        rows.append(
            {
                "pixels": f"{size} x {size}",
                "peak, GB": found["peak"] / 1e9,
                "kB per further pixel": further,
                "seconds per step": found["seconds"],
                "seconds per megapixel": found["seconds"] / found["pixels"] * 1e6,
            }
        )
        smaller = found
    store("memory", rows)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]))))
    else:
        main()
