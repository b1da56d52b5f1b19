"""Studies that change one thing and nothing else, with the same number of steps."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, get_args

from impasto.backbones import load_weights
from impasto.errors import InputError
from impasto.networks import NETWORKS
from impasto.recipe import INITS, Recipe, resolve
from impasto.recipe.fields import Pooling, StyleLoss
from impasto.study.findings import UNJUDGED, Experiment, Findings, best, judged, ratio
from impasto.study.plan import Cell, Plan, Stated, row_of

Changes = Mapping[str, Mapping[str, Any]]
"""What each run changes of the recipe, by its caption."""


def _inits(_: Recipe) -> Changes:
    return {name: {"init": name} for name in INITS}


def _poolings(_: Recipe) -> Changes:
    return {name: {"pooling": name} for name in get_args(Pooling)}


def _optimizers(_: Recipe) -> Changes:
    rates = (1.0, 3.0, 10.0)
    return {"L-BFGS": {"optimizer": "lbfgs"}} | {
        f"Adam, rate {rate:g}": {"optimizer": "adam", "learning_rate": rate} for rate in rates
    }


def _losses(_: Recipe) -> Changes:
    return {name: {"style_losses": (f"{name}=1.0",)} for name in get_args(StyleLoss) if name != "grain"}


def _backbones(base: Recipe) -> Changes:
    """Return the networks whose weights are to be had here."""
    return {name: {"backbone": name} for name in NETWORKS if _is_there(name, base)}


def _is_there(name: str, base: Recipe) -> bool:
    try:
        load_weights(base.weights, name)
    except InputError:
        return False
    return True


def _plan(
    stated: Stated,
    preset: str | None = None,
    *,
    name: str,
    title: str,
    question: str,
    standard: str,
    changes: Callable[[Recipe], Changes],
) -> Plan:
    base = resolve(preset or standard, dict(stated))
    cells = [
        Cell(
            key=caption.lower().replace(", ", "-").replace(" ", "-"),
            caption=caption,
            recipe=base.with_changes(**change),
            varied=change,
        )
        for caption, change in changes(base).items()
    ]
    return Plan(
        name=name,
        title=title,
        question=question,
        cells=tuple(cells),
        rows=(row_of("", cells),),
        preset=preset or standard,
        base=base,
    )


def says(findings: Findings) -> list[str]:
    """Say which change kept most of the photo and which took most of the style; losses compare where they are one."""
    looks = findings.row(0)
    kept, taken = best(looks, "content"), best(looks, "style")
    said = [
        f"Most of the photo is kept by {kept.cell.caption} (content {kept.figures['content']:.3f}).",
        f"Most of the style is taken by {taken.cell.caption} (style {taken.figures['style']:.3f}).",
    ]
    if not judged(looks):
        said = [UNJUDGED]
    if findings.plan.name in ("init", "optimizers"):
        lowest = best(looks, "loss")
        ratios = ", ".join(
            f"{look.cell.caption} x {ratio(look.figures['loss'], lowest.figures['loss']):.2f}" for look in looks
        )
        said.append(f"All have the same objective; the loss at the end, as a multiple of the lowest: {ratios}.")
    return said


def _experiment(**settings: Any) -> Experiment:
    return Experiment(plan=partial(_plan, **settings), says=says)


EXPERIMENTS: Final[dict[str, Experiment]] = {
    "init": _experiment(
        name="init",
        title="Where to start",
        question="The objective is the same; only the picture it starts from differs.",
        standard="paper",
        changes=_inits,
    ),
    "pooling": _experiment(
        name="pooling",
        title="How the network halves its maps",
        question="The paper replaces maximum pooling by average pooling and finds that pictures get better.",
        standard="paper",
        changes=_poolings,
    ),
    "optimizers": _experiment(
        name="optimizers",
        title="Which optimiser",
        question="The same objective and the same number of evaluations of loss and gradient.",
        standard="paper",
        changes=_optimizers,
    ),
    "backbones": _experiment(
        name="backbones",
        title="Which network looks",
        question="Each network as it comes: its own layers, with the weights of the recipe.",
        standard="default",
        changes=_backbones,
    ),
    "losses": _experiment(
        name="losses",
        title="Which style loss",
        question="Each style loss alone, with a weight of 1; the scales of the losses are their own.",
        standard="default",
        changes=_losses,
    ),
}
"""The studies by name; those of networks and losses begin with `default`, whose scales hold for all of them."""
