"""Run every benchmark and write the page: `make bench` (after `make peers`)."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import plots
from common import RESULTS, table

HERE = Path(__file__).parent
INTRODUCTION = """# Measurements

`make peers` and `make bench` repeat them; each section begins with its question, each table ends with the machine.
[results/quality.md](results/quality.md) (`make quality`) shows how good the pictures are, compared with those of other
programs.
"""
SCRIPTS: dict[str, tuple[str, ...]] = {
    "peers": ("peers", "peers-ratios", "peers-full", "peers-full-ratios"),
    "roofline": ("roofline",),
    "memory": ("memory",),
    "notebook": ("notebook", "notebook-small"),
    "schedule": ("schedule",),
    "startup": ("startup",),
    "instant": ("instant",),
    "learn": ("learn",),
    "busy": ("busy",),
    "tiles": ("tiles",),
    "gpu": ("gpu",),
    "precision": ("precision",),
    "saved": ("saved",),
    "controls": ("controls",),
    "stages": ("stages",),
    "previews": ("previews",),
    "studio_load": ("studio_load", "studio_load-memory", "studio_load-hundred"),
    "video": ("video", "video-bikes", "video-seconds"),
}
"""The scripts in the order of the page, and the tables that they write."""
BY_HAND: dict[str, str] = {
    "blind": "Which picture do judges prefer who do not know whose it is?",
    "batch": "What does a batch save and cost for a picture, beside a loop of the shell, in processes and on Ray?",
}
"""Scripts that are run with other arguments each time, so that the page has only their notes; and their questions."""
OPTIONS = {"notebook": ("--small",)}
"""Arguments of scripts that would take too long otherwise."""
NOT_HERE = 2
"""Exit code of a script that needs hardware which this machine does not have."""
FIGURES = {"peers": plots.against_time, "peers-full": plots.against_time, "memory": plots.growth}


def page() -> str:
    """Return the page of everything stored in results/, and draw its figures."""
    parts = [INTRODUCTION]
    parts += [f"## {name}\n\n{question}\n{_notes(name)}" for name, question in BY_HAND.items()]
    for script, names in SCRIPTS.items():
        stored = {name: found for name in names if (found := _stored(name))}
        if not stored:
            continue
        question = (HERE / f"{script}.py").read_text().splitlines()[0].strip('"')
        parts.append(f"## {script}\n\n{question}\n")
        for name, found in stored.items():
            if name in FIGURES:
                FIGURES[name](found["rows"], RESULTS / f"{name}.svg")
                parts.append(f"![{name}](results/{name}.svg)\n")
            where = ", ".join(f"{key} {value}" for key, value in found["machine"].items())
            parts.append(f"{table(found['rows'])}\n\n{where}\n")
        parts.append(_notes(script))
    return "\n".join(filter(None, parts))


def _notes(script: str) -> str:
    """Return what was written by hand about a script's results."""
    path = RESULTS / f"{script}-notes.md"
    return path.read_text() if path.is_file() else ""


def _stored(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--page", action="store_true", help="only write the page from what is stored")
    if not parser.parse_args().page:
        for name in SCRIPTS:
            ended = subprocess.run([sys.executable, HERE / f"{name}.py", *OPTIONS.get(name, ())], check=False)
            if ended.returncode not in (0, NOT_HERE):
                raise SystemExit(f"{name}.py failed")
    (HERE / "README.md").write_text(page())


if __name__ == "__main__":
    main()
