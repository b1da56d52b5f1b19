"""The report: one HTML file with all pictures and plots that loads nothing from the network, and two CSV files."""

import base64
import csv
import io
import json
import math
import shlex
from collections.abc import Iterable
from importlib.resources import files
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import UInt8
from jinja2 import Environment, StrictUndefined

from impasto.errors import InputError
from impasto.images import atomic_write, contact_sheet, encode_picture, fit, quantize, resize, write_picture
from impasto.recipe import PRESETS
from impasto.study.charts import figure_charts, heat_map, loss_chart, tradeoff_chart
from impasto.study.experiments import EXPERIMENTS
from impasto.study.findings import COLUMNS, EvaluatedPicture, Findings, ImageStrip, evaluate
from impasto.study.folder import StudyFolder
from impasto.study.plan import Plan

_MAX_SIDE: Final = 640
"""Larger pictures are shrunk to this long side in the report; their files are not."""
_MAX_LOSS_CHARTS: Final = 6
_MAX_COMMANDS: Final = 24


class _Figure(NamedTuple):
    """A picture of the report: a data URI, the texts below it, and the file it links to."""

    source: str
    caption: str
    detail: str
    link: str = ""


def write_report(study: StudyFolder, content: str, style: str) -> Findings:
    """Evaluate the finished runs and write pictures, contact sheet, CSV files and `report.html`.

    Args:
        study: The study; every run has ended.
        content: What the person called the photo; the commands of the report name it.
        style: What the person called the style image.

    Returns:
        What was found.

    Raises:
        InputError: Something cannot be written.
    """
    findings = evaluate(study.plan, {cell.key: study.run_folder(cell) for cell in study.plan.cells})
    path = study.path
    try:
        (path / "pictures").mkdir(exist_ok=True)
        for picture in findings.pictures:
            write_picture(path / "pictures" / f"{picture.stem}.png", picture.pixels)
        write_picture(path / "sheet.png", quantize(_contact_sheet(findings)))
        atomic_write(path / "figures.csv", figures_csv(findings).encode())
        atomic_write(path / "steps.csv", steps_csv(findings).encode())
        atomic_write(path / "report.html", _render(findings, content, style).encode())
    except OSError as error:
        raise InputError(f"cannot write the report to {path}: {error.strerror}") from None
    return findings


def figures_csv(findings: Findings) -> str:
    """Return a line for every picture: its run, what was varied, its step and size, and all figures."""
    varied = list(dict.fromkeys(name for cell in findings.plan.cells for name in cell.varied))
    return _to_csv(
        ["run", *varied, "step", "width", "height", *COLUMNS, "problem"],
        (
            [
                picture.cell.key,
                *(_plain(picture.cell.varied.get(name, "")) for name in varied),
                picture.step,
                picture.pixels.shape[1],
                picture.pixels.shape[0],
                *(_number(picture.figures[name]) for name in COLUMNS),
                picture.problem,
            ]
            for picture in findings.pictures
        ),
    )


def steps_csv(findings: Findings) -> str:
    """Return a line for every step: its loss, the weighted terms, and whether the optimizer accepted it."""
    names = list(dict.fromkeys(name for curve in findings.curves.values() for name in curve.terms))
    return _to_csv(
        ["run", "step", "level", "accepted", "loss", *names],
        (
            [
                key,
                step,
                curve.levels[index],
                int(curve.accepted[index]),
                _number(curve.losses[index]),
                *(_number(curve.terms[name][index]) if name in curve.terms else "" for name in names),
            ]
            for key, curve in findings.curves.items()
            for index, step in enumerate(curve.steps)
        ),
    )


def study_command(plan: Plan, content: str, style: str) -> str:
    """Return the command that repeats a study."""
    words = ["impasto", "study", plan.name, content, style]
    for name, value in plan.options.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            words += [f"--{name}"] if one is True else [f"--{name}", str(one)]
    fields = {name: value for name, value in plan.base.model_dump(mode="json").items() if name in plan.stated}
    if plan.preset is not None:
        words += ["--preset", plan.preset]
        fields = plan.base.changes_from(PRESETS[plan.preset])
        if "strength" in fields and {"content_weight", "style_weight"} & set(fields):
            # Flags cannot state both.
            fields = plan.base.balanced().changes_from(PRESETS[plan.preset])
    return shlex.join([*words, *plan.base.flags(fields)])


def _contact_sheet(findings: Findings) -> np.ndarray:
    captions = [[f"{row.title} {picture.caption}".strip() for picture in row.pictures] for row in findings.plan.rows]
    largest = max(max(picture.pixels.shape) for picture in findings.pictures)
    rows = [[picture.floats for picture in row] for row in findings.rows]
    return contact_sheet(rows, captions=captions, cell=min(256, max(largest, 128)))


def _render(findings: Findings, content: str, style: str) -> str:
    plan, experiment = findings.plan, EXPERIMENTS[findings.plan.name]
    source = (files("impasto.study") / "report.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    rows = [
        (row.title, [_figure(picture) for picture in pictures])
        for row, pictures in zip(plan.rows, findings.rows, strict=True)
    ]
    table = [
        (picture.cell.caption, picture.step, {name: _short(picture.figures[name]) for name in COLUMNS}, picture.problem)
        for picture in findings.pictures
    ]
    return environment.from_string(source).render(
        plan=plan,
        summary=experiment.summary(findings),
        photo=_data_uri(quantize(findings.photo)),
        style=_data_uri(quantize(findings.style)),
        rows=rows,
        charts=_charts(findings, plots_steps=experiment.plots_steps),
        strips=[(strip.title, strip.text, _heat_maps(strip)) for strip in experiment.strips(findings)],
        columns=COLUMNS,
        table=table,
        style_figures={name: _short(value) for name, value in findings.style_figures.items()},
        command=study_command(plan, content, style),
        commands=[(cell.caption, cell.recipe.as_command(content, style)) for cell in plan.cells[:_MAX_COMMANDS]],
        hidden_commands=max(0, len(plan.cells) - _MAX_COMMANDS),
    )


def _figure(picture: EvaluatedPicture) -> _Figure:
    size = f"{picture.pixels.shape[1]} × {picture.pixels.shape[0]}"
    scores = {name: picture.figures[name] for name in ("content", "style") if math.isfinite(picture.figures[name])}
    detail = ", ".join([*(f"{name} {score:.3f}" for name, score in scores.items()), size])
    if picture.problem:
        detail = f"failed: {picture.problem}"
    return _Figure(_data_uri(picture.pixels), picture.caption, detail, f"pictures/{picture.stem}.png")


def _heat_maps(strip: ImageStrip) -> list[_Figure]:
    maximum = max(float(np.quantile(values, 0.995)) for values in strip.maps.values())
    return [
        _Figure(_data_uri(heat_map(values, maximum)), caption, f"mean {values.mean():.3g}")
        for caption, values in strip.maps.items()
    ]


def _charts(findings: Findings, *, plots_steps: bool) -> list[tuple[str, str]]:
    """Return the plots as data URIs, each with a name that serves as its text alternative."""
    charts = figure_charts(findings) if plots_steps else [("Content against style", tradeoff_chart(findings))]
    cells = findings.plan.cells
    for cell in cells if len(cells) <= _MAX_LOSS_CHARTS else ():
        name = f"{cell.caption}: the loss and its terms"
        charts.append((name, loss_chart(findings.curves[cell.key], cell.caption)))
    return [(name, f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}") for name, svg in charts]


def _data_uri(pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    """Return a picture as a data URI: PNG if it is small, else WebP."""
    height, width = pixels.shape[:2]
    if max(height, width) > _MAX_SIDE:
        pixels = quantize(resize(pixels.astype(np.float32) / 255, *fit(width, height, _MAX_SIDE)))
    kind = "png" if max(height, width) <= 128 else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(encode_picture(pixels, f'.{kind}', quality=90)).decode()}"


def _to_csv(header: list[str], lines: Iterable[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *lines])
    return text.getvalue()


def _number(value: float) -> str:
    """Format a figure with the digits of fp32; unknown values are empty."""
    return f"{value:.7g}" if math.isfinite(value) else ""


def _short(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "–"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
