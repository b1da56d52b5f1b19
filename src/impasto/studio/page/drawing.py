"""What is drawn by HTML of our own: the canvas, the plot of the loss, the wall of styles."""

import base64
import html
import io
import math
from collections.abc import Mapping, Sequence
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


def linked(pictures: Mapping[str, str]) -> str:
    """Return pictures side by side whose zoom and place are linked; the page's script moves them."""
    cells = "".join(
        f'<figure><div class="pane"><img src="{source}" alt="{html.escape(name, quote=True)}" draggable="false"></div>'
        f"<figcaption>{html.escape(name)}</figcaption></figure>"
        for name, source in pictures.items()
    )
    return f'<div class="linked" tabindex="0" data-count="{len(pictures)}">{cells}</div>'
