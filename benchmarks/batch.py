"""What does a batch cost and save per picture: beside a loop of the shell, in processes, and on Ray?

Every case paints batches of two lengths as whole processes; the difference is what a further picture costs, without
the start. The cases take turns; seconds are medians over the turns. With `--memory N`, one process paints N tiny
pictures, and its resident memory is shown along the way. `--quick` only shows that the script works.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import PIL.Image

from common import store, table
from impasto.images import demo_photo

IMPASTO = [sys.executable, "-m", "impasto"]
CASES = {
    "shell loop": None,
    "batch": [],
    "batch --workers 2": ["--workers", "2"],
    "batch --engine ray": ["--engine", "ray", "--workers", "1", "--cpus", str(os.cpu_count())],
    "batch --engine ray, 2 actors": ["--engine", "ray", "--workers", "2"],
}


def write_photos(folder: Path, count: int) -> None:
    """Write photos that differ in one pixel, so that none is known already."""
    folder.mkdir()
    with PIL.Image.open(demo_photo()) as photo:
        photo = photo.convert("RGB")
        for number in range(count):
            photo.putpixel((0, 0), (number % 256, number // 256, 0))
            photo.save(folder / f"{number:04}.png")


def paint(case: str, count: int, settings: Sequence[str]) -> float:
    """Return the seconds that `count` photos take."""
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name) / "photos", Path(name) / "out"
        write_photos(folder, count)
        options = CASES[case]
        if options is None:
            commands = [
                [*IMPASTO, str(photo), "night", *settings, "-o", f"{name}/{photo.stem}_out.png"]
                for photo in sorted(folder.iterdir())
            ]
        else:
            commands = [[*IMPASTO, "batch", str(folder), "--style", "night", *settings, *options, "-o", str(out)]]
        started = time.perf_counter()
        for command in commands:
            subprocess.run([*command, "--quiet"], check=True, capture_output=True)
        return time.perf_counter() - started


def measure(counts: Sequence[int], turns: int, settings: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for every case."""
    times: dict[tuple[str, int], list[float]] = {(case, count): [] for case in CASES for count in counts}
    for _ in range(turns):
        for case, count in times:
            times[case, count].append(paint(case, count, settings))
            print(f"{case}, {count} photos: {times[case, count][-1]:.1f} s", flush=True)
    few, many = counts
    rows = []
    for case in CASES:
        first, last = (statistics.median(times[case, count]) for count in counts)
        each = (last - first) / (many - few)
        rows.append({"case": case, f"{few} photos, s": first, f"{many} photos, s": last, "s a further photo": each})
    return rows


def memory(count: int) -> list[dict[str, Any]]:
    """Return the resident memory of a process along a batch of tiny pictures."""
    with tempfile.TemporaryDirectory() as name:
        write_photos(Path(name) / "photos", count)
        settings = ["--size", "64", "--steps", "4", "--quiet"]
        batch = subprocess.Popen(
            [*IMPASTO, "batch", f"{name}/photos", "--style", "night", *settings, "-o", f"{name}/out"],
            stdout=subprocess.DEVNULL,
        )
        marks = [count * share // 8 for share in range(1, 9)]
        rows = []
        while batch.poll() is None and marks:
            done = len(list(Path(name, "out").glob("*.png")))
            if done >= marks[0]:
                resident = next(
                    int(line.split()[1]) / 1024
                    for line in Path(f"/proc/{batch.pid}/status").read_text().splitlines()
                    if line.startswith("VmRSS")
                )
                rows.append({"pictures": marks.pop(0), "resident memory, MB": resident})
            time.sleep(0.05)
        if batch.wait():
            raise SystemExit("the batch failed")
        return rows


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", default="256", help="long side in pixels")
    parser.add_argument("--photos", default="2,6", help="lengths of the shorter and the longer batch")
    parser.add_argument("--turns", type=int, default=3, help="measurements of every case")
    parser.add_argument("--memory", type=int, metavar="N", help="show the memory over N tiny pictures instead")
    parser.add_argument("--quick", action="store_true", help="one turn of two steps at 64 px; nothing is stored")
    given = parser.parse_args(argv)
    if given.memory:
        store("batch-memory", memory(given.memory))
    elif given.quick:
        print(table(measure((1, 2), 1, ["--size", "64", "--steps", "2"])))
    else:
        few, many = map(int, given.photos.split(","))
        store("batch", measure((few, many), given.turns, ["--size", given.size]), cores=os.cpu_count(), size=given.size)


if __name__ == "__main__":
    main()
