"""What does a batch cost and save per picture: beside a loop of the shell, in processes, and on Ray?

Every case paints batches of two lengths as whole processes; the difference is what a further picture costs, without
the start. The cases take turns; seconds are medians over the turns. With `--memory N`, one process paints N tiny
pictures, and its resident memory is shown along the way. With `--bookkeeping N`, N pictures are planned, noted and, the
next time, found done, without being painted. `--quick` only shows that the script works.
"""

import argparse
import functools
import hashlib
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import PIL.Image

from common import store, table
from impasto.batch import MANIFEST, Batch, Row, Worker, find_photos, plan_tasks
from impasto.images import demo_photo
from impasto.recipe import Recipe

IMPASTO = [sys.executable, "-m", "impasto"]
CASES = {
    "shell loop": None,
    "batch --workers 1": ["--workers", "1"],
    "batch": [],
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


def measure(cases: Sequence[str], counts: Sequence[int], turns: int, settings: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for every case."""
    times: dict[tuple[str, int], list[float]] = {(case, count): [] for case in cases for count in counts}
    for _ in range(turns):
        for case, count in times:
            times[case, count].append(paint(case, count, settings))
            print(f"{case}, {count} photos: {times[case, count][-1]:.1f} s", flush=True)
    few, many = counts
    rows = []
    for case in cases:
        first, last = (statistics.median(times[case, count]) for count in counts)
        each = (last - first) / (many - few)
        rows.append({"case": case, f"{few} photos, s": first, f"{many} photos, s": last, "s a further photo": each})
    return rows


def memory(count: int) -> list[dict[str, Any]]:
    """Return the resident memory of a process along a batch of tiny pictures."""
    with tempfile.TemporaryDirectory() as name:
        write_photos(Path(name) / "photos", count)
        settings = ["--size", "64", "--steps", "4", "--workers", "1", "--quiet"]
        batch = subprocess.Popen(
            [*IMPASTO, "batch", f"{name}/photos", "--style", "night", *settings, "-o", f"{name}/out"],
            stdout=subprocess.DEVNULL,
        )
        marks = [count * share // 8 for share in range(1, 9)]
        rows = []
        while batch.poll() is None and marks:
            done = len(list(Path(name, "out").glob("*.png")))
            if done >= marks[0]:
                rows.append({"pictures": marks.pop(0), "resident memory, MB": resident(batch.pid) / 1e6})
            time.sleep(0.05)
        if batch.wait():
            raise SystemExit("the batch failed")
        return rows


def resident(process: int | str = "self") -> int:
    """Return the bytes of memory that a process has."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def bookkeeping(count: int) -> list[dict[str, Any]]:
    """Return what the process that leads a batch spends on each picture, the first time and when it goes on."""

    def pretend(status: str, worker: Worker, rows: list[Row]) -> Iterator[Row]:
        terms = {"content": 1.5e4, "style": 2.5e4}
        for row in rows:
            key = hashlib.sha256(row["photo"].encode()).hexdigest()
            known = {"status": status, "error": "", "key": key, "sha256": key, "style_sha256": [key], "seed": 1}
            yield row | known | {"steps": 120, "loss": 4e4, "saved_loss": 4e4, "terms": terms, "worker": worker.name}

    rows = []
    with tempfile.TemporaryDirectory() as name:
        photos, out = Path(name) / "photos", Path(name) / "out"
        photos.mkdir()
        for number in range(count):
            (photos / f"{number:07}.jpg").touch()
        for turn, status in (("first", "painted"), ("again", "skipped")):
            before, marks = resident(), [time.perf_counter()]
            tasks = plan_tasks(find_photos([str(photos)], str(out))[0], [("night",)], ".png")
            batch = Batch(tasks, str(out), Recipe())
            marks.append(time.perf_counter())
            batch.paint(functools.partial(pretend, status))
            marks.append(time.perf_counter())
            planned, noted = (1e6 * (end - start) / count for start, end in itertools.pairwise(marks))
            size = (out / MANIFEST).stat().st_size / count
            grown = (resident() - before) / count
            rows.append(
                {
                    "turn": turn,
                    "planned, us": planned,
                    "noted, us": noted,
                    "manifest, bytes": size,
                    "memory, bytes": grown,
                }
            )
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", default="256", help="long side in pixels")
    parser.add_argument("--photos", default="2,6", help="lengths of the shorter and the longer batch")
    parser.add_argument("--case", action="append", choices=CASES, help="measure this case only; may be repeated")
    parser.add_argument("--turns", type=int, default=3, help="measurements of every case")
    parser.add_argument("--memory", type=int, metavar="N", help="show the memory over N tiny pictures instead")
    parser.add_argument("--bookkeeping", type=int, metavar="N", help="show what N pictures cost without painting")
    parser.add_argument("--quick", action="store_true", help="one turn of two steps at 64 px; nothing is stored")
    given = parser.parse_args(argv)
    cases = given.case or list(CASES)
    if given.memory:
        store("batch-memory", memory(given.memory))
    elif given.bookkeeping:
        store("batch-bookkeeping", bookkeeping(given.bookkeeping), pictures=given.bookkeeping)
    elif given.quick:
        print(table(measure(cases, (1, 2), 1, ["--size", "64", "--steps", "2"])))
    else:
        few, many = map(int, given.photos.split(","))
        rows = measure(cases, (few, many), given.turns, ["--size", given.size])
        store("batch", rows, cores=os.cpu_count(), size=given.size)


if __name__ == "__main__":
    main()
