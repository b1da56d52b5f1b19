"""`impasto resume`: goes on with a run that was kept."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from impasto.cli.options import SAVING, TELLING, Saving, Telling


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

    wanted = RunFolder.open(folder).output or folder / "result.png"
    destination = Destination(saving, wanted, replaces=lambda _: True)
    return paint(lambda listener: go_on(folder, on_event=listener), destination, telling, folder=folder)
