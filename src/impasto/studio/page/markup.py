"""HTML that Gradio has no component for: canvas, status line, before and after, linked pictures, crops."""

import base64
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float, UInt8
from jinja2 import Environment, StrictUndefined, Template
from PIL import Image

from impasto.images import PLATES, plate_path, quantize
from impasto.studio.texts import NAMES_IN_CHINESE

_CANVAS_SIZE: Final = 1280
"""Longest side of the canvas on the page, in pixels; downloads have the full size."""

STYLES: Final = ":is(#styles, #webcam-styles)"
"""Selector of the groups that show the wall of styles."""

_PLATE_SIZE: Final = 200
_JPEG_QUALITY: Final = 88
_PLOT_SIZE: Final = (240, 56)


@dataclass(frozen=True, kw_only=True)
class Pane:
    """A picture on the page: title, second line, what is unfolded below it, URL, and its real size in pixels."""

    title: str
    note: str = ""
    more: str = ""
    details: Sequence[str] = ()
    source: str
    width: int
    height: int

    @classmethod
    def of(
        cls,
        pixels: Float[np.ndarray, "h w 3"],
        longest: int,
        title: str,
        *,
        alpha: Float[np.ndarray, "h w"] | None = None,
        **texts: Any,
    ) -> "Pane":
        """Return the pane of a picture, its longest side reduced to `longest` pixels; `texts` are other attributes."""
        height, width = pixels.shape[:2]
        source = data_uri(quantize(pixels), longest, None if alpha is None else quantize(alpha))
        return cls(title=title, source=source, width=width, height=height, **texts)


def script(name: str) -> str:
    """Return one of the page's scripts or style sheets."""
    return (files("impasto.studio.page") / name).read_text(encoding="utf-8")


def jpeg(pixels: UInt8[np.ndarray, "h w 3"], longest: int = _CANVAS_SIZE) -> bytes:
    """Return a picture as a JPEG for the page."""
    image = Image.fromarray(pixels)
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=_JPEG_QUALITY)
    return data.getvalue()


def data_uri(
    pixels: UInt8[np.ndarray, "h w 3"], longest: int = _CANVAS_SIZE, alpha: UInt8[np.ndarray, "h w"] | None = None
) -> str:
    """Return a picture as a data URI of a JPEG, or a WebP if it is transparent, so that no file has to be served."""
    kind, data = "jpeg", b""
    if alpha is None:
        data = jpeg(pixels, longest)
    else:
        kind, file, image = "webp", io.BytesIO(), Image.fromarray(np.dstack([pixels, alpha]))
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        image.save(file, "WEBP", quality=_JPEG_QUALITY)
        data = file.getvalue()
    return file_uri(data, kind)


def file_uri(data: bytes, kind: str = "jpeg") -> str:
    """Return the bytes of a picture file as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def canvas(pixels: UInt8[np.ndarray, "h w 3"] | None, text: str, run: str = "", hint: str = "") -> str:
    """Return the canvas: the picture of a run, which linked.js zooms, or the text if there is none yet."""
    return render("canvas", None if pixels is None else data_uri(pixels), text, run, hint)


def status(
    run: str, text: str, done: float, losses: Sequence[float] = (), loss_label: str = "", *, notice: str = ""
) -> str:
    """Return the status line of a run: text, a bar filled by the share `done`, a plot of the losses, and a notice."""
    percent = round(100 * min(1.0, max(0.0, done)))
    finite = [loss for loss in losses if loss > 0 and math.isfinite(loss)]
    loss_text = f"{loss_label}: {finite[-1]:.4g}" if finite else ""
    return render("status", run, text, percent, _polyline(finite), loss_text, notice)


def linked(panes: Sequence[Pane], hint: str, enlarge: str = "", run: str = "") -> str:
    """Return pictures side by side, zoomed and moved together by linked.js.

    All have frames of one size and fit on the screen; small ones are enlarged to twice their size at most. `enlarge` is
    the text of a button that shows them on the whole screen. Those of one
    `run` keep place and focus when they are replaced.
    """
    if not panes:
        return ""
    ratio = max(pane.width / pane.height for pane in panes)
    rows = 2 if len(panes) == 4 and ratio > 1 else 1
    columns = math.ceil(len(panes) / rows)
    return render("linked", panes, hint, ratio, columns, rows, 2 * max(pane.width for pane in panes), enlarge, run)


def choice_pictures_css(group: str, sources: Sequence[str], *, first: int = 1) -> str:
    """Return the CSS rules that show a picture on each check box of a group (a selector), from the first one on."""
    return "\n".join(
        f'{group} label:nth-of-type({number}) {{ --picture: url("{source}"); }}'
        for number, source in enumerate(sources, start=first)
    )


def preview_css(element_id: str, number: int, pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    """Return the CSS rules that show another picture on a check box, and its own one in a corner."""
    box = f"#{element_id} label:nth-of-type({number})"
    return f'{box} {{ --preview: url("{data_uri(pixels)}"); }} {box}::before {{ display: block; }}\n'


def order_css(element_id: str, numbers: Sequence[tuple[int, int]]) -> str:
    """Return the CSS rules that write a number on check boxes; pairs of the check box's number and that number."""
    return "\n".join(
        f'#{element_id} label:nth-of-type({box}) span::before {{ content: "{number} · "; }}' for box, number in numbers
    )


def style(rules: str) -> str:
    """Return CSS rules as a part of the page."""
    return f"<style>{rules}</style>"


def page_script() -> str:
    """Return the script of the page, with the Chinese names of what Gradio names in English."""
    return script("page.js").replace("WORDS", json.dumps(NAMES_IN_CHINESE))


def sample(name: str) -> Path:
    """Return the file of one of the studio's sample photos."""
    return Path(str(files("impasto.studio") / "samples" / f"{name}.webp"))


@cache
def page_css(samples: tuple[tuple[str, Path], ...]) -> str:
    """Return the style sheet of the page, with the pictures of the built-in styles and the sample photos."""
    plates = [_small_picture(plate_path(name)) for name in PLATES]
    buttons = (f'#sample-{name} {{ --picture: url("{_small_picture(path)}"); }}' for name, path in samples)
    return "\n".join([script("page.css"), choice_pictures_css(STYLES, plates), *buttons])


def _small_picture(path: Path) -> str:
    return data_uri(np.asarray(Image.open(path).convert("RGB")), _PLATE_SIZE)


@cache
def _template() -> Template:
    return Environment(autoescape=True, trim_blocks=True, undefined=StrictUndefined).from_string(
        script("markup.html.jinja")
    )


def render(macro: str, *values: object) -> str:
    """Return the HTML of a macro of markup.html.jinja."""
    return str(getattr(_template().module, macro)(*values))


def _polyline(losses: Sequence[float]) -> str:
    """Return the points of a plot with a logarithmic scale, as SVG has them; empty for fewer than two losses."""
    if len(losses) < 2:
        return ""
    width, height = _PLOT_SIZE
    logs = np.log10(losses)
    across = np.linspace(0, width, len(logs))
    down = np.interp(logs, (logs.min(), logs.max()), (height - 2, 2))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
