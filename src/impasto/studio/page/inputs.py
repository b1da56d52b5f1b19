"""Inputs of the page: the photo, crops of the visitor's own styles, and regions painted on the photo."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import gradio as gr
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

import impasto
from impasto.images import PLATES, fit, quantize, read_picture, resize, resize_mask
from impasto.recipe import KEEP
from impasto.studio.load_run import MaskedRegion, SharedPicture, sha256_of
from impasto.studio.page import markup
from impasto.studio.page.callbacks import choices_of, errors_as_toasts, language_of
from impasto.studio.submission import Limits
from impasto.studio.texts import translate

BRUSHES: Final[dict[str, tuple[int, int, int]]] = {"red": (230, 25, 75), "green": (60, 180, 75), "blue": (67, 99, 216)}
"""Colors of the brush; each paints one region."""

_BRUSH_COLORS: Final = np.array(list(BRUSHES.values()), np.int32)

_NO_REGION: Final = "none"
_CROP_PICTURE_SIZE: Final = 640
_EDITOR_SIZE: Final = 1024
_MIN_ALPHA: Final = 40
"""Alpha (of 255) below which the soft edge of a stroke is ignored."""


# -- crops of style pictures -------------------------------------------------------------------------------------------


class StyleCrops:
    """Pictures on which crops are drawn, and the field with their numbers; crop.js keeps both equal.

    The field lists the crops of the visitor's own style pictures in their order, `full` for an uncropped one.
    """

    def __init__(self, own: gr.Gallery, limits: Limits, text: Callable[[str], Any]) -> None:
        self._limits = limits
        script = markup.script("crop.js")
        self.pictures = gr.HTML("", elem_id="crop-pictures", padding=False, js_on_load=script)
        self.field = gr.Textbox(label=text("crop_style"), info=text("crop_hint"), elem_id="crop")
        self.shown = gr.State([])
        """SHA-256 of the pictures that the field describes."""
        outputs = [self.pictures, self.field, self.shown]
        own.change(self.own_changed, [own, self.shown], outputs, show_progress="hidden")

    def show(self, own: Sequence[SharedPicture], language: str) -> dict[Any, Any]:
        """Return updates that show the style pictures of an earlier run."""
        panes = [_crop_pane(one.picture.pixels, one.copy) for one in own]
        hint = translate(language, "crop_hint")
        return {self.pictures: markup.render("crop_pictures", panes, hint), self.shown: [one.sha256 for one in own]}

    def own_changed(self, own: Sequence[str] | None, shown: list[str], request: gr.Request) -> tuple[Any, Any, Any]:
        """Show the new pictures, and empty the field if it described other ones.

        If no picture was shown before, the field was filled from a dropped PNG and applies to the new pictures.
        """
        paths = [Path(path) for path in own or ()]
        digests = []
        for path in paths:
            with errors_as_toasts(request, path):
                self._limits.check(path)
                digests.append(sha256_of(path))
        if digests == shown and shown:
            return gr.skip(), gr.skip(), gr.skip()
        panes = []
        for path in paths:
            with errors_as_toasts(request, path):
                picture = read_picture(path, max_megapixels=self._limits.max_megapixels)
            panes.append(_crop_pane(picture.pixels, path))
        pictures = markup.render("crop_pictures", panes, translate(language_of(request), "crop_hint"))
        return pictures, "" if shown else gr.skip(), digests


def _crop_pane(pixels: Float[np.ndarray, "h w 3"], path: Path) -> markup.Pane:
    return markup.Pane.of(pixels, _CROP_PICTURE_SIZE, path.name)


def all_crops(text: str | None, built_in: int, own: int, regions: int = 0) -> str:
    """Return the crops of all styles from those of the visitor's own, which follow the built-in ones.

    The styles of regions come last and have no crop.

    >>> all_crops("1,2,30,40", 1, 1), all_crops("1,2,30,40", 0, 1), all_crops("1,2,30,40", 1, 0)
    ('full/1,2,30,40', '1,2,30,40', '1,2,30,40')
    >>> all_crops("1,2,30,40", 1, 1, 2), all_crops("", 1, 1, 2)
    ('full/1,2,30,40/full/full', '')
    """
    parts = text.strip().split("/") if text and text.strip() else []
    if own and len(parts) == own:
        parts = ["full"] * built_in + parts
    if parts and len(parts) == built_in + own:
        parts += ["full"] * regions
    return "/".join(parts)


# -- regions -----------------------------------------------------------------------------------------------------------


class Regions:
    """The editor in which regions are painted on the photo, and a style for each color of the brush."""

    def __init__(self, photo: gr.Image, limits: Limits, text: Callable[[str], Any]) -> None:
        self._limits = limits
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
        """What a loaded run has in the editor, until the editor shows it."""
        choices = [(text("region_keep"), KEEP), *choices_of(PLATES, text), (text("region_none"), _NO_REGION)]
        with gr.Row():
            self.styles = [
                gr.Dropdown(choices, value=KEEP, label=text(f"region_{color}"), elem_id=f"region-{color}")
                for color in BRUSHES
            ]
        self.inputs = {self.editor, self.loaded, *self.styles}
        outputs = [self.editor, self.shown, self.loaded]
        photo.change(self._photo_changed, [photo, self.shown], outputs, show_progress="hidden")

    def show_after(self, emptied: gr.events.Dependency) -> None:
        """Show what was loaded once the emptied editor is ready, because Gradio shifts strokes that replace others."""
        script = markup.script("wait_for_editor.js")
        shown = emptied.success(self._show_loaded, [self.loaded], [self.editor], js=script, show_progress="hidden")
        shown.success(lambda: None, None, [self.loaded], show_progress="hidden")

    def read(self, values: Mapping[Any, Any], language: str) -> list[impasto.Region]:
        """Return the regions that were painted, or loaded and not yet shown, and have a style.

        A note says which strokes have no style, and which styles no strokes.
        """
        editor = values[self.loaded] or values[self.editor] or {}
        layers = [_as_pixels(layer) for layer in editor.get("layers") or [] if layer is not None]
        masks = list(masks_of(layers)) if layers else [np.zeros((1, 1), np.float32)] * len(BRUSHES)
        painted = list(zip(masks, (values[one] for one in self.styles), strict=True))
        for color, (mask, style) in zip(BRUSHES, painted, strict=True):
            if mask.any() and style == _NO_REGION:
                _note(language, "strokes_without_style", color)
            elif not mask.any() and style not in (KEEP, _NO_REGION):
                _note(language, "style_without_strokes", color)
        return [impasto.Region(quantize(mask), style) for mask, style in painted if style != _NO_REGION and mask.any()]

    def style_updates(self, regions: Sequence[MaskedRegion]) -> dict[Any, Any]:
        """Return updates that choose the styles of regions, in the order of the brush's colors."""
        names = [*(region.style for region in regions), *(KEEP for _ in BRUSHES)]
        return dict(zip(self.styles, names, strict=False))

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


def _note(language: str, key: str, color: str) -> None:
    gr.Warning(translate(language, key, name=translate(language, f"region_{color}")), title=translate(language, "info"))


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


def _as_pixels(layer: UInt8[np.ndarray, "h w 4"] | str) -> UInt8[np.ndarray, "h w 4"]:
    return np.asarray(Image.open(layer)) if isinstance(layer, str) else layer


def _reduced(pixels: Float[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "_height _width 3"]:
    height, width = pixels.shape[:2]
    return quantize(resize(pixels, *fit(width, height, min(_EDITOR_SIZE, max(width, height)))))
