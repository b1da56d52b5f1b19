"""Painting what is missing, one program at a time; every finished picture is kept, so a stopped run can continue."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from impasto.images import quantize, read_metadata, read_picture, resize, write_picture
from scoreboard.inputs import Pair, pixels_digest, read_pixels
from scoreboard.methods import Method
from scoreboard.store import Store, digest

Report = Callable[[str], None]


def key_of(method: Method, pair: Pair) -> str:
    """Return the key of a picture: a digest of everything it depends on."""
    return digest([method.kind, method.name, method.identity(), pair.content_digest, pair.style_digest])


def paint(method: Method, pair: Pair, store: Store, threads: int) -> dict[str, Any]:
    """Run the program, keep its picture at the size of the photo, and return the record.

    The seconds are those of the whole process. Raises RuntimeError with the end of the program's output if it fails, or
    if the sources of impasto changed while it ran.
    """
    key, load = key_of(method, pair), os.getloadavg()[0]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)} | dict(method.environment)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.png"
        command = method.command(pair.content.resolve(), pair.style.resolve(), out)
        begun = time.perf_counter()
        ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - begun
        if ran.returncode or not out.is_file():
            raise RuntimeError(f"{method.name} failed: {' '.join((ran.stderr or ran.stdout).split())[-400:]}")
        if key_of(method, pair) != key or not _has_recipe(method, out):
            raise RuntimeError(f"the sources changed while {method.name} painted; its picture is not kept")
        _keep(out, pair, store.picture(key))
    record = {
        "method": method.name,
        "pair": pair.index,
        "command": [word.replace(folder, "") for word in command],
        "seconds": seconds,
        "threads": threads,
        "load": load,
        "pixels": pixels_digest(read_pixels(store.picture(key))),
    }
    store.put(key, record)
    return record


def paint_missing(
    methods: Iterable[Method], pairs: Sequence[Pair], store: Store, *, threads: int, again: bool, report: Report
) -> list[str]:
    """Paint what is missing (with `again` everything) and return a line for each picture that failed."""
    failures = []
    for method in methods:
        for pair in pairs:
            if not again and store.get(key_of(method, pair)) is not None:
                continue
            try:
                record = paint(method, pair, store, threads)
                report(f"{method.name} {pair.name}: {record['seconds']:.1f} s")
            except RuntimeError as error:
                failures.append(f"{method.name} {pair.name}: {error}")
                report(failures[-1])
    return failures


def _has_recipe(method: Method, out: Path) -> bool:
    """Return True if the recipe in a picture of impasto is that of the method, apart from the hardware."""
    if method.kind != "preset":
        return True
    wanted = method.identity()["recipe"]
    embedded = (read_metadata(out) or {}).get("recipe", {})
    return all(embedded.get(section) == values for section, values in wanted.items() if section != "hardware")


def _keep(out: Path, pair: Pair, path: Path) -> None:
    photo = read_pixels(pair.content)
    pixels = read_picture(out).pixels
    write_picture(path, quantize(resize(pixels, photo.shape[1], photo.shape[0])))
