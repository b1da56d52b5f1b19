"""`impasto estimate`: how long a picture takes and how much memory."""

from impasto.cli.console import check_stdin_used_once, loading_modules, read_source, write_json, write_line
from impasto.cli.options import (
    RECIPE_SOURCE,
    PhotoWord,
    RecipeFlags,
    RecipeSource,
    StyleWord,
    Switch,
    stated_settings,
)
from impasto.cli.usage import MissingWordsError
from impasto.recipe import resolve


def estimate(
    photo: PhotoWord,
    /,
    *styles: StyleWord,
    source: RecipeSource = RECIPE_SOURCE,
    json: Switch = False,
    flags: RecipeFlags | None = None,
) -> None:
    """Say how long a picture takes and how much memory, about, without painting it.

    Args:
        photo: The photo; `-` reads it from standard input.
        styles: A style image, or a built-in style (see plates).
        json: Print one JSON object.
    """
    recipe = resolve(source.preset, stated_settings(source, flags, (photo, *styles)))

    with loading_modules():
        from impasto.api import Session

    if not (styles or recipe.regions):
        raise MissingWordsError("estimate", ["styles"])
    check_stdin_used_once(photo, *styles, source.from_)
    found = Session().estimate(read_source(photo), [read_source(style) for style in styles], recipe)
    if json:
        facts = {"seconds": round(found.seconds, 1), "memory": round(found.memory), "tile": found.tile}
        write_json({"size": list(found.size), "steps": found.steps, **facts, "advice": found.advice})
    else:
        write_line(str(found))
