"""`study iterations`: one run, looked at after 10, 100, 500, 1,000... steps."""

from itertools import pairwise

import numpy as np

from impasto.errors import InputError
from impasto.recipe import resolve
from impasto.study.findings import UNJUDGED, Experiment, Findings, Map, Strip, best, judged, percent, ratio
from impasto.study.maps import content_maps
from impasto.study.plan import Cell, Plan, Stated, read_steps, snapshots_of

AT = "10,100,500,1000"


def plan(stated: Stated, preset: str | None = None, *, at: str = AT) -> Plan:
    """Plan one run with the last of the steps `at`, and snapshots after the others."""
    steps = read_steps(at)
    if stated.get("steps", steps[-1]) != steps[-1]:
        raise InputError("--at says how many steps are done: leave --steps out")
    base = resolve(preset or "paper", dict(stated))
    recipe = base.with_changes(steps=steps[-1], snapshots=steps, snapshot_every=None, plateau=0.0)
    cell = Cell(key="run", caption="one run", recipe=recipe)
    return Plan(
        name="iterations",
        title="How many steps are enough?",
        question="One picture, looked at again and again while it is painted.",
        cells=(cell,),
        rows=(snapshots_of("run", "", steps),),
        options={"at": ",".join(map(str, steps))},
        preset=preset or "paper",
        base=base,
    )


def says(findings: Findings) -> list[str]:
    """Say how the picture came, where it stood still and what became of the content."""
    looks, curve = findings.row(0), findings.curves["run"]
    said = []
    for before, after in pairwise(looks):
        change, share = after.figures["change"], ratio(after.figures["loss"], before.figures["loss"])
        said.append(
            f"From {before.step:,} to {after.step:,} steps the picture changed by {change:.1f} grey levels on average, "
            f"and the loss went to {percent(share)} of what it was."
        )
    kept, taken = best(looks, "content"), best(looks, "style")
    said.append(
        UNJUDGED
        if not judged(looks)
        else f"Most of the photo was there after {kept.step:,} steps (content {kept.figures['content']:.3f}), "
        f"most of the style after {taken.step:,} (style {taken.figures['style']:.3f})."
    )
    refused = sum(not improved for improved in curve.improved)
    if refused:
        said.append(f"The optimiser refused {refused:,} of {len(curve.steps):,} steps and tried shorter ones.")
    return said


def strips(findings: Findings) -> list[Strip]:
    """Show where the content loss lies, and what changed between two pictures."""
    looks = findings.row(0)
    recipe = looks[0].cell.recipe
    lost = content_maps(recipe, [look.floats for look in looks], findings.photo)
    names = findings.plan.rows[0].captions
    if not lost:
        return []
    last = np.sort(lost[-1].ravel())[::-1]
    share = last[: max(1, len(last) // 10)].sum() / max(float(last.sum()), 1e-12)
    return [
        Strip(
            title="Where content is lost",
            text=f"Squared difference of the content features at every place, all on one scale. At the end, a tenth of "
            f"the area holds {percent(float(share))} of the content loss.",
            maps=[Map(caption=name, values=values) for name, values in zip(names, lost, strict=True)],
        )
    ]


EXPERIMENT = Experiment(plan=plan, says=says, strips=strips, against="steps")
