"""How much memory does a picture take, and does a step's time grow with the pixels alone?

Every size is painted by a process of its own: 13 steps of `default` on one level, timed once its history of 10 pairs
is full; and by another one, 3 steps, that gives freed memory back as the program does where memory is scarce.
"""

import argparse
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
_STEPS = {"kept": 13, "given back": 3}


def measure(size: int, freed: str) -> dict[str, Any]:
    """Paint a square of this side; return the peak of the process and the median seconds of a later step."""
    from impasto.api import hardware
    from impasto.api.inputs import read_inputs
    from impasto.api.prepare import prepare
    from impasto.events import Step
    from impasto.images import demo_photo, plate_path, read_picture, resize
    from impasto.recipe import Recipe

    # As the program does.
    hardware.keep_memory()
    if freed == "given back":
        hardware._free_memory = lambda: 0.0
        hardware.return_memory_if_scarce(size**2)
    photo = resize(read_picture(demo_photo()).pixels, size, size)
    recipe = Recipe(size=size, levels=1, steps=_STEPS[freed])
    painter = prepare(recipe, read_inputs(photo, str(plate_path("night")), recipe)).painter()
    del photo
    moments = [time.perf_counter() for event in painter.paint() if isinstance(event, Step)]
    times = [after - before for before, after in pairwise(moments)]
    # Kilobytes on Linux.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"peak": peak, "seconds": statistics.median(times[-2:])}


def run(size: int, freed: str) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, str(size), freed]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found | {"pixels": size**2}


def further(found: dict[str, Any], smaller: dict[str, Any] | None) -> float | str:
    """Return how many kB each pixel takes that the smaller picture lacks."""
    if smaller is None:
        return "-"
    return (found["peak"] - smaller["peak"]) / (found["pixels"] - smaller["pixels"]) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="sides of the square pictures in pixels")
    rows: list[dict[str, Any]] = []
    smaller: dict[str, Any] = {}
    for size in map(int, parser.parse_args().sizes.split(",")):
        kept, given = (run(size, freed) for freed in _STEPS)
        rows.append(
            {
                "pixels": f"{size} x {size}",
                "peak, GB": kept["peak"] / 1e9,
                "kB per further pixel": further(kept, smaller.get("kept")),
                "peak, freed memory given back, GB": given["peak"] / 1e9,
                "kB per further pixel, given back": further(given, smaller.get("given")),
                "seconds per step": kept["seconds"],
                "seconds per megapixel": kept["seconds"] / kept["pixels"] * 1e6,
                "seconds per step, given back": given["seconds"],
            }
        )
        smaller = {"kept": kept, "given": given}
    store("memory", rows)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1].isdigit():
        print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
    else:
        main()
