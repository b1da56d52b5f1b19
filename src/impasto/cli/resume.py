"""`impasto resume`: goes on with a run that was kept."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from impasto.cli.options import SAVING, TELLING, Saving, Telling

if TYPE_CHECKING:
    from impasto.runs import RunFolder


def resume(
    folder: Annotated[Path, Parameter(name="DIR", help="The folder that --run named.")],
    /,
    *,
    saving: Saving = SAVING,
    telling: Telling = TELLING,
) -> int:
    """Go on with a run; returns the exit code. Without -o the picture goes where it was to go when the run began."""
    from impasto.api import resume as go_on
    from impasto.cli.destination import Destination
    from impasto.cli.paint import paint
    from impasto.runs import RunFolder

    run = RunFolder.open(folder)
    wanted = run.output or folder / "result.png"
    destination = Destination(saving, wanted, replaces=lambda path: path.parent == folder or _is_of_run(path, run))
    return paint(lambda listener: go_on(folder, on_event=listener), destination, telling, folder=folder)


def _is_of_run(path: Path, run: "RunFolder") -> bool:
    """Tell whether a file is a picture of this run, and not one that was put there since."""
    from impasto.api.prepare import portable_recipe
    from impasto.errors import InputError
    from impasto.images import read_metadata

    try:
        record = read_metadata(path) or {}
    except InputError:
        return False
    photos = [picture.get("sha256") for picture in record.get("inputs", {}).get("content", [])]
    same_recipe: bool = record.get("recipe") == portable_recipe(run.recipe)
    return same_recipe and run.inputs().content.sha256 in photos
