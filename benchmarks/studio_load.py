"""Does the studio stand twenty people who order at the same moment, twice?

A real server on loopback, and clients that speak HTTP as the documented commands do. Every order must come back with
the seed it was given, in the order in which they were taken, and the server must not grow. Seconds are those of the
clock; seconds of the processor say what the work costs where other programs share the machine.
"""

import argparse
import contextlib
import itertools
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from common import store
from impasto.images import demo_photo, read_metadata
from impasto.runs import RunFolder

PEOPLE, ROUNDS = 20, 2
SIZE = 96
PRESET = "draft"
PATIENCE = 1200.0
ALONE = """
import json, sys, time
import impasto
from impasto.recipe import resolve
photo, preset, size, count = sys.argv[1:]
for seed in range(int(count)):
    begun, worked = time.perf_counter(), time.process_time()
    impasto.stylize(photo, "night", resolve(preset, {"size": int(size), "seed": seed}))
    print(json.dumps([time.perf_counter() - begun, time.process_time() - worked]), flush=True)
"""


@dataclass
class Server:
    """The server's process. `sizes` holds its resident megabytes once a second, and how many were painted by then."""

    process: subprocess.Popen[str]
    url: str
    runs: Path
    painted: int = 0
    counting: threading.Lock = field(default_factory=threading.Lock)
    sizes: list[tuple[int, float]] = field(default_factory=list)

    def megabytes(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1000

    def processor(self) -> float:
        """Return the seconds that the process has spent computing."""
        parts = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")

    def watch(self, done: threading.Event) -> None:
        while not done.wait(1.0):
            self.sizes.append((self.painted, self.megabytes()))


@contextlib.contextmanager
def served(workspace: Path, port: int) -> Iterator[Server]:
    words = ["studio", "--workspace", str(workspace), "--port", str(port)]
    with subprocess.Popen([sys.executable, "-m", "impasto", *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        server = Server(process, process.stdout.readline().strip(), workspace / "runs")
        done = threading.Event()
        watcher = threading.Thread(target=server.watch, args=[done])
        watcher.start()
        try:
            yield server
        finally:
            done.set()
            watcher.join()
            process.send_signal(signal.SIGINT)


def ordered(server: Server, seed: int, moment: threading.Barrier) -> float:
    """Be one person: send the photo, wait for all others, order, fetch the picture; return the seconds it took."""
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        with demo_photo().open("rb") as photo:
            (sent,) = client.post("/gradio_api/upload", files={"files": photo}).json()
        given = {"path": sent, "meta": {"_type": "gradio.FileData"}}
        words = [given, "night", None, None, None, SIZE, PRESET, seed]
        moment.wait()
        begun = time.perf_counter()
        event = client.post("/gradio_api/call/paint", json={"data": words}).json()["event_id"]
        answer = client.get(f"/gradio_api/call/paint/{event}").text
        assert "event: complete" in answer, f"seed {seed}: {answer}"
        (file,) = json.loads(re.findall(r"^data: (.*)$", answer, flags=re.MULTILINE)[-1])
        picture = client.get(file["url"]).content
    taken = time.perf_counter() - begun
    with server.counting:
        server.painted += 1
    with tempfile.NamedTemporaryFile(suffix=".png") as saved:
        saved.write(picture)
        saved.flush()
        record = read_metadata(Path(saved.name))
    assert record is not None, f"seed {seed}: a picture without a recipe"
    assert record["recipe"]["seed"] == seed, f"seed {seed}: somebody else's picture"
    return taken


def one_round(server: Server, seeds: range) -> list[float]:
    moment = threading.Barrier(len(seeds))
    with ThreadPoolExecutor(len(seeds)) as people:
        return list(people.map(lambda seed: ordered(server, seed, moment), seeds))


@dataclass(frozen=True)
class Painted:
    """What a run's folder tells, in seconds since 1970."""

    seed: int
    created: float
    first_step: float
    ended: float


def painted(path: Path) -> Painted:
    folder = RunFolder.open(path)
    lines = folder.events()
    created = datetime.fromisoformat(json.loads((path / "run.json").read_text())["created"]).timestamp()
    first, end = (next(line for line in lines if line["type"] == kind) for kind in ("Step", "result"))
    moments = [datetime.fromisoformat(line["time"]).timestamp() for line in (first, end)]
    return Painted(folder.recipe.seed, created, *moments)


def alone(count: int) -> list[tuple[float, float]]:
    """Paint without the studio; return seconds and seconds of the processor, without the first, which makes room."""
    words = [str(demo_photo()), PRESET, str(SIZE), str(count + 1)]
    told = subprocess.run([sys.executable, "-c", ALONE, *words], check=True, capture_output=True, text=True).stdout
    return [tuple(json.loads(line)) for line in told.splitlines()][1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--port", type=int, default=7899)
    given = parser.parse_args()
    people, count = given.people, given.people * ROUNDS
    by_itself = alone(min(5, people))
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), given.port) as server:
        empty = server.megabytes()
        one_round(server, range(count, count + 1))  # makes room
        begun, worked = time.perf_counter(), server.processor()
        waits = [one_round(server, range(round_ * people, (round_ + 1) * people)) for round_ in range(ROUNDS)]
        seconds, processor = time.perf_counter() - begun, server.processor() - worked
        (only, *runs) = [painted(path) for path in sorted(server.runs.iterdir())]
    report(by_itself, only, runs, waits, seconds / count, processor / count)
    memory(server.sizes, empty, people)


def report(
    by_itself: list[tuple[float, float]], only: Painted, runs: list[Painted], waits: list[list[float]],
    seconds: float, processor: float,
) -> None:  # fmt: skip
    runs = sorted(runs, key=lambda run: run.created)
    assert sorted(run.seed for run in runs) == list(range(len(runs))), "an order was lost"
    overtaken = sum(later.ended < earlier.ended for earlier, later in itertools.pairwise(runs))
    begins = only.first_step - only.created
    clock, own = (statistics.median(one) for one in zip(*by_itself, strict=True))
    rows: list[dict[str, Any]] = [
        {"what": "pictures ordered, painted, handed out with their own recipe", "figure": len(runs), "unit": ""},
        {"what": "pictures that were overtaken by a later order", "figure": overtaken, "unit": ""},
        {"what": "one picture after the other, in the studio", "figure": seconds, "unit": "s"},
        {"what": "the same by stylize in a loop", "figure": clock, "unit": "s"},
        {"what": "one picture in the studio, the server's work for it included", "figure": processor, "unit": "s CPU"},
        {"what": "the same by stylize in a loop", "figure": own, "unit": "s CPU"},
        {"what": "from an order to its first step, nobody before it", "figure": begins, "unit": "s"},
        {"what": "who waited longest for a picture", "figure": max(map(max, waits)), "unit": "s"},
    ]
    store("studio_load", rows)


def memory(sizes: list[tuple[int, float]], empty: float, people: int) -> None:
    """Store the server's size after some of the pictures."""
    marks = [1, 1 + people // 4, 1 + people, 1 + people + people // 4, 1 + 2 * people]
    rows: list[dict[str, Any]] = [{"pictures painted": 0, "resident MB": empty}]
    for mark in marks:
        after = [size for count, size in sizes if count >= mark]
        rows.append({"pictures painted": mark, "resident MB": after[0] if after else sizes[-1][1]})
    rows.append({"pictures painted": "the most at any time", "resident MB": max(size for _, size in sizes)})
    store("studio_load-memory", rows)


if __name__ == "__main__":
    main()
