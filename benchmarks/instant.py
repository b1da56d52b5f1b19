"""How long does the method instant take, and how much memory?

`python benchmarks/instant.py [SIZE...]` paints the demo photo at each size in a process of its own, and a preview of
all built-in styles. Seconds of the processor are there too, because they depend less on what else runs.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import store
from impasto.images import demo_photo

SIZES = (256, 512, 1024, 2048, 4096)
REPEATS = 2
SESSION = """
import json, resource, time, impasto
from impasto.images import demo_photo
session, times = impasto.Session("night", "instant"), []
for _ in range(4):
    started = time.perf_counter(), time.process_time()
    session.stylize(demo_photo(), size=512)
    times.append([time.perf_counter() - started[0], time.process_time() - started[1]])
print(json.dumps([*min(times[1:]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9]))
"""


def main(sizes: tuple[int, ...]) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        end = ["-o", str(Path(folder) / "out.png")]
        for size in sizes:
            words = [str(demo_photo()), "night", "--preset", "instant", "--size", str(size), "--upscale", "--quiet"]
            rows.append({"what": f"{size} px, whole process"} | measured([*words, *end]))
        rows.append({"what": "preview of the built-in styles"} | measured(["preview", str(demo_photo()), *end]))
    printed = subprocess.run([sys.executable, "-c", SESSION], check=True, capture_output=True).stdout
    names = ("seconds", "cpu_seconds", "gigabytes")
    rows.append({"what": "512 px, networks loaded"} | dict(zip(names, json.loads(printed), strict=True)))
    store("instant", rows)


def measured(words: list[str]) -> dict[str, Any]:
    """Run impasto several times; return the least seconds and processor seconds, and the most memory in GB."""
    runs = []
    for _ in range(REPEATS):
        began = os.times().elapsed
        child = subprocess.Popen([sys.executable, "-m", "impasto", *words], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        if status:
            raise SystemExit(f"impasto {' '.join(words)} failed")
        runs.append((os.times().elapsed - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e9))
    elapsed, processor, memory = zip(*runs, strict=True)
    return {"seconds": min(elapsed), "cpu_seconds": min(processor), "gigabytes": max(memory)}


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SIZES)
