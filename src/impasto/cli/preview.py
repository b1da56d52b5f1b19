"""`impasto preview`: one photo in many styles on one sheet."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from impasto.cli.console import (
    check_stdin_used_once,
    is_stdio,
    loading_modules,
    read_source,
    warn_of_files_like,
    write_path,
)
from impasto.cli.options import OUTPUT, SAVING, PhotoWord, Saving, StyleWord
from impasto.recipe import read_style


def preview(
    photo: PhotoWord,
    /,
    *styles: StyleWord,
    size: Annotated[int, Parameter(group=OUTPUT, metavar="N")] = 384,
    saving: Saving = SAVING,
) -> None:
    """Paint a photo in many styles by the method instant, and write all pictures on one sheet.

    Args:
        photo: The photo; `-` reads it from standard input.
        styles: Style images, or built-in styles (see plates); without any, all built-in ones.
        size: Long side of each picture in pixels.
    """
    check_stdin_used_once(photo, *styles)
    warn_of_files_like(styles)

    with loading_modules():
        from impasto.api import preview
        from impasto.cli.destination import Destination, input_files
        from impasto.images import PLATES, default_name

    stem = "stdin" if is_stdio(photo) else Path(photo).stem
    files = [part for word in styles for part in (word, *(() if os.path.exists(word) else read_style(word))) if part]
    default = Path(default_name(stem, "preview") + ".png")
    destination = Destination(saving, default, inputs=input_files(photo, *files))
    path = destination.save(preview(read_source(photo), [read_source(style) for style in styles] or PLATES, size=size))
    if path is not None:
        write_path(path)
