"""The figures of a study as CSV: `figures.csv`, a line for each picture, and `steps.csv`, a line for each step."""

import csv
import io
import json
import math
from collections.abc import Iterable
from typing import Any

from impasto.study.findings import COLUMNS, Findings


def figures_csv(findings: Findings) -> str:
    """Write a line for every picture: its run, what was varied, its step and size, and all figures."""
    varied = list(dict.fromkeys(name for cell in findings.plan.cells for name in cell.varied))
    header = ["run", *varied, "step", "width", "height", *COLUMNS, "problem"]
    return _written(
        header,
        (
            [
                look.cell.key,
                *(_plain(look.cell.varied.get(name, "")) for name in varied),
                look.step,
                look.pixels.shape[1],
                look.pixels.shape[0],
                *(_number(look.figures[name]) for name in COLUMNS),
                look.problem,
            ]
            for look in findings.all()
        ),
    )


def steps_csv(findings: Findings) -> str:
    """Write a line for every step that was done: its loss, the terms, and whether the optimiser took it."""
    names = list(dict.fromkeys(name for curve in findings.curves.values() for name in curve.terms))
    return _written(
        ["run", "step", "level", "taken", "loss", *names],
        (
            [
                key,
                step,
                curve.levels[number],
                int(curve.improved[number]),
                _number(curve.losses[number]),
                *(_number(curve.terms[name][number]) if name in curve.terms else "" for name in names),
            ]
            for key, curve in findings.curves.items()
            for number, step in enumerate(curve.steps)
        ),
    )


def _written(header: list[str], lines: Iterable[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return text.getvalue()


def _number(value: float) -> str:
    """Write a figure with the digits that fp32 has; nothing for what is not known."""
    return f"{value:.7g}" if math.isfinite(value) else ""


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
