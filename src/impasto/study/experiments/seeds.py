"""`study seeds`: the same picture from different noise, and from the same noise twice."""

import itertools
import statistics

import numpy as np

from impasto.errors import InputError
from impasto.recipe import resolve
from impasto.study.findings import Experiment, Findings, Map, Strip, percent
from impasto.study.measures import difference, spread
from impasto.study.plan import Cell, Plan, Stated, check_count, row_of

_FIRST, _AGAIN = "seed-0", "again"


def plan(stated: Stated, preset: str | None = None, *, runs: int = 3, yes: bool = False) -> Plan:
    """Plan runs that differ in the seed alone, and the first of them once more."""
    if runs < 2:
        raise InputError(f"--runs says how many seeds are compared, at least 2, not {runs}")
    check_count(runs + 1, confirmed=yes)
    base = resolve(preset or "paper", dict(stated))
    cells = [
        Cell(
            key=f"seed-{number}",
            caption=f"seed {base.seed + number}",
            recipe=base.with_changes(seed=base.seed + number),
            varied={"seed": base.seed + number},
        )
        for number in range(runs)
    ]
    again = Cell(key=_AGAIN, caption=f"seed {base.seed} again", recipe=base, varied={"seed": base.seed})
    return Plan(
        name="seeds",
        title="The same picture from different noise",
        question="What of a picture is chance, and what is the method?",
        cells=(*cells, again),
        rows=(row_of("", [*cells, again]),),
        options={"runs": str(runs)},
        preset=preset or "paper",
        base=base,
    )


def says(findings: Findings) -> list[str]:
    """Say how far the runs are apart, and whether the repeated one is the same."""
    *runs, again = findings.row(0)
    first = runs[0]
    same = np.array_equal(first.pixels, again.pixels)
    apart = [difference(one.floats, other.floats) for one, other in itertools.combinations(runs, 2)]
    said = [
        "The repeated seed gave the same picture, bit for bit."
        if same
        else f"The repeated seed gave another picture: {difference(first.floats, again.floats):.2g} grey levels apart.",
        f"Pictures of different seeds are {statistics.fmean(apart):.1f} grey levels apart on average "
        f"({min(apart):.1f} to {max(apart):.1f}).",
    ]
    for column, name in (("loss", "loss"), ("content", "content score"), ("style", "style score")):
        values = [run.figures[column] for run in runs]
        mean = statistics.fmean(values)
        if mean == mean and mean:
            said.append(f"The {name} spreads by {percent(statistics.stdev(values) / abs(mean))} around {mean:.4g}.")
    if max(apart) == 0:
        said.append("Nothing in this recipe depends on the seed: it does not start from noise and draws no samples.")
    return said


def strips(findings: Findings) -> list[Strip]:
    """Show which places differ from run to run."""
    runs = [run for run in findings.row(0)[:-1] if not run.problem]
    if len(runs) < 2:
        return []
    varies = spread([run.floats for run in runs]) * 255
    return [
        Strip(
            title="Which places vary",
            text=f"Standard deviation over the seeds in grey levels; {varies.mean():.1f} on average. "
            "Dark places come out alike from any noise: there the photo holds the picture.",
            maps=[Map(caption=f"{len(runs)} seeds", values=varies)],
        )
    ]


EXPERIMENT = Experiment(plan=plan, says=says, strips=strips)
