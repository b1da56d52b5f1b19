"""Is a run that was killed at any moment continued to the very picture of one that was not?"""

import argparse
import io
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from PIL import Image

from common import machine, table
from damaged import draw

CHECKPOINTS: Final = 0.1
"""Seconds between checkpoints, usually 60: the runs here take a few seconds."""
_PROGRAM: Final = f"""
import sys
import impasto.api.run
from impasto.cli import main
impasto.api.run._CHECKPOINT_SECONDS = {CHECKPOINTS}
sys.exit(main())
"""
_COMMON: Final = ("--steps", "40", "--size", "64", "--levels", "2", "--threads", "1", "--device", "cpu", "--quiet")
_PAINTS: Final = ("photo.png", "style.png", "--run", "run", "-o", "out.png", *_COMMON)
KINDS: Final[dict[str, tuple[str, ...]]] = {
    "plain": _PAINTS,
    "regions": (*_PAINTS, "--region", "mask.png=night"),
    "two styles": ("photo.png", "style.png", "night", "--style-mix", "70,30", *_PAINTS[2:]),
    "sampled losses": (*_PAINTS, "--style-losses", "sliced=1,nearest=0.5", "--samples", "128", "--init", "noise"),
    "Adam": (*_PAINTS, "--optimizer", "adam", "--precision", "bf16"),
    "snapshots": (*_PAINTS, "--snapshots", "3,9", "--snapshot-every", "5"),
    "study": ("study", "custom", "photo.png", "style.png", "-o", "study", "--vary", "seed=0,1", *_COMMON),
}
"""The calls, by kind of run; the same call, or `resume`, continues what was killed."""


STATES: Final = ("not begun", "before a checkpoint", "with a checkpoint", "finished")
Spawn: TypeAlias = Callable[[Sequence[str], Path], subprocess.Popen[bytes]]


class Killed(NamedTuple):
    """A run that was killed: how far each kill found it, and what was wrong in the end, or nothing."""

    kind: str
    states: list[str]
    fault: str


def prepare(folder: Path) -> Path:
    """Make a folder with the inputs of every call."""
    folder.mkdir(parents=True)
    mask = np.zeros((48, 64), np.uint8)
    mask[8:40, 10:30] = 255
    for name, pixels in (("photo", draw(48, 64)), ("style", draw(64, 56, seed=2)), ("mask", mask)):
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def spawn(words: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a call of the command line in a folder, in a group of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def pictures_of(folder: Path) -> dict[str, np.ndarray]:
    """Return the pixels of the pictures that a call made, by their place in its folder; inputs and copies left out."""
    given = {"photo.png", "style.png", "mask.png"}
    paths = [path for path in sorted(folder.rglob("*.png")) if path.name not in given and path.parent.name != "inputs"]
    return {str(path.relative_to(folder)): np.asarray(Image.open(io.BytesIO(path.read_bytes()))) for path in paths}


def state_of(folder: Path) -> str:
    """Return how far a call was when it was killed."""
    if not any(folder.rglob("run.json")):
        return "not begun"
    if any((folder / name).exists() for name in ("out.png", "study/report.html")):
        return "finished"
    has_checkpoint = any(folder.rglob("checkpoint*.safetensors"))
    return "with a checkpoint" if has_checkpoint else "before a checkpoint"


def kill(words: Sequence[str], folder: Path, moment: float, spawn: Spawn) -> None:
    """Start a call and kill it, and everything it started, after so many seconds."""
    process = spawn(words, folder)
    try:
        process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def try_kills(
    kind: str, folder: Path, whole: dict[str, np.ndarray], moments: Sequence[float], spawn: Spawn = spawn
) -> Killed:
    """Kill a call, and what continues it, at these moments; then continue it to its end and compare the pictures.

    Args:
        kind: Which of KINDS.
        folder: A new folder.
        whole: The pictures of the same call that was not killed.
        moments: Seconds after the start of each process.
        spawn: Starts a call.
    """
    prepare(folder)
    words, states = KINDS[kind], []
    for moment in moments:
        kill(words, folder, moment, spawn)
        states.append(state_of(folder))
        # A study, and a run whose folder is not there yet, are continued by the same call.
        if kind != "study" and states[-1] != "not begun":
            words = ("resume", "run", "--quiet")
    process = spawn(words, folder)
    _, err = process.communicate()
    if process.returncode != 0:
        return Killed(kind, states, f"{shlex.join(('impasto', *words))}: {err.decode(errors='replace')[-500:]}")
    found = pictures_of(folder)
    if "out.png" not in found and "run/result.png" in found:
        # Killed between its end and the copy: `resume` said that the run is finished, and named this picture.
        found["out.png"] = found["run/result.png"]
    names = sorted({*found, *whole})
    different = [name for name in names if not np.array_equal(found.get(name, 0), whole.get(name, 1))]
    return Killed(kind, states, f"different: {', '.join(different)}" if different else "")


def rows_of(killed: Sequence[Killed]) -> list[dict[str, Any]]:
    """Return how many runs of every kind ended with equal pictures, and where the kills found them."""
    rows = []
    for kind in (*KINDS, ""):
        some = [one for one in killed if kind in ("", one.kind)]
        row: dict[str, Any] = {"runs": kind or "all", "tried": len(some), "equal": sum(not one.fault for one in some)}
        states = Counter(state for one in some for state in one.states)
        rows.append(row | {"kills": states.total()} | {state: states[state] for state in STATES})
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tries", type=int, default=50, help="how many runs are killed, each up to three times")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other moments")
    given = parser.parse_args(argv)
    rng, killed = random.Random(given.seed), []
    with tempfile.TemporaryDirectory(prefix="impasto-kills-") as place:
        lives = {}
        for kind in KINDS:
            folder, started = prepare(Path(place) / kind), time.monotonic()
            if spawn(KINDS[kind], folder).wait():
                raise SystemExit(f"the run `{kind}` fails without being killed")
            lives[kind] = pictures_of(folder), time.monotonic() - started
        for number in range(given.tries):
            kind = list(KINDS)[number % len(KINDS)]
            whole, seconds = lives[kind]
            moments = [rng.uniform(0, seconds) for _ in range(rng.randint(1, 3))]
            killed.append(try_kills(kind, Path(place) / str(number), whole, moments))
            if killed[-1].fault:
                print(f"{kind}, killed after {moments} s: {killed[-1].fault}", flush=True)
            shutil.rmtree(Path(place) / str(number))
    print(table(rows_of(killed)))
    print(json.dumps(machine() | {"seed": given.seed}))
    return int(any(one.fault for one in killed))


if __name__ == "__main__":
    sys.exit(main())
