"""`impasto plates`: the built-in styles."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from impasto.cli.console import say
from impasto.errors import InputError

plates = App(name="plates")


@plates.default
def names() -> None:
    """List the built-in styles."""
    from impasto.images import PLATES, plate_description

    width = max(map(len, PLATES))
    for name in PLATES:
        say(f"{name.ljust(width)}  {plate_description(name)}")


@plates.command(help="Copy built-in styles (all of them, if none is named) into a folder.")
def export(
    folder: Annotated[Path, Parameter(name="DIR", help="A folder that exists.")],
    /,
    *plate: Annotated[str, Parameter(name="NAME", help="A built-in style.")],
) -> None:
    """Copy the files of plates into a folder; nothing that is there is overwritten."""
    from impasto.images import PLATES, atomic_write, plate_path

    copies = {folder / plate_path(name).name: plate_path(name).read_bytes() for name in plate or PLATES}
    for path, data in copies.items():
        if path.exists() and (path.is_dir() or path.read_bytes() != data):
            raise InputError(f"{path} exists and is another picture: choose another folder")
    for path, data in copies.items():
        atomic_write(path, data)
        say(str(path))
