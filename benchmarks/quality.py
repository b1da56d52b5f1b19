"""How good are the pictures, compared with those of other programs? Paints twelve fixed pairs and ranks the methods.

`make quality` paints at 256 and 512 px what is missing (hours at first), judges it, and writes results/quality.json,
results/quality.md (with the notes of results/quality-notes.md), a figure for each size, and contact sheets in
out/quality/sheets. Everything is stored under a key of what it depends on: an interrupted run goes on, and a run after
a change paints only the pictures that may have changed.

The pictures are in a folder (`--images`) with `content/eval-00.png` ... and `style/eval-00.png` ...; they are not part
of this repository. With `--pairs` or `--methods` the tables are only printed.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import OUT, RESULTS, machine
from scoreboard.inputs import PAIRS, read_pairs
from scoreboard.methods import SLOW, Method, peers, peers_installed, presets
from scoreboard.paint import paint_missing
from scoreboard.report import draw_figure, draw_sheets, figure_name, tables, write_page
from scoreboard.store import Store
from scoreboard.summary import gather, summarize

SIZES = (256, 512)
PEERS_UP_TO = 256
"""The peers would need a day at the larger sizes."""
CACHE = OUT / "quality"
IMAGES = Path(__file__).parents[2] / "shared" / "images"


def main(argv: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(argv)
    if not (chosen.images / "content").is_dir() or not (chosen.images / "style").is_dir():
        print(f"the pictures are missing: {chosen.images} has no folders content and style")
        return 2
    failures = []
    for size in chosen.size or SIZES:
        failures += _one_size(chosen, size)
    if not _filtered(chosen):
        _update_page()
    for line in failures:
        print(line, file=sys.stderr)
    return 1 if failures else 0


def _one_size(chosen: argparse.Namespace, size: int) -> list[str]:
    pairs = read_pairs(chosen.images, CACHE / "inputs" / str(size), size, chosen.pairs)
    methods = [method for method in _methods(size) if chosen.methods is None or method.name in chosen.methods]
    paintings, scores = Store(CACHE / "results"), Store(CACHE / "scores")
    failures: list[str] = []
    if not chosen.no_run:
        due = [method for method in methods if _is_due(method, size, chosen)]
        failures = paint_missing(due, pairs, paintings, threads=chosen.threads, again=chosen.again, report=_print)
    board, records = gather(methods, pairs, paintings, scores)
    summary = {"machine": machine()} | summarize(board, records, pairs, size)
    print(f"\n{size} px, {len(pairs)} pairs\n\n{tables(summary)}")
    draw_sheets(board, records, pairs, CACHE / "sheets" / str(size), cell=size)
    if not _filtered(chosen):
        _store(summary)
        ranked = [row["method"] for row in summary["table"]]
        draw_figure(board, ranked, [pair.index for pair in pairs], RESULTS / figure_name(size))
    return failures


def _methods(size: int) -> list[Method]:
    others = peers(size, CACHE / "weights") if size <= PEERS_UP_TO else []
    return [*presets(size), *others]


def _is_due(method: Method, size: int, chosen: argparse.Namespace) -> bool:
    """Return True if this method shall paint what is missing."""
    if method.kind == "peer":
        return peers_installed()
    named = chosen.methods is not None
    return named or chosen.all or method.name not in SLOW or size <= PEERS_UP_TO


def _filtered(chosen: argparse.Namespace) -> bool:
    return chosen.methods is not None or len(chosen.pairs) < len(PAIRS)


def _store(summary: dict[str, Any]) -> None:
    """Store the figures of one size beside those of the other sizes."""
    path = RESULTS / "quality.json"
    stored = json.loads(path.read_text()) if path.is_file() else {"sizes": {}}
    stored["sizes"][str(summary["size"])] = summary
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(stored, indent=1, sort_keys=False) + "\n")


def _update_page() -> None:
    notes = RESULTS / "quality-notes.md"
    stored = json.loads((RESULTS / "quality.json").read_text())
    (RESULTS / "quality.md").write_text(write_page(stored, notes.read_text() if notes.is_file() else ""))


def _print(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=Path, default=IMAGES, metavar="DIR", help="the folder with the pictures")
    parser.add_argument("--size", type=int, action="append", choices=SIZES, help="only this size (default: both)")
    parser.add_argument("--pairs", type=_numbers, default=list(range(len(PAIRS))), help="only these pairs: 0,3")
    parser.add_argument("--methods", type=lambda text: text.split(","), help="only these methods: default,bold")
    parser.add_argument("--no-run", action="store_true", help="paint nothing, only judge and report")
    parser.add_argument("--again", action="store_true", help="paint everything again, for new timings")
    parser.add_argument("--all", action="store_true", help=f"at 512 px paint {' and '.join(SLOW)} too (hours)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="processor threads of every program")
    return parser


def _numbers(text: str) -> list[int]:
    numbers = [int(part) for part in text.split(",")]
    if not set(numbers) <= set(range(len(PAIRS))):
        raise argparse.ArgumentTypeError(f"pairs are 0 to {len(PAIRS) - 1}")
    return numbers


if __name__ == "__main__":
    sys.exit(main())
