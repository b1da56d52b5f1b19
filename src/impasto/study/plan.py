"""What a study is before anything is painted: its runs, what is looked at of each, and how that is laid out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from impasto.errors import InputError
from impasto.recipe import Recipe

MOST_RUNS: Final = 200
"""Runs above which a study has to be confirmed."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run of a study. `key` names its folder; `varied` are the values by which it differs from the others."""

    key: str
    caption: str
    recipe: Recipe
    varied: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Shot:
    """A picture that is looked at: what a run shows after so many steps; 0: at its end."""

    key: str
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the sheet; `captions` stand below its pictures."""

    title: str
    shots: tuple[Shot, ...]
    captions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All runs of a study, in the order in which they are painted, and the rows in which they are shown.

    `preset` is what the recipes began with, if that was one for all; `options` is what the person chose beside it, and
    `stated` are the fields that were stated for recipes that began with several.
    """

    name: str
    title: str
    question: str
    cells: tuple[Cell, ...]
    rows: tuple[Row, ...]
    options: Mapping[str, str] = field(default_factory=dict)
    preset: str | None = None
    base: Recipe | None = None
    stated: tuple[str, ...] = ()

    def cell(self, key: str) -> Cell:
        """Return the run of that key."""
        return next(cell for cell in self.cells if cell.key == key)

    @property
    def shots(self) -> list[Shot]:
        """All pictures that are looked at, row by row."""
        return [shot for row in self.rows for shot in row.shots]


Stated: TypeAlias = Mapping[str, Any]
"""Fields of a recipe that a person stated."""

Planner: TypeAlias = Callable[..., Plan]


def row_of(title: str, cells: Sequence[Cell]) -> Row:
    """Return a row that shows the end of some runs."""
    return Row(title=title, shots=tuple(Shot(cell.key) for cell in cells), captions=tuple(c.caption for c in cells))


def snapshots_of(key: str, title: str, steps: Sequence[int]) -> Row:
    """Return a row that shows one run after so many steps."""
    return Row(
        title=title, shots=tuple(Shot(key, step) for step in steps), captions=tuple(f"{step:,} steps" for step in steps)
    )


def check_count(count: int, *, confirmed: bool) -> None:
    """Raise InputError if a study has more runs than one starts by accident."""
    if count > MOST_RUNS and not confirmed:
        raise InputError(f"this study has {count} runs, more than {MOST_RUNS}: --yes confirms that it is meant")


def read_steps(text: str) -> tuple[int, ...]:
    """Read a list of steps as in `10,100,1000`, sorted, each once; raises InputError in one line.

    >>> read_steps("100, 10,1_000")
    (10, 100, 1000)
    """
    return tuple(sorted(set(_numbers(text, int, "--at is a list of steps such as 10,100,1000", least=1.0))))


def read_ratios(text: str) -> tuple[float, ...]:
    """Read a list of ratios of content to style, each once, to six digits; raises InputError in one line.

    >>> read_ratios("1e-4, 1e-3,0.001")
    (0.0001, 0.001)
    """
    numbers = _numbers(text, float, "--ratios is a list of numbers such as 1e-4,1e-3", least=1e-12)
    return tuple(dict.fromkeys(float(f"{number:g}") for number in numbers))


def _numbers(text: str, kind: Callable[[str], Any], form: str, *, least: float) -> list[Any]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    try:
        numbers = [kind(word) for word in words]
    except ValueError:
        raise InputError(f"{form}, not {text!r}") from None
    if not numbers or not all(least <= number <= 1e12 for number in numbers):
        raise InputError(f"{form}, not {text!r}")
    return numbers
