"""What does a batch save, and what do processes and Ray add?

`loop` is a process of `impasto` for each picture, `one` a batch in one process with all threads, `two` a batch with
`--workers 2` and one thread each, `ray` one on a local cluster with two actors of one processor. All paint the same
photos, copies of the demo photo that differ in one pixel. `processor` are the seconds of all processes together; they
say more than `wall` where the machine has other work. `outside` are seconds a picture that no painter was painting,
once all had begun. The second table is the memory of the process of a batch of 200 pictures at 64 px.
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from common import store, table
from impasto.batch import Batch, Engine, PictureDone, find_photos, in_process, in_processes, on_ray, plan_tasks
from impasto.images import demo_photo, read_picture, write_picture
from impasto.recipe import Recipe, resolve


def write_photos(folder: Path, count: int) -> list[Path]:
    pixels = read_picture(demo_photo()).pixels
    paths = [folder / f"{number:03d}.png" for number in range(count)]
    for number, path in enumerate(paths):
        one = pixels.copy()
        one[0, 0] = number / max(1, count - 1)
        write_picture(path, one)
    return paths


def paint(folder: Path, recipe: Recipe, engine: Engine, on_done: Callable[[PictureDone], None]) -> Batch:
    photos, _ = find_photos([str(folder)], str(folder / "painted"))
    batch = Batch(plan_tasks(photos, [("night",)], ".png"), str(folder / "painted"), recipe)
    batch.paint(engine, on_done)
    if set(batch.counts) != {"painted"}:
        raise SystemExit(f"not all were painted: {batch.failed}")
    return batch


def processor_seconds() -> float:
    """Return the seconds that this process and those it has waited for have computed."""
    return sum(
        use.ru_utime + use.ru_stime for use in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def measure(name: str, size: int, steps: int, count: int) -> dict[str, Any]:
    """Return the row of a way to paint; runs in a process of its own."""
    recipe = resolve(None, {"size": size, "steps": steps})
    ends: list[tuple[float, float, str]] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        paths = write_photos(folder, count)
        wall, used = time.perf_counter(), processor_seconds()

        def note(done: PictureDone) -> None:
            ends.append((time.perf_counter(), done.seconds, done.worker))

        if name == "loop":
            for path in paths:
                words = [
                    sys.executable,
                    "-m",
                    "impasto",
                    str(path),
                    "night",
                    "--size",
                    str(size),
                    "--steps",
                    str(steps),
                ]
                subprocess.run([*words, "--quiet", "-o", str(path.with_name(f"{path.stem}-out.png"))], check=True)
        else:
            engines: dict[str, Engine] = {
                "one": in_process,
                "two": partial(in_processes, count=2, threads=1),
                "ray": partial(on_ray, count=2),
            }
            paint(folder, recipe, engines[name], note)
        wall, used = time.perf_counter() - wall, processor_seconds() - used
    return {
        "way": name,
        "pixels": size,
        "steps": steps,
        "pictures": count,
        "wall a picture": wall / count,
        "processor a picture": used / count if name != "ray" else float("nan"),
        "outside": outside(ends),
    }


def outside(ends: Sequence[tuple[float, float, str]]) -> float:
    """Return the mean seconds between the pictures of a worker in which it did not paint."""
    gaps = []
    for worker in {worker for _, _, worker in ends}:
        own = sorted((end, seconds) for end, seconds, by in ends if by == worker)
        gaps += [end - before - seconds for (before, _), (end, seconds) in itertools.pairwise(own)]
    return float(np.mean(gaps)) if gaps else float("nan")


def memory(count: int) -> list[dict[str, Any]]:
    """Return the resident memory of this process after more and more pictures of a batch."""
    rows: list[dict[str, Any]] = []
    marks = {1, count // 20, count // 4, count // 2, 3 * count // 4, count}
    page = os.sysconf("SC_PAGE_SIZE")
    done = 0

    def note(_: PictureDone) -> None:
        nonlocal done
        done += 1
        if done in marks:
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * page
            rows.append({"pictures": done, "resident MB": resident / 1e6})

    with tempfile.TemporaryDirectory() as place:
        write_photos(Path(place), count)
        paint(Path(place), resolve(None, {"size": 64, "steps": 3}), in_process, note)
    return rows


def in_a_process(*words: str) -> list[dict[str, Any]]:
    """Return the rows that this script measures in a process of its own."""
    code = f"import json, batch; print(json.dumps(batch.{words[0]}({', '.join(words[1:])})))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, stdout=subprocess.PIPE, check=True)
    found = json.loads(ended.stdout.splitlines()[-1])
    return found if isinstance(found, list) else [found]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=256, help="long side in pixels")
    parser.add_argument("--steps", type=int, default=60, help="steps of each picture")
    parser.add_argument("--pictures", type=int, default=6, help="pictures of each way")
    parser.add_argument("--memory", type=int, default=200, help="pictures of the table of memory; 0: none")
    parser.add_argument("--ways", default="loop,one,two,ray", help="what is measured")
    parser.add_argument("--quick", action="store_true", help="two tiny pictures; nothing is stored")
    given = parser.parse_args(argv)
    if given.quick:
        given.size, given.steps, given.pictures, given.memory = 64, 2, 2, 4
    ways = given.ways.split(",")
    rows = [
        row
        for way in ways
        for row in in_a_process("measure", repr(way), *map(str, (given.size, given.steps, given.pictures)))
    ]
    grown = in_a_process("memory", str(given.memory)) if given.memory else []
    if given.quick:
        print(table(rows), table(grown), sep="\n")
        return
    store("batch", rows, cores=os.cpu_count(), load=round(os.getloadavg()[0], 1))
    if grown:
        store("batch-memory", grown, cores=os.cpu_count())


if __name__ == "__main__":
    main()
