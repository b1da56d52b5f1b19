"""Regions painted on the photo: the editor, its strokes as masks, and masks as strokes."""

import base64
import io
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import gradio as gr
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

import impasto
from impasto.errors import InputError
from impasto.images import PLATES, fit, quantize, read_picture, resize, resize_mask
from impasto.recipe import KEEP
from impasto.saliency import follow_edges, subject_mask
from impasto.studio import Studio
from impasto.studio.load_run import MaskedRegion, sha256_of
from impasto.studio.page import markup
from impasto.studio.page.callbacks import choices_of, errors_as_toasts
from impasto.studio.page.widgets import empty_if_refused
from impasto.studio.texts import translate

BRUSHES: Final[dict[str, tuple[int, int, int]]] = {"red": (230, 25, 75), "green": (60, 180, 75), "blue": (67, 99, 216)}
"""Colors of the brush; each paints one region."""

_BRUSH_COLORS: Final = np.array(list(BRUSHES.values()), np.int32)

_NO_REGION: Final = "none"
_EDITOR_SIZE: Final = 1024
_MIN_ALPHA: Final = 40
"""Alpha (of 255) below which the soft edge of a stroke is ignored."""

SEND_STROKES: Final = "async (_, ...others) => [await impasto.strokes(), ...others]"
"""Script of an event whose first input is `Regions.strokes`."""

HOLD_BRUSH: Final = "(...given) => { impasto.holdBrush(true); return given; }"
"""Script of an event that replaces the strokes, see `Regions.show_after`."""

_TAKE_STROKES: Final = f"async (...given) => ({HOLD_BRUSH})(...await ({SEND_STROKES})(...given))"


# -- regions -----------------------------------------------------------------------------------------------------------


class Regions:
    """The editor in which regions are painted on the photo, and a style for each color of the brush."""

    def __init__(self, photo: gr.Image, strokes: gr.Textbox, studio: Studio, text: Callable[[str], Any]) -> None:
        self._limits, self._wall = studio.limits, studio.wall
        self.strokes = strokes
        """The strokes in the editor, a data URI, if an event has `SEND_STROKES`. The editor is no input of any event:
        Gradio would upload photo and strokes at each change of any call's state."""
        gr.Markdown(text("regions_hint"))
        self.editor = gr.ImageEditor(
            label=text("regions"),
            type="numpy",
            sources=(),
            transforms=(),
            layers=False,
            brush=gr.Brush(colors=[f"rgb{color}" for color in BRUSHES.values()], color_mode="fixed", default_size=40),
            elem_id="regions",
            interactive=True,
            # The editor centers given strokes in the larger one of the photo and this size.
            canvas_size=(1, 1),
        )
        self.shown = gr.State(None)
        """SHA-256 of the photo in the editor."""
        self.loaded = gr.State(None)
        """What was last loaded into the editor, which counts until the editor shows it."""
        self._replaced = gr.State(None)
        """The photo, and the file of the strokes that a tool replaced last."""
        self._text = text
        choices = region_choices(choices_of(PLATES, text), text)
        with gr.Row(elem_id="region-tools"):
            tools = [gr.Button(text(name), elem_id=name.replace("_", "-"), size="sm") for name in _TOOLS]
            undo = gr.Button(text("undo_tool"), elem_id="undo-tool", size="sm", interactive=False)
        with gr.Row():
            self.styles = [
                gr.Dropdown(choices, value=KEEP, label=text(f"region_{color}"), elem_id=f"region-{color}")
                for color in BRUSHES
            ]
        self.inputs = {self.strokes, self.loaded, *self.styles}
        self.outputs: list[Any] = [self.editor, self.shown, self.loaded]
        changed = photo.change(self._photo_changed, [photo, self.shown], self.outputs, show_progress="hidden")
        empty_if_refused(changed, photo)
        for name, tool in zip(_TOOLS, tools, strict=True):
            given = [strokes, photo, self.loaded, gr.State(name)]
            replaced = [self.editor, self.loaded, self._replaced, undo]
            self.show_after(tool.click(self._change, given, replaced, js=_TAKE_STROKES, show_progress="hidden"))
        undone = undo.click(self._undo, [photo, self._replaced], replaced, js=HOLD_BRUSH, show_progress="hidden")
        self.show_after(undone)

    def show_after(self, emptied: gr.events.Dependency) -> None:
        """Show what was loaded once the emptied editor is ready, because Gradio shifts strokes that replace others."""
        script = markup.script("wait_for_editor.js")
        shown = emptied.success(self._show_loaded, [self.loaded], [self.editor], js=script, show_progress="hidden")
        for ended in (emptied.failure, shown.success, shown.failure):
            ended(None, None, None, js="() => impasto.holdBrush(false)")

    def read(self, values: Mapping[Any, Any], language: str | None = None) -> list[impasto.Region]:
        """Return the regions that were painted, or loaded and not yet shown, and have a style.

        With a language a note says which strokes have no style, and which styles no strokes.
        """
        masks = _masks_in(values[self.strokes], values[self.loaded])
        if masks is None:
            masks = np.zeros((len(BRUSHES), 1, 1), np.float32)
        painted = list(zip(masks, (values[one] for one in self.styles), strict=False))
        for color, (mask, style) in zip(BRUSHES, painted, strict=False):
            if language and mask.any() and style == _NO_REGION:
                _note(language, "strokes_without_style", color)
            elif language and not mask.any() and style not in (KEEP, _NO_REGION):
                _note(language, "style_without_strokes", color)
        return [
            impasto.Region(quantize(mask), style if style == KEEP else self._wall.source(style))
            for mask, style in painted
            if style != _NO_REGION and mask.any()
        ]

    def style_updates(self, names: Sequence[Any], choices: Sequence[tuple[Any, str]]) -> dict[Any, Any]:
        """Return updates that choose the styles of regions from `choices`, in the order of the brush's colors.

        A region whose style is not among them keeps the photo.
        """
        offered = region_choices(choices, self._text)
        known = [name for _, name in offered]
        values = [*(name if name in known else KEEP for name in names), *(KEEP for _ in BRUSHES)]
        return {one: gr.update(choices=offered, value=name) for one, name in zip(self.styles, values, strict=False)}

    def _change(
        self, strokes: str | None, photo: str | None, loaded: Any, tool: str, request: gr.Request
    ) -> tuple[Any, ...]:
        """Replace the strokes by what a tool makes of them; the editor is emptied first, see `show_after`."""
        with errors_as_toasts(request):
            if photo is None:
                raise InputError("choose a photo first")
            pixels = read_picture(Path(photo), max_megapixels=self._limits.max_megapixels).pixels
            shown = _reduced(pixels)
            masks = _masks_in(strokes, loaded)
            if masks is None or masks.shape[1:] != shown.shape[:2]:
                masks = np.zeros((len(BRUSHES), *shown.shape[:2]), np.float32)
            changed = _TOOLS[tool](shown / np.float32(255), masks)
        # Where regions meet, each position belongs to one of them.
        before, layer = (strokes_of(list(quantize(one * (one == one.max(axis=0))))) for one in (masks, changed))
        if layer is None:
            return gr.skip(), None, gr.skip(), gr.skip()
        replaced = photo, None if before is None else _saved(before)
        return None, editor_value(pixels, _saved(layer)), replaced, gr.update(interactive=True)

    def _undo(
        self, photo: str | None, replaced: tuple[str, Path | None] | None, request: gr.Request
    ) -> tuple[Any, ...]:
        """Show the strokes that a tool replaced, unless they were painted on another photo."""
        with errors_as_toasts(request):
            if replaced is None or photo != replaced[0]:
                return gr.skip(), None, None, gr.update(interactive=False)
            pixels = read_picture(Path(photo), max_megapixels=self._limits.max_megapixels).pixels
        return None, editor_value(pixels, replaced[1]), None, gr.update(interactive=False)

    def restored(self, photo: str | None, strokes: str | None) -> dict[Any, Any]:
        """Return the updates that show strokes that a browser kept, a data URI; none if they do not fit the photo."""
        with suppress(InputError, ValueError):
            layer = _pixels_in(strokes)
            pixels = read_picture(Path(photo or ""), max_megapixels=self._limits.max_megapixels).pixels
            if layer[..., 3].any() and layer.shape[:2] == _reduced(pixels).shape[:2]:
                shown = (None, sha256_of(Path(photo or "")), editor_value(pixels, _saved(layer)))
                return dict(zip(self.outputs, shown, strict=True))
        return {}

    def _show_loaded(self, loaded: dict[str, Any] | None) -> Any:
        """Return what was loaded, unless another photo was given meanwhile."""
        return loaded or gr.skip()

    def _photo_changed(self, photo: str | None, shown: str | None, request: gr.Request) -> tuple[Any, Any, Any]:
        """Show a new photo without strokes; the photo of a loaded run is shown with its strokes."""
        if photo is None:
            return None, None, None
        path = Path(photo)
        with errors_as_toasts(request, path):
            self._limits.check(path)
            digest = sha256_of(path)
            if digest == shown:
                return gr.skip(), gr.skip(), gr.skip()
            pixels = read_picture(path, max_megapixels=self._limits.max_megapixels).pixels
        return editor_value(pixels), digest, None


def region_choices(styles: Sequence[tuple[Any, str]], text: Callable[[str], Any]) -> list[tuple[Any, str]]:
    """Return what a region can be painted in: the photo as it is, a style, or not at all."""
    return [(text("region_keep"), KEEP), *styles, (text("region_none"), _NO_REGION)]


def _note(language: str, key: str, color: str) -> None:
    gr.Warning(translate(language, key, name=translate(language, f"region_{color}")))


def editor_value(photo: Float[np.ndarray, "h w 3"], strokes: Path | None = None) -> dict[str, Any]:
    """Return the editor's value: a photo, reduced to the editor's size, and the PNG file of strokes on it.

    Strokes are a file because Gradio changes the colors of an array.
    """
    background = _reduced(photo)
    # The editor shows the composite instead of the background.
    return {"background": background, "layers": [str(strokes)] if strokes else [], "composite": background}


def strokes_png(photo: Float[np.ndarray, "h w 3"], regions: Sequence[MaskedRegion]) -> bytes | None:
    """Return a PNG of strokes that paint the regions of a photo in the editor; None if the brush cannot paint them."""
    height, width = _reduced(photo).shape[:2]
    strokes = strokes_of([quantize(resize_mask(one.mask / np.float32(255), width, height)) for one in regions])
    if strokes is None:
        return None
    data = io.BytesIO()
    Image.fromarray(strokes).save(data, "PNG")
    return data.getvalue()


def strokes_of(masks: Sequence[UInt8[np.ndarray, "h w"]]) -> UInt8[np.ndarray, "h w 4"] | None:
    """Return masks as RGBA strokes, each in one color of the brush, with the mask as alpha.

    None if `masks_of` could not restore the masks, because there are too many or they overlap. The faint edge of a
    mask is left out.
    """
    if not 0 < len(masks) <= len(BRUSHES):
        return None
    strokes = np.dstack([_BRUSH_COLORS[np.argmax(masks, axis=0)].astype(np.uint8), np.max(masks, axis=0)])
    read_back = masks_of([strokes])[: len(masks)] * 255
    return strokes if np.abs(read_back - np.stack(masks)).max() <= _MIN_ALPHA else None


def masks_of(layers: Sequence[UInt8[np.ndarray, "h w 4"]]) -> Float[np.ndarray, "colors h w"]:
    """Return how opaque each color of the brush is at each pixel, 0 to 1; later layers cover earlier ones."""
    masks = np.zeros((len(BRUSHES), *layers[0].shape[:2]), np.float32)
    for layer in layers:
        alpha = np.where(layer[..., 3] < _MIN_ALPHA, 0, layer[..., 3]).astype(np.float32) / 255
        nearest = np.square(layer[..., None, :3] - _BRUSH_COLORS).sum(axis=-1).argmin(axis=-1)
        masks = masks * (1 - alpha) + alpha * (nearest == np.arange(len(BRUSHES))[:, None, None])
    return masks


def _masks_in(strokes: str | None, loaded: Mapping[str, Any] | None) -> Float[np.ndarray, "colors h w"] | None:
    """Return the strokes in a data URI, or else what was loaded; None if there is neither."""
    layers = [np.asarray(Image.open(layer)) for layer in (loaded or {}).get("layers", ())]
    if strokes:
        with suppress(InputError, ValueError):
            layers = [_pixels_in(strokes)]
    return masks_of(layers) if layers else None


def _pixels_in(strokes: str | None) -> UInt8[np.ndarray, "h w 4"]:
    """Return the strokes in a data URI, which may come from anywhere; raises InputError or ValueError."""
    data = base64.b64decode((strokes or "").partition(",")[2])
    layer = read_picture(data, max_megapixels=_EDITOR_SIZE**2 / 1e6)
    alpha = np.ones(layer.pixels.shape[:2], np.float32) if layer.alpha is None else layer.alpha
    return np.dstack([quantize(layer.pixels), quantize(alpha)])


def _saved(strokes: UInt8[np.ndarray, "h w 4"]) -> Path:
    """Return a file that the page may show."""
    file = Path(os.environ["GRADIO_TEMP_DIR"]) / f"strokes-{secrets.token_hex(16)}.png"
    Image.fromarray(strokes).save(file)
    return file


def _reduced(pixels: Float[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "_height _width 3"]:
    height, width = pixels.shape[:2]
    return quantize(resize(pixels, *fit(width, height, min(_EDITOR_SIZE, max(width, height)))))


def _with_subject(
    photo: Float[np.ndarray, "h w 3"], masks: Float[np.ndarray, "colors h w"]
) -> Float[np.ndarray, "colors h w"]:
    """Return masks in which the first region is the main subject of the photo, without the other regions."""
    return np.stack([subject_mask(photo) * (1 - masks[1:].sum(axis=0)).clip(0, 1), *masks[1:]])


def _along_edges(
    photo: Float[np.ndarray, "h w 3"], masks: Float[np.ndarray, "colors h w"]
) -> Float[np.ndarray, "colors h w"]:
    """Return masks whose outlines follow the edges of the photo."""
    return np.stack([follow_edges(photo, mask) if mask.any() else mask for mask in masks])


_TOOLS: Final = {"select_subject": _with_subject, "follow_edges": _along_edges}
"""Buttons that change the painted regions of a photo."""
