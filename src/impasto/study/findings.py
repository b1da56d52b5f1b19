"""What was found: the pictures that were looked at with their figures, and the losses of every step."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, UInt8

from impasto.study.plan import Cell, Plan, Planner, Shot

COLUMNS: Final[dict[str, str]] = {
    "loss": "the objective after this step",
    "content_loss": "its weighted content term",
    "style_loss": "its weighted style term",
    "content": "what of the photo is lost (ST-LPIPS to the photo); lower is better",
    "style": "what of the style is missing (sliced Wasserstein, AlexNet and VGG-16); lower is better",
    "grey": "share of the area duller than the dullest tenth of the style; .1 is the style's own",
    "clipped": "share of pixels with a channel at 0 or 255",
    "lightness": "spread of lightness (standard deviation, Oklab)",
    "chroma": "mean chroma (Oklab)",
    "change": "mean absolute difference from the picture before it in its row, in grey levels",
}
"""The figures of a picture, and what each tells."""

UNJUDGED: Final = "The pictures have no scores: they are too small, or the networks that judge are not installed."


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """A picture that was looked at: RGB in 8 bits, the step it is of, and its figures by the names of COLUMNS.

    `problem` says why the run failed, if it did; the picture is its last good one then.
    """

    cell: Cell
    shot: Shot
    step: int
    pixels: UInt8[np.ndarray, "h w 3"]
    figures: Mapping[str, float]
    problem: str = ""

    @property
    def floats(self) -> Float[np.ndarray, "h w 3"]:
        """The picture in [0, 1]."""
        return self.pixels.astype(np.float32) / 255

    @property
    def stem(self) -> str:
        """The name of its file without the ending."""
        return f"{self.cell.key}-{self.shot.step:06d}" if self.shot.step else self.cell.key


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """The losses of one run: `steps` as they were done, `terms` their weighted parts by name."""

    steps: Sequence[int]
    losses: Sequence[float]
    terms: Mapping[str, Sequence[float]]
    improved: Sequence[bool]
    levels: Sequence[int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Map:
    """A value for each place of a picture, to be shown as colours on one scale with the others of its strip."""

    caption: str
    values: Float[np.ndarray, "h w"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Strip:
    """Maps side by side, and what they show."""

    title: str
    text: str
    maps: Sequence[Map]


@dataclass(frozen=True, kw_only=True, eq=False)
class Findings:
    """Everything that a study found. `photo` and `style` are the pictures it began with, in [0, 1]."""

    plan: Plan
    looks: Mapping[Shot, Look]
    curves: Mapping[str, Curve]
    photo: Float[np.ndarray, "h w 3"]
    style: Float[np.ndarray, "sh sw 3"]
    style_figures: Mapping[str, float]

    def row(self, number: int) -> list[Look]:
        """Return the pictures of a row."""
        return [self.looks[shot] for shot in self.plan.rows[number].shots]

    def all(self) -> list[Look]:
        """Return all pictures, row by row."""
        return [self.looks[shot] for shot in self.plan.shots]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A study: how it is planned, what is plotted, and which sentences say what was seen.

    `against` is what the figures are plotted against: the `steps` of a run, or `nothing` (no plot of figures).
    """

    plan: Planner
    says: Callable[[Findings], list[str]]
    strips: Callable[[Findings], list[Strip]] = lambda _: []
    against: str = "nothing"


def best(looks: Sequence[Look], column: str) -> Look:
    """Return the picture with the lowest figure."""
    return min(looks, key=lambda look: look.figures[column] if math.isfinite(look.figures[column]) else math.inf)


def judged(looks: Sequence[Look]) -> bool:
    """Tell whether any picture has scores; very small ones have none."""
    return any(math.isfinite(look.figures["style"]) for look in looks)


def ratio(part: float, whole: float) -> float:
    """Return the quotient of two figures; nothing over nothing is 1, anything else over nothing unknown.

    >>> ratio(1.0, 4.0), ratio(0.0, 0.0), ratio(1.0, 0.0)
    (0.25, 1.0, nan)
    """
    if whole:
        return part / whole
    return math.nan if part else 1.0


def percent(share: float) -> str:
    r"""Write a share as a percentage with two digits that count; the space before the sign does not break.

    >>> [percent(share).replace("\xa0", " ") for share in (0.123, 0.0051, 1.0)]
    ['12 %', '0.51 %', '100 %']
    """
    return f"{100 * share:.0f}\xa0%" if share >= 0.0995 or not share else f"{100 * share:.2g}\xa0%"
