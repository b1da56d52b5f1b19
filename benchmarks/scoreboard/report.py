"""What is shown of the scores: a page in Markdown, a scatter plot for each size, and contact sheets to look through."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot as plt

from impasto.images import contact_sheet, read_picture, write_picture
from scoreboard.inputs import Pair
from scoreboard.methods import PEERS, ROWS
from scoreboard.ranking import Board, mean_relative, relative
from scoreboard.summary import Records, picture_of

INTRODUCTION = """# How good are the pictures?

`make quality` repeats what is below (`make peers` installs the other programs first). Twelve fixed pairs of a photo and
a style are painted by every preset and, with their own defaults, by other programs; all read the same files. The peers
that optimize had 300 steps.

Style is the mean of two sliced Wasserstein distances to the style image, content is ST-LPIPS to the photo, by networks
that no method optimizes; faults are the worst of noise, grid, border, clipped and gray places beyond the style's own.
Lower is better. "Left" is the mean of a score divided by the worst possible of the pair: the photo's for style, the
style image's for content. Three judges rank the methods pair by pair, 1 being the best: VGG-16, AlexNet (both of
ST-LPIPS) and EfficientNet-Lite0, each by the sliced Wasserstein distance of its features for style, and by their
distance place by place for content. A method is better than another on a pair if it is for two of the three.
"""
_CAPTION = "Dots are pairs, large marks the means of a method. The best corner is the lower left."


def write_page(stored: Mapping[str, Any], notes: str) -> str:
    """Return the page as Markdown; `stored` is results/quality.json, `notes` is Markdown that comes first."""
    parts = [INTRODUCTION, *([notes.strip() + "\n"] if notes.strip() else [])]
    for summary in stored["sizes"].values():
        parts += _size(summary)
    return "\n".join(parts)


def tables(summary: Mapping[str, Any]) -> str:
    """Return the tables of one size as text."""
    return "\n\n".join(part.strip() for part in _tables(summary)) + "\n"


def figure_name(size: int) -> str:
    """Return the name of the figure of a size."""
    return f"quality-{size}.svg"


def _size(summary: Mapping[str, Any]) -> list[str]:
    size = summary["size"]
    where = ", ".join(f"{key} {value}" for key, value in summary["machine"].items())
    picture = f"![Content against style]({figure_name(size)})\n\n{_CAPTION}\n"
    return [f"## At {size} px\n", *_tables(summary), picture, *_details(summary), f"{where}\n"]


def _tables(summary: Mapping[str, Any]) -> list[str]:
    parts = [_markdown(summary["table"]) + "\n"]
    if any(row["beside other work"] for row in summary["table"]):
        parts.append("Seconds followed by * were measured while other programs were running.\n")
    if summary["partly"]:
        some = ", ".join(f"{name} ({count})" for name, count in summary["partly"].items())
        parts.append(f"Not painted on all {len(summary['pairs'])} pairs, so not ranked: {some}.\n")
    if summary["duels"]:
        rows = [
            {"default is better than": duel["peer"]}
            | {f"in {what}": f"{duel[what]} of {duel['pairs']}" for what in ("style", "content", "both", "neither")}
            for duel in summary["duels"]
        ]
        parts.append(_markdown(rows) + "\n")
    if summary["checks"]:
        rows = [
            {
                "what must hold": check["rule"],
                "pairs": f"{check['kept']} of {check['pairs']}",
                "needed": check["needed"],
                "": "holds" if check["passed"] else "**does not hold**",
            }
            for check in summary["checks"]
        ]
        parts.append(_markdown(rows) + "\n")
    return parts


def _details(summary: Mapping[str, Any]) -> list[str]:
    methods = [row["method"] for row in summary["table"]]
    rows = []
    for pair, name in summary["pairs"].items():
        row = {"pair": pair, "content x style": name}
        for method in methods:
            scores = summary["scores"][method][pair]
            row[method] = f"{scores['style']:.3f} / {scores['content']:.3f}"
        rows.append(row)
    parts = ["Style / content on every pair:\n", _markdown(rows) + "\n"]
    if summary["ranks"]:
        parts = ["Mean rank in each single measure:\n", _markdown(summary["ranks"]) + "\n", *parts]
    return parts


def _markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    names = [name for name in rows[0] if name != "beside other work"]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_cell(row, name) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def _cell(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    if value is None:
        return "-"
    if name == "seconds":
        return f"{value:.1f}" + ("*" if row.get("beside other work") else "")
    if name == "most faults":
        return f"{value:.4f}"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


_TEXT = "0.25"
_STILL: dict[str, Any] = {"Date": None, "Creator": None}
"""Without dates, equal figures give equal files."""


def draw_figure(board: Board, methods: list[str], pairs: list[int], path: Path) -> None:
    """Draw the relative scores of the methods (see `relative`): small dots are pairs, large marks means."""
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
            center = mean_relative(board, method, "content", pairs), mean_relative(board, method, "style", pairs)
            axes.scatter(*center, s=110, color=color, marker=mark, edgecolors="white", zorder=3)
            axes.annotate(method, center, (8, 6), textcoords="offset points", color=color, weight="bold", zorder=4)
        for point, row, offset, align in (
            ((0, 1), "the photo", (8, -4), "left"),
            ((1, 0), "the style image", (-8, 6), "right"),
        ):
            axes.scatter(*point, s=50, color=_TEXT, marker="x")
            axes.annotate(row, point, offset, textcoords="offset points", color=_TEXT, ha=align)
        axes.set_xlabel("content lost: 0 is the photo, 1 the style image", color=_TEXT)
        axes.set_ylabel("style missing: 0 is the style image, 1 the photo", color=_TEXT)
        axes.tick_params(colors=_TEXT)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="0.92")
        axes.set_axisbelow(True)
        figure.savefig(path, metadata=_STILL)
        plt.close(figure)


_COLUMNS = 4
_TRIPLES = 2


def draw_sheets(board: Board, records: Records, pairs: Sequence[Pair], folder: Path, cell: int) -> None:
    """Write contact sheets `pair-XX.png` and `method-NAME.png`; cells have `cell` pixels, so nothing is resized."""
    folder.mkdir(parents=True, exist_ok=True)
    methods = [*ROWS, *(name for name in board if name not in ROWS)]
    for pair in pairs:
        _write_sheet(
            folder / f"pair-{pair.name}.png",
            [_sheet_cell(board, records, name, pair) for name in methods],
            _COLUMNS,
            cell,
        )
    for method in methods:
        if method not in ROWS:
            names = (*ROWS, method)
            cells = [_sheet_cell(board, records, name, pair) for pair in pairs for name in names]
            _write_sheet(folder / f"method-{method}.png", cells, len(names) * _TRIPLES, cell)


def _sheet_cell(board: Board, records: Records, method: str, pair: Pair) -> tuple[Path, str] | None:
    """Return picture and caption of a method: its name, style / content."""
    picture = picture_of(records, method, pair)
    if picture is None:
        return None
    scores = board[method][pair.index]
    return picture, f"{pair.name} {method} {scores['style']:.3f} / {scores['content']:.3f}"


def _write_sheet(path: Path, cells: Sequence[tuple[Path, str] | None], columns: int, cell: int) -> None:
    present = [found for found in cells if found is not None]
    rows = [present[start : start + columns] for start in range(0, len(present), columns)]
    pictures = [[read_picture(picture).pixels for picture, _ in row] for row in rows]
    write_picture(path, contact_sheet(pictures, captions=[[text for _, text in row] for row in rows], cell=cell))
