"""What is shown of a finished picture: before and after, downloads, and the words that repeat it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from impasto.errors import ImpastoError
from impasto.images import read_picture, resize, write_picture
from impasto.runs import RunFolder
from impasto.studio import Studio
from impasto.studio.page.callbacks import words_of
from impasto.studio.work import SIXTEEN_BITS


class Finished:
    """The part of the page below the canvas, once there is a result."""

    def __init__(self, studio: Studio, text: Callable[[str], Any]) -> None:
        """Build it inside the block that is being built."""
        self._studio = studio
        with gr.Column(visible=False, elem_id="finished") as self.column:
            self.slider = gr.ImageSlider(
                label=text("compare_photo"),
                elem_id="slider",
                type="numpy",
                interactive=False,
                buttons=["fullscreen"],
                max_height=1200,
            )
            with gr.Row():
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
        return [gr.update(visible=False), None, None, None, None, "", ""]

    def shown(self, name: str | None) -> list[Any]:
        """Return the updates that show a run, or hide the column if it has no result."""
        try:
            path = self._studio.workspace.folder_of(name or "")
            result = path / "result.png"
            if not result.is_file():
                return self.hidden()
            before, after = _pair(path, result)
            command, python = words_of(path)
            files = exported(self._studio, path)
        except ImpastoError:
            return self.hidden()
        return [gr.update(visible=True), (before, after), *files, command, python]


def _pair(path: Path, result: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the photo and the result, of one size, in 8 bits."""
    after = read_picture(result).pixels
    photo = RunFolder.open(path).inputs().content.pixels
    before = resize(photo, after.shape[1], after.shape[0])
    return tuple((picture * 255 + 0.5).astype(np.uint8) for picture in (before, after))  # type: ignore[return-value]


def _is_as_new(source: Path, result: Path) -> bool:
    """Tell whether a file is there, and not left from before the run went on."""
    return source.is_file() and source.stat().st_mtime_ns >= result.stat().st_mtime_ns


def exported(studio: Studio, path: Path) -> list[str]:
    """Return the files to be downloaded: PNG as it is, JPEG made from it, TIFF with the 16 bits that were painted."""
    folder = studio.workspace.exports
    files = []
    result = path / "result.png"
    for suffix, source in ((".png", result), (".jpg", result), (".tif", path / SIXTEEN_BITS)):
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
