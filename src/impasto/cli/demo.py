"""`impasto demo`: paints what comes with the program."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from impasto.cli.options import OUTPUT, SAVING, TELLING, Saving, Telling
from impasto.recipe import resolve


def demo(
    *,
    plate: Annotated[str, Parameter(help="The built-in style (see plates).", group=OUTPUT)] = "night",
    size: Annotated[str | None, Parameter(help="Long side of the result in pixels.", group=OUTPUT)] = None,
    saving: Saving = SAVING,
    telling: Telling = TELLING,
) -> int:
    """Paint a built-in photo in a built-in style; returns the exit code."""
    recipe = resolve(None, {} if size is None else {"size": size})

    from impasto.api import start
    from impasto.cli.destination import Destination
    from impasto.cli.paint import paint
    from impasto.images import demo_photo, plate_path

    photo, style = demo_photo(), plate_path(plate)
    destination = Destination(saving, Path("impasto-demo.png"), replaces=lambda path: _is_demo(path, photo.stem))
    return paint(lambda listener: start(photo, style, recipe, on_event=listener), destination, telling)


def _is_demo(path: Path, photo: str) -> bool:
    """Tell whether a file is a picture of an earlier demo."""
    from impasto.errors import InputError
    from impasto.images import read_metadata

    try:
        record = read_metadata(path) or {}
    except InputError:
        return False
    contents = record.get("inputs", {}).get("content") or [{}]
    return bool(contents[0].get("name") == photo)
