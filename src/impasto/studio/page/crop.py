"""Which part of one's own style pictures counts: a frame drawn over them, and a field with the same numbers."""

from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import gradio as gr

from impasto.errors import ImpastoError
from impasto.images import quantize, read_picture
from impasto.studio.limits import Limits, without_folders
from impasto.studio.page import drawing
from impasto.studio.page.callbacks import language, path_of, refusal
from impasto.studio.texts import say

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
        """The pictures that the field speaks of."""
        own.change(self._changed, [own, self.seen], [self.pictures, self.field, self.seen], show_progress="hidden")

    def _changed(self, own: Sequence[Any] | None, seen: list[str], request: gr.Request) -> tuple[Any, Any, list[str]]:
        """Show other pictures; what was said of those before is no longer true of them.

        What was said before there were any was taken over from a run, and waits for its pictures.
        """
        paths, tongue = [path_of(item) for item in own or ()], language(request)
        shown = drawing.uncut([self._pane(path, tongue) for path in paths], say(tongue, "crop_hint"))
        return shown, gr.skip() if not seen or paths == seen else "", paths

    def _pane(self, path: str, tongue: str) -> drawing.Pane:
        try:
            self._limits.check(Path(path))
            pixels = read_picture(path, max_megapixels=self._limits.max_megapixels).pixels
        except ImpastoError as error:
            raise refusal(say(tongue, "failed", message=without_folders(str(error), path))) from None
        height, width = pixels.shape[:2]
        source = drawing.address(quantize(pixels), _LARGEST)
        return drawing.Pane(title=Path(path).name, source=source, width=width, height=height)


def crops(text: str | None, built_in: int, own: int) -> str:
    """Return the crops of all styles: those of one's own pictures alone stand behind the built-in styles, uncut.

    >>> crops("1,2,30,40", 1, 1), crops("1,2,30,40", 0, 1), crops("1,2,30,40", 1, 0)
    ('full/1,2,30,40', '1,2,30,40', '1,2,30,40')
    """
    text = (text or "").strip()
    alone = text and own and len(text.split("/")) == own
    return "/".join(["full"] * built_in + [text]) if alone else text
