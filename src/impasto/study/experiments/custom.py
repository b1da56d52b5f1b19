"""`study custom`: any fields of the recipe, every combination of their values."""

import itertools
import re
from collections.abc import Sequence
from typing import Any

from impasto.errors import InputError
from impasto.recipe import Recipe, resolve
from impasto.study.experiments.changes import says
from impasto.study.findings import Experiment
from impasto.study.plan import Cell, Plan, Row, Shot, Stated, check_count


def plan(stated: Stated, preset: str | None = None, *, vary: Sequence[str] = (), yes: bool = False) -> Plan:
    """Plan a run for every combination of values; the last field makes the columns, the others the rows."""
    fields = dict(read_variation(text) for text in vary)
    if not fields or len(fields) < len(vary):
        raise InputError("--vary FIELD=VALUE,VALUE names a field of the recipe, each once: --vary size=256,512")
    if twice := sorted(set(fields) & set(stated)):
        raise InputError(f"{', '.join(twice)} cannot both be varied and stated")
    base = resolve(preset or "paper", dict(stated))
    *outer, (last, columns) = fields.items()
    combinations = list(itertools.product(*(values for _, values in outer)))
    check_count(len(combinations) * len(columns), confirmed=yes)
    cells: list[Cell] = []
    rows = []
    for combination in combinations:
        shared = dict(zip((name for name, _ in outer), combination, strict=True))
        row = [_cell(base, len(cells) + number, shared | {last: value}) for number, value in enumerate(columns)]
        cells += row
        rows.append(
            Row(
                title=_caption(shared),
                shots=tuple(Shot(cell.key) for cell in row),
                captions=tuple(_caption({last: value}) for value in columns),
            )
        )
    return Plan(
        name="custom",
        title=" × ".join(fields),
        question="Every combination of the values, everything else alike.",
        cells=tuple(cells),
        rows=tuple(rows),
        options={f"vary {name}": f"{name}={_separator(name).join(values)}" for name, values in fields.items()},
        preset=preset or "paper",
        base=base,
    )


def read_variation(text: str) -> tuple[str, tuple[str, ...]]:
    """Read `FIELD=VALUE,VALUE`; fields that are lists themselves have slashes between their values.

    Raises InputError in one line for an unknown field or one without values.

    >>> read_variation("style-weight=1,10"), read_variation("style_layers=conv1_1/conv1_1,conv2_1")
    (('style_weight', ('1', '10')), ('style_layers', ('conv1_1', 'conv1_1,conv2_1')))
    """
    name, equals, values = text.partition("=")
    field = name.strip().replace("-", "_")
    if field not in Recipe.model_fields:
        raise InputError(f"--vary: unknown field {name.strip()!r}; known are {', '.join(Recipe.model_fields)}")
    listed = tuple(dict.fromkeys(part.strip() for part in values.split(_separator(field)) if part.strip()))
    if not equals or not listed:
        raise InputError(f"--vary {text}: values are missing, as in --vary {field}=A,B")
    return field, listed


def _separator(field: str) -> str:
    return "/" if isinstance(Recipe.model_fields[field].default, tuple) else ","


def _cell(base: Recipe, number: int, values: dict[str, Any]) -> Cell:
    key = "-".join(f"{name}-{value}" for name, value in values.items())
    return Cell(
        # The number tells those apart that are written alike as names of files.
        key=f"{number:03d}-{re.sub(r'[^A-Za-z0-9_.+-]+', '_', key)[:100]}",
        caption=_caption(values),
        recipe=base.with_changes(**values),
        varied=values,
    )


def _caption(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


EXPERIMENT = Experiment(plan=plan, says=says)
