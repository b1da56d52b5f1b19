"""Which part of one's own style pictures counts: a frame drawn over them, and a field with the same numbers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import gradio as gr
import numpy as np
from jaxtyping import Float

from impasto.errors import ImpastoError
from impasto.images import quantize, read_picture
from impasto.studio.load_run import SharedPicture, sha256_of
from impasto.studio.page import drawing
from impasto.studio.page.callbacks import language, path_of, refusal
from impasto.studio.submission import Limits, hide_folders
from impasto.studio.texts import translate

_LARGEST: Final = 640

_SCRIPT: Final = (files("impasto.studio.page") / "crop.js").read_text(encoding="utf-8")


class Crop:
    """The pictures to draw on, and the field: it speaks of one's own pictures in their order, `full` for all of one."""

    def __init__(self, own: gr.Gallery, limits: Limits, text: Callable[[str], Any]) -> None:
        """Build it inside the fold that is being built; `own` holds the style pictures that were given."""
        self._limits = limits
        self.pictures = gr.HTML("", elem_id="uncut", padding=False, js_on_load=_SCRIPT)
        self.field = gr.Textbox(label=text("crop_style"), info=text("crop_hint"), elem_id="crop")
        self.seen = gr.State([])
        """The pictures that the field speaks of, by their SHA-256."""
        own.change(self._changed, [own, self.seen], [self.pictures, self.field, self.seen], show_progress="hidden")

    @staticmethod
    def taken(own: Sequence[SharedPicture], tongue: str) -> tuple[str, list[str]]:
        """Return what is shown, and noted as seen, of the pictures that came with a painting's settings."""
        panes = [_pane(one.copy, one.picture.pixels) for one in own]
        return drawing.uncut(panes, translate(tongue, "crop_hint")), [one.sha256 for one in own]

    def _changed(self, own: Sequence[Any] | None, seen: list[str], request: gr.Request) -> tuple[Any, Any, list[str]]:
        """Show other pictures; what was said of those before is no longer true of them.

        What was said before there were any was taken over from a painted PNG, and waits for its pictures.
        """
        paths, tongue = [Path(path_of(item)) for item in own or ()], language(request)
        if (digests := [self._digest(path, tongue) for path in paths]) == seen and seen:
            return gr.skip(), gr.skip(), seen
        shown = drawing.uncut([self._read(path, tongue) for path in paths], translate(tongue, "crop_hint"))
        return shown, "" if seen else gr.skip(), digests

    def _digest(self, path: Path, tongue: str) -> str:
        with _told(path, tongue):
            self._limits.check(path)
            return sha256_of(path)

    def _read(self, path: Path, tongue: str) -> drawing.Pane:
        with _told(path, tongue):
            return _pane(path, read_picture(path, max_megapixels=self._limits.max_megapixels).pixels)


@contextmanager
def _told(path: Path, tongue: str) -> Iterator[None]:
    """Turn what is wrong with a picture into a toast."""
    try:
        yield
    except ImpastoError as error:
        raise refusal(translate(tongue, "failed", message=hide_folders(str(error), path))) from None


def _pane(path: Path, pixels: Float[np.ndarray, "h w 3"]) -> drawing.Pane:
    height, width = pixels.shape[:2]
    source = drawing.address(quantize(pixels), _LARGEST)
    return drawing.Pane(title=path.name, source=source, width=width, height=height)


def crops(text: str | None, built_in: int, own: int, regions: int = 0) -> str:
    """Return the crops of all styles: those of one's own pictures alone stand between built-in styles and regions'.

    >>> crops("1,2,30,40", 1, 1), crops("1,2,30,40", 0, 1), crops("1,2,30,40", 1, 0)
    ('full/1,2,30,40', '1,2,30,40', '1,2,30,40')
    >>> crops("1,2,30,40", 1, 1, 2), crops("", 1, 1, 2)
    ('full/1,2,30,40/full/full', '')
    """
    parts = (text or "").strip().split("/") if (text or "").strip() else []
    if own and len(parts) == own:
        parts = ["full"] * built_in + parts
    if parts and len(parts) == built_in + own:
        parts += ["full"] * regions
    return "/".join(parts)
