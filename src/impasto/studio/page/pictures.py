"""Pictures of runs on their way to the page: small ones as served files, large ones inside their addresses.

Run folders are not served, for they hold people's photos.
"""

from importlib.resources import files
from io import BytesIO
from itertools import islice
from typing import Final
from urllib.parse import quote

from PIL import Image

from impasto.errors import InputError
from impasto.images import atomic_write, quantize, read_picture
from impasto.studio import RunEntry, Studio
from impasto.studio.page import drawing

LINKED_SCRIPT: Final = (files("impasto.studio.page") / "linked.js").read_text(encoding="utf-8")
"""Moves all pictures of a comparison as one."""

_THUMBNAIL: Final = 400

_MOST: Final = 120
"""The newest so many runs are offered; older ones stay in the workspace."""

_LARGEST: Final = 1600
"""Longer sides are shrunk to this; zoomed in, pixels are still seen."""


def offered(studio: Studio) -> list[tuple[RunEntry, str]]:
    """Return the newest runs that have a picture, each with the path of a small one.

    What cannot be read, or is deleted at this very moment, is left out.
    """
    found = ((entry, _thumbnail(studio, entry)) for entry in studio.list_runs())
    return list(islice(((entry, path) for entry, path in found if path is not None), _MOST))


def _thumbnail(studio: Studio, entry: RunEntry) -> str | None:
    """Return the path of a small picture of a run; it is made once for each picture that the run had."""
    try:
        if (picture := entry.picture) is None:
            return None
        target = studio.workspace.exports / f"{entry.name}-{picture.stat().st_mtime_ns}.jpg"
        if not target.exists():
            with Image.open(picture) as image:
                small = image.convert("RGB")
            small.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS)
            data = BytesIO()
            small.save(data, "JPEG", quality=88)
            atomic_write(target, data.getvalue())
    except (OSError, Image.DecompressionBombError, InputError):
        return None
    return str(target)


def served(path: str) -> str:
    """Return where a browser finds a file that is served, beside the page."""
    return f"gradio_api/file={quote(path)}"


def pane(entry: RunEntry, title: str, note: str = "") -> drawing.Pane:
    """Return the picture of a run for a comparison; raises InputError if it is gone, or cannot be read."""
    if (picture := entry.picture) is None:
        raise InputError(f"{entry.name} has no picture any more")
    pixels = quantize(read_picture(picture).pixels)
    height, width = pixels.shape[:2]
    note = "" if note == title else note
    return drawing.Pane(title=title, note=note, source=drawing.address(pixels, _LARGEST), width=width, height=height)
