"""`impasto stylize` and `impasto demo`: paint a picture, or a series of mixes of two styles."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from impasto.cli.console import (
    DONE,
    check_stdin_used_once,
    is_stdio,
    loading_modules,
    read_source,
    warn,
    warn_of_files_like,
    write_json,
    write_path,
)
from impasto.cli.options import (
    OUTPUT,
    RECIPE_SOURCE,
    REPORTING,
    SAVING,
    PhotoWord,
    PlateWord,
    RecipeFlags,
    RecipeSource,
    Reporting,
    Saving,
    StyleWord,
    output_options,
    read_record,
    stated_options,
    stated_settings,
)
from impasto.cli.usage import MissingWordsError
from impasto.errors import InputError
from impasto.recipe import Recipe, read_style, resolve
from impasto.shell import file_word, quote

if TYPE_CHECKING:
    from impasto.cli.destination import Destination


_CAPTION: Final = 13  # letters of a style's name for which a caption has room


def stylize(
    photo: PhotoWord,
    /,
    *styles: StyleWord,
    run: Annotated[Path | None, Parameter(group=OUTPUT, metavar="FOLDER")] = None,
    style_mix_steps: Annotated[int | None, Parameter(group=OUTPUT, metavar="N")] = None,
    source: RecipeSource = RECIPE_SOURCE,
    saving: Saving = SAVING,
    reporting: Reporting = REPORTING,
    flags: RecipeFlags | None = None,
) -> int:
    """Paint a photo in the style of a picture; return the exit code.

    Args:
        photo: The photo; `-` reads it from standard input.
        styles: A style image, or a built-in style (see plates); several are mixed, files with --style-mix.
            `STYLE@MASK` uses only the mask's white part.
        run: A new folder in which the run is kept, so that it can be resumed.
        style_mix_steps: Paint this many mixes, from the first style alone to the second, and a sheet of them.
    """
    record = None if source.from_ is None or source.recipe is not None else read_record(source.from_)
    stated = stated_settings(source, flags, (photo, *styles), record=record)
    recipe = resolve(source.preset, stated)

    with loading_modules():
        from impasto.api import start
        from impasto.backbones import processes
        from impasto.cli.destination import Destination, input_files
        from impasto.cli.follow import follow
        from impasto.cli.several import check_one_photo
        from impasto.cli.together import assist, join_processes
        from impasto.images import default_name, snapshots_in_the_way

    mixes = style_mix_steps is not None or bool(recipe.style.mix)
    options = [*stated_options(source, flags, recipe), *output_options(saving, reporting)]
    check_one_photo(photo, styles, options, saving.out, mixes=mixes, in_series=style_mix_steps is not None)
    if not (styles or recipe.regions):
        raise MissingWordsError("stylize", ["styles"])
    check_stdin_used_once(photo, *styles, source.from_)
    warn_of_files_like([*styles, *(region.style for region in recipe.regions)])
    # Without a main style, the picture is named after the styles of its regions.
    named = styles or [region.style for region in recipe.regions if not region.keeps]
    default = Path(default_name(*map(_stem, (photo, *named))) + ".png")
    seconds = [] if style_mix_steps is None else _shares(style_mix_steps)

    def derived(path: Path) -> tuple[Path, ...]:
        """Return the existing files at the names of mixes and snapshots."""
        mixes = _mix_paths(path, seconds)
        steps = recipe.snapshot_steps() if run is None else ()
        snapshots = (snapshots_in_the_way(picture, steps) for picture in mixes or [path])
        return (*filter(os.path.lexists, mixes), *chain.from_iterable(snapshots))

    inputs = input_files(photo, *styles, recipe=recipe, source=source)
    destination = Destination(saving, default, inputs=inputs, derived=derived, folder=run)
    several = join_processes(recipe.hardware.device) > 1
    if several and (run is not None or seconds):
        raise InputError(
            "several processes paint one picture together: --run and --style-mix-steps are for one process"
        )
    if seconds:
        if run is not None or len(styles) != 2 or any(map(is_stdio, (photo, *styles))):
            raise InputError("--style-mix-steps mixes two styles from files, and keeps no --run")
        return _paint_mixes(recipe, photo, styles, seconds, destination, saving, reporting)
    output = None if destination.is_stdout else destination.path
    content, pictures = read_source(photo), [read_source(style) for style in styles]
    wanted = output if run else None
    begin = partial(start, content, pictures, recipe, run=run, output=wanted, bits=saving.bits, quality=saving.quality)
    if several and processes.number:
        return assist(begin)
    repeats = None if flags is not None and flags.model_fields_set else record
    return follow(begin, destination, reporting, run, suggests_size="size" not in stated, repeats=repeats)


def _stem(word: str) -> str:
    return "stdin" if is_stdio(word) else Path(word if os.path.exists(word) else read_style(word)[0]).stem


def _paint_mixes(
    recipe: Recipe,
    photo: str,
    styles: Sequence[str],
    seconds: Sequence[int],
    sheet: "Destination",
    saving: Saving,
    reporting: Reporting,
) -> int:
    """Paint mixes of two styles, `seconds` percent of the second one, and a sheet of them; return the exit code.

    The pictures are `OUT-mix-100-0.png` ... `OUT-mix-0-100.png`, the sheet is OUT itself.
    """
    from impasto.api import Session
    from impasto.cli.destination import Destination
    from impasto.cli.follow import follow
    from impasto.images import MADE_HERE, contact_sheet, quantize, read_picture, write_picture

    if recipe.style.mix:
        raise InputError("--style-mix-steps paints all mixes: leave --style-mix out")
    if sheet.is_stdout:
        raise InputError("--style-mix-steps writes several pictures: name a file with -o")
    paths = _mix_paths(sheet.path, seconds)
    # Whether they may be written was decided with the sheet.
    destinations = [Destination(replace(saving, out=str(path)), path) for path in paths]
    session = Session()
    for second, destination in zip(seconds, destinations, strict=True):
        mixed = recipe.with_changes(style_mix=(100.0 - second, float(second)))
        begin = partial(session.start, photo, list(styles), mixed)
        # With --json one object at the end describes all pictures.
        code = follow(begin, destination, reporting, reports_result=not reporting.json)
        if code != DONE:
            return code
    pictures = [read_picture(path).pixels for path in paths]
    first, other = (_stem(style)[:_CAPTION] for style in styles)
    captions = [f"{100 - second} {first} : {second} {other}" for second in seconds]
    cell = max(pictures[0].shape)
    mixes = quantize(contact_sheet([pictures], captions=[captions], cell=cell))
    write_picture(sheet.path, mixes, metadata=MADE_HERE)
    if reporting.json:
        write_json({"path": str(sheet.path), "pictures": list(map(str, paths))})
    else:
        write_path(sheet.path)
    return DONE


def _shares(count: int) -> list[int]:
    """Return the percentages of the second style in a series of mixes."""
    if not 2 <= count <= 101:
        raise InputError(f"--style-mix-steps is from 2 to 101, not {count}")
    return [round(100 * number / (count - 1)) for number in range(count)]


def _mix_paths(sheet: Path, seconds: Iterable[int]) -> list[Path]:
    return [sheet.with_name(f"{sheet.stem}-mix-{100 - second}-{second}{sheet.suffix}") for second in seconds]


def demo(
    *,
    style: Annotated[PlateWord, Parameter(group=OUTPUT)] = "night",
    size: Annotated[str | None, Parameter(group=OUTPUT, metavar="N|photo")] = None,
    saving: Saving = SAVING,
    reporting: Reporting = REPORTING,
) -> int:
    """Paint a built-in photo in a built-in style, and leave the photo beside it; return the exit code.

    Args:
        style: The built-in style (see plates).
        size: Long side of the result in pixels.
    """
    recipe = resolve(None, {} if size is None else {"size": size})

    with loading_modules():
        from impasto.api import start
        from impasto.cli.destination import Destination
        from impasto.cli.follow import follow
        from impasto.images import demo_photo, plate_path, read_picture, write_picture

    photo, picture = demo_photo(), plate_path(style)
    destination = Destination(
        saving,
        Path("impasto-demo.png"),
        inputs=[photo, picture],
        may_replace=lambda path: _is_demo(path, photo.stem),
    )
    copy = destination.path.with_name("photo.jpg")
    if not (destination.is_stdout or os.path.lexists(copy) or copy == destination.path):
        write_picture(copy, read_picture(photo).pixels)
        if not reporting.quiet:
            warn(f"the photo is {copy}, to try other commands with: impasto {quote(file_word(copy))} mosaic")
    return follow(partial(start, photo, picture, recipe), destination, reporting, suggests_size=size is None)


def _is_demo(path: Path, photo: str) -> bool:
    """Return True if a file is a picture of an earlier demo."""
    contents = read_record(str(path)).get("inputs", {}).get("content") or [{}]
    return Path(str(contents[0].get("name"))).stem == photo
