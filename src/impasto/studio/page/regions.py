"""Regions painted with a brush: each color of the brush is a part of the photo with a style of its own."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import gradio as gr
import numpy as np
from jaxtyping import Bool, Float, UInt8

import impasto
from impasto.images import PLATES, fit, quantize, read_picture, resize
from impasto.studio.limits import Limits

BRUSHES: Final[dict[str, tuple[int, int, int]]] = {"red": (230, 25, 75), "green": (60, 180, 75), "blue": (67, 99, 216)}
"""The colors of the brush."""

KEEP, NONE = "keep", "none"
_LARGEST: Final = 1024
_FAINT: Final = 40
"""Opacity (of 255) below which the edge of a stroke does not count."""


class Regions:
    """The fold in which regions are painted. `inputs` are the editor and a style for each color."""

    def __init__(self, text: Callable[[str], Any]) -> None:
        """Build it inside the block that is being built."""
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
        )
        choices = [(text("region_none"), NONE), (text("region_keep"), KEEP), *((name, name) for name in PLATES)]
        with gr.Row():
            self._styles = [
                gr.Dropdown(choices, value=NONE, label=text(f"region_{color}"), elem_id=f"region-{color}")
                for color in BRUSHES
            ]
        self.inputs = [self.editor, *self._styles]

    @staticmethod
    def background(photo: str | None, limits: Limits) -> Any:
        """Return what the editor shows once a photo was chosen: the photo, upright, without strokes.

        Raises InputError for what is no picture, or too large.
        """
        if photo is None:
            return None
        limits.check(Path(photo))
        pixels = read_picture(photo, max_megapixels=limits.max_megapixels).pixels
        height, width = pixels.shape[:2]
        small = quantize(resize(pixels, *fit(width, height, min(_LARGEST, max(width, height)))))
        return {"background": small, "layers": [], "composite": small}


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
