"""How much memory does a picture take, and does a step's time grow with the pixels alone?

Every size is painted by two processes of their own: 13 steps of `default` on one level, timed once the history of 10
pairs is full; and 3 steps that return freed memory to the system, as the program does where memory is scarce.
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
_STEPS = {"kept": 13, "returned": 3}


def measure(size: int, freed_memory: str) -> dict[str, Any]:
    """Paint a square of this side; return the peak memory of the process and the median seconds of a late step."""
    from impasto import Recipe, Session, Step
    from impasto.api import keep_memory, plan_job, read_inputs, return_memory_if_scarce
    from impasto.images import demo_photo, plate_path, read_picture, resize

    keep_memory()  # as the command line does
    if freed_memory == "returned":
        # Memory is always scarce for so many pixels.
        return_memory_if_scarce(10**12)
    photo = resize(read_picture(demo_photo()).pixels, size, size)
    recipe = Recipe(size=size, levels=1, steps=_STEPS[freed_memory])
    painter = Session().painter(plan_job(recipe, read_inputs(photo, str(plate_path("night")), recipe)))
    del photo
    moments = [time.perf_counter() for event in painter.paint() if isinstance(event, Step)]
    times = [after - before for before, after in pairwise(moments)]
    # Kilobytes on Linux.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"peak": peak, "seconds": statistics.median(times[-2:])}


def run(size: int, freed_memory: str) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, str(size), freed_memory]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found | {"pixels": size**2}


def growth(found: dict[str, Any], smaller: dict[str, Any] | None) -> float | str:
    """Return how many kB each pixel takes that the smaller picture does not have."""
    if smaller is None:
        return "-"
    return (found["peak"] - smaller["peak"]) / (found["pixels"] - smaller["pixels"]) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="sides of the square pictures in pixels")
    rows: list[dict[str, Any]] = []
    smaller: dict[str, Any] = {}
    for size in map(int, parser.parse_args().sizes.split(",")):
        kept, returned = (run(size, freed_memory) for freed_memory in _STEPS)
        rows.append(
            {
                "pixels": f"{size} x {size}",
                "peak, GB": kept["peak"] / 1e9,
                "kB per further pixel": growth(kept, smaller.get("kept")),
                "peak, freed memory given back, GB": returned["peak"] / 1e9,
                "kB per further pixel, given back": growth(returned, smaller.get("returned")),
                "seconds per step": kept["seconds"],
                "seconds per megapixel": kept["seconds"] / kept["pixels"] * 1e6,
                "seconds per step, given back": returned["seconds"],
            }
        )
        smaller = {"kept": kept, "returned": returned}
    store("memory", rows)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1].isdigit():
        print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
    else:
        main()
