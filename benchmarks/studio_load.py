"""Can the studio handle twenty people who submit a picture at the same moment, twice?

A real server on loopback, and clients that use HTTP like the documented commands. Every picture must come back with its
own seed, in the order of submission, and the memory of the server must not grow. CPU seconds are what the work costs on
a machine that other programs use, too. `--long` measures instead what is resident after a hundred pictures of 512 px,
of few steps each, and after one of a photo of 40 megapixels.
"""

import argparse
import contextlib
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from common import store
from impasto import Step
from impasto.events import ResultSaved
from impasto.images import demo_photo, read_metadata
from impasto.runs import RunFolder

PEOPLE, ROUNDS = 20, 2
SIZE = 96
PRESET = "draft"
PATIENCE = 1200.0
HUNDRED, FEW_STEPS, LARGE_SIZE = 100, 3, 512
LARGE_PHOTO = (7746, 5164)
SERVE = """
import sys
from impasto.cli import main
from impasto.recipe import PRESETS
steps, *words = sys.argv[1:]
if steps != "all":
    PRESETS["draft"] = PRESETS["draft"].with_changes(steps=int(steps))
sys.exit(main(words))
"""
"""A server whose preset `draft` has few steps."""
ALONE = """
import json, sys, time
import impasto
photo, preset, size, count = sys.argv[1:]
session = impasto.Session("night", preset, size=int(size))
for seed in range(int(count)):
    started, cpu = time.perf_counter(), time.process_time()
    session.stylize(photo, seed=seed)
    print(json.dumps([time.perf_counter() - started, time.process_time() - cpu]), flush=True)
"""


@dataclass
class Server:
    """The server's process. `sizes` holds, once a second, the number of pictures painted and the resident megabytes."""

    process: subprocess.Popen[str]
    url: str
    runs: Path
    painted: int = 0
    counting: threading.Lock = field(default_factory=threading.Lock)
    sizes: list[tuple[int, float]] = field(default_factory=list)

    def megabytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1000

    def cpu_seconds(self) -> float:
        """Return the CPU time of the process."""
        parts = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")

    def sample_sizes(self, done: threading.Event) -> None:
        while not done.wait(1.0):
            self.sizes.append((self.painted, self.megabytes()))


@contextlib.contextmanager
def served(workspace: Path, port: int, steps: int | str = "all") -> Iterator[Server]:
    words = [str(steps), "studio", "--workspace", str(workspace), "--port", str(port), "--no-open"]
    with subprocess.Popen([sys.executable, "-c", SERVE, *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        server = Server(process, process.stdout.readline().strip(), workspace / "runs")
        done = threading.Event()
        sampler = threading.Thread(target=server.sample_sizes, args=[done])
        sampler.start()
        try:
            yield server
        finally:
            done.set()
            sampler.join()
            process.terminate()


def submit(
    server: Server, seed: int, moment: threading.Barrier, size: int = SIZE, picture_of: Path | None = None
) -> float:
    """Upload the photo, wait for all others, submit and fetch the picture; return the seconds from the submission."""
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        with (picture_of or demo_photo()).open("rb") as photo:
            (sent,) = client.post("/gradio_api/upload", files={"files": photo}).json()
        given = {"path": sent, "meta": {"_type": "gradio.FileData"}}
        words = [given, "night", None, None, None, size, PRESET, seed]
        moment.wait()
        started = time.perf_counter()
        event = client.post("/gradio_api/call/paint", json={"data": words}).json()["event_id"]
        answer = client.get(f"/gradio_api/call/paint/{event}").text
        assert "event: complete" in answer, f"seed {seed}: {answer}"
        (file,) = json.loads(re.findall(r"^data: (.*)$", answer, flags=re.MULTILINE)[-1])
        picture = client.get(file["url"]).content
    seconds = time.perf_counter() - started
    with server.counting:
        server.painted += 1
    with tempfile.NamedTemporaryFile(suffix=".png") as saved:
        saved.write(picture)
        saved.flush()
        record = read_metadata(Path(saved.name))
    assert record is not None, f"seed {seed}: a picture without a recipe"
    assert record["recipe"]["start"]["seed"] == seed, f"seed {seed}: another person's picture"
    return seconds


def one_after_the_other(port: int) -> None:
    """Store the memory of a server that paints many pictures and then one of a large photo."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "studio", port, FEW_STEPS) as server:
        with Image.open(demo_photo()) as image:
            image.convert("RGB").resize(LARGE_PHOTO).save(large := Path(folder) / "large.jpg")
        rows: list[dict[str, Any]] = [{"pictures painted": 0, "resident MB": server.megabytes()}]
        for seed in range(HUNDRED):
            submit(server, seed, threading.Barrier(1), LARGE_SIZE)
            if (seed + 1) in (1, 10, 25, 50, 75, HUNDRED):
                rows.append({"pictures painted": seed + 1, "resident MB": server.megabytes()})
        submit(server, HUNDRED, threading.Barrier(1), LARGE_SIZE, large)
        rows.append({"pictures painted": "one more, of 40 megapixels", "resident MB": server.megabytes()})
        submit(server, HUNDRED + 1, threading.Barrier(1), LARGE_SIZE)
        rows.append({"pictures painted": "one more", "resident MB": server.megabytes()})
        rows.append({"pictures painted": "maximum", "resident MB": max(size for _, size in server.sizes)})
    store("studio_load-hundred", rows)


def one_round(server: Server, seeds: range) -> list[float]:
    moment = threading.Barrier(len(seeds))
    with ThreadPoolExecutor(len(seeds)) as people:
        return list(people.map(lambda seed: submit(server, seed, moment), seeds))


@dataclass(frozen=True)
class Painted:
    """Times of a run, in seconds since 1970."""

    seed: int
    created: float
    first_step: float
    ended: float


def painted(path: Path) -> Painted:
    folder = RunFolder.open(path)
    entries = folder.read_log().entries
    first, end = (
        next(entry.time.timestamp() for entry in entries if isinstance(entry.event, kind))
        for kind in (Step, ResultSaved)
    )
    return Painted(folder.recipe.start.seed, folder.created.timestamp(), first, end)


def alone(count: int) -> list[tuple[float, float]]:
    """Paint without the studio; return seconds and CPU seconds of each picture but the first, which warms up."""
    words = [str(demo_photo()), PRESET, str(SIZE), str(count + 1)]
    printed = subprocess.run([sys.executable, "-c", ALONE, *words], check=True, capture_output=True, text=True).stdout
    return [tuple(json.loads(line)) for line in printed.splitlines()][1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--port", type=int, default=7899)
    parser.add_argument("--long", action="store_true")
    given = parser.parse_args()
    if given.long:
        one_after_the_other(given.port)
        return
    people, count = given.people, given.people * ROUNDS
    by_itself = alone(min(5, people))
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), given.port) as server:
        empty = server.megabytes()
        one_round(server, range(count, count + 1))  # warms up
        started, cpu = time.perf_counter(), server.cpu_seconds()
        waits = [one_round(server, range(round_ * people, (round_ + 1) * people)) for round_ in range(ROUNDS)]
        seconds, cpu = time.perf_counter() - started, server.cpu_seconds() - cpu
        (only, *runs) = [painted(path) for path in sorted(server.runs.iterdir())]
    report(by_itself, only, runs, waits, seconds / count, cpu / count)
    memory(server.sizes, empty, people)


def report(
    by_itself: list[tuple[float, float]], only: Painted, runs: list[Painted], waits: list[list[float]],
    seconds: float, cpu: float,
) -> None:  # fmt: skip
    runs = sorted(runs, key=lambda run: run.created)
    assert sorted(run.seed for run in runs) == list(range(len(runs))), "a submission was lost"
    overtaken = sum(later.ended < earlier.ended for earlier, later in itertools.pairwise(runs))
    start = only.first_step - only.created
    clock, own = (statistics.median(one) for one in zip(*by_itself, strict=True))
    rows: list[dict[str, Any]] = [
        {"what": "pictures submitted, painted, returned with their own recipe", "figure": len(runs), "unit": ""},
        {"what": "pictures that were overtaken by a later submission", "figure": overtaken, "unit": ""},
        {"what": "one picture after the other, in the studio", "figure": seconds, "unit": "s"},
        {"what": "the same by stylize in a loop", "figure": clock, "unit": "s"},
        {"what": "one picture in the studio, with the server's work for it", "figure": cpu, "unit": "s CPU"},
        {"what": "the same by stylize in a loop", "figure": own, "unit": "s CPU"},
        {"what": "from a submission to its first step, with an empty queue", "figure": start, "unit": "s"},
        {"what": "the longest wait for a picture", "figure": max(map(max, waits)), "unit": "s"},
    ]
    store("studio_load", rows)


def memory(sizes: list[tuple[int, float]], empty: float, people: int) -> None:
    """Store the memory of the server after some of the pictures."""
    marks = [1, 1 + people // 4, 1 + people, 1 + people + people // 4, 1 + 2 * people]
    rows: list[dict[str, Any]] = [{"pictures painted": 0, "resident MB": empty}]
    for mark in marks:
        after = [size for count, size in sizes if count >= mark]
        rows.append({"pictures painted": mark, "resident MB": after[0] if after else sizes[-1][1]})
    rows.append({"pictures painted": "maximum", "resident MB": max(size for _, size in sizes)})
    store("studio_load-memory", rows)


if __name__ == "__main__":
    main()
