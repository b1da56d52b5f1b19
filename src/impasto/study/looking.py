"""Looks at what the runs of a study left: pictures, figures, losses."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from impasto.errors import InputError
from impasto.images import quantize, read_picture
from impasto.runs import RunFolder
from impasto.score import Judge
from impasto.study import measures
from impasto.study.findings import Curve, Findings, Look
from impasto.study.plan import Plan, Shot

_NOTHING: dict[str, float] = {"content": math.nan, "style": math.nan}


def look_at(plan: Plan, folders: Mapping[str, RunFolder]) -> Findings:
    """Return the findings of a study from the folders of its runs, by their keys; all have ended."""
    inputs = folders[plan.cells[0].key].inputs()
    photo, style = inputs.content.pixels, inputs.styles[0].pixels
    curves = {key: _curve(folder) for key, folder in folders.items()}
    dull = measures.dull(style)

    @cache
    def judge(width: int, height: int) -> Judge | None:
        try:
            return Judge(photo, style, size=(width, height))
        except InputError:
            # The picture is too small for the networks that judge, or they are not installed.
            return None

    looks: dict[Shot, Look] = {}
    for row in plan.rows:
        before: Look | None = None
        for shot in row.shots:
            cell, folder = plan.cell(shot.key), folders[shot.key]
            pixels, step, problem = _picture(folder, curves[shot.key], shot)
            floats = pixels.astype(np.float32) / 255
            figures = _losses(curves[shot.key], step) | _measured(floats, dull)
            figures |= _scores(judge(*_final_size(folder, pixels)), floats)
            figures["change"] = math.nan if before is None else measures.difference(floats, before.floats)
            before = looks[shot] = Look(
                cell=cell, shot=shot, step=step, pixels=pixels, figures=figures, problem=problem
            )
    return Findings(
        plan=plan, looks=looks, curves=curves, photo=photo, style=style, style_figures=_measured(style, dull)
    )


def _curve(folder: RunFolder) -> Curve:
    steps = [line for line in folder.events() if line["type"] == "Step"]
    names = dict.fromkeys(name for line in steps for name in line["terms"])
    return Curve(
        steps=[line["step"] for line in steps],
        losses=[_number(line["loss"]) for line in steps],
        terms={name: [_number(line["terms"].get(name, 0.0)) for line in steps] for name in names},
        improved=[line["improved"] for line in steps],
        levels=[line["level"] for line in steps],
    )


def _number(value: Any) -> float:
    """Read a number of the log, where one that was not finite is null."""
    return math.nan if value is None else float(value)


def _picture(folder: RunFolder, curve: Curve, shot: Shot) -> tuple[UInt8[np.ndarray, "_h _w 3"], int, str]:
    """Return a picture, the step it is of, and why there is no better one."""
    done = curve.steps[-1] if curve.steps else 0
    failures = [line["message"] or "the run ended early" for line in folder.events() if line["type"] == "failed"]
    problem = failures[-1] if failures else ""
    snapshot = folder.path / "snapshots" / f"{shot.step:06d}.png"
    ends = [folder.path / "result.png", folder.path / "latest.png"]
    for file, step in [(snapshot, shot.step), *((end, done) for end in ends)]:
        if file.exists():
            return quantize(read_picture(file).pixels), step, problem
    return np.full((64, 64, 3), 255, np.uint8), done, problem or "no picture was kept"


def _final_size(folder: RunFolder, pixels: UInt8[np.ndarray, "h w 3"]) -> tuple[int, int]:
    """Return width and height of the last level that was painted, at which all pictures of a run are judged."""
    sizes = [(line["width"], line["height"]) for line in folder.events() if line["type"] == "LevelStarted"]
    return sizes[-1] if sizes else (pixels.shape[1], pixels.shape[0])


def _losses(curve: Curve, step: int) -> dict[str, float]:
    """Return loss and terms of the last point that the optimiser took up to a step."""
    taken = [
        number for number, (at, ok) in enumerate(zip(curve.steps, curve.improved, strict=True)) if at <= step and ok
    ]
    if not taken:
        return {"loss": math.nan, "content_loss": math.nan, "style_loss": math.nan}
    last = taken[-1]
    return {"loss": curve.losses[last]} | {
        f"{name}_loss": _at(curve.terms.get(name), last) for name in ("content", "style")
    }


def _at(values: Sequence[float] | None, place: int) -> float:
    return 0.0 if values is None else values[place]


def _measured(picture: Float[np.ndarray, "_h _w 3"], dull: float) -> dict[str, float]:
    return {
        "grey": measures.grey_share(picture, dull),
        "clipped": measures.clipped_share(picture),
        "lightness": measures.lightness_spread(picture),
        "chroma": measures.mean_chroma(picture),
    }


def _scores(judge: Judge | None, picture: Float[np.ndarray, "_h _w 3"]) -> dict[str, float]:
    if judge is None:
        return dict(_NOTHING)
    scores = judge.score(picture)
    return {"content": scores.content, "style": scores.style}
