"""How good are the pictures, beside those of other programs? Paints twelve fixed pairs by every method and ranks them.

`make quality` paints at 256 and 512 px what is not painted yet (hours at first), judges it, and writes
results/quality.json, results/quality.md (with the notes of results/quality-notes.md), a figure for each size, and
sheets to look at in out/quality/sheets. Everything is kept under a key of what it depends on: a run that was broken
off goes on, and one after a change paints only what the change can alter.

The pictures lie in a folder of their own (`--images`) with `content/eval-00.png` ... and `style/eval-00.png` ...;
they are no part of this repository. With `--pairs` or `--methods` the tables are printed and results/ stays as it is.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import OUT, RESULTS, machine
from scoreboard import figure, page, peers
from scoreboard.inputs import PAIRS, read_pairs
from scoreboard.methods import SLOW, Method, presets
from scoreboard.sheets import draw_sheets
from scoreboard.store import Store
from scoreboard.summary import gather, summarize
from scoreboard.work import paint_missing

SIZES = (256, 512)
PEERS_UP_TO = 256
"""The peers would need a day at the larger sizes."""
CACHE = OUT / "quality"
IMAGES = Path(__file__).parents[2] / "shared" / "images"


def main(argv: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(argv)
    if not (chosen.images / "content").is_dir() or not (chosen.images / "style").is_dir():
        print(f"the pictures to be judged by are not there: {chosen.images} has no folders content and style")
        return 2
    failures = []
    for size in chosen.size or SIZES:
        failures += _one_size(chosen, size)
    if not _filtered(chosen):
        _write_page()
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
        failures = paint_missing(due, pairs, paintings, threads=chosen.threads, again=chosen.again, say=_say)
    board, records = gather(methods, pairs, paintings, scores)
    summary = {"machine": machine()} | summarize(board, records, pairs, size)
    print(f"\n{size} px, {len(pairs)} pairs\n\n{page.terminal(summary)}")
    draw_sheets(board, records, pairs, CACHE / "sheets" / str(size), cell=size)
    if not _filtered(chosen):
        _store(summary)
        ranked = [row["method"] for row in summary["table"]]
        figure.draw(board, ranked, [pair.index for pair in pairs], RESULTS / page.figure_name(size))
    return failures


def _methods(size: int) -> list[Method]:
    others = peers.peers(size, CACHE / "weights") if size <= PEERS_UP_TO else []
    return [*presets(size), *others]


def _is_due(method: Method, size: int, chosen: argparse.Namespace) -> bool:
    """Whether to paint with this method if its pictures are not there."""
    if method.kind == "peer":
        return peers.installed()
    named = chosen.methods is not None
    return named or chosen.all or method.name not in SLOW or size <= PEERS_UP_TO


def _filtered(chosen: argparse.Namespace) -> bool:
    return chosen.methods is not None or len(chosen.pairs) < len(PAIRS)


def _store(summary: dict[str, Any]) -> None:
    """Put the figures of one size in their place among the others."""
    path = RESULTS / "quality.json"
    stored = json.loads(path.read_text()) if path.is_file() else {"sizes": {}}
    stored["sizes"][str(summary["size"])] = summary
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(stored, indent=1, sort_keys=False) + "\n")


def _write_page() -> None:
    notes = RESULTS / "quality-notes.md"
    stored = json.loads((RESULTS / "quality.json").read_text())
    (RESULTS / "quality.md").write_text(page.page(stored, notes.read_text() if notes.is_file() else ""))


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=Path, default=IMAGES, metavar="DIR", help="the folder of the pictures")
    parser.add_argument("--size", type=int, action="append", choices=SIZES, help="only this size (default: both)")
    parser.add_argument("--pairs", type=_numbers, default=list(range(len(PAIRS))), help="only these pairs: 0,3")
    parser.add_argument("--methods", type=lambda text: text.split(","), help="only these methods: default,bold")
    parser.add_argument("--no-run", action="store_true", help="paint nothing, judge and report what is painted")
    parser.add_argument("--again", action="store_true", help="paint what is painted already too, to time it anew")
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
