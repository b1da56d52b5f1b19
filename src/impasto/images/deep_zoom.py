"""Deep Zoom: a picture as a folder of tiles at every size, and a page that shows it in a browser without a network.

`poster.dzi` names the size, `poster_files` holds the tiles and the viewer, and `poster.html` shows them.
"""

import html
import json
import secrets
import shutil
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import quote

import numpy as np
import pyvips
from jaxtyping import UInt8

from impasto.errors import InputError
from impasto.images.decode import to_vips
from impasto.images.read import one_line_errors

_TILE: Final = 254
"""Side of the tiles in pixels; with the overlap on both sides they have 256."""
_OVERLAP: Final = 1
_VIEWER: Final = ("openseadragon.min.js", "openseadragon-license.txt")


def is_deep_zoom(path: Path) -> bool:
    """Return True for the name of a Deep Zoom picture.

    Example:
        >>> is_deep_zoom(Path("poster.dzi")), is_deep_zoom(Path("poster.tif"))
        (True, False)
    """
    return path.suffix.lower() == ".dzi"


def parts(path: Path) -> tuple[Path, Path]:
    """Return the folder of the tiles and the page of a Deep Zoom picture."""
    return path.with_name(f"{path.stem}_files"), path.with_suffix(".html")


def check_deep_zoom(path: Path) -> None:
    """Raise InputError if there is something beside `path` that a Deep Zoom picture must not replace."""
    folder, page = parts(path)
    if (folder.exists() or page.exists()) and not path.exists():
        there = folder if folder.exists() else page
        raise InputError(f"{there} is in the way, and belongs to no {path.name}: choose another name with -o")
    if page.is_dir():
        raise InputError(f"{page} is in the way: it is a folder, so choose another name with -o")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is in the way: it is no folder, so choose another name with -o")


def write_deep_zoom(path: Path, pixels: UInt8[np.ndarray, "h w c"], *, quality: int = 95) -> None:
    """Write a picture as `NAME.dzi`, `NAME_files` and `NAME.html`; those that are there are replaced at the end.

    Args:
        path: The path of the `.dzi` file.
        pixels: RGB or gray.
        quality: Quality of the tiles, which are JPEGs.

    Raises:
        InputError: The files cannot be written.
    """
    folder, page = parts(path)
    height, width = pixels.shape[:2]
    temporary = path.parent / f".impasto-{secrets.token_hex(8)}.tmp"
    with one_line_errors("write", path):
        check_deep_zoom(path)
        try:
            temporary.mkdir()
            base = temporary / "picture"
            options = {"tile_size": _TILE, "overlap": _OVERLAP, "suffix": f".jpg[Q={quality}]"}
            try:
                to_vips(pixels).dzsave(str(base), **options)
            except pyvips.Error as error:
                raise OSError(" ".join(str(error).split())) from None
            tiles = temporary / "picture_files"
            for name in _VIEWER:
                (tiles / name).write_bytes((files("impasto.images") / "viewer" / name).read_bytes())
            own_page = temporary / "picture.html"
            own_page.write_text(_page(path.stem, folder.name, width, height), encoding="utf-8")
            (tiles / "vips-properties.xml").unlink(missing_ok=True)  # it holds the date
            replaced = temporary / "replaced"
            if folder.exists():
                folder.rename(replaced)
            try:
                tiles.rename(folder)
                own_page.replace(page)
                base.with_suffix(".dzi").replace(path)
            except BaseException:
                if replaced.exists():
                    if folder.exists():
                        folder.rename(tiles)
                    replaced.rename(folder)
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _page(title: str, folder: str, width: int, height: int) -> str:
    """Return the page that shows the tiles of a folder beside it."""
    image = {
        "xmlns": "http://schemas.microsoft.com/deepzoom/2008",
        "Url": f"{quote(folder)}/",
        "Format": "jpg",
        "Overlap": str(_OVERLAP),
        "TileSize": str(_TILE),
        "Size": {"Width": str(width), "Height": str(height)},
    }
    template = Template((files("impasto.images") / "viewer" / "page.html").read_text(encoding="utf-8"))
    source = json.dumps({"Image": image}).replace("<", "\\u003c")
    return template.substitute(title=html.escape(title), folder=html.escape(quote(folder)), source=source)
