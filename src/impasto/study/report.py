"""The report: one HTML file that holds its pictures and plots, and asks the network for nothing."""

import base64
import math
import shlex
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8
from jinja2 import Environment, StrictUndefined

from impasto.errors import InputError
from impasto.images import atomic_write, contact_sheet, encode_picture, fit, quantize, resize, write_picture
from impasto.recipe import PRESETS, Recipe
from impasto.study.charts import figure_charts, heat, loss_chart, trade_chart
from impasto.study.experiments import EXPERIMENTS
from impasto.study.findings import COLUMNS, Findings, Look, Strip
from impasto.study.folder import REPORT, StudyFolder
from impasto.study.looking import look_at
from impasto.study.plan import Plan
from impasto.study.tables import figures_csv, steps_csv

PICTURES: Final = "pictures"
_LARGEST: Final = 640
"""Longer sides are shrunk to this in the report; the files beside it hold every pixel."""
_QUALITY: Final = 90
_MOST_CHARTS: Final = 6
_MOST_COMMANDS: Final = 24


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """A picture of the report."""

    source: str
    caption: str
    detail: str
    link: str


def write_report(study: StudyFolder, content: str, style: str) -> Findings:
    """Look at the finished runs and write pictures, sheet, CSV and report into the study's folder.

    `content` and `style` are what the person called the pictures; the commands of the report name them. Raises
    InputError if something cannot be written.
    """
    findings = look_at(study.plan, {cell.key: study.run(cell) for cell in study.plan.cells})
    path = study.path
    try:
        (path / PICTURES).mkdir(exist_ok=True)
        for look in findings.all():
            write_picture(path / PICTURES / f"{look.stem}.png", look.pixels)
        write_picture(path / "sheet.png", quantize(_sheet(findings)))
        atomic_write(path / "figures.csv", figures_csv(findings).encode())
        atomic_write(path / "steps.csv", steps_csv(findings).encode())
        atomic_write(path / REPORT, _rendered(findings, content, style).encode())
    except OSError as error:
        raise InputError(f"cannot write the report into {path}: {error.strerror}") from None
    return findings


def _sheet(findings: Findings) -> np.ndarray:
    captions = [[f"{row.title} {caption}".strip() for caption in row.captions] for row in findings.plan.rows]
    rows = [[look.floats for look in findings.row(number)] for number in range(len(findings.plan.rows))]
    cell = min(256, max(max(look.pixels.shape) for look in findings.all()))
    return contact_sheet(rows, captions=captions, cell=max(cell, 128))


def _rendered(findings: Findings, content: str, style: str) -> str:
    plan, experiment = findings.plan, EXPERIMENTS[findings.plan.name]
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string((files("impasto.study") / "report.html.jinja").read_text(encoding="utf-8"))
    return template.render(
        plan=plan,
        says=experiment.says(findings),
        photo=_data(quantize(findings.photo)),
        style=_data(quantize(findings.style)),
        rows=[
            (
                row.title,
                [_shown(look, caption) for look, caption in zip(findings.row(number), row.captions, strict=True)],
            )
            for number, row in enumerate(plan.rows)
        ],
        is_grid=len(plan.rows) > 1,
        charts=_charts(findings, experiment.against),
        strips=[_strip(strip) for strip in experiment.strips(findings)],
        columns=COLUMNS,
        table=[
            (look.cell.caption, look.step, {name: _written(look.figures[name]) for name in COLUMNS}, look.problem)
            for look in findings.all()
        ],
        style_figures={name: _written(value) for name, value in findings.style_figures.items()},
        command=study_command(findings, content, style),
        commands=[(cell.caption, cell.recipe.as_command(content, style)) for cell in plan.cells[:_MOST_COMMANDS]],
        untold=max(0, len(plan.cells) - _MOST_COMMANDS),
    )


def study_command(findings: Findings, content: str, style: str) -> str:
    """Return the command that repeats the study."""
    plan = findings.plan
    words = ["impasto", "study", plan.name, content, style]
    for name, value in plan.options.items():
        words += [f"--{name.split()[0]}", value]
    if plan.preset is not None:
        words += ["--preset", plan.preset]
    if plan.base is not None:
        words += plan.base.flags(_stated(plan, plan.base))
    return shlex.join(words)


def _stated(plan: Plan, base: Recipe) -> dict[str, Any]:
    """Return the fields that were stated over the presets, as they can be said in one breath."""
    if plan.preset is None:
        fields = base.model_dump(mode="json")
        return {name: fields[name] for name in plan.stated}
    changes = base.changes_from(PRESETS[plan.preset])
    both = "strength" in changes and {"content_weight", "style_weight"} & set(changes)
    return base.balanced().changes_from(PRESETS[plan.preset]) if both else changes


def _shown(look: Look, caption: str) -> _Shown:
    size = f"{look.pixels.shape[1]} × {look.pixels.shape[0]}"
    scores = [f"{name} {look.figures[name]:.3f}" for name in ("content", "style") if math.isfinite(look.figures[name])]
    detail = f"failed: {look.problem}" if look.problem else ", ".join([*scores, size])
    return _Shown(source=_data(look.pixels), caption=caption, detail=detail, link=f"{PICTURES}/{look.stem}.png")


def _charts(findings: Findings, against: str) -> list[tuple[str, str]]:
    """Return the plots with what they show, for those who do not see them."""
    charts = []
    if against == "steps":
        rows = {row.title: findings.row(number) for number, row in enumerate(findings.plan.rows)}
        charts += figure_charts(rows, findings.style_figures)
    else:
        charts.append(("Content against style", trade_chart(findings)))
    cells = findings.plan.cells
    if len(cells) <= _MOST_CHARTS:
        for cell in cells:
            charts.append(
                (f"{cell.caption}: the loss and its terms", loss_chart(findings.curves[cell.key], cell.caption))
            )
    return [(name, f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}") for name, svg in charts]


def _strip(strip: Strip) -> tuple[str, str, list[_Shown]]:
    highest = max(float(np.quantile(one.values, 0.995)) for one in strip.maps)
    shown = [
        _Shown(
            source=_data(heat(one.values, highest)),
            caption=one.caption,
            detail=f"mean {one.values.mean():.3g}",
            link="",
        )
        for one in strip.maps
    ]
    return strip.title, strip.text, shown


def _data(pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    """Return a picture as an address that holds it; small ones without loss."""
    height, width = pixels.shape[:2]
    if max(height, width) > _LARGEST:
        pixels = quantize(resize(pixels.astype(np.float32) / 255, *fit(width, height, _LARGEST)))
    small = max(height, width) <= 128
    data = encode_picture(pixels, ".png") if small else encode_picture(pixels, ".webp", quality=_QUALITY)
    return f"data:image/{'png' if small else 'webp'};base64,{base64.b64encode(data).decode()}"


def _written(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "–"
