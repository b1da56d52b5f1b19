"""The scatter of content against style, one dot for every method and pair."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot as plt

from scoreboard.methods import ROWS
from scoreboard.peers import PEERS
from scoreboard.ranking import Board, mean_relative, relative

_TEXT = "0.25"
_STILL: dict[str, Any] = {"Date": None, "Creator": None}
"""So that the same figures make the same file."""


def draw(board: Board, methods: list[str], pairs: list[int], path: Path) -> None:
    """Draw the methods as shares of the worst possible score (see `relative`): small dots pairs, large marks means."""
    style: Any = {"svg.hashsalt": "impasto", "svg.fonttype": "path", "font.size": 9, "axes.edgecolor": "0.7"}
    with plt.rc_context(style):
        figure, axes = plt.subplots(figsize=(7.2, 5.6), layout="constrained")
        colors = plt.get_cmap("tab10").colors  # type: ignore[attr-defined]
        for number, method in enumerate(name for name in methods if name not in ROWS):
            color = colors[number % len(colors)]
            mark = "D" if method in PEERS else "o"
            x = [relative(board, method, pair, "content") for pair in pairs]
            y = [relative(board, method, pair, "style") for pair in pairs]
            axes.scatter(x, y, s=10, color=color, alpha=0.35, marker=mark, linewidths=0)
            centre = mean_relative(board, method, "content", pairs), mean_relative(board, method, "style", pairs)
            axes.scatter(*centre, s=110, color=color, marker=mark, edgecolors="white", zorder=3)
            axes.annotate(method, centre, (8, 6), textcoords="offset points", color=color, weight="bold", zorder=4)
        for place, row, left in (((0, 1), "the photo", True), ((1, 0), "the style image", False)):
            axes.scatter(*place, s=50, color=_TEXT, marker="x")
            away = (8, -4) if left else (-8, 6)
            axes.annotate(row, place, away, textcoords="offset points", color=_TEXT, ha="left" if left else "right")
        axes.set_xlabel("content lost: 0 is the photo, 1 the style image", color=_TEXT)
        axes.set_ylabel("style missing: 0 is the style image, 1 the photo", color=_TEXT)
        axes.tick_params(colors=_TEXT)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="0.92")
        axes.set_axisbelow(True)
        figure.savefig(path, metadata=_STILL)
        plt.close(figure)
