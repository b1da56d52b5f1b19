"""Experiments that compare recipes with the same number of steps: one choice at a time, or a grid of any fields."""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, get_args

from impasto.backbones import describe_weights
from impasto.errors import InputError
from impasto.networks import NETWORKS
from impasto.recipe import INITS, Recipe
from impasto.recipe.fields import Pooling, StyleLoss
from impasto.study.findings import NO_SCORES, Experiment, Findings, have_scores, lowest, ratio
from impasto.study.plan import Cell, Row, check_count

Changes: TypeAlias = Mapping[str, Mapping[str, Any]]
"""What each run changes of the base recipe, by its caption."""


def _summarize(findings: Findings) -> list[str]:
    """Name the pictures with the best scores; compare the losses where all runs have the same objective."""
    pictures = findings.rows[0]
    content, style = lowest(pictures, "content"), lowest(pictures, "style")
    sentences = [
        f"{content.cell.caption} keeps most of the photo (content {content.figures['content']:.3f}).",
        f"{style.cell.caption} takes most of the style (style {style.figures['style']:.3f}).",
    ]
    if not have_scores(pictures):
        sentences = [NO_SCORES]
    if findings.plan.name in ("init", "optimizers"):
        least = lowest(pictures, "loss").figures["loss"]
        ratios = ", ".join(f"{one.cell.caption} x {ratio(one.figures['loss'], least):.2f}" for one in pictures)
        sentences.append(f"All have the same objective; the loss at the end, as a multiple of the lowest: {ratios}.")
    return sentences


def _compare(changes: Changes | Callable[[Recipe], Changes]) -> Callable[..., list[Row]]:
    """Return a function that arranges a row with a run for each change."""

    def arrange(base: Recipe, stated: Mapping[str, Any]) -> list[Row]:
        chosen = changes(base) if callable(changes) else changes
        cells = [
            Cell(caption.lower().replace(", ", "-").replace(" ", "-"), caption, base.with_changes(**change), change)
            for caption, change in chosen.items()
        ]
        return [Row.of_results("", cells)]

    return arrange


def _available_backbones(base: Recipe) -> Changes:
    """Return the networks whose weights are on this machine."""
    changes = {}
    for name in NETWORKS:
        try:
            describe_weights(base.weights, name)
        except InputError:
            continue
        changes[name] = {"backbone": name}
    return changes


def _arrange_grid(base: Recipe, stated: Mapping[str, Any], *, vary: Sequence[str] = (), yes: bool = False) -> list[Row]:
    """Arrange every combination of values: the last field makes the columns, the others the rows."""
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


def read_variation(text: str) -> tuple[str, tuple[str, ...]]:
    """Read `FIELD=VALUE,VALUE`; the values of fields that are lists themselves are separated by slashes.

    >>> read_variation("style-weight=1,10"), read_variation("style_layers=conv1_1/conv1_1,conv2_1")
    (('style_weight', ('1', '10')), ('style_layers', ('conv1_1', 'conv1_1,conv2_1')))
    """
    name, equals, values = text.partition("=")
    field = name.strip().replace("-", "_")
    if field not in Recipe.model_fields:
        raise InputError(f"--vary: unknown field {name.strip()!r}; known are {', '.join(Recipe.model_fields)}")
    separator = "/" if isinstance(Recipe.model_fields[field].default, tuple) else ","
    listed = tuple(dict.fromkeys(part.strip() for part in values.split(separator) if part.strip()))
    if not equals or not listed:
        raise InputError(f"--vary {text}: values are missing, as in --vary {field}=A,B")
    return field, listed


def _grid_cell(base: Recipe, number: int, values: dict[str, Any]) -> Cell:
    # The number distinguishes values that become the same file name.
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "_", "-".join(f"{name}-{value}" for name, value in values.items()))[:100]
    return Cell(f"{number:03d}-{name}", _describe(values), base.with_changes(**values), values)


def _describe(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


_ADAM: Final = {f"Adam, rate {rate:g}": {"optimizer": "adam", "learning_rate": rate} for rate in (1.0, 3.0, 10.0)}

COMPARISONS: Final = (
    Experiment(
        name="init",
        title="Where to start",
        question="The objective is the same; only the initial picture differs.",
        arrange=_compare({name: {"init": name} for name in INITS}),
        summary=_summarize,
    ),
    Experiment(
        name="pooling",
        title="How the network downsamples its maps",
        question="The paper replaces maximum pooling by average pooling and finds that pictures get better.",
        arrange=_compare({name: {"pooling": name} for name in get_args(Pooling)}),
        summary=_summarize,
    ),
    Experiment(
        name="optimizers",
        title="Which optimizer",
        question="The same objective and the same number of evaluations of loss and gradient.",
        arrange=_compare({"L-BFGS": {"optimizer": "lbfgs"}} | _ADAM),
        summary=_summarize,
    ),
    # The scales of the preset `default` hold for every network and loss.
    Experiment(
        name="backbones",
        title="Which network",
        question="Each network with its own default layers and the weights of the recipe.",
        arrange=_compare(_available_backbones),
        summary=_summarize,
        preset="default",
    ),
    Experiment(
        name="losses",
        title="Which style loss",
        question="Each style loss alone, with a weight of 1; the losses have different scales.",
        # `grain` is meant to be added to another loss.
        arrange=_compare({name: {"style_losses": (f"{name}=1.0",)} for name in get_args(StyleLoss) if name != "grain"}),
        summary=_summarize,
        preset="default",
    ),
)

CUSTOM: Final = Experiment(
    name="custom",
    title="A grid of recipes",
    question="Every combination of the values, everything else equal.",
    arrange=_arrange_grid,
    summary=_summarize,
)
