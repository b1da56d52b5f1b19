"""`impasto stylize`: a photo and a painting become a picture."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from impasto.cli.console import is_stdio, source
from impasto.cli.flags import RecipeFlags, merge
from impasto.cli.options import OUTPUT, RECIPE, SAVING, TELLING, Saving, Telling
from impasto.errors import InputError
from impasto.recipe import KEEP, PRESET_PURPOSES, PRESETS, read_region, read_style

_PRESETS = "; ".join(f"{name}: {PRESET_PURPOSES[name]}" for name in PRESETS)


def stylize(
    content: Annotated[str, Parameter(help="The photo; `-` reads it from standard input.")],
    /,
    *styles: Annotated[
        str,
        Parameter(
            help="The picture to learn from, or the name of a built-in style (see plates); several are mixed. "
            "`STYLE@MASK`: only what is white in the mask teaches."
        ),
    ],
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
    style_mix_steps: Annotated[
        int | None,
        Parameter(help="Paint so many mixes, from the first style alone to the second, and a sheet.", group=OUTPUT),
    ] = None,
    saving: Saving = SAVING,
    telling: Telling = TELLING,
    flags: RecipeFlags | None = None,
) -> int:
    """Paint a photo in the style of a picture; returns the exit code."""
    wanted = merge(preset, recipe, from_, flags)

    from impasto.api import start
    from impasto.cli.destination import Destination, files_of
    from impasto.cli.paint import paint
    from impasto.cli.sweep import sweep

    words = (content, *styles)
    if sum(map(is_stdio, (*words, from_ or ""))) > 1:
        raise InputError("only one picture can come from standard input")
    # Without a main style, the picture is called by those of its regions.
    teachers = styles or [region.style for region in map(read_region, wanted.regions) if region.style != KEEP]
    standard = Path("_".join(map(_stem, (content, *teachers))) + ".png")
    if style_mix_steps is not None:
        if run is not None or len(styles) != 2 or any(map(is_stdio, words)):
            raise InputError("--style-mix-steps mixes two styles from files, and keeps no --run")
        return sweep(wanted, content, styles, style_mix_steps, standard, saving, telling)
    destination = Destination(saving, standard, inputs=files_of(wanted, words))
    output = None if destination.is_stdout else destination.path
    photo, pictures = source(content), [source(style) for style in styles]
    return paint(
        lambda listener: start(photo, pictures, wanted, on_event=listener, run=run, output=output),
        destination,
        telling,
        folder=run,
    )


def _stem(word: str) -> str:
    return "stdin" if is_stdio(word) else Path(read_style(word)[0]).stem
