"""The page of the scoreboard, written from results/quality.json and from the notes that people keep beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

INTRODUCTION = """# How good are the pictures?

`make quality` repeats what is below (`make peers` installs the other programs first). Twelve fixed pairs of a photo and
a style are painted by every preset and, with their own defaults, by other programs; all read the same files. The peers
that optimise had 300 steps.

Style is the mean of two sliced Wasserstein distances to the style image, content is ST-LPIPS to the photo, by networks
that no method optimises; faults are the worst of noise, grid, frame, burnt and grey places beyond the style's own.
Lower is better. Methods are ranked pair by pair, 1 being the best. "Left" is the mean of a score divided by the worst
possible of the pair: the photo's for style, the style image's for content.
"""
_CAPTION = "Dots are pairs, large marks the means of a method. The best corner is the lower left."


def page(stored: Mapping[str, Any], notes: str) -> str:
    """Return the page as Markdown; `stored` is results/quality.json, `notes` Markdown that stands first."""
    parts = [INTRODUCTION, *([notes.strip() + "\n"] if notes.strip() else [])]
    for summary in stored["sizes"].values():
        parts += _size(summary)
    return "\n".join(parts)


def terminal(summary: Mapping[str, Any]) -> str:
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
        parts.append("Seconds followed by * were taken while the machine had other work too.\n")
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
