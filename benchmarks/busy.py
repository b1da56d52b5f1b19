"""How much longer does a picture take on a machine whose cores have other work, too?

`default` as a whole process on a free machine and beside one and two processes that do nothing but compute, with
different values of GOMP_SPINCOUNT, which says how long OpenMP's threads spin while they wait for each other. The cases
take turns; seconds are medians over the turns. `own` leaves the variable unset, so that impasto sets it; 300000 is the
default of the library, so what impasto would take without setting it. `--quick` only shows that the script works.
"""

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common import store, table
from impasto.images import demo_photo

BUSY = (0, 1, 2)

_LOOP = "print(flush=True)\nwhile True: pass"


@contextmanager
def busy_cores(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Keep so many cores busy by processes in an endless loop."""
    loops: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            loops.append(subprocess.Popen([sys.executable, "-c", _LOOP], stdout=subprocess.PIPE))
            loops[-1].stdout.readline()  # type: ignore[union-attr]
        yield loops
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def paint(size: int, spin: str, more: Sequence[str] = ()) -> float:
    """Return the seconds of a process that paints one picture."""
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    if spin != "own":
        environment["GOMP_SPINCOUNT"] = spin
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "impasto", str(demo_photo()), "night", "--size", str(size), *more]
        started = time.perf_counter()
        command += ["--quiet", "-o", str(Path(folder) / "out.png")]
        subprocess.run(command, check=True, capture_output=True, env=environment)
        return time.perf_counter() - started


def measure(sizes: Sequence[int], spins: Sequence[str], turns: int, more: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return a row for every size, spin count and number of busy cores."""
    cases = list(itertools.product(sizes, spins, BUSY))
    times: dict[tuple[int, str, int], list[float]] = {case: [] for case in cases}
    for _ in range(turns):
        for size, spin, busy in cases:
            with busy_cores(busy):
                times[size, spin, busy].append(paint(size, spin, more))
            print(f"{size} px, GOMP_SPINCOUNT {spin}, {busy} busy: {times[size, spin, busy][-1]:.1f} s", flush=True)
    medians = {case: statistics.median(taken) for case, taken in times.items()}
    return [
        {
            "pixels": size,
            "GOMP_SPINCOUNT": spin,
            "busy cores": busy,
            "seconds": medians[size, spin, busy],
            "times a free machine": medians[size, spin, busy] / medians[size, spin, 0],
            "fastest": min(times[size, spin, busy]),
            "slowest": max(times[size, spin, busy]),
        }
        for size, spin, busy in cases
    ]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="256", help="long sides in pixels: 256,512")
    parser.add_argument("--spins", default="own,300000", help="values of GOMP_SPINCOUNT; `own` is impasto's")
    parser.add_argument("--turns", type=int, default=3, help="measurements of every case")
    parser.add_argument("--quick", action="store_true", help="one turn of two steps at 64 px; nothing is stored")
    given = parser.parse_args(argv)
    spins = given.spins.split(",")
    if given.quick:
        print(table(measure([64], spins, 1, ["--steps", "2"])))
    else:
        store("busy", measure([int(size) for size in given.sizes.split(",")], spins, given.turns), cores=os.cpu_count())


if __name__ == "__main__":
    main()
