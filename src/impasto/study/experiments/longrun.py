"""`study longrun`: recipes side by side over 10,000 and 100,000 steps, and what becomes of color and content."""

import math
from typing import Final

from impasto.errors import InputError
from impasto.recipe import PRESETS, Recipe, resolve
from impasto.study.findings import Curve, Experiment, Findings, Look, ratio
from impasto.study.plan import Cell, Plan, Stated, read_steps, snapshots_of

AT: Final = "10,30,100,300,1000,3000,10000,30000,100000"
RECIPES: Final = "paper,classic,default"
_USUAL: Final = {"size": 96, "precision": "auto"}
"""What holds unless it is stated: long runs are for small pictures."""

_BALANCED_AT: Final = 512
"""Size in pixels at which the preset `paper` has the balance of the paper's own pictures."""

_STEADY: Final = ("grey", "clipped", "content")
"""Figures that a recipe must hold over a long run."""


def plan(stated: Stated, preset: str | None = None, *, at: str = AT, recipes: str = RECIPES) -> Plan:
    """Plan a run of each preset, with snapshots after the steps `at`; no plateau ends it early."""
    steps = read_steps(at)
    if "steps" in stated:
        raise InputError("--at says how many steps are done: leave --steps out")
    if preset is not None:
        raise InputError("study longrun compares presets: name them with --recipes, not --preset")
    names = [name.strip() for name in recipes.split(",") if name.strip()]
    if not names or len(set(names)) < len(names) or not set(names) <= set(PRESETS):
        raise InputError(f"--recipes is a list of presets ({', '.join(PRESETS)}), not {recipes!r}")
    ordered = {"steps": steps[-1], "snapshots": steps, "snapshot_every": None, "plateau": 0.0}
    cells = [
        Cell(
            key=name,
            caption=name,
            recipe=_as_at_512(resolve(name, _USUAL, dict(stated), ordered), stated),
            varied={"preset": name},
        )
        for name in names
    ]
    return Plan(
        name="longrun",
        title="What long runs do",
        question="Practitioners find that after 10,000 steps content is lost in places and turns grey, and that after "
        "100,000 the picture polarises. Every step was done: steps.csv has one line for each.",
        cells=tuple(cells),
        rows=tuple(snapshots_of(cell.key, cell.caption, steps) for cell in cells),
        options={"at": ",".join(map(str, steps)), "recipes": ",".join(names)},
        base=resolve("default", dict(stated)),
        stated=tuple(stated),
    )


def _as_at_512(recipe: Recipe, stated: Stated) -> Recipe:
    """Return a recipe whose balance of content and style is the one it has at 512 px.

    In the paper's sums the content loss grows with the area and the style loss does not: at 96 px the same weights let
    the style count 28 times as much, and nothing of the photo would be there that could be lost.
    """
    if recipe.normalization != "paper" or recipe.size == "photo" or "content_weight" in stated:
        return recipe
    return recipe.with_changes(content_weight=recipe.content_weight * (_BALANCED_AT / recipe.size) ** 2)


def says(findings: Findings) -> list[str]:
    """Say for each recipe what became of grey, clipping, lightness and content from 1,000 steps on."""
    said = []
    for number, row in enumerate(findings.plan.rows):
        looks = findings.row(number)
        early, late = _settled(looks), looks[-1]
        curve = findings.curves[looks[0].cell.key]
        figures = "; ".join(
            f"{name} {early.figures[name]:.3f} → {late.figures[name]:.3f}"
            for name in ("grey", "clipped", "lightness", "chroma", "content", "style")
        )
        said.append(f"{row.title}: from {early.step:,} to {late.step:,} steps: {figures}.")
        said.append(
            f"{row.title}: the loss went from {early.figures['loss']:.4g} to {late.figures['loss']:.4g} "
            f"({_rises(curve)}); {len(curve.steps):,} steps were done, {sum(curve.improved):,} of them taken."
        )
        drifts = {name: drift(early, late, name) for name in _STEADY}
        worst = max(drifts, key=lambda name: drifts[name])
        steady = drifts[worst] <= 0.05
        said.append(
            f"{row.title}: grey, clipped and content {'stay' if steady else 'do not stay'} within 5 % "
            f"(the largest drift: {worst}, {100 * drifts[worst]:.1f} %)."
        )
    return said


def drift(early: Look, late: Look, column: str) -> float:
    """Return by what share a figure moved; what is less than one pixel of the area counts as nothing."""
    before, after = early.figures[column], late.figures[column]
    if abs(after - before) <= 1 / early.pixels[..., 0].size:
        return 0.0
    return abs(after - before) / max(abs(before), 1e-12)


def _settled(looks: list[Look]) -> Look:
    """Return the picture after 1,000 steps, or the last one before."""
    early = [look for look in looks if look.step <= 1000]
    return early[-1] if early else looks[0]


def _rises(curve: Curve) -> str:
    """Say whether the loss, once all levels have begun, ever rose for good."""
    last = [loss for loss, level in zip(curve.losses, curve.levels, strict=True) if level == curve.levels[-1]]
    known = [loss for loss in last if math.isfinite(loss)]
    if not known:
        return "it never had a finite value"
    return f"{100 * (ratio(known[-1], min(known)) - 1):.2f} % above its lowest value"


EXPERIMENT = Experiment(plan=plan, says=says, against="steps")
