"""`study layers`: figure 3 of the paper; rows are growing sets of style layers, columns ratios of content to style."""

from impasto.recipe import Recipe, resolve
from impasto.study.findings import UNJUDGED, Experiment, Findings, best, judged
from impasto.study.plan import Cell, Plan, Row, Shot, Stated, check_count, read_ratios

RATIOS = "1e-5,1e-4,1e-3,1e-2"


def plan(stated: Stated, preset: str | None = None, *, ratios: str = RATIOS, yes: bool = False) -> Plan:
    """Plan a run for every set of layers and every ratio."""
    # A dial beside the weights would turn the ratios.
    base = resolve(preset or "paper", dict(stated)).balanced()
    columns, sets = read_ratios(ratios), growing(base)
    check_count(len(columns) * len(sets), confirmed=yes)
    rows, cells = [], []
    for layers in sets:
        row = [_cell(base, layers, ratio) for ratio in columns]
        cells += row
        shots = tuple(Shot(cell.key) for cell in row)
        rows.append(Row(title=called(layers), shots=shots, captions=tuple(f"{ratio:g}" for ratio in columns)))
    return Plan(
        name="layers",
        title="Style layers and the ratio of content to style",
        question="Figure 3 of the paper: from above to below, deeper layers join the style loss; from left to right, "
        "the content counts more (content weight / style weight).",
        cells=tuple(cells),
        rows=tuple(rows),
        options={"ratios": ratios},
        preset=preset or "paper",
        base=base,
    )


def growing(recipe: Recipe) -> list[tuple[str, ...]]:
    """Return the recipe's first style layer, its first two, and so on to all, with the weights stated for them."""
    return [recipe.style_layers[: count + 1] for count in range(len(recipe.style_layers))]


def called(layers: tuple[str, ...]) -> str:
    """Return the name of a growing set of layers."""
    first, last = name_of(layers[0]), name_of(layers[-1])
    return first if len(layers) == 1 else f"{first} to {last}"


def name_of(layer: str) -> str:
    """Return a layer's name without its weight."""
    return layer.partition("=")[0]


def _cell(base: Recipe, layers: tuple[str, ...], ratio: float) -> Cell:
    recipe = base.with_changes(style_layers=layers, content_weight=ratio * base.style_weight)
    return Cell(
        key=f"{name_of(layers[-1])}-{ratio:g}",
        caption=f"{called(layers)}, {ratio:g}",
        recipe=recipe,
        varied={"style_layers": ",".join(layers), "ratio": ratio},
    )


def says(findings: Findings) -> list[str]:
    """Say what depth and ratio did to content and style."""
    if not judged(findings.all()):
        return [UNJUDGED]
    said = []
    shallow, deep = findings.row(0), findings.row(len(findings.plan.rows) - 1)
    for one, other in ((shallow, "shallowest"), (deep, "deepest")):
        left, right = one[0].figures, one[-1].figures
        said.append(
            f"With the {other} set, the content score goes from {left['content']:.3f} at the left to "
            f"{right['content']:.3f} at the right, the style score from {left['style']:.3f} to {right['style']:.3f}."
        )
    kept, taken = best(findings.all(), "content"), best(findings.all(), "style")
    said.append(f"Most of the photo is kept by {kept.cell.caption}, most of the style taken by {taken.cell.caption}.")
    return said


EXPERIMENT = Experiment(plan=plan, says=says)
