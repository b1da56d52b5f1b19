"""Plots of a report as SVG, and heat maps."""

import io
import math
from collections.abc import Sequence
from typing import Any, Final

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from impasto.events import Step
from impasto.study.findings import COLUMNS, Findings

_TEXT: Final = "0.25"
_MAX_POINTS: Final = 400
_PLOTTED: Final = ("content", "style", "gray", "clipped", "lightness", "chroma")
_MAX_LABELS: Final = 12
"""Maximum number of labeled pictures or rows in a plot; more labels would overlap."""


def loss_chart(steps: Sequence[Step], title: str) -> str:
    """Return a plot of the loss and its terms against the steps as SVG; both axes are logarithmic."""
    figure, axes = _new_figure(title)
    chosen = _log_spaced(steps)
    for name in ("total", *(steps[0].terms if steps else ())):
        losses = np.array([step.loss if name == "total" else step.terms[name] for step in chosen])
        if np.nanmax(losses, initial=0.0) > 0:
            positive = np.where(losses > 0, losses, np.nan)
            axes.plot([step.step for step in chosen], positive, label=name, linewidth=2 if name == "total" else 1.2)
    if not axes.lines:
        axes.text(0.5, 0.5, "no loss above 0", transform=axes.transAxes, ha="center", color=_TEXT)
        return _to_svg(figure)
    axes.set_yscale("log")
    _scale_steps(axes, [step.step for step in steps])
    axes.legend(frameon=False, fontsize=8)
    return _to_svg(figure)


def figure_charts(findings: Findings) -> list[tuple[str, str]]:
    """Return a plot of each figure against the steps, a line for each row, as name and SVG.

    The figure of the style image, where it has one, is a dotted line.
    """
    charts = []
    for column in _PLOTTED:
        figure, axes = _new_figure(column)
        for row, pictures in zip(findings.plan.rows, findings.rows, strict=True):
            # A run that failed immediately has no steps.
            steps = [picture.step or math.nan for picture in pictures]
            values = [picture.figures[column] for picture in pictures]
            axes.plot(steps, values, marker="o", markersize=3.5, label=row.title or None)
        if column in findings.style_figures:
            style = findings.style_figures[column]
            axes.axhline(style, color="0.5", linestyle=":", linewidth=1.2, label="the style image")
        _scale_steps(axes, [picture.step for picture in findings.pictures])
        if len(findings.rows) > 1 or column in findings.style_figures:
            axes.legend(frameon=False, fontsize=8)
        charts.append((f"{column}: {COLUMNS[column]}", _to_svg(figure)))
    return charts


def tradeoff_chart(findings: Findings) -> str:
    """Return a plot of content against style with a point for every picture, as SVG."""
    figure, axes = _new_figure("closer to the lower left is better")
    for row, pictures in zip(findings.plan.rows, findings.rows, strict=True):
        points = [(picture.figures["content"], picture.figures["style"]) for picture in pictures]
        axes.plot(*zip(*points, strict=True), marker="o", markersize=4, linewidth=0.8, label=row.title or None)
        for picture, point in zip(pictures, points, strict=True):
            if np.isfinite(point).all() and len(findings.pictures) <= _MAX_LABELS:
                offset: Any = {"xytext": (4, 3), "textcoords": "offset points"}
                axes.annotate(picture.caption, point, fontsize=7.5, color=_TEXT, **offset)
    axes.margins(0.15)
    axes.set_xlabel("content", color=_TEXT)
    axes.set_ylabel("style", color=_TEXT)
    if 1 < len(findings.rows) <= _MAX_LABELS:
        axes.legend(frameon=False, fontsize=7.5)
    return _to_svg(figure)


def heat_map(values: Float[np.ndarray, "h w"], maximum: float) -> UInt8[np.ndarray, "h w 3"]:
    """Return a map as colors, from black for 0 over red to light yellow for `maximum`."""
    scaled = np.clip(values / max(maximum, 1e-12), 0, 1)
    return np.asarray(matplotlib.colormaps["inferno"](scaled, bytes=True)[..., :3])


def _new_figure(title: str) -> tuple[Figure, Any]:
    """Return a figure with one pair of axes, small enough for a phone."""
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


def _scale_steps(axes: Any, steps: Sequence[int]) -> None:
    """Scale the x axis logarithmically for these steps, with ticks at powers of ten."""
    axes.set_xscale("log")
    first, last = max(1, min(steps, default=1)), max(1, max(steps, default=1))
    ticks = [10**power for power in range(12) if first <= 10**power <= last]
    if len(ticks) < 2:
        ticks = sorted({first, last, *ticks})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("steps", color=_TEXT, fontsize=8)


def _to_svg(figure: Figure) -> str:
    """Return a figure as SVG that contains neither a date nor random identifiers."""
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "impasto", "svg.fonttype": "path"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def _log_spaced(steps: Sequence[Step]) -> list[Step]:
    """Return steps spaced evenly on a logarithmic axis, so that 100,000 steps are drawn as fast as 400."""
    indices = np.geomspace(1, len(steps), _MAX_POINTS).round().astype(int) - 1 if steps else ()
    return [steps[index] for index in dict.fromkeys(indices)]
