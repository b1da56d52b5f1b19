"""`impasto recolor`: a photo in the colours of a picture, without strokes."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from impasto.cli.console import is_stdio, say, source
from impasto.cli.options import SAVING, Saving
from impasto.errors import InputError
from impasto.recipe import ColorMap


def recolor(
    photo: Annotated[str, Parameter(help="The photo; `-` reads it from standard input.")],
    style: Annotated[str, Parameter(help="The picture whose colors it gets, or the name of a built-in style.")],
    /,
    *,
    color_map: Annotated[
        ColorMap,
        Parameter(help="`transport` moves colors least, `cholesky` is another linear map, `histogram` bends them."),
    ] = "transport",
    color_strength: Annotated[float, Parameter(help="How far colors move, 0 to 100.")] = 100.0,
    saving: Saving = SAVING,
) -> None:
    """Give a photo the colors of a picture, at the photo's own size and without strokes."""
    if is_stdio(photo) and is_stdio(style):
        raise InputError("only one picture can come from standard input")

    from impasto.api import recolor
    from impasto.cli.destination import Destination

    stems = ["stdin" if is_stdio(word) else Path(word).stem for word in (photo, style)]
    used = [Path(word) for word in (photo, style) if not is_stdio(word)]
    destination = Destination(saving, Path(f"{stems[0]}_{stems[1]}_colors.png"), inputs=used)
    given: Any = source(photo)
    path = destination.save(recolor(given, source(style), color_map=color_map, color_strength=color_strength))
    if path is not None:
        say(str(path))
