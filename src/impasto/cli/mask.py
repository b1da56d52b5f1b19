"""`impasto mask`: where a photo shows its main subject, as a picture to look at, to edit and to paint with."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from impasto.cli.console import is_stdio, say, source
from impasto.cli.options import SAVING, Saving


def mask(
    photo: Annotated[str, Parameter(help="The photo; `-` reads it from standard input.")],
    /,
    *,
    background: Annotated[
        bool, Parameter(negative="", show_default=False, help="White is the background, not the subject.")
    ] = False,
    saving: Saving = SAVING,
) -> None:
    """Find the main subject of a photo and write a mask of it: white is the subject, black the background."""
    from impasto.api import subject_mask
    from impasto.cli.destination import Destination

    stem, used = ("stdin", []) if is_stdio(photo) else (Path(photo).stem, [Path(photo)])
    destination = Destination(saving, Path(f"{stem}_mask.png"), inputs=used)
    given: Any = source(photo)
    path = destination.save(subject_mask(given, background=background))
    if path is not None:
        say(str(path))
