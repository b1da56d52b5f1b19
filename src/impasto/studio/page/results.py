"""Finished pictures: the column of results with its downloads, and the endpoint `/paint` for other programs."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import gradio as gr
import numpy as np
from jaxtyping import Float

from impasto.errors import ImpastoError, InputError, RunError
from impasto.images import PLATES, fit, plate_path, read_picture, resize, write_picture
from impasto.recipe import PRESETS, Recipe, resolve
from impasto.runs import RunFolder
from impasto.studio import Studio
from impasto.studio.bundle import commands_of, write_bundle
from impasto.studio.finish import UNCHANGED, Finish, apply_finish, encode_finished
from impasto.studio.page import markup
from impasto.studio.page.callbacks import Number, call_error, errors_as_toasts, language_of
from impasto.studio.page.widgets import FileInput
from impasto.studio.run_index import RESULT_16_BIT, newest_picture
from impasto.studio.submission import hide_folders
from impasto.studio.texts import translate

ENDPOINT: Final = "paint"

_SUFFIXES: Final = {"png": ".png", "jpeg": ".jpg", "tiff": ".tif"}

_SLIDER_SIZE: Final = 1600


class Downloads:
    """A row of buttons that save a run's picture as PNG, JPEG or TIFF, or all of it as a ZIP; `where` begins their ids.

    A file is written when its button is pressed, with the finish that the `dials` show then.
    """

    def __init__(self, studio: Studio, text: Callable[[str], Any], where: str, **options: Any) -> None:
        self._studio = studio
        self.buttons: dict[str, gr.Button] = {}
        with gr.Row(elem_id=f"{where}s", elem_classes="downloads") as self.row:
            for kind in ("png", "jpeg", "tiff", "all"):
                self.buttons[kind] = gr.Button(
                    text(f"download_{kind}"),
                    size="md",
                    elem_id=f"{where}-{kind}",
                    variant="primary" if kind == "png" else "secondary",
                    **options,
                )

    def connect(self, chosen: gr.State, dials: Sequence[gr.Slider] = ()) -> None:
        """Let the buttons save the run `chosen`."""
        for kind, button in self.buttons.items():
            with gr.Row(visible=False):
                file = gr.File()
            written = button.click(self._writer(kind), [chosen, *dials], [file], show_progress="hidden")
            written.success(None, [file], None, js=markup.script("download.js"))

    def _writer(self, kind: str) -> Callable[..., str]:
        def write(name: str | None, request: gr.Request, photo: Number = 0, colors: Number = 0) -> str:
            with errors_as_toasts(request):
                path, finish = self._studio.workspace.folder_of(name or ""), _finish_of(photo, colors)
                if kind == "all":
                    return str(write_bundle(self._studio.workspace, path.name, finish))
                return str(export_result(self._studio, path, _SUFFIXES[kind], finish))

        return write


class Results:
    """What belongs to a finished run: before and after, downloads, a last touch, command, Python."""

    def __init__(self, studio: Studio, text: Callable[[str], Any], current: gr.State) -> None:
        self._studio = studio
        with gr.Column(visible=False, elem_id="results") as self._column:
            self._slider = gr.HTML("", elem_id="slider", padding=False, js_on_load=markup.script("slider.js"))
            self._downloads = Downloads(studio, text, "download")
            with self._downloads.row:
                self._share = gr.Button(text("share"), size="md", elem_id="share")
            self._moved = gr.HTML("", elem_id="moved", padding=False)
            with gr.Row(elem_id="finish"):
                self._finish = [
                    gr.Slider(
                        0, 100, 0, step=1, label=text(name), info=text(f"{name}_hint"), elem_id=name.replace("_", "-")
                    )
                    for name in ("finish_photo", "finish_colors")
                ]
            self._commands: list[Any] = []
            languages: dict[str, Literal["shell", "python"]] = {"command": "shell", "python": "python"}
            for name, language in languages.items():
                with gr.Accordion(text(f"as_{name}"), open=False, elem_id=f"{name}-fold"):
                    self._commands.append(
                        gr.Code(
                            language=language,
                            show_label=False,
                            elem_id=name,
                            wrap_lines=True,
                            lines=1,
                            buttons=["copy"],
                        )
                    )
                    self._commands.append(gr.HTML("", elem_id=f"{name}-note", padding=False))
        self.outputs: list[Any] = [
            self._column, self._slider, self._moved, *self._finish, *self._commands,
        ]  # fmt: skip

    def connect(self, current: gr.State) -> None:
        """Let the sliders change the picture of the run `current`, and the button share what is seen."""
        given = [current, *self._finish]
        options: Any = {"show_progress": "hidden", "trigger_mode": "always_last"}
        # The event `release` is that of a pointer: the keyboard has none.
        gr.on([slider.input for slider in self._finish], self._show_finish, given, [self._slider], **options)
        self._downloads.connect(current, self._finish)
        with gr.Row(visible=False):
            shared = gr.Textbox()
        # In the queue: Gradio writes messages of other calls into the log.
        self._share.click(self._say_shared, [shared], None, js="async () => [await impasto.share()]")

    def hide(self) -> dict[Any, Any]:
        """Return the updates that hide and empty the area."""
        return dict.fromkeys(self.outputs) | {
            self._column: gr.update(visible=False), self._slider: "", self._moved: "",
            **dict.fromkeys(self._finish, 0),
        }  # fmt: skip

    def show(self, name: str | None, request: gr.Request) -> dict[Any, Any]:
        """Return the updates that show a run, or hide the area if it has no result."""
        try:
            path = self._studio.workspace.folder_of(name or "")
            if not (path / "result.png").is_file():
                return self.hide()
            command, python, files = commands_of(path)
            language = language_of(request)
            has_changes = bool(RunFolder.open(path).recipe.schedule.changes)
            note = markup.render("hint_line", translate(language, "command_files", names=", ".join(files)))
            return {
                self._column: gr.update(visible=True),
                self._slider: _before_after(path, UNCHANGED, language),
                self._moved: markup.render("hint_line", translate(language, "dials_moved")) if has_changes else "",
                **dict(zip(self._commands, (command, note, python, note), strict=True)),
                **dict.fromkeys(self._finish, 0),
            }
        except ImpastoError:
            return self.hide()

    def _show_finish(self, name: str | None, photo: Number, colors: Number, request: gr.Request) -> str:
        with errors_as_toasts(request):
            path = self._studio.workspace.folder_of(name or "")
            return _before_after(path, _finish_of(photo, colors), language_of(request))

    def _say_shared(self, how: str | None, request: gr.Request) -> None:
        """Say where the picture is now, unless the device itself has shown where it can go."""
        language = language_of(request)
        if how in ("copied", "unshared"):
            gr.Info(translate(language, f"share_{how}"))


def _finish_of(photo: Number, colors: Number) -> Finish:
    return Finish(photo=float(photo), photo_colors=float(colors))


def _before_after(path: Path, finish: Finish, language: str) -> str:
    """Return the slider over a run's photo, in the size of the result, and its result."""
    before, painted, alpha = _shown_pictures(path, (path / "result.png").stat().st_mtime_ns)
    after = apply_finish(finish, painted, before)
    texts = {key: translate(language, key) for key in ("compare_photo", "before_hint", "enlarge", "close")}
    panes = [
        markup.Pane.of(pixels, _SLIDER_SIZE, translate(language, key), alpha=alpha)
        for key, pixels in (("before", before), ("after", after))
    ]
    return markup.render("before_after", *panes, texts)


@lru_cache(maxsize=4)
def _shown_pictures(
    path: Path, changed: int
) -> tuple[Float[np.ndarray, "h w 3"], Float[np.ndarray, "h w 3"], Float[np.ndarray, "h w"] | None]:
    """Return photo, result and transparency of a run as the page shows them; `changed` is the time of the result."""
    result = read_picture(path / "result.png", max_megapixels=100_000.0)
    size = fit(result.width, result.height, min(_SLIDER_SIZE, max(result.width, result.height)))
    alpha = None if result.alpha is None else resize(result.alpha, *size)
    return resize(RunFolder.open(path).inputs().content.pixels, *size), resize(result.pixels, *size), alpha


def export_result(studio: Studio, path: Path, suffix: str, finish: Finish = UNCHANGED) -> Path:
    """Return a file to download: the PNG with its recipe, a JPEG of it, or a TIFF, of 16 bits if the run has them.

    Raises InputError if the run has no picture.
    """
    result = newest_picture(path)
    if result is None:
        raise InputError(f"{path.name} has no picture any more")
    source, deep = result, path / RESULT_16_BIT
    # After a resumed run, the 16-bit file may still hold the earlier result.
    if suffix == ".tif" and deep.is_file() and deep.stat().st_mtime_ns >= result.stat().st_mtime_ns:
        source = deep
    folder = studio.workspace.exports if finish.changes_nothing else studio.workspace.shared_folder(path.name)
    folder.mkdir(parents=True, exist_ok=True)
    target, bits = folder / f"{path.name}{suffix}", 16 if suffix == ".tif" else 8
    if not finish.changes_nothing:
        target.write_bytes(encode_finished(source, path, finish, suffix, bits=bits))
    elif not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        if source.suffix == suffix:
            target.write_bytes(source.read_bytes())
        else:
            picture = read_picture(source)
            write_picture(target, picture.pixels, alpha=picture.alpha, bits=bits)
    return target


# -- for other programs ------------------------------------------------------------------------------------------------


def add_endpoint(studio: Studio) -> list[str]:
    """Add the endpoint `/paint`, which paints a picture and returns it, to the page that is being built.

    Its parameters, whose names are returned, are those of the inner function. Its widgets are not visible.
    """

    def paint(
        photo: str | None, style: Any = PLATES[0], style_picture: str | None = None, strength: Any = None,
        colors: Any = None, size: Any = 512, preset: Any = "default", seed: Any = 0,
    ) -> str:  # fmt: skip
        # A program may send anything; the recipe checks the numbers.
        if photo is None:
            raise call_error("photo is missing")
        if not isinstance(style, str) or not isinstance(preset, str):
            raise call_error("style and preset are names")
        stated = {"strength": strength, "color_strength": colors, "size": size, "seed": seed}
        try:
            recipe = resolve(preset, {name: value for name, value in stated.items() if value is not None})
            if style_picture is None:
                plate_path(style)  # refuses the name of a file of the server
            return str(_paint_and_wait(studio, photo, style_picture or style, recipe))
        except ImpastoError as error:
            raise call_error(hide_folders(str(error), *map(Path, filter(None, (photo, style_picture))))) from None

    with gr.Row(visible=False):
        inputs: list[Any] = [
            FileInput(label="photo"),
            gr.Dropdown(list(PLATES), value=PLATES[0], label="style", allow_custom_value=True),
            FileInput(label="style_picture"),
            gr.Number(None, label="strength"),
            gr.Number(None, label="colors"),
            gr.Number(512, label="size"),
            gr.Dropdown(list(PRESETS), value="default", label="preset", allow_custom_value=True),
            gr.Number(0, label="seed"),
        ]
        output = gr.File(label="painting")
        button = gr.Button(ENDPOINT)
    button.click(
        paint,
        inputs,
        output,
        api_name=ENDPOINT,
        api_description="Paint a photo (a file) in a built-in style, or that of a picture of your own (style_picture), "
        "and return the finished PNG. strength and colors, 0 to 100, are the preset's if left out; size is the long "
        "side in pixels.",
        concurrency_limit=64,
    )
    return [one.label for one in inputs]


def _paint_and_wait(studio: Studio, photo: str, style: str, recipe: Recipe) -> Path:
    job = studio.submit(photo, style, recipe)
    job.watch(job)
    job.wait()
    if job.result() is None:
        raise RunError(job.message or "it was stopped before anything was painted")
    return export_result(studio, job.path, ".png")
