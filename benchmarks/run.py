"""Run every benchmark and write the page: `make bench` (about ten minutes on two cores)."""

import json
import subprocess
import sys
from pathlib import Path

from common import RESULTS, table

HERE = Path(__file__).parent
INTRODUCTION = """# Measurements

`make bench` repeats them; each table names its question and the machine. How good the pictures are beside those of
other programs stands in [results/quality.md](results/quality.md) (`make quality`, hours).
"""
SCRIPTS = ("startup", "steps", "saved", "stages")


def page() -> str:
    """Return the page with what is stored in results/."""
    parts = [INTRODUCTION]
    for name in SCRIPTS:
        path = RESULTS / f"{name}.json"
        if not path.exists():
            continue
        stored = json.loads(path.read_text())
        question = (HERE / f"{name}.py").read_text().splitlines()[0].strip('"')
        where = ", ".join(f"{key} {value}" for key, value in stored["machine"].items())
        parts.append(f"## {name}\n\n{question}\n\n{table(stored['rows'])}\n\n{where}\n")
    return "\n".join(parts)


def main() -> None:
    for name in SCRIPTS if "--page" not in sys.argv else ():
        subprocess.run([sys.executable, HERE / f"{name}.py"], check=True)
    (HERE / "README.md").write_text(page())


if __name__ == "__main__":
    main()
