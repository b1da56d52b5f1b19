"""`study reconstruct`: figure 1 of the paper; a picture rebuilt from what single layers know of it."""

from impasto.recipe import resolve
from impasto.study.experiments.layers import called, growing, name_of
from impasto.study.findings import Experiment, Findings
from impasto.study.measures import difference
from impasto.study.plan import Cell, Plan, Stated, row_of


def plan(stated: Stated, preset: str | None = None) -> Plan:
    """Plan the content from each layer alone, and the style from each growing set."""
    base = resolve(preset or "paper", dict(stated))
    contents = [
        Cell(
            key=f"content-{name}",
            caption=name,
            recipe=base.with_changes(content_layers=(name,), style_weight=0.0),
            varied={"content_layers": name},
        )
        for name in base.style_layer_weights
    ]
    styles = [
        Cell(
            key=f"style-{name_of(layers[-1])}",
            caption=called(layers),
            recipe=base.with_changes(style_layers=layers, content_weight=0.0),
            varied={"style_layers": ",".join(layers)},
        )
        for layers in growing(base)
    ]
    return Plan(
        name="reconstruct",
        title="What a layer knows",
        question="Figure 1 of the paper: above, the photo rebuilt from the features of one layer; below, the style "
        "rebuilt from the Gram matrices of a growing set of layers. Both begin with noise.",
        cells=(*contents, *styles),
        rows=(row_of("content", contents), row_of("style", styles)),
        preset=preset or "paper",
        base=base,
    )


def says(findings: Findings) -> list[str]:
    """Say how much of the photo each layer brings back, and how the style grows."""
    contents, styles = findings.row(0), findings.row(1)
    apart = ", ".join(f"{look.cell.caption} {difference(look.floats, findings.photo):.1f}" for look in contents)
    grown = ", ".join(f"{look.cell.caption} {look.figures['style']:.3f}" for look in styles)
    return [
        f"Rebuilt from one layer, the picture is so many grey levels from the photo: {apart}.",
        f"The style score (lower is better) by the set of layers: {grown}.",
    ]


EXPERIMENT = Experiment(plan=plan, says=says)
