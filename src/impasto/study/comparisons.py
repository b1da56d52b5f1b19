"""Experiments that compare recipes with the same number of steps: one choice at a time, or a grid of any fields."""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, get_args

from impasto.backbones import describe_weights
from impasto.errors import InputError
from impasto.networks import NETWORKS
from impasto.recipe import FIELDS, INITS, STYLE_LOSSES, Pooling, Recipe, describe_unknown
from impasto.study.findings import Experiment, Findings, lowest, ratio
from impasto.study.plan import Cell, Row, Stated, check_count

Changes: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Changes of the base recipe by the caption of each run."""


class Comparison(Experiment):
    """Runs that differ in one choice."""

    def __init__(
        self, name: str, title: str, question: str, changes: Callable[[Recipe], Changes], *, preset: str = "paper"
    ) -> None:
        self.name, self.title, self.question, self.preset = name, title, question, preset
        self._changes = changes

    def arrange(self, base: Recipe, stated: Stated) -> list[Row]:
        """Arrange a run for each change."""
        cells = [
            Cell(caption.lower().replace(", ", "-").replace(" ", "-"), caption, base.with_changes(**change), change)
            for caption, change in self._changes(base).items()
        ]
        return [Row.of_results("", cells)]

    def summary(self, findings: Findings) -> list[str]:
        """Name the pictures with the best scores; compare the losses where all runs have the same objective."""
        sentences = super().summary(findings)
        if self.name in ("init", "optimizers"):
            pictures = findings.rows[0]
            least = lowest(pictures, "loss").figures["loss"]
            ratios = ", ".join(f"{one.cell.caption} x {ratio(one.figures['loss'], least):.2f}" for one in pictures)
            sentences.append(
                f"All have the same objective; the loss at the end, as a multiple of the lowest: {ratios}."
            )
        return sentences


class CustomGrid(Experiment):
    """Any recipe fields: every combination of their values."""

    name = "custom"
    title = "A grid of recipes"
    question = "Every combination of the values, everything else equal."

    def arrange(self, base: Recipe, stated: Stated, *, vary: Sequence[str] = (), yes: bool = False) -> list[Row]:
        """Arrange a run for every combination: the last field makes the columns, the others the rows."""
        fields = dict(read_variation(text) for text in vary)
        if not fields or len(fields) < len(vary):
            raise InputError("--vary FIELD=VALUE,VALUE names a field of the recipe, each once: --vary size=256,512")
        if repeated := sorted(set(fields) & set(stated)):
            raise InputError(f"{', '.join(repeated)} cannot both be varied and stated")
        *outer, (last, columns) = fields.items()
        combinations = list(itertools.product(*(values for _, values in outer)))
        check_count(len(combinations) * len(columns), confirmed=yes)
        numbers = itertools.count()
        rows = []
        for values in combinations:
            shared = dict(zip((name for name, _ in outer), values, strict=True))
            cells = [_grid_cell(base, next(numbers), shared | {last: value}) for value in columns]
            rows.append(Row.of_results(_describe(shared), cells, [_describe({last: value}) for value in columns]))
        return rows


def _grid_cell(base: Recipe, number: int, values: dict[str, Any]) -> Cell:
    # The number keeps keys unique if different values give the same file name.
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "_", "-".join(f"{name}-{value}" for name, value in values.items()))[:100]
    return Cell(f"{number:03d}-{name}", _describe(values), base.with_changes(**values), values)


def _describe(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def read_variation(text: str) -> tuple[str, tuple[str, ...]]:
    """Read `FIELD=VALUE,VALUE`; the values of fields that are lists themselves are separated by slashes.

    >>> read_variation("style-weight=1,10"), read_variation("style_layers=conv1_1/conv1_1,conv2_1")
    (('style_weight', ('1', '10')), ('style_layers', ('conv1_1', 'conv1_1,conv2_1')))
    """
    name, equals, values = text.partition("=")
    field = name.strip().replace("-", "_")
    if field not in FIELDS:
        raise InputError(f"--vary: {describe_unknown(field)}")
    separator = "/" if isinstance(FIELDS[field].info.default, tuple | dict) else ","
    listed = tuple(dict.fromkeys(part.strip() for part in values.split(separator) if part.strip()))
    if not equals or not listed:
        raise InputError(f"--vary {text}: values are missing, as in --vary {field}=A,B")
    return field, listed


def _optimizers(_: Recipe) -> Changes:
    adam = {f"Adam, rate {rate:g}": {"optimizer": "adam", "learning_rate": rate} for rate in (1.0, 3.0, 10.0)}
    return {"L-BFGS": {"optimizer": "lbfgs"}, **adam}


def _backbones_on_disk(base: Recipe) -> Changes:
    """Return the networks whose weights are on this machine."""
    changes = {}
    for name in NETWORKS:
        try:
            describe_weights(base.network.weights, name)
        except InputError:
            continue
        changes[name] = {"backbone": name}
    return changes


COMPARISONS: Final = (
    Comparison(
        "init",
        "Where to start",
        "The objective is the same; only the initial picture differs.",
        lambda _: {name: {"init": name} for name in INITS},
    ),
    Comparison(
        "pooling",
        "How the network downsamples its maps",
        "The paper replaces maximum pooling by average pooling and finds that pictures get better.",
        lambda _: {name: {"pooling": name} for name in get_args(Pooling)},
    ),
    Comparison(
        "optimizers",
        "Which optimizer",
        "The same objective and the same number of evaluations of loss and gradient.",
        _optimizers,
    ),
    # These start from `default`, whose scales suit every network and loss.
    Comparison(
        "backbones",
        "Which network",
        "Each network with its own default layers and the weights of the recipe.",
        _backbones_on_disk,
        preset="default",
    ),
    Comparison(
        "losses",
        "Which style loss",
        "Each style loss alone, with a weight of 1; the losses have different scales.",
        # Losses that compare pixels are meant to be added to another one.
        lambda _: {name: {"style_losses": f"{name}=1.0"} for name, pixels in STYLE_LOSSES.items() if not pixels},
        preset="default",
    ),
)
