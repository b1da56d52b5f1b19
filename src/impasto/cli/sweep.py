"""A row of pictures from one style to another, and the sheet that shows them side by side."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from impasto.api import start
from impasto.cli.console import say, say_json
from impasto.cli.destination import Destination, files_of
from impasto.cli.entry import DONE
from impasto.cli.options import Saving, Telling
from impasto.cli.paint import paint
from impasto.errors import InputError
from impasto.images import contact_sheet, quantize, read_picture, write_picture
from impasto.recipe import Recipe


def sweep(
    recipe: Recipe,
    content: str,
    styles: Sequence[str],
    count: int,
    standard: Path,
    saving: Saving,
    telling: Telling,
) -> int:
    """Paint `count` mixes of two styles; return the exit code.

    The pictures are `OUT-mix-100-0.png` ... `OUT-mix-0-100.png`, the sheet is OUT itself.
    """
    if not 2 <= count <= 101:
        raise InputError(f"--style-mix-steps goes from 2 to 101, not {count}")
    if recipe.style_mix:
        raise InputError("--style-mix-steps goes through all mixes: leave --style-mix out")
    inputs = files_of(recipe, (content, *styles))
    sheet = Destination(saving, standard, inputs=inputs)
    if sheet.is_stdout:
        raise InputError("--style-mix-steps writes several pictures: name a file with -o")
    seconds = [round(100 * number / (count - 1)) for number in range(count)]
    paths = [
        sheet.path.with_name(f"{sheet.path.stem}-mix-{100 - second}-{second}{sheet.path.suffix}") for second in seconds
    ]
    # All are checked before the first is painted.
    destinations = [Destination(replace(saving, out=str(path)), path, inputs=inputs) for path in paths]
    painted = []
    for second, path, destination in zip(seconds, paths, destinations, strict=True):
        mixed = recipe.with_changes(style_mix=(100.0 - second, float(second)))
        code = paint(
            lambda listener, mixed=mixed: start(content, list(styles), mixed, on_event=listener),  # type: ignore[misc]
            destination,
            telling,
            # One object for all pictures, or the path of each as soon as it is there.
            tells_result=not telling.json,
        )
        if code != DONE:
            return code
        painted.append((path, f"{100 - second} : {second}"))
    pictures = [read_picture(path).pixels for path, _ in painted]
    cell = max(pictures[0].shape)
    write_picture(sheet.path, quantize(contact_sheet([pictures], captions=[[name for _, name in painted]], cell=cell)))
    if telling.json:
        say_json({"path": str(sheet.path), "pictures": [str(path) for path, _ in painted]})
    else:
        say(str(sheet.path))
    return DONE
