"""Pictures of runs on their way to the page: small ones as served files, large ones inside their addresses.

Run folders are not served, for they hold people's photos.
"""

from importlib.resources import files
from typing import Final
from urllib.parse import quote

from PIL import Image

from impasto.images import quantize, read_picture
from impasto.studio import Entry, Studio
from impasto.studio.page import drawing

LINKED_SCRIPT: Final = (files("impasto.studio.page") / "linked.js").read_text(encoding="utf-8")
"""Moves all pictures of a comparison as one."""

_THUMBNAIL: Final = 400

_LARGEST: Final = 1600
"""Longer sides are shrunk to this; zoomed in, pixels are still seen."""


def thumbnail(studio: Studio, entry: Entry) -> str:
    """Return the path of a small picture of a run; it is made once for each picture that the run had."""
    assert entry.picture is not None
    stamp = entry.picture.stat().st_mtime_ns
    target = studio.workspace.exports / f"{entry.name}-{stamp}.jpg"
    if not target.exists():
        with Image.open(entry.picture) as image:
            small = image.convert("RGB")
        small.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS)
        small.save(target, quality=88)
    return str(target)


def served(path: str) -> str:
    """Return where a browser finds a file that is served, beside the page."""
    return f"gradio_api/file={quote(path)}"


def pane(entry: Entry, title: str, note: str = "") -> drawing.Pane:
    """Return the picture of a run for a comparison."""
    assert entry.picture is not None
    pixels = quantize(read_picture(entry.picture).pixels)
    height, width = pixels.shape[:2]
    note = "" if note == title else note
    return drawing.Pane(title=title, note=note, source=drawing.address(pixels, _LARGEST), width=width, height=height)
