"""Plots and heat maps of a report, as SVG and as pictures."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from impasto.study.findings import COLUMNS, Curve, Findings, Look

_TEXT: Final = "0.25"
_MOST_POINTS: Final = 400
_PLOTTED: Final = ("content", "style", "grey", "clipped", "lightness", "chroma")
_MOST_NAMES: Final = 12
"""Pictures, or rows, that can still be told apart by their names in a plot."""


def loss_chart(curve: Curve, title: str) -> str:
    """Draw the loss and its terms against the steps, both on logarithmic axes; return SVG."""
    figure, axes = _panel(title)
    places = _spread_out(len(curve.steps))
    steps = np.asarray(curve.steps)[places]
    for name, values in {"total": curve.losses, **curve.terms}.items():
        chosen = np.asarray(values, dtype=float)[places]
        if np.nanmax(chosen, initial=0.0) > 0:
            axes.plot(steps, np.where(chosen > 0, chosen, np.nan), label=name, linewidth=2 if name == "total" else 1.2)
    if not axes.lines:
        axes.text(0.5, 0.5, "no loss above 0", transform=axes.transAxes, ha="center", color=_TEXT)
        return _svg(figure)
    axes.set_yscale("log")
    _count_steps(axes, curve.steps)
    axes.legend(frameon=False, fontsize=8)
    return _svg(figure)


def figure_charts(rows: Mapping[str, Sequence[Look]], style: Mapping[str, float]) -> list[tuple[str, str]]:
    """Draw the figures of the pictures of some rows against the steps, the style's own dotted; return names and SVG."""
    charts = []
    for column in _PLOTTED:
        figure, axes = _panel(column)
        for name, looks in rows.items():
            values = [look.figures[column] for look in looks]
            # A run that failed at once has no step to be drawn at.
            steps = [look.step or math.nan for look in looks]
            axes.plot(steps, values, marker="o", markersize=3.5, label=name or None)
        if column in style:
            axes.axhline(style[column], color="0.5", linestyle=":", linewidth=1.2, label="the style")
        _count_steps(axes, [look.step for looks in rows.values() for look in looks])
        if len(rows) > 1 or column in style:
            axes.legend(frameon=False, fontsize=8)
        charts.append((f"{column}: {COLUMNS[column]}", _svg(figure)))
    return charts


def trade_chart(findings: Findings) -> str:
    """Draw content against style, a point for every picture; return SVG."""
    figure, axes = _panel("nearer to the lower left is better")
    for number, row in enumerate(findings.plan.rows):
        points = [(look.figures["content"], look.figures["style"]) for look in findings.row(number)]
        axes.plot(*zip(*points, strict=True), marker="o", markersize=4, linewidth=0.8, label=row.title or None)
        for caption, point in zip(row.captions, points, strict=True):
            if np.isfinite(point).all() and len(findings.looks) <= _MOST_NAMES:
                axes.annotate(caption, point, xytext=(4, 3), textcoords="offset points", fontsize=7.5, color=_TEXT)
    axes.margins(0.15)
    axes.set_xlabel("content", color=_TEXT)
    axes.set_ylabel("style", color=_TEXT)
    if 1 < len(findings.plan.rows) <= _MOST_NAMES:
        axes.legend(frameon=False, fontsize=7.5)
    return _svg(figure)


def heat(values: Float[np.ndarray, "h w"], highest: float) -> UInt8[np.ndarray, "h w 3"]:
    """Return a map as colours, from black for 0 over red to light yellow for `highest`."""
    scaled = np.clip(values / max(highest, 1e-12), 0, 1)
    return np.asarray(matplotlib.colormaps["inferno"](scaled, bytes=True)[..., :3])


def _panel(title: str) -> tuple[Figure, Any]:
    """Return a figure with one pair of axes, small enough to be read on a phone."""
    figure = Figure(figsize=(4.2, 3.0), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.subplots()
    axes.set_title(title, fontsize=9.5, color=_TEXT)
    axes.tick_params(colors=_TEXT, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("0.7")
    axes.grid(color="0.92", which="major")
    axes.set_axisbelow(True)
    return figure, axes


def _count_steps(axes: Any, steps: Sequence[int]) -> None:
    """Let the axis across count steps, on a logarithmic scale with round numbers."""
    axes.set_xscale("log")
    first, last = max(1, min(steps, default=1)), max(1, max(steps, default=1))
    marks = [10**power for power in range(math.floor(math.log10(first)), math.floor(math.log10(last)) + 1)]
    marks = [mark for mark in marks if first <= mark <= last]
    if len(marks) < 2:
        marks = sorted({first, last, *marks})
    axes.set_xticks(marks, [f"{mark:,}" for mark in marks])
    axes.minorticks_off()
    axes.set_xlabel("steps", color=_TEXT, fontsize=8)


def _svg(figure: Figure) -> str:
    """Write a figure so that the same figures make the same file."""
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "impasto", "svg.fonttype": "path"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def _spread_out(count: int) -> Any:
    """Return places spread evenly on a logarithmic axis, so that 100,000 points draw as fast as 400."""
    if not count:
        return np.zeros(0, int)
    return np.unique(np.geomspace(1, count, _MOST_POINTS).round().astype(int)) - 1
