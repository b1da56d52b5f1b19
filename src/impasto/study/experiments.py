"""The experiments of the paper and of practitioners, and the registry of all experiments."""

import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from impasto.errors import InputError
from impasto.events import Step
from impasto.recipe import PRESETS, Recipe, as_text, resolve
from impasto.study.comparisons import COMPARISONS, CustomGrid
from impasto.study.findings import (
    NO_SCORES,
    EvaluatedPicture,
    Experiment,
    Findings,
    ImageStrip,
    have_scores,
    lowest,
    percent,
    ratio,
)
from impasto.study.measures import content_loss_maps, deviation_map, difference
from impasto.study.plan import Cell, Row, Stated, check_count, read_ratios, read_steps


class _Iterations(Experiment):
    name = "iterations"
    title = "How many steps are enough?"
    question = "Pictures of one run after more and more steps."
    plots_steps = True

    def arrange(self, base: Recipe, stated: Stated, *, at: str = "10,100,500,1000") -> list[Row]:
        steps = read_steps(at)
        if stated.get("steps", steps[-1]) != steps[-1]:
            raise InputError("--at says how many steps are done: leave --steps out")
        return [Row.of_snapshots("", Cell("run", "one run", base.with_changes(**_snapshots_at(steps))), steps)]

    def summary(self, findings: Findings) -> list[str]:
        pictures, steps = findings.rows[0], findings.steps["run"]
        sentences = [
            f"From {one.step:,} to {two.step:,} steps the picture changed by {two.figures['change']:.1f} gray levels "
            f"on average, and the loss went to {percent(ratio(two.figures['loss'], one.figures['loss']))} of its value."
            for one, two in itertools.pairwise(pictures)
        ]
        content, style = lowest(pictures, "content"), lowest(pictures, "style")
        sentences.append(
            f"The content score was best after {content.step:,} steps ({content.figures['content']:.3f}), the style "
            f"score after {style.step:,} ({style.figures['style']:.3f})."
            if have_scores(pictures)
            else NO_SCORES
        )
        rejected = sum(not step.improved for step in steps)
        if rejected:
            sentences.append(f"The optimizer rejected {rejected:,} of {len(steps):,} steps and tried shorter ones.")
        return sentences

    def strips(self, findings: Findings) -> list[ImageStrip]:
        pictures = findings.rows[0]
        maps = content_loss_maps(pictures[0].cell.recipe, [picture.floats for picture in pictures], findings.photo)
        if not maps:
            return []
        losses = np.sort(maps[-1].ravel())[::-1]
        share = losses[: max(1, len(losses) // 10)].sum() / max(float(losses.sum()), 1e-12)
        text = (
            "Squared difference of the content features at each pixel, on one scale. At the end, a tenth of the area "
            f"holds {percent(float(share))} of the content loss."
        )
        captions = [picture.caption for picture in pictures]
        return [ImageStrip(title="Where content is lost", text=text, maps=dict(zip(captions, maps, strict=True)))]


class _Seeds(Experiment):
    name = "seeds"
    title = "The same picture from different noise"
    question = "What in a picture is chance, and what is the method?"

    def arrange(self, base: Recipe, stated: Stated, *, runs: int = 3, yes: bool = False) -> list[Row]:
        """Arrange runs that differ only in the seed, and a repetition of the first one."""
        if runs < 2:
            raise InputError(f"--runs says how many seeds are compared, at least 2, not {runs}")
        check_count(runs + 1, confirmed=yes)
        first = base.start.seed
        cells = [
            Cell(f"seed-{number}", f"seed {seed}", base.with_changes(seed=seed), {"seed": seed})
            for number, seed in enumerate(range(first, first + runs))
        ]
        return [Row.of_results("", [*cells, Cell("again", f"seed {first} again", base, {"seed": first})])]

    def summary(self, findings: Findings) -> list[str]:
        *runs, again = findings.rows[0]
        first = runs[0]
        distances = [difference(one.floats, other.floats) for one, other in itertools.combinations(runs, 2)]
        sentences = [
            "The repeated seed gave the same picture, bit for bit."
            if np.array_equal(first.pixels, again.pixels)
            else f"The repeated seed gave another picture: {difference(first.floats, again.floats):.2g} gray levels "
            "apart.",
            f"Pictures of different seeds are {statistics.fmean(distances):.1f} gray levels apart on average "
            f"({min(distances):.1f} to {max(distances):.1f}).",
        ]
        for column, name in (("loss", "loss"), ("content", "content score"), ("style", "style score")):
            values = [run.figures[column] for run in runs]
            mean = statistics.fmean(values)
            if math.isfinite(mean) and mean:
                deviation = percent(statistics.stdev(values) / abs(mean))
                sentences.append(f"The standard deviation of the {name} is {deviation} of its mean, {mean:.4g}.")
        return sentences

    def strips(self, findings: Findings) -> list[ImageStrip]:
        runs = [run for run in findings.rows[0][:-1] if not run.problem]
        if len(runs) < 2:
            return []
        deviation = deviation_map([run.floats for run in runs]) * 255
        text = (
            f"Standard deviation over the seeds in gray levels, {deviation.mean():.1f} on average. "
            "Dark places look alike whatever the noise: the photo determines them."
        )
        return [ImageStrip(title="Which places vary", text=text, maps={f"{len(runs)} seeds": deviation})]


class _Layers(Experiment):
    name = "layers"
    title = "Style layers and the ratio of content to style"
    question = (
        "Figure 3 of the paper: from top to bottom, deeper layers join the style loss; from left to right, the content "
        "counts more (content weight / style weight)."
    )

    def arrange(
        self, base: Recipe, stated: Stated, *, ratios: str = "1e-5,1e-4,1e-3,1e-2", yes: bool = False
    ) -> list[Row]:
        """Arrange a run for every set of style layers (rows) and every ratio of content to style (columns)."""
        # `strength` would scale the ratios.
        base = base.balanced()
        columns, sets = read_ratios(ratios), _layer_sets(base)
        check_count(len(columns) * len(sets), confirmed=yes)
        rows = []
        for title, layers in sets.items():
            cells = [
                Cell(
                    f"{title.split()[-1]}-{ratio:g}",
                    f"{title}, {ratio:g}",
                    base.with_changes(style_layers=layers, content_weight=ratio * base.style.weight),
                    {"style_layers": as_text(layers), "ratio": ratio},
                )
                for ratio in columns
            ]
            rows.append(Row.of_results(title, cells, [f"{ratio:g}" for ratio in columns]))
        return rows

    def summary(self, findings: Findings) -> list[str]:
        if not have_scores(findings.pictures):
            return super().summary(findings)
        sentences = []
        for row, name in ((findings.rows[0], "shallowest"), (findings.rows[-1], "deepest")):
            left, right = row[0].figures, row[-1].figures
            sentences.append(
                f"From left to right, with the {name} set, the content score goes from {left['content']:.3f} to "
                f"{right['content']:.3f}, the style score from {left['style']:.3f} to {right['style']:.3f}."
            )
        return sentences + super().summary(findings)


class _Reconstruct(Experiment):
    name = "reconstruct"
    title = "What a layer knows"
    question = (
        "Figure 1 of the paper: at the top, the photo reconstructed from the features of one layer; below, the style "
        "reconstructed from the Gram matrices of more and more layers."
    )

    def arrange(self, base: Recipe, stated: Stated) -> list[Row]:
        """Arrange the content from each style layer alone, and the style from each set of layers."""
        contents = [
            Cell(f"content-{name}", name, base.with_changes(content_layers=(name,), style_weight=0.0), varied)
            for name in base.style.layers
            for varied in [{"content_layers": name}]
        ]
        styles = [
            Cell(
                f"style-{title.split()[-1]}", title, base.with_changes(style_layers=layers, content_weight=0.0), varied
            )
            for title, layers in _layer_sets(base).items()
            for varied in [{"style_layers": as_text(layers)}]
        ]
        return [Row.of_results("content", contents), Row.of_results("style", styles)]

    def summary(self, findings: Findings) -> list[str]:
        contents, styles = findings.rows
        distances = ", ".join(f"{one.cell.caption} {difference(one.floats, findings.photo):.1f}" for one in contents)
        scores = ", ".join(f"{one.cell.caption} {one.figures['style']:.3f}" for one in styles)
        return [
            f"Distance of the picture from the photo in gray levels, by the layer: {distances}.",
            f"The style score (lower is better) by the set of layers: {scores}.",
        ]


class _LongRun(Experiment):
    """Presets over up to 100,000 steps, at 96 px unless a size is stated."""

    name = "longrun"
    title = "What long runs do"
    question = (
        "Practitioners report that after 10,000 steps content is lost in places and turns gray, and that after 100,000 "
        "steps the picture polarizes. Every step was executed: steps.csv has one line for each."
    )
    preset = None
    plots_steps = True

    def arrange(
        self,
        base: Recipe,
        stated: Stated,
        *,
        at: str = "10,30,100,300,1000,3000,10000,30000,100000",
        recipes: str = "paper,classic,default",
    ) -> list[Row]:
        """Arrange a run of each preset; no plateau rule ends it early."""
        steps = read_steps(at)
        if "steps" in stated:
            raise InputError("--at says how many steps are done: leave --steps out")
        names = [name.strip() for name in recipes.split(",") if name.strip()]
        if not names or len(set(names)) < len(names) or not set(names) <= set(PRESETS):
            raise InputError(f"--recipes is a list of presets ({', '.join(PRESETS)}), not {recipes!r}")
        rows = []
        for name in names:
            recipe = resolve(name, {"size": 96, "precision": "auto"}, stated, _snapshots_at(steps))
            cell = Cell(name, name, _balanced_as_at_512(recipe, stated), {"preset": name})
            rows.append(Row.of_snapshots(name, cell, steps))
        return rows

    def summary(self, findings: Findings) -> list[str]:
        sentences = []
        for row, pictures in zip(findings.plan.rows, findings.rows, strict=True):
            early = next((p for p in reversed(pictures[:-1]) if p.step <= 1000), pictures[0])
            late, steps = pictures[-1], findings.steps[pictures[0].cell.key]
            figures = "; ".join(
                f"{name} {early.figures[name]:.3f} → {late.figures[name]:.3f}"
                for name in ("gray", "clipped", "lightness", "chroma", "content", "style")
            )
            changes = {name: _relative_change(early, late, name) for name in ("gray", "clipped", "content")}
            worst = max(changes, key=lambda name: changes[name])
            stays = "stay" if changes[worst] <= 0.05 else "do not stay"
            sentences += [
                f"{row.title}: from {early.step:,} to {late.step:,} steps: {figures}.",
                f"{row.title}: the loss went from {early.figures['loss']:.4g} to {late.figures['loss']:.4g} "
                f"({_excess(steps)}); {len(steps):,} steps were done, {sum(one.improved for one in steps):,} of them "
                "accepted.",
                f"{row.title}: gray, clipped and content {stays} within 5 % "
                f"(the largest change: {worst}, {100 * changes[worst]:.1f} %).",
            ]
        return sentences


def _snapshots_at(steps: tuple[int, ...]) -> dict[str, Any]:
    """Return the changes of a recipe that keeps the pictures after these steps and ends with the last one."""
    return {"steps": steps[-1], "snapshots": steps, "snapshot_every": None, "plateau": 0.0}


def _layer_sets(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe's first style layer, its first two, and so on, each set with a name.

    Layers keep their weights; equal shares of 1 are divided again among the layers of each set.
    """
    weights = recipe.style.layers
    names = list(weights)
    is_shared = set(weights.values()) == {1 / len(names)}
    sets: dict[str, Any] = {}
    for count in range(1, len(names) + 1):
        title = names[0] if count == 1 else f"{names[0]} to {names[count - 1]}"
        sets[title] = tuple(names[:count]) if is_shared else {name: weights[name] for name in names[:count]}
    return sets


def _balanced_as_at_512(recipe: Recipe, stated: Stated) -> Recipe:
    """Give a recipe with the paper's normalization the balance of content and style that it has at 512 px.

    The paper's content loss is a sum over the area, its style loss is divided by the squared area: with the same
    weights, the style would count 28 times as much at 96 px, and no content would be visible from the start.
    """
    size = recipe.picture.size
    if recipe.network.normalization != "paper" or size == "photo" or "content_weight" in stated:
        return recipe
    return recipe.with_changes(content_weight=recipe.content.weight * (512 / size) ** 2)


def _relative_change(early: EvaluatedPicture, late: EvaluatedPicture, column: str) -> float:
    """Return the relative change of a figure.

    For shares of the area a change of .001 is ignored: it is invisible (5 pixels of a picture of 96 x 54).
    """
    before, after = early.figures[column], late.figures[column]
    if column in ("gray", "clipped") and abs(after - before) <= 0.001:
        return 0.0
    return abs(after - before) / max(abs(before), 1e-12)


def _excess(steps: Sequence[Step]) -> str:
    """Describe how far the last finite loss of the last level is above the lowest one."""
    finite = [step.loss for step in steps if step.level == steps[-1].level and math.isfinite(step.loss)]
    if not finite:
        return "it never had a finite value"
    return f"{100 * (ratio(finite[-1], min(finite)) - 1):.2f} % above its lowest value"


EXPERIMENTS: Final[dict[str, Experiment]] = {
    experiment.name: experiment
    for experiment in (_Iterations(), _Seeds(), _Layers(), _Reconstruct(), *COMPARISONS, _LongRun(), CustomGrid())
}
"""All experiments by name, in the order of the command line's help."""
