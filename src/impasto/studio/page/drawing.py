"""What is drawn by HTML of our own: canvas, loss, walls of pictures, comparisons, before and after, crops."""

import base64
import html
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from impasto.images import PLATES, plate_path

_LARGEST = 1280
"""Longer sides are shrunk to this on their way to the page; downloads have every pixel."""

_QUALITY = 88
_PLOT = (240, 56)


def canvas(frame: UInt8[np.ndarray, "h w 3"] | None, text: str) -> str:
    """Return the canvas: the picture as wide as its column, or a text where there is none yet."""
    if frame is None:
        return f'<div class="canvas empty"><p>{html.escape(text)}</p></div>'
    return f'<div class="canvas"><img src="{address(frame)}" alt="{html.escape(text, quote=True)}"></div>'


def address(frame: UInt8[np.ndarray, "h w 3"], longest: int = _LARGEST) -> str:
    """Return a picture as an address that holds it: nothing is left in a folder, and nothing is fetched."""
    image = Image.fromarray(frame)
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


def status(run: str, text: str, share: float, losses: Sequence[float], label: str) -> str:
    """Return the line below the canvas: how far a run is, as text and as a bar, and the loss as a small plot."""
    percent = round(100 * min(1.0, max(0.0, share)))
    bar = (
        f'<div class="bar" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}" '
        f'aria-label="{html.escape(text, quote=True)}"><span style="width:{percent}%"></span></div>'
    )
    mark = html.escape(run, quote=True)
    told = f'<p aria-live="off">{html.escape(text)}</p>'
    return f'<div class="status" data-run="{mark}">{told}{bar}{loss_plot(losses, label)}</div>'


def loss_plot(losses: Sequence[float], label: str) -> str:
    """Return the losses as SVG, on a logarithmic scale; nothing before there are two."""
    finite = [math.log10(loss) for loss in losses if loss > 0 and math.isfinite(loss)]
    if len(finite) < 2:
        return ""
    (width, height), low, high = _PLOT, min(finite), max(finite)
    span = max(high - low, 1e-9)
    points = " ".join(
        f"{width * number / (len(finite) - 1):.1f},{2 + (height - 4) * (high - value) / span:.1f}"
        for number, value in enumerate(finite)
    )
    name = html.escape(label, quote=True)
    return (
        f'<svg class="loss" viewBox="0 0 {width} {height}" role="img" aria-label="{name}: {10 ** finite[-1]:.4g}">'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.6"/></svg>'
    )


@cache
def wall_css() -> str:
    """Return the rules that turn the check boxes of the built-in styles into a wall of pictures."""
    rules = []
    for number, name in enumerate(PLATES, start=1):
        image = Image.open(plate_path(name)).convert("RGB").resize((144, 144), Image.Resampling.LANCZOS)
        data = io.BytesIO()
        image.save(data, "WEBP", quality=80)
        picture = f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}"
        rules.append(f'#styles label:nth-of-type({number}) {{ background-image: url("{picture}"); }}')
    return "\n".join(rules)


@dataclass(frozen=True, kw_only=True)
class Pane:
    """One picture of a comparison: what tells it from the others, what it is, its address, and its size in pixels."""

    title: str
    note: str = ""
    source: str
    width: int
    height: int


def linked(panes: Sequence[Pane], hint: str) -> str:
    """Return pictures side by side whose zoom and place are linked; the page's script moves them.

    They are shown at twice their own pixels at most, in frames of one size, and all can be seen at once.
    """
    if not panes:
        return ""
    cells = "".join(
        f'<figure><div class="pane"><img src="{pane.source}" '
        f'alt="{html.escape(pane.title, quote=True)}" draggable="false"></div><figcaption><strong>'
        f"{html.escape(pane.title)}</strong> {html.escape(pane.note)}</figcaption></figure>"
        for pane in panes
    )
    widest, ratio = max(pane.width for pane in panes), max(pane.width / pane.height for pane in panes)
    rows = 2 if len(panes) == 4 and ratio > 1 else 1
    columns = -(-len(panes) // rows)
    return (
        f'<div class="linked {"wide" if ratio > 1 else "tall"}" tabindex="0" role="group" '
        f'aria-label="{html.escape(hint, quote=True)}" style="--columns: {columns}; --rows: {rows}; '
        f'--widest: {2 * widest}px; --ratio: {ratio:.4f}">{cells}</div><p class="hint">{html.escape(hint)}</p>'
    )


def before_and_after(before: Pane, after: Pane, texts: Mapping[str, str]) -> str:
    """Return a photo over its painting, whole and at the same place; a slider says how much of the photo is seen.

    `texts` are `compare_photo`, `before_hint`, `enlarge` and `close`; the page's script moves the slider and
    opens the large view.
    """
    said = {key: html.escape(text, quote=True) for key, text in texts.items()}
    pictures = "".join(
        f'<img class="{name}" src="{pane.source}" alt="{html.escape(pane.title, quote=True)}" draggable="false">'
        f'<span class="{name}" aria-hidden="true">{html.escape(pane.title)}</span>'
        for name, pane in (("after", after), ("before", before))
    )
    return (
        f'<div class="both" role="group" aria-label="{said["compare_photo"]}" '
        f'style="--ratio: {after.width / after.height:.4f}"><div class="stage">{pictures}'
        f'<div class="edge"></div><input type="range" min="0" max="100" step="0.5" value="50" '
        f'aria-label="{said["before_hint"]}"></div><button type="button" class="enlarge">{said["enlarge"]}</button>'
        f'<dialog aria-label="{said["compare_photo"]}">'
        f'<button type="button" class="close">{said["close"]}</button></dialog></div>'
    )


def uncut(pictures: Sequence[Pane], hint: str) -> str:
    """Return pictures over which a frame can be drawn: the page's script writes its numbers into a field."""
    hint = html.escape(hint, quote=True)
    return "".join(
        f'<div class="uncut" data-width="{pane.width}" data-height="{pane.height}" title="{hint}">'
        f'<img src="{pane.source}" alt="{html.escape(pane.title, quote=True)}" draggable="false">'
        f'<div class="cut" hidden></div></div>'
        for pane in pictures
    )


def thumbnails_css(identity: str, addresses: Sequence[str]) -> str:
    """Return a style sheet that gives each check box of a group its picture."""
    rules = "".join(
        f'#{identity} label:nth-of-type({number}) {{ background-image: url("{address}"); }}'
        for number, address in enumerate(addresses, start=1)
    )
    return f"<style>{rules}</style>"
