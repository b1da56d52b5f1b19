"""`impasto runs`: the list of runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from impasto.cli.console import say, say_json, warn

if TYPE_CHECKING:
    from impasto.runs import RunSummary


def runs(
    *folders: Annotated[Path, Parameter(name="DIR", help="Run folders, or folders of them; none: this folder.")],
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON object.")] = False,
) -> None:
    """List runs: where, what, how far."""
    from impasto.runs import list_runs

    found = list_runs(folders or [Path()])
    if json:
        say_json({"runs": [_fields(run) for run in found]})
        return
    if not found:
        warn("there are no runs here: `impasto stylize --run DIR` keeps one")
    for row in _aligned([_words(run) for run in found]):
        say(row)


def _words(run: "RunSummary") -> list[str]:
    if run.status == "damaged":
        return [str(run.path), run.status, "", "", "", run.problem]
    size = f"{run.size[0]} x {run.size[1]}" if run.size else ""
    loss = "" if run.loss is None else f"loss {run.loss:.4g}"
    names = " + ".join([run.content, *run.styles])
    return [str(run.path), run.status, f"{run.step}/{run.steps}", size, loss, names]


def _fields(run: "RunSummary") -> dict[str, Any]:
    created = None if run.created is None else run.created.isoformat()
    return vars(run) | {"path": str(run.path), "created": created}


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]
