"""The plan of a study: its runs, and how the report arranges their pictures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from impasto.errors import InputError
from impasto.recipe import Recipe

MAX_UNCONFIRMED_RUNS: Final = 200
"""Studies with more runs must be confirmed by `yes`."""

Stated: TypeAlias = Mapping[str, Any]
"""Recipe settings stated by the user, by flat name."""


@dataclass(frozen=True)
class Cell:
    """One run of a study: `key` names its folder, `varied` holds the values by which it differs from the other runs."""

    key: str
    caption: str
    recipe: Recipe
    varied: Mapping[str, Any] = field(default_factory=dict)


class PlannedPicture(NamedTuple):
    """A picture of the report: the run's picture after `step` steps, or its result if `step` is 0."""

    cell: Cell
    caption: str
    step: int = 0


@dataclass(frozen=True)
class Row:
    """A row of pictures in the report."""

    title: str
    pictures: tuple[PlannedPicture, ...]

    @classmethod
    def of_results(cls, title: str, cells: Sequence[Cell], captions: Sequence[str] | None = None) -> "Row":
        """Return a row with the result of each run; `captions` replace the runs' own captions."""
        captions = captions or [cell.caption for cell in cells]
        return cls(title, tuple(map(PlannedPicture, cells, captions)))

    @classmethod
    def of_snapshots(cls, title: str, cell: Cell, steps: Sequence[int]) -> "Row":
        """Return a row with the pictures of one run after these steps."""
        return cls(title, tuple(PlannedPicture(cell, f"{step:,} steps", step) for step in steps))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All runs of a study, and the rows in which their pictures are shown.

    Args:
        name: Name of the experiment.
        title: Heading of the report.
        question: Question that the study answers, in one or two sentences.
        rows: The pictures of the report; runs are painted in their order.
        options: The experiment's own options as they were given.
        preset: Base preset of all recipes; None if there are several.
        base: The recipe before anything was varied.
        stated: Recipe settings stated by the user, by flat name.
    """

    name: str
    title: str
    question: str
    rows: tuple[Row, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    preset: str | None = None
    base: Recipe = field(default_factory=Recipe)
    stated: Stated = field(default_factory=dict)

    @property
    def cells(self) -> list[Cell]:
        """All runs in the order of painting."""
        return list({picture.cell.key: picture.cell for row in self.rows for picture in row.pictures}.values())


def check_count(count: int, *, confirmed: bool) -> None:
    """Raise InputError if a study has suspiciously many runs and they were not confirmed."""
    if count > MAX_UNCONFIRMED_RUNS and not confirmed:
        raise InputError(f"this study has {count} runs, more than {MAX_UNCONFIRMED_RUNS}: --yes confirms them")


def read_steps(text: str) -> tuple[int, ...]:
    """Read a list of steps as in `10,100,1000`, sorted and without duplicates.

    >>> read_steps("100, 10,1_000")
    (10, 100, 1000)
    """
    return tuple(sorted(set(_read_numbers(text, int, "--at is a list of steps such as 10,100,1000", minimum=1.0))))


def read_ratios(text: str) -> tuple[float, ...]:
    """Read a list of ratios of content weight to style weight, rounded to six digits and without duplicates.

    >>> read_ratios("1e-4, 1e-3,0.001")
    (0.0001, 0.001)
    """
    numbers = _read_numbers(text, float, "--ratios is a list of numbers such as 1e-4,1e-3", minimum=1e-12)
    return tuple(dict.fromkeys(float(f"{number:g}") for number in numbers))


def _read_numbers(text: str, kind: Callable[[str], Any], expected: str, *, minimum: float) -> list[Any]:
    try:
        numbers = [kind(word) for word in text.split(",") if word.strip()]
    except ValueError:
        numbers = []
    if not numbers or not all(minimum <= number <= 1e12 for number in numbers):
        raise InputError(f"{expected}, not {text!r}")
    return numbers
