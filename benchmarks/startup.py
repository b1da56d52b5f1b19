"""How long does the program take to answer, and to paint its first step?"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from common import seconds, spread, store
from impasto.images import demo_photo

PAINT = ["-m", "impasto", str(demo_photo()), "night", "--size", "64", "-o", "OUT", "--quiet"]
COMMANDS = {
    "impasto --help": ["-m", "impasto", "--help"],
    "import impasto": ["-c", "import impasto"],
    "load the weights": ["-c", "from impasto.backbones import load_weights; dict(load_weights().layers)"],
    "one step at 64 px, whole process": [*PAINT, "--steps", "1"],
    "a picture at 64 px, whole process": PAINT,
}
SESSION = """
import json, time, impasto
from impasto.images import demo_photo
session, times = impasto.Session("night", size=256, steps=1, levels=1), []
for _ in range(2):
    started = time.perf_counter()
    session.stylize(demo_photo())
    times.append(time.perf_counter() - started)
print(json.dumps(times))
"""
REPEATS = 5


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, words in COMMANDS.items():
            command = [sys.executable, *(str(Path(folder) / "out.png") if word == "OUT" else word for word in words)]
            timed = seconds(lambda c=command: subprocess.run(c, check=True, capture_output=True), repeats=REPEATS)
            rows.append({"what": name} | timed)
    command = [sys.executable, "-c", SESSION]
    pairs = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(REPEATS)]
    for name, times in zip(("first", "second"), zip(*pairs, strict=True), strict=True):
        rows.append({"what": f"one step at 256 px, {name} picture of a session"} | spread(times))
    store("startup", rows)


if __name__ == "__main__":
    main()
