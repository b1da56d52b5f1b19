"""Evaluation of a study's runs: their pictures with the figures of each, and the loss of every step."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from jaxtyping import Float, UInt8

from impasto.errors import InputError
from impasto.events import Failed, Step
from impasto.images import quantize, read_picture
from impasto.recipe import Recipe, resolve
from impasto.runs import RunFolder
from impasto.score import Judge
from impasto.study import measures
from impasto.study.plan import Cell, Plan, PlannedPicture, Row, Stated

COLUMNS: Final[dict[str, str]] = {
    "loss": "the objective after this step",
    "content_loss": "its weighted content term",
    "style_loss": "its weighted style term",
    "content": "how much of the photo is lost (ST-LPIPS to the photo); lower is better",
    "style": "how much of the style is missing (sliced Wasserstein, AlexNet and VGG-16); lower is better",
    "gray": "share of the area less colorful than the grayest tenth of the style; .1 is the style's own share",
    "clipped": "share of pixels with a channel at 0 or 255",
    "lightness": "standard deviation of lightness (Oklab)",
    "chroma": "mean chroma (Oklab)",
    "change": "mean absolute difference from the previous picture of its row, in gray levels",
}
"""The figures of a picture, and their descriptions."""

NO_SCORES: Final = "The pictures have no scores: they are too small, or the networks that judge are not installed."


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluatedPicture:
    """A picture of a study with its figures.

    Args:
        cell: The run it belongs to.
        caption: Text below it in the report.
        stem: The name of its file without the extension.
        step: The number of steps after which it was taken.
        pixels: RGB, 8 bit.
        figures: The values of COLUMNS by name; NaN if unknown.
        problem: Error of a failed run, whose last good picture is used; otherwise empty.
    """

    cell: Cell
    caption: str
    stem: str
    step: int
    pixels: UInt8[np.ndarray, "h w 3"]
    figures: Mapping[str, float]
    problem: str = ""

    @property
    def floats(self) -> Float[np.ndarray, "h w 3"]:
        """The picture in [0, 1]."""
        return self.pixels.astype(np.float32) / 255


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageStrip:
    """A row of heat maps by their captions, with one color scale, a title and an explanation."""

    title: str
    text: str
    maps: Mapping[str, Float[np.ndarray, "_h _w"]]

    @property
    def maximum(self) -> float:
        """The upper end of the scale: the 99.5th percentile of the strongest map."""
        return max(float(np.quantile(values, 0.995)) for values in self.maps.values())


@dataclass(frozen=True, kw_only=True, eq=False)
class Findings:
    """The evaluated pictures and the steps of a study by run; `photo` and `style` are its input pictures, in [0, 1]."""

    plan: Plan
    rows: Sequence[Sequence[EvaluatedPicture]]
    steps: Mapping[str, Sequence[Step]]
    photo: Float[np.ndarray, "h w 3"]
    style: Float[np.ndarray, "sh sw 3"]
    style_figures: Mapping[str, float]

    @property
    def pictures(self) -> list[EvaluatedPicture]:
        """All pictures, row by row."""
        return [picture for row in self.rows for picture in row]


class Experiment(ABC):
    """A kind of study."""

    name: str
    """Name of the command."""
    title: str
    """Heading of the report."""
    question: str
    """Question that the study answers."""
    preset: str | None = "paper"
    """Default preset of the recipes; None: the experiment compares presets."""
    plots_steps: bool = False
    """Whether the report plots the figures against the steps; otherwise it plots content against style."""

    def plan(self, stated: Stated, preset: str | None = None, **options: Any) -> Plan:
        """Plan a study; nothing is loaded or painted.

        Args:
            stated: Recipe fields by flat name, over those of the preset.
            preset: Name of the base preset.
            **options: The experiment's own options, and `yes` where it may have more than 200 runs.

        Returns:
            The plan.

        Raises:
            InputError: An option or a field is out of range, or there are too many runs.
        """
        if preset and self.preset is None:
            raise InputError(f"study {self.name} compares presets: name them with --recipes, not --preset")
        base = resolve(preset or self.preset, stated)
        return Plan(
            name=self.name,
            title=self.title,
            question=self.question,
            rows=tuple(self.arrange(base, stated, **options)),
            options=options,
            preset=preset or self.preset,
            base=base,
            stated=stated,
        )

    @abstractmethod
    def arrange(self, base: Recipe, stated: Stated, *args: Any, **options: Any) -> list[Row]:
        """Return the rows of a study for a base recipe and the experiment's options."""

    def conclusions(self, findings: Findings) -> list[str]:
        """Return the summary, and which runs gave the same picture although they differ."""
        sentences, first = self.summary(findings), dict[bytes, Cell]()
        for picture in findings.pictures:
            cell = picture.cell
            same = cell if picture.problem else first.setdefault(picture.pixels.tobytes(), cell)
            if same.varied != cell.varied:
                both = f"{same.caption} and {cell.caption} gave the same picture, bit for bit"
                sentences.append(f"{both}: what differs between them has no effect here.")
        return sentences

    def summary(self, findings: Findings) -> list[str]:
        """Return sentences about the findings; by default they name the pictures with the best scores."""
        pictures = findings.pictures
        if not have_scores(pictures):
            return [NO_SCORES]
        content, style = lowest(pictures, "content"), lowest(pictures, "style")
        return [
            f"{content.cell.caption} keeps most of the photo (content {content.figures['content']:.3f}).",
            f"{style.cell.caption} takes most of the style (style {style.figures['style']:.3f}).",
        ]

    def strips(self, findings: Findings) -> list[ImageStrip]:
        """Return heat maps for the report."""
        return []


def evaluate(plan: Plan, folders: Mapping[str, RunFolder]) -> Findings:
    """Evaluate the finished runs of a study.

    Args:
        plan: What was painted.
        folders: The run folder of each cell by its key.

    Raises:
        InputError: A picture cannot be read.
    """
    inputs = folders[plan.cells[0].key].inputs()
    photo, style = inputs.content.pixels, inputs.styles[0].pixels
    threshold = measures.gray_threshold(style)

    @cache
    def judge(width: int, height: int) -> Judge | None:
        try:
            return Judge(photo, style, size=(width, height))
        except InputError:
            # The picture is too small for the networks, or they are not installed.
            return None

    def evaluate_picture(planned: PlannedPicture, before: EvaluatedPicture | None) -> EvaluatedPicture:
        folder = folders[planned.cell.key]
        log = folder.read_log()
        pixels, step = _picture_of(folder, planned.step)
        floats = pixels.astype(np.float32) / 255
        network = judge(*floats.shape[1::-1])
        scores = network.score(floats) if network else None
        figures = _losses_at(log.steps, step) | measures.color_figures(floats, threshold)
        figures |= {name: getattr(scores, name, math.nan) for name in ("content", "style")}
        figures["change"] = measures.difference(floats, before.floats) if before else math.nan
        failures = log.of(Failed)
        return EvaluatedPicture(
            cell=planned.cell,
            caption=planned.caption,
            stem=f"{planned.cell.key}-{planned.step:06d}" if planned.step else planned.cell.key,
            step=step,
            pixels=pixels,
            figures=figures,
            problem=(failures[-1].message or "the run ended early") if failures else "",
        )

    rows: list[list[EvaluatedPicture]] = []
    for row in plan.rows:
        rows.append([])
        for planned in row.pictures:
            rows[-1].append(evaluate_picture(planned, rows[-1][-1] if rows[-1] else None))
    return Findings(
        plan=plan,
        rows=rows,
        steps={key: folder.read_log().steps for key, folder in folders.items()},
        photo=photo,
        style=style,
        style_figures=measures.color_figures(style, threshold),
    )


def _picture_of(folder: RunFolder, step: int) -> tuple[UInt8[np.ndarray, "_h _w 3"], int]:
    """Return the picture after `step` steps (0: at the end) and its step, or the last one if the run failed before."""
    done = folder.read_log().progress.step
    for file, at in ((folder.snapshot_path(step), step), (folder.result_path, done), (folder.latest_path, done)):
        if file.exists():
            return quantize(read_picture(file).pixels), at
    return np.full((64, 64, 3), 255, np.uint8), done


def _losses_at(steps: Sequence[Step], step: int) -> dict[str, float]:
    """Return loss and terms of the last accepted step up to this one."""
    last = next((one for one in reversed(steps) if one.step <= step and one.improved), None)
    if last is None:
        return dict.fromkeys(("loss", "content_loss", "style_loss"), math.nan)
    return {"loss": last.loss} | {f"{name}_loss": last.terms[name] for name in ("content", "style")}


def lowest(pictures: Sequence[EvaluatedPicture], column: str) -> EvaluatedPicture:
    """Return the picture with the lowest known figure."""
    return min(pictures, key=lambda p: p.figures[column] if math.isfinite(p.figures[column]) else math.inf)


def have_scores(pictures: Sequence[EvaluatedPicture]) -> bool:
    """Return True if any picture has scores; very small pictures have none."""
    return any(math.isfinite(picture.figures["style"]) for picture in pictures)


def ratio(part: float, whole: float) -> float:
    """Return a quotient of two figures: 1 for zero over zero, NaN for anything else over zero.

    >>> ratio(1.0, 4.0), ratio(0.0, 0.0), ratio(1.0, 0.0)
    (0.25, 1.0, nan)
    """
    if whole:
        return part / whole
    return math.nan if part else 1.0


def percent(share: float) -> str:
    r"""Format a share as a percentage with two significant digits and a non-breaking space.

    >>> [percent(share).replace("\xa0", " ") for share in (0.123, 0.0051, 1.0)]
    ['12 %', '0.51 %', '100 %']
    """
    return f"{100 * share:.0f}\xa0%" if share >= 0.0995 or not share else f"{100 * share:.2g}\xa0%"
