"""Regions painted with a brush: each color of the brush is a part of the photo with a style of its own."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import gradio as gr
import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

import impasto
from impasto.control import resize_mask
from impasto.errors import ImpastoError
from impasto.images import PLATES, fit, quantize, read_picture, resize
from impasto.studio.load_run import MaskedRegion, sha256_of
from impasto.studio.page.callbacks import language, refusal
from impasto.studio.submission import Limits, hide_folders
from impasto.studio.texts import translate

BRUSHES: Final[dict[str, tuple[int, int, int]]] = {"red": (230, 25, 75), "green": (60, 180, 75), "blue": (67, 99, 216)}
"""The colors of the brush."""

KEEP, NONE = "keep", "none"
_LARGEST: Final = 1024
_FAINT: Final = 40
"""Opacity (of 255) below which the edge of a stroke does not count."""


class Regions:
    """The fold in which regions are painted. `inputs` are the editor and a style for each color."""

    def __init__(self, photo: gr.Image, limits: Limits, text: Callable[[str], Any]) -> None:
        """Build it inside the block that is being built; `photo` is what is painted on."""
        self._limits = limits
        gr.Markdown(text("regions_hint"))
        self.editor = gr.ImageEditor(
            label=text("regions"),
            type="numpy",
            sources=(),
            transforms=(),
            layers=False,
            brush=gr.Brush(
                colors=[f"rgb({red}, {green}, {blue})" for red, green, blue in BRUSHES.values()],
                color_mode="fixed",
                default_size=40,
            ),
            elem_id="regions",
            interactive=True,
            # The editor centers strokes that it is given within the larger of the photo and this.
            canvas_size=(1, 1),
        )
        self.seen = gr.State(None)
        """The SHA-256 of the photo that the editor shows."""
        choices = [(text("region_none"), NONE), (text("region_keep"), KEEP), *((name, name) for name in PLATES)]
        with gr.Row():
            self.styles = [
                gr.Dropdown(choices, value=NONE, label=text(f"region_{color}"), elem_id=f"region-{color}")
                for color in BRUSHES
            ]
        self.inputs = [self.editor, *self.styles]
        photo.change(self._changed, [photo, self.seen], [self.editor, self.seen], show_progress="hidden")

    def _changed(self, photo: str | None, seen: str | None, request: gr.Request) -> tuple[Any, Any]:
        """Show another photo, upright, without strokes; what came with a painting's settings is there already."""
        if photo is None:
            return None, None
        try:
            self._limits.check(Path(photo))
            if (digest := sha256_of(Path(photo))) == seen:
                return gr.skip(), gr.skip()
            pixels = read_picture(photo, max_megapixels=self._limits.max_megapixels).pixels
        except ImpastoError as error:
            message = hide_folders(str(error), photo)
            raise refusal(translate(language(request), "failed", message=message)) from None
        return _on(_small(pixels)), digest

    @staticmethod
    def taken(
        photo: Float[np.ndarray, "h w 3"], regions: Sequence[MaskedRegion] | None, write: Callable[[bytes], Path]
    ) -> tuple[dict[str, Any], list[str], bool]:
        """Return what the editor shows of a painting's photo and regions, a style for each color, and if that is all.

        None of the regions is shown if the brush cannot paint them all. `write` puts the strokes, a PNG, into a file:
        Gradio would change the colors of an array. Raises InputError if that does.
        """
        small = _small(photo)
        height, width = small.shape[:2]
        masks = [quantize(resize_mask(region.mask / np.float32(255), width, height)) for region in regions or ()]
        none, strokes = [NONE] * len(BRUSHES), strokes_of(masks) if masks else None
        if not regions or strokes is None:
            return _on(small), none, regions is not None and not masks
        styles = [*(region.style for region in regions), *none][: len(BRUSHES)]
        return _on(small, [str(write(_png(strokes)))]), styles, True


def _png(strokes: UInt8[np.ndarray, "h w 4"]) -> bytes:
    data = io.BytesIO()
    Image.fromarray(strokes).save(data, "PNG")
    return data.getvalue()


def _small(pixels: Float[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "_height _width 3"]:
    height, width = pixels.shape[:2]
    return quantize(resize(pixels, *fit(width, height, min(_LARGEST, max(width, height)))))


def _on(photo: UInt8[np.ndarray, "h w 3"], layers: Sequence[str] = ()) -> dict[str, Any]:
    """Return the editor's value; it takes the composite for the photo."""
    return {"background": photo, "layers": list(layers), "composite": photo}


def regions_of(painted: Mapping[str, Any] | None, styles: list[str]) -> list["impasto.Region"] | None:
    """Return the regions that were painted and have a style; None if there is none."""
    if not painted:
        return None
    layers = [layer for layer in painted.get("layers") or [] if layer is not None]
    found = []
    for color, style in zip(BRUSHES, styles, strict=True):
        mask = mask_of(layers, color)
        if style != NONE and mask is not None and mask.any():
            found.append(impasto.Region(quantize(mask), style))
    return found or None


def strokes_of(masks: Sequence[UInt8[np.ndarray, "h w"]]) -> UInt8[np.ndarray, "h w 4"] | None:
    """Return masks as strokes, one color of the brush each, in the order of its colors, as opaque as the mask.

    None if the strokes would say something else: for more masks than colors, or such as overlap. What is fainter than
    the edge of a stroke is left out.
    """
    if len(masks) > len(BRUSHES):
        return None
    palette = np.array(list(BRUSHES.values()), np.uint8)
    strokes = np.dstack([palette[np.argmax(masks, axis=0)], np.max(masks, axis=0)])
    for color, mask in zip(BRUSHES, masks, strict=False):
        said = mask_of([strokes], color)
        if said is None or np.abs(said * 255 - mask).max() > _FAINT:
            return None
    return strokes


def mask_of(layers: list[UInt8[np.ndarray, "h w 4"]], color: str) -> Float[np.ndarray, "h w"] | None:
    """Return where a color of the brush was painted, 0 to 1; the strokes of all layers, later over earlier."""
    if not layers:
        return None
    mask = np.zeros(layers[0].shape[:2], np.float32)
    for layer in layers:
        opacity = layer[..., 3].astype(np.float32) / 255
        opacity[layer[..., 3] < _FAINT] = 0
        mask = mask * (1 - opacity) + opacity * _nearest(layer, color)
    return mask


def _nearest(layer: UInt8[np.ndarray, "h w 4"], color: str) -> Bool[np.ndarray, "h w"]:
    """Tell at each place whether this color of the brush is the nearest one."""
    palette = np.array(list(BRUSHES.values()), np.int32)
    distances = np.square(layer[..., None, :3].astype(np.int32) - palette).sum(axis=-1)
    return np.asarray(distances.argmin(axis=-1) == list(BRUSHES).index(color))
