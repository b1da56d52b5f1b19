"""The report: one HTML file with all pictures and plots that loads nothing from the network, and two CSV files."""

import base64
import csv
import io
import json
import math
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8
from jinja2 import Environment, StrictUndefined

from impasto.errors import file_error
from impasto.images import MADE_HERE, contact_sheet, encode_picture, fit, quantize, resize, write_picture
from impasto.recipe import PRESETS
from impasto.runs import check_inside, write_inside
from impasto.shell import file_word, join, option
from impasto.study.charts import figure_charts, heat_map, loss_chart, tradeoff_chart
from impasto.study.experiments import EXPERIMENTS
from impasto.study.findings import COLUMNS, Findings, evaluate
from impasto.study.folder import StudyFolder
from impasto.study.plan import Plan

_FILES: Final = ("sheet.png", "figures.csv", "steps.csv", "report.html")
_MAX_SIDE: Final = 640
"""Maximum long side of the pictures in the report; the files keep their size."""
_MAX_LOSS_CHARTS: Final = 6
_MAX_COMMANDS: Final = 24


def report_files(path: Path) -> tuple[Path, ...]:
    """Return the existing files of a study's folder that its report replaces; raises InputError for a link."""
    found = (*filter(Path.exists, (path / name for name in _FILES)), *path.glob("pictures/*.png"))
    check_inside(path, *found)
    return found


def write_report(study: StudyFolder, content: str, style: str) -> Findings:
    """Evaluate the finished runs and write pictures, contact sheet, CSV files and `report.html`.

    Args:
        study: The study; every run has ended.
        content: The photo as the user wrote it, for the commands in the report.
        style: The style image as the user wrote it.

    Returns:
        The findings.

    Raises:
        InputError: Something cannot be written.
    """
    findings = evaluate(study.plan, {cell.key: study.run_folder(cell) for cell in study.plan.cells})
    path = study.path
    pictures = [path / "pictures" / f"{picture.stem}.png" for picture in findings.pictures]
    check_inside(path, *pictures, path / "sheet.png")
    try:
        (path / "pictures").mkdir(exist_ok=True)
        for file, picture in zip(pictures, findings.pictures, strict=True):
            write_picture(file, picture.pixels, metadata=MADE_HERE)
        write_picture(path / "sheet.png", quantize(_contact_sheet(findings)), metadata=MADE_HERE)
        write_inside(path, path / "figures.csv", figures_csv(findings).encode())
        write_inside(path, path / "steps.csv", steps_csv(findings).encode())
        write_inside(path, path / "report.html", _render(findings, content, style).encode("utf-8", "replace"))
    except OSError as error:
        raise file_error(f"cannot write the report to {path}: {error.strerror}", error) from None
    return findings


def figures_csv(findings: Findings) -> str:
    """Return a line for every picture: its run, what was varied, its step and size, and all figures."""
    varied = {name: "" for cell in findings.plan.cells for name in cell.varied}
    return _to_csv(
        {"run": picture.cell.key}
        | varied
        | {name: value if isinstance(value, str) else json.dumps(value) for name, value in picture.cell.varied.items()}
        | {"step": picture.step, "width": picture.pixels.shape[1], "height": picture.pixels.shape[0]}
        | {name: _number(picture.figures[name]) for name in COLUMNS}
        | {"problem": picture.problem}
        for picture in findings.pictures
    )


def steps_csv(findings: Findings) -> str:
    """Return a line for every step: its loss, the weighted terms, and whether the optimizer accepted it."""
    return _to_csv(
        {"run": key, "step": step.step, "level": step.level, "accepted": int(step.improved)}
        | {"loss": _number(step.loss)}
        | {name: _number(value) for name, value in step.terms.items()}
        for key, steps in findings.steps.items()
        for step in steps
    )


def study_command(plan: Plan, content: str, style: str) -> str:
    """Return the command that repeats a study."""
    words = ["impasto", "study", plan.name, file_word(content), file_word(style)]
    for name, value in plan.options.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            if one is not False:
                words += [f"--{name}"] if one is True else option(f"--{name}", str(one))
    base, names = plan.base, list(plan.stated)
    if plan.preset is not None:
        words += ["--preset", plan.preset]
        names = list(base.changes_from(PRESETS[plan.preset]))
        if "strength" in names and {"content_weight", "style_weight"} & set(names):
            # Flags cannot state both.
            base = base.balanced()
            names = list(base.changes_from(PRESETS[plan.preset]))
    return join([*words, *base.flags(names)])


def _contact_sheet(findings: Findings) -> np.ndarray:
    captions = [[f"{row.title} {picture.caption}".strip() for picture in row.pictures] for row in findings.plan.rows]
    largest = max(max(picture.pixels.shape) for picture in findings.pictures)
    rows = [[picture.floats for picture in row] for row in findings.rows]
    return contact_sheet(rows, captions=captions, cell=min(256, max(largest, 128)))


def _render(findings: Findings, content: str, style: str) -> str:
    plan, experiment = findings.plan, EXPERIMENTS[findings.plan.name]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"data_uri": _data_uri, "heat_map": heat_map, "short": _short, "to_8_bit": quantize}
    environment.tests["known"] = math.isfinite
    template = environment.from_string((files("impasto.study") / "report.html.jinja").read_text(encoding="utf-8"))
    return template.render(
        plan=plan,
        findings=findings,
        columns=COLUMNS,
        summary=experiment.conclusions(findings),
        strips=experiment.strips(findings),
        charts=_charts(findings, plots_steps=experiment.plots_steps),
        content=content,
        style=style,
        command=study_command(plan, content, style),
        max_commands=_MAX_COMMANDS,
    )


def _charts(findings: Findings, *, plots_steps: bool) -> list[tuple[str, str]]:
    """Return the plots as data URIs, each with a name that serves as its text alternative."""
    charts = figure_charts(findings) if plots_steps else [("Content against style", tradeoff_chart(findings))]
    cells = findings.plan.cells
    for cell in cells if len(cells) <= _MAX_LOSS_CHARTS else ():
        name = f"{cell.caption}: the loss and its terms"
        charts.append((name, loss_chart(findings.steps[cell.key], cell.caption)))
    return [(name, f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}") for name, svg in charts]


def _data_uri(pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    """Return a picture as a data URI: PNG if it is small, else WebP."""
    height, width = pixels.shape[:2]
    if max(height, width) > _MAX_SIDE:
        pixels = quantize(resize(pixels.astype(np.float32) / 255, *fit(width, height, _MAX_SIDE)))
    kind = "png" if max(height, width) <= 128 else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(encode_picture(pixels, f'.{kind}', quality=90)).decode()}"


def _to_csv(lines: Iterable[dict[str, Any]]) -> str:
    lines = list(lines)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]) if lines else ["run"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _number(value: float) -> str:
    """Format a figure with the digits of fp32; unknown values are empty."""
    return f"{value:.7g}" if math.isfinite(value) else ""


def _short(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "–"
