"""The experiments of the paper and of practitioners, and the registry of all experiments."""

import itertools
import math
import statistics
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from impasto.errors import InputError
from impasto.recipe import PRESETS, Recipe, resolve
from impasto.study.comparisons import COMPARISONS, CUSTOM
from impasto.study.findings import (
    NO_SCORES,
    EvaluatedPicture,
    Experiment,
    Findings,
    ImageStrip,
    LossCurve,
    have_scores,
    lowest,
    percent,
    ratio,
)
from impasto.study.measures import content_loss_maps, deviation_map, difference
from impasto.study.plan import Cell, Row, check_count, read_ratios, read_steps

_LEAVE_STEPS_OUT: Final = "--at says how many steps are done: leave --steps out"

# -- iterations: one run after 10, 100, 500, 1,000... steps ------------------------------------------------------------


def _arrange_iterations(base: Recipe, stated: Mapping[str, Any], *, at: str = "10,100,500,1000") -> list[Row]:
    steps = read_steps(at)
    if stated.get("steps", steps[-1]) != steps[-1]:
        raise InputError(_LEAVE_STEPS_OUT)
    return [Row.of_snapshots("", Cell("run", "one run", base.with_changes(**_snapshots_at(steps))), steps)]


def _snapshots_at(steps: tuple[int, ...]) -> dict[str, Any]:
    """Return the changes of a recipe that keeps the pictures after these steps and ends with the last one."""
    return {"steps": steps[-1], "snapshots": steps, "snapshot_every": None, "plateau": 0.0}


def _summarize_iterations(findings: Findings) -> list[str]:
    """Say how far the picture and the loss moved between two snapshots."""
    pictures, curve = findings.rows[0], findings.curves["run"]
    sentences = [
        f"From {before.step:,} to {after.step:,} steps the picture changed by {after.figures['change']:.1f} gray levels "
        f"on average, and the loss went to {percent(ratio(after.figures['loss'], before.figures['loss']))} of its value."
        for before, after in itertools.pairwise(pictures)
    ]
    content, style = lowest(pictures, "content"), lowest(pictures, "style")
    sentences.append(
        f"The content score was best after {content.step:,} steps ({content.figures['content']:.3f}), the style score "
        f"after {style.step:,} ({style.figures['style']:.3f})."
        if have_scores(pictures)
        else NO_SCORES
    )
    rejected = sum(not accepted for accepted in curve.accepted)
    if rejected:
        sentences.append(f"The optimizer rejected {rejected:,} of {len(curve.steps):,} steps and tried shorter ones.")
    return sentences


def _map_lost_content(findings: Findings) -> list[ImageStrip]:
    pictures = findings.rows[0]
    maps = content_loss_maps(pictures[0].cell.recipe, [picture.floats for picture in pictures], findings.photo)
    if not maps:
        return []
    sorted_loss = np.sort(maps[-1].ravel())[::-1]
    share = sorted_loss[: max(1, len(sorted_loss) // 10)].sum() / max(float(sorted_loss.sum()), 1e-12)
    return [
        ImageStrip(
            title="Where content is lost",
            text="Squared difference of the content features at each pixel, on one scale. At the end, a tenth of the "
            f"area holds {percent(float(share))} of the content loss.",
            maps={picture.caption: values for picture, values in zip(pictures, maps, strict=True)},
        )
    ]


# -- seeds: different noise, and the same noise twice ------------------------------------------------------------------


def _arrange_seeds(base: Recipe, stated: Mapping[str, Any], *, runs: int = 3, yes: bool = False) -> list[Row]:
    """Arrange runs that differ in nothing but the seed, and the first one again."""
    if runs < 2:
        raise InputError(f"--runs says how many seeds are compared, at least 2, not {runs}")
    check_count(runs + 1, confirmed=yes)
    seeds = {f"seed-{number}": base.seed + number for number in range(runs)}
    cells = [Cell(key, f"seed {seed}", base.with_changes(seed=seed), {"seed": seed}) for key, seed in seeds.items()]
    return [Row.of_results("", [*cells, Cell("again", f"seed {base.seed} again", base, {"seed": base.seed})])]


def _summarize_seeds(findings: Findings) -> list[str]:
    """Say how much the runs differ, and whether the repeated one is the same."""
    *runs, again = findings.rows[0]
    first = runs[0]
    differences = [difference(one.floats, other.floats) for one, other in itertools.combinations(runs, 2)]
    sentences = [
        "The repeated seed gave the same picture, bit for bit."
        if np.array_equal(first.pixels, again.pixels)
        else f"The repeated seed gave another picture: {difference(first.floats, again.floats):.2g} gray levels apart.",
        f"Pictures of different seeds are {statistics.fmean(differences):.1f} gray levels apart on average "
        f"({min(differences):.1f} to {max(differences):.1f}).",
    ]
    for column, name in (("loss", "loss"), ("content", "content score"), ("style", "style score")):
        values = [run.figures[column] for run in runs]
        mean = statistics.fmean(values)
        if math.isfinite(mean) and mean:
            spread = percent(statistics.stdev(values) / abs(mean))
            sentences.append(f"The standard deviation of the {name} is {spread} of its mean, {mean:.4g}.")
    if max(differences) == 0:
        sentences.append("Nothing in this recipe depends on the seed: no start from noise, no random samples.")
    return sentences


def _map_deviation(findings: Findings) -> list[ImageStrip]:
    runs = [run for run in findings.rows[0][:-1] if not run.problem]
    if len(runs) < 2:
        return []
    deviation = deviation_map([run.floats for run in runs]) * 255
    return [
        ImageStrip(
            title="Which places vary",
            text=f"Standard deviation over the seeds in gray levels, {deviation.mean():.1f} on average. "
            "Dark places look alike whatever the noise: the photo determines them.",
            maps={f"{len(runs)} seeds": deviation},
        )
    ]


# -- layers and reconstruct: figures 3 and 1 of the paper --------------------------------------------------------------


def _layer_sets(recipe: Recipe) -> list[tuple[str, tuple[str, ...]]]:
    """Return the recipe's first style layer, its first two, and so on, with their weights; each set with its name."""
    layers = recipe.style_layers
    names = [layer.partition("=")[0] for layer in layers]
    return [
        (names[0] if count == 1 else f"{names[0]} to {names[count - 1]}", layers[:count])
        for count in range(1, len(layers) + 1)
    ]


def _arrange_layers(
    base: Recipe, stated: Mapping[str, Any], *, ratios: str = "1e-5,1e-4,1e-3,1e-2", yes: bool = False
) -> list[Row]:
    """Arrange a run for every set of style layers (rows) and every ratio of content to style (columns)."""
    # `strength` would scale the ratios.
    base = base.balanced()
    columns, sets = read_ratios(ratios), _layer_sets(base)
    check_count(len(columns) * len(sets), confirmed=yes)
    rows = []
    for title, layers in sets:
        cells = [
            Cell(
                f"{title.split()[-1]}-{ratio:g}",
                f"{title}, {ratio:g}",
                base.with_changes(style_layers=layers, content_weight=ratio * base.style_weight),
                {"style_layers": ",".join(layers), "ratio": ratio},
            )
            for ratio in columns
        ]
        rows.append(Row.of_results(title, cells, [f"{ratio:g}" for ratio in columns]))
    return rows


def _summarize_layers(findings: Findings) -> list[str]:
    """Say how depth and ratio change the scores."""
    if not have_scores(findings.pictures):
        return [NO_SCORES]
    sentences = []
    for row, name in ((findings.rows[0], "shallowest"), (findings.rows[-1], "deepest")):
        left, right = row[0].figures, row[-1].figures
        sentences.append(
            f"With the {name} set, the content score goes from {left['content']:.3f} at the left to "
            f"{right['content']:.3f} at the right, the style score from {left['style']:.3f} to {right['style']:.3f}."
        )
    content, style = lowest(findings.pictures, "content"), lowest(findings.pictures, "style")
    sentences.append(f"{content.cell.caption} has the best content score, {style.cell.caption} the best style score.")
    return sentences


def _arrange_reconstruct(base: Recipe, stated: Mapping[str, Any]) -> list[Row]:
    """Arrange the content from each style layer alone, and the style from each set of layers."""
    contents = [
        Cell(
            f"content-{layer}",
            layer,
            base.with_changes(content_layers=(layer,), style_weight=0.0),
            {"content_layers": layer},
        )
        for layer in base.style_layer_weights
    ]
    styles = [
        Cell(
            f"style-{title.split()[-1]}",
            title,
            base.with_changes(style_layers=layers, content_weight=0.0),
            {"style_layers": ",".join(layers)},
        )
        for title, layers in _layer_sets(base)
    ]
    return [Row.of_results("content", contents), Row.of_results("style", styles)]


def _summarize_reconstruct(findings: Findings) -> list[str]:
    """Say how close each layer comes to the photo, and how the style score improves with the layers."""
    contents, styles = findings.rows
    distances = ", ".join(f"{one.cell.caption} {difference(one.floats, findings.photo):.1f}" for one in contents)
    scores = ", ".join(f"{one.cell.caption} {one.figures['style']:.3f}" for one in styles)
    return [
        f"Distance of the picture from the photo in gray levels, by the layer: {distances}.",
        f"The style score (lower is better) by the set of layers: {scores}.",
    ]


# -- longrun: presets over up to 100,000 steps -------------------------------------------------------------------------

_PAPER_SIZE: Final = 512
"""Size in pixels at which the preset `paper` has the balance of the paper's own pictures."""

_INVISIBLE: Final = 0.001
"""Share of the area below which a change counts as none: 5 pixels of a picture of 96 x 54."""


def _arrange_longrun(
    base: Recipe,
    stated: Mapping[str, Any],
    *,
    at: str = "10,30,100,300,1000,3000,10000,30000,100000",
    recipes: str = "paper,classic,default",
) -> list[Row]:
    """Arrange a run of each preset, at 96 px unless a size is stated; no plateau rule ends it early."""
    steps = read_steps(at)
    if "steps" in stated:
        raise InputError(_LEAVE_STEPS_OUT)
    names = [name.strip() for name in recipes.split(",") if name.strip()]
    if not names or len(set(names)) < len(names) or not set(names) <= set(PRESETS):
        raise InputError(f"--recipes is a list of presets ({', '.join(PRESETS)}), not {recipes!r}")
    rows = []
    for name in names:
        recipe = resolve(name, {"size": 96, "precision": "auto"}, dict(stated), _snapshots_at(steps))
        cell = Cell(name, name, _balanced_as_at_512(recipe, stated), {"preset": name})
        rows.append(Row.of_snapshots(name, cell, steps))
    return rows


def _balanced_as_at_512(recipe: Recipe, stated: Mapping[str, Any]) -> Recipe:
    """Give a recipe with the paper's normalization the balance of content and style that it has at 512 px.

    The paper's content loss is a sum over the area, its style loss is divided by the squared area: at 96 px the same
    weights would let the style count 28 times as much, and no content would be left to be lost.
    """
    if recipe.normalization != "paper" or recipe.size == "photo" or "content_weight" in stated:
        return recipe
    return recipe.with_changes(content_weight=recipe.content_weight * (_PAPER_SIZE / recipe.size) ** 2)


def _summarize_longrun(findings: Findings) -> list[str]:
    """Say for each recipe how its figures change after the first 1,000 steps."""
    sentences = []
    for row, pictures in zip(findings.plan.rows, findings.rows, strict=True):
        early = next((p for p in reversed(pictures[:-1]) if p.step <= 1000), pictures[0])
        late, curve = pictures[-1], findings.curves[pictures[0].cell.key]
        figures = "; ".join(
            f"{name} {early.figures[name]:.3f} → {late.figures[name]:.3f}"
            for name in ("gray", "clipped", "lightness", "chroma", "content", "style")
        )
        changes = {name: _relative_change(early, late, name) for name in ("gray", "clipped", "content")}
        worst = max(changes, key=lambda name: changes[name])
        sentences += [
            f"{row.title}: from {early.step:,} to {late.step:,} steps: {figures}.",
            f"{row.title}: the loss went from {early.figures['loss']:.4g} to {late.figures['loss']:.4g} "
            f"({_excess(curve)}); {len(curve.steps):,} steps were done, {sum(curve.accepted):,} of them accepted.",
            f"{row.title}: gray, clipped and content {'stay' if changes[worst] <= 0.05 else 'do not stay'} within 5 % "
            f"(the largest change: {worst}, {100 * changes[worst]:.1f} %).",
        ]
    return sentences


def _relative_change(early: EvaluatedPicture, late: EvaluatedPicture, column: str) -> float:
    """Return the relative change of a figure; a change of the area that nobody sees counts as none."""
    before, after = early.figures[column], late.figures[column]
    if column in ("gray", "clipped") and abs(after - before) <= _INVISIBLE:
        return 0.0
    return abs(after - before) / max(abs(before), 1e-12)


def _excess(curve: LossCurve) -> str:
    """Say how far the last finite loss of the last level is above the lowest one."""
    last_level = [loss for loss, level in zip(curve.losses, curve.levels, strict=True) if level == curve.levels[-1]]
    finite = [loss for loss in last_level if math.isfinite(loss)]
    if not finite:
        return "it never had a finite value"
    return f"{100 * (ratio(finite[-1], min(finite)) - 1):.2f} % above its lowest value"


_ALL: Final = (
    Experiment(
        name="iterations",
        title="How many steps are enough?",
        question="Pictures of one run after more and more steps.",
        arrange=_arrange_iterations,
        summary=_summarize_iterations,
        strips=_map_lost_content,
        plots_steps=True,
    ),
    Experiment(
        name="seeds",
        title="The same picture from different noise",
        question="What in a picture is chance, and what is the method?",
        arrange=_arrange_seeds,
        summary=_summarize_seeds,
        strips=_map_deviation,
    ),
    Experiment(
        name="layers",
        title="Style layers and the ratio of content to style",
        question="Figure 3 of the paper: from top to bottom, deeper layers join the style loss; from left to right, "
        "the content counts more (content weight / style weight).",
        arrange=_arrange_layers,
        summary=_summarize_layers,
    ),
    Experiment(
        name="reconstruct",
        title="What a layer knows",
        question="Figure 1 of the paper: at the top, the photo reconstructed from the features of one layer; below, the "
        "style reconstructed from the Gram matrices of more and more layers.",
        arrange=_arrange_reconstruct,
        summary=_summarize_reconstruct,
    ),
    *COMPARISONS,
    Experiment(
        name="longrun",
        title="What long runs do",
        question="Practitioners report that after 10,000 steps content is lost in places and turns gray, and that after "
        "100,000 steps the picture polarizes. Every step was executed: steps.csv has one line for each.",
        arrange=_arrange_longrun,
        summary=_summarize_longrun,
        plots_steps=True,
        preset=None,
    ),
    CUSTOM,
)

EXPERIMENTS: Final = {experiment.name: experiment for experiment in _ALL}
"""All experiments by name, in the order of the command line's help."""
