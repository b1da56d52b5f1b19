"""`impasto runs` and `impasto resume`: list kept runs, and continue one."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from impasto.cli.completion import complete_run
from impasto.cli.console import DONE, warn, write_json, write_line, write_path
from impasto.cli.options import REPORTING, SAVING_AGAIN, Reporting, SavingAgain, Switch, read_record
from impasto.errors import InputError
from impasto.shell import file_word, join

if TYPE_CHECKING:
    from impasto.runs import RunFolder, RunSummary


_RunWord: TypeAlias = Annotated[Path, Parameter(completer=complete_run)]


def resume(
    folder: _RunWord,
    /,
    *,
    weights: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    saving: SavingAgain = SAVING_AGAIN,
    reporting: Reporting = REPORTING,
) -> int:
    """Continue a run. The picture is saved as it was stated when the run began: file, bits and quality, unless stated.

    Args:
        folder: The folder that --run named, or that of a film.
        weights: The file of weights that the run was begun with, if the folder was made elsewhere.
    """
    if (folder / "film.json").exists():
        if saving != SAVING_AGAIN or weights is not None:
            raise InputError("a film is written where it was begun for: only --json and --quiet go with its folder")
        from impasto.cli.video import resume_film

        return resume_film(folder, reporting)

    from impasto.api import resume as continue_run
    from impasto.cli.destination import Destination
    from impasto.cli.follow import follow
    from impasto.runs import RunFolder

    run = RunFolder.open(folder)
    if run.status == "finished":
        return _show_finished(run, saving, reporting)
    output = run.output or folder / "result.png"
    if not (saving.out or run.was_made_here or Path(os.path.realpath(output)).is_relative_to(folder.resolve())):
        raise InputError(f"{folder} was made elsewhere, for a picture at {output}: name the picture's file with -o")
    destination = Destination(
        saving.completed(run.bits, run.quality),
        output,
        inputs=_pictures_of(run, saving.out),
        kept=run.replaced_files,
        is_resumed=saving.out is not None,
        may_replace=lambda path: path.parent == folder or _is_of_run(path, run),
        is_own=lambda path: path.parent == folder or (_is_of_run(path, run) and _is_unfinished(path)),
    )
    begin = partial(continue_run, folder, weights=weights)
    return follow(begin, destination, reporting, folder, repeats=run.begun_with)


def _pictures_of(run: "RunFolder", out: str | None) -> list[Path]:
    """Return the run's copies of its inputs, and the file `out` if it is one of which a copy was made."""
    kept = run.kept_inputs.pictures()
    with suppress(OSError), Path(out or "").open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() in {picture.sha256 for picture in kept}:
            return [Path(out or "")]
    return [run.path / picture.file for picture in kept]


def _show_finished(run: "RunFolder", saving: SavingAgain, reporting: Reporting) -> int:
    """Print the path of a finished run's picture and return the exit code."""
    picture = run.result_path
    with suppress(InputError):  # the file is gone, or another picture by now
        if run.output is not None and run.was_made_here and _is_of_run(run.output, run):
            picture = run.output
    if saving.out is not None:
        raise InputError(f"the run in {run.path} is finished, its picture is {picture}: copy it")
    if not reporting.quiet:
        warn(f"the run in {run.path} is finished: there is nothing to continue")
    if reporting.json:
        write_json({"path": str(picture)})
    else:
        write_path(picture)
    return DONE


def _is_of_run(path: Path, run: "RunFolder") -> bool:
    """Return True if a file is a picture of this run."""
    from impasto.api import portable_recipe

    record = read_record(str(path))
    photos = [picture.get("sha256") for picture in record.get("inputs", {}).get("content", [])]
    has_same_recipe: bool = record.get("recipe") == portable_recipe(run.recipe)
    return has_same_recipe and run.inputs().content.sha256 in photos


def _is_unfinished(path: Path) -> bool:
    return bool(read_record(str(path)).get("reason") == "stopped")


def runs(*folders: _RunWord, json: Switch = False) -> None:
    """List runs with status, steps, size, loss and pictures.

    Args:
        folders: Run folders, or folders of run folders; by default the current folder.
        json: Print one JSON object.
    """
    from impasto.runs import RUN_FILE, list_runs

    missing = [str(folder) for folder in folders if not folder.exists()]
    if missing:
        raise InputError(f"there is no folder {missing[0]}")
    found = list_runs(folders or [Path()])
    if json:
        write_json({"runs": [_as_json(run) for run in found]})
        return
    if not found:
        below = sorted({file.parents[1] for path in folders or [Path()] for file in path.glob(f"*/*/{RUN_FILE}")})
        listing = f"`{join(['impasto', 'runs', *map(file_word, below)])}` lists those below"
        warn(f"there are no runs here: {listing if below else '`impasto stylize --run FOLDER` keeps one'}")
    for line in _aligned([_columns(run) for run in found]):
        write_line(line)


def _columns(run: "RunSummary") -> list[str]:
    if run.status == "damaged":
        return [str(run.path), run.status, "", "", "", run.problem]
    size = f"{run.size[0]} x {run.size[1]}" if run.size else ""
    loss = "" if run.loss is None else f"loss {run.loss:.4g}"
    names = " + ".join([run.content, *run.styles])
    return [str(run.path), run.status, f"{run.step}/{run.steps}", size, loss, names]


def _as_json(run: "RunSummary") -> dict[str, Any]:
    facts = {name: value for name, value in vars(run).items() if name not in ("recipe", "ending")}
    return facts | {"path": str(run.path), "created": run.created and run.created.isoformat()}


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]
