"""What is shown of a finished picture: before and after, downloads, and the words that repeat it."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import gradio as gr

from impasto.errors import ImpastoError
from impasto.images import quantize, read_picture, resize, write_picture
from impasto.runs import RunFolder
from impasto.studio import Studio
from impasto.studio.page import drawing
from impasto.studio.page.callbacks import language, words_of
from impasto.studio.run_index import RESULT_16_BIT
from impasto.studio.texts import translate

_LARGEST: Final = 2048
"""Longer sides are shrunk to this on their way to the slider, which can be enlarged; downloads have every pixel."""

_SCRIPT: Final = (files("impasto.studio.page") / "slider.js").read_text(encoding="utf-8")


class Finished:
    """The part of the page below the canvas, once there is a result."""

    def __init__(self, studio: Studio, text: Callable[[str], Any]) -> None:
        """Build it inside the block that is being built."""
        self._studio = studio
        with gr.Column(visible=False, elem_id="finished") as self.column:
            self.slider = gr.HTML("", elem_id="slider", padding=False, js_on_load=_SCRIPT)
            with gr.Row(elem_id="downloads"):
                self.png = gr.DownloadButton(text("download_png"), size="md", elem_id="download-png", variant="primary")
                self.jpeg = gr.DownloadButton(text("download_jpeg"), size="md", elem_id="download-jpeg")
                self.tiff = gr.DownloadButton(text("download_tiff"), size="md", elem_id="download-tiff")
            with gr.Accordion(text("as_command"), open=False):
                self.command = gr.Code(language="shell", show_label=False, elem_id="command", wrap_lines=True)
            with gr.Accordion(text("as_python"), open=False):
                self.python = gr.Code(language="python", show_label=False, elem_id="python", wrap_lines=True)
        self.outputs = [self.column, self.slider, self.png, self.jpeg, self.tiff, self.command, self.python]

    def hidden(self) -> list[Any]:
        """Return the updates that hide it."""
        return [gr.update(visible=False), "", None, None, None, "", ""]

    def shown(self, name: str | None, request: gr.Request) -> list[Any]:
        """Return the updates that show a run, or hide the column if it has no result."""
        try:
            path = self._studio.workspace.folder_of(name or "")
            result = path / "result.png"
            if not result.is_file():
                return self.hidden()
            slider = _before_and_after(path, result, language(request))
            command, python = words_of(path)
            downloads = exported(self._studio, path)
        except ImpastoError:
            return self.hidden()
        return [gr.update(visible=True), slider, *downloads, command, python]


def _before_and_after(path: Path, result: Path, tongue: str) -> str:
    """Return the slider over the photo and the result, which are of one size there."""
    after = read_picture(result).pixels
    height, width = after.shape[:2]
    before = resize(RunFolder.open(path).inputs().content.pixels, width, height)

    def shown(title: str, pixels: Any) -> drawing.Pane:
        source = drawing.address(quantize(pixels), _LARGEST)
        return drawing.Pane(title=translate(tongue, title), source=source, width=width, height=height)

    texts = {key: translate(tongue, key) for key in ("compare_photo", "before_hint", "enlarge", "close")}
    return drawing.before_and_after(shown("before", before), shown("after", after), texts)


def _is_as_new(source: Path, result: Path) -> bool:
    """Tell whether a file is there, and not left from before the run went on."""
    return source.is_file() and source.stat().st_mtime_ns >= result.stat().st_mtime_ns


def exported(studio: Studio, path: Path) -> list[str]:
    """Return the files to be downloaded: PNG as it is, JPEG made from it, TIFF with the 16 bits that were painted."""
    folder = studio.workspace.exports
    files = []
    result = path / "result.png"
    for suffix, source in ((".png", result), (".jpg", result), (".tif", path / RESULT_16_BIT)):
        target = folder / f"{path.name}{suffix}"
        wanted = source if _is_as_new(source, result) else result
        if not target.exists() or target.stat().st_mtime < wanted.stat().st_mtime:
            if wanted.suffix == suffix:
                target.write_bytes(wanted.read_bytes())
            else:
                picture = read_picture(wanted)
                write_picture(target, picture.pixels, alpha=picture.alpha, bits=16 if suffix == ".tif" else 8)
        files.append(str(target))
    return files
