"""`impasto stylize`: a photo and a painting become a picture."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from impasto.cli.console import is_stdio, source
from impasto.cli.flags import RecipeFlags, merge
from impasto.cli.options import OUTPUT, RECIPE, SAVING, TELLING, Saving, Telling
from impasto.errors import InputError
from impasto.recipe import INITS, PRESET_PURPOSES, PRESETS

_PRESETS = "; ".join(f"{name}: {PRESET_PURPOSES[name]}" for name in PRESETS)


def stylize(
    content: Annotated[str, Parameter(help="The photo; `-` reads it from standard input.")],
    style: Annotated[str, Parameter(help="The picture to learn from, or the name of a built-in style (see plates).")],
    /,
    *,
    preset: Annotated[
        str | None, Parameter(help=f"What to begin with. {_PRESETS}.", group=RECIPE, choices=tuple(PRESETS))
    ] = None,
    recipe: Annotated[Path | None, Parameter(help="A recipe (TOML or JSON), over the preset.", group=RECIPE)] = None,
    from_: Annotated[
        str | None, Parameter(name="--from", help="A picture whose recipe is taken, over the preset.", group=RECIPE)
    ] = None,
    run: Annotated[
        Path | None, Parameter(help="A new folder to keep the run in, so that it can be resumed.", group=OUTPUT)
    ] = None,
    saving: Saving = SAVING,
    telling: Telling = TELLING,
    flags: RecipeFlags | None = None,
) -> int:
    """Paint a photo in the style of a picture; returns the exit code."""
    wanted = merge(preset, recipe, from_, flags)

    from impasto.api import start
    from impasto.cli.destination import Destination
    from impasto.cli.paint import paint

    if sum(is_stdio(word) for word in (content, style, from_ or "")) > 1:
        raise InputError("only one picture can come from standard input")
    words = [word for word in (content, style) if not is_stdio(word)]
    used = [Path(word) for word in (*words, *(() if wanted.init in INITS else (wanted.init,)))]
    standard = Path(f"{_stem(content)}_{_stem(style)}.png")
    destination = Destination(saving, standard, inputs=used)
    output = None if destination.is_stdout else destination.path
    photo, teacher = source(content), source(style)
    return paint(
        lambda listener: start(photo, teacher, wanted, on_event=listener, run=run, output=output),
        destination,
        telling,
        folder=run,
    )


def _stem(word: str) -> str:
    return "stdin" if is_stdio(word) else Path(word).stem
