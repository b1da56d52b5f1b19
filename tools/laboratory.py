"""Run the studies of docs/laboratory.md and make its pictures and plots.

`python tools/laboratory.py OUT [NAME...]` conducts all or some of the studies in folders below OUT. On two cores most
of them take half an hour together, `longrun` more than an hour for each of its three recipes, `changes` ten minutes for
each of its runs. After an interruption the same command continues. `python tools/laboratory.py OUT --pictures` then
writes docs/pictures/laboratory-*.webp and laboratory-*.svg from the runs that exist, and prints the page's figures.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import skimage.data
from matplotlib import pyplot as plt
from PIL import Image

from hero import save
from impasto.cli import main
from impasto.images import contact_sheet, read_picture
from impasto.recipe import resolve
from impasto.runs import RunFolder
from impasto.study import EXPERIMENTS, Cell, EvaluatedPicture, Findings, Plan, Row, StudyFolder, evaluate

DOCS = Path(__file__).parents[1] / "docs" / "pictures"
STYLE = "night"
SMALL = ("--size", "160", "--precision", "bf16", "--content-weight", "10")
"""At 160 px the content loss of the paper, a sum, needs ten times the weight that it needs at 512 px."""

STUDIES: dict[str, tuple[str, ...]] = {
    "iterations": SMALL,
    "seeds": (*SMALL, "--steps", "300"),
    "layers": (*SMALL[:4], "--steps", "150", "--ratios", "1e-4,1e-3,1e-2,1e-1"),
    "reconstruct": (*SMALL, "--steps", "150"),
    "init": (*SMALL, "--steps", "200"),
    "pooling": (*SMALL, "--steps", "300"),
    "optimizers": (*SMALL, "--steps", "300"),
    "losses": ("--size", "160", "--precision", "bf16"),
    "longrun": ("--precision", "bf16"),
}
"""The flags of each study."""

_LONG = {"size": 96, "precision": "bf16", "steps": 10_000, "snapshots": (10, 30, 100, 300, 1000, 3000, 10_000)}
_BALANCED = {"content_weight": (512 / 96) ** 2}
CHANGES: dict[str, dict[str, dict[str, object]]] = {
    "paper": {
        "box": _BALANCED | {"canvas": "box"},
        "Adam": _BALANCED | {"optimizer": "adam", "learning_rate": 10.0},
        "max pooling": _BALANCED | {"pooling": "max"},
    },
    "classic": {"box": {"canvas": "box"}, "L-BFGS": {"optimizer": "lbfgs", "keep_best": False}},
    "default": {
        "free": {"canvas": "free"},
        "Gram": {"style_losses": "gram=1.0,gradient_energy=0.025"},
        "Adam": {"optimizer": "adam", "learning_rate": 10.0},
    },
}
"""One change of a preset at a time, each for 10,000 steps; `longrun` paints the presets unchanged."""


def photo(out: Path) -> Path:
    """Write the photo of all studies, scikit-image's cat cropped to 16 : 9."""
    path = out / "cat.png"
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        Image.fromarray(skimage.data.chelsea()[8:262]).save(path)
    return path


def changes() -> Plan:
    """Plan the runs that differ from a preset in one thing."""
    cells = [
        Cell(f"{preset}-{name.replace(' ', '-')}", f"{preset}, {name}", resolve(preset, _LONG, dict(change)))
        for preset, changed in CHANGES.items()
        for name, change in changed.items()
    ]
    return _plan_of(cells)


def _plan_of(cells: Sequence[Cell]) -> Plan:
    rows = tuple(Row.of_snapshots(cell.caption, cell, _LONG["snapshots"]) for cell in cells)
    return Plan(name="longrun", title="One change at a time", question="", rows=rows)


def conduct(out: Path, name: str) -> None:
    """Conduct one study."""
    content = str(photo(out))
    if name != "changes":
        assert main(["study", name, content, STYLE, "--out", str(out / name), *STUDIES[name]]) == 0, name
        return
    StudyFolder(out / name, changes(), content, STYLE).paint(on_event=lambda event: None, on_note=print)


def evaluate_existing(plan: Plan, runs: dict[str, Path]) -> Findings:
    """Evaluate the pictures of some runs that exist already."""
    rows = []
    for row in plan.rows:
        kept = [
            picture
            for picture in row.pictures
            if (runs[picture.cell.key] / "snapshots" / f"{picture.step:06d}.png").exists()
        ]
        if kept:
            rows.append(Row(row.title, tuple(kept)))
    existing = replace(plan, rows=tuple(rows))
    return evaluate(existing, {cell.key: RunFolder.open(runs[cell.key]) for cell in existing.cells})


def pictures(out: Path) -> None:
    """Write the pictures and plots of the page."""
    for name in ("iterations", "seeds", "layers", "reconstruct", "losses"):
        if (out / name / "sheet.png").exists():
            save(read_picture(out / name / "sheet.png").pixels, DOCS / f"laboratory-{name}.webp")
    long = EXPERIMENTS["longrun"].plan({"precision": "bf16"})
    bases = {cell.key: out / "longrun" / "runs" / cell.key for cell in long.cells}
    findings = evaluate_existing(long, bases)
    print_figures(findings)
    plot([findings], DOCS / "laboratory-longrun.svg")
    sheet(
        [[one for one in row if one.step in (100, 1000, 10_000, 100_000)] for row in findings.rows],
        DOCS / "laboratory-longrun.webp",
    )
    if (out / "changes" / "runs").exists():
        studies = [changed_from(out, base, bases[base.key]) for base in long.cells]
        for findings in studies:
            print_figures(findings)
        plot(studies, DOCS / "laboratory-changes.svg")
        sheet([[row[-1] for row in findings.rows] for findings in studies], DOCS / "laboratory-changes.webp")


def changed_from(out: Path, base: Cell, folder: Path) -> Findings:
    """Evaluate a preset and its changes, as far as they were painted."""
    changed = [cell for cell in changes().cells if cell.key.startswith(f"{base.key}-")]
    runs = {cell.key: out / "changes" / "runs" / cell.key for cell in changed}
    return evaluate_existing(_plan_of([base, *changed]), {base.key: folder} | runs)


def print_figures(findings: Findings) -> None:
    """Print the figures of the page."""
    for row, pictures in zip(findings.plan.rows, findings.rows, strict=True):
        for before, picture in zip((None, *pictures), pictures, strict=False):
            figures = [f"{key} {picture.figures[key]:.4g}" for key in FIGURES]
            if before is not None and before.floats.shape == picture.floats.shape:
                figures.append(f"moved {255 * np.abs(picture.floats - before.floats).mean():.1f}")
            print(f"{row.title:20} {picture.step:7,}", *figures)


def sheet(rows: Sequence[Sequence[EvaluatedPicture]], path: Path) -> None:
    """Write a contact sheet."""
    captions = [[f"{picture.cell.caption} {picture.step:,}" for picture in row] for row in rows]
    save(contact_sheet([[picture.floats for picture in row] for row in rows], captions=captions), path)


FIGURES = ("loss", "content", "style", "gray", "clipped", "lightness", "chroma")
PANELS = {
    "content": "content lost",
    "gray": "share of gray",
    "clipped": "share clipped",
    "lightness": "spread of lightness",
}


def plot(studies: Sequence[Findings], path: Path) -> None:
    """Plot the figures against the steps: a row of panels for each family, a line for each recipe."""
    still = {"svg.hashsalt": "impasto", "svg.fonttype": "path", "font.size": 9}
    with matplotlib.rc_context(still):
        figure = plt.figure(figsize=(3.2 * len(PANELS), 3.2 * len(studies)), layout="constrained")
        for findings, strip in zip(studies, figure.subfigures(len(studies), 1, squeeze=False)[:, 0], strict=True):
            axes = strip.subplots(1, len(PANELS))
            for one, (column, title) in zip(axes, PANELS.items(), strict=True):
                _draw(one, findings, column)
                one.set_title(title)
            handles = axes[0].get_legend_handles_labels()
            strip.legend(*handles, loc="outside lower center", ncols=len(handles[0]), frameon=False)
        figure.savefig(path, metadata={"Date": None, "Creator": None})


def _draw(axes: plt.Axes, findings: Findings, column: str) -> None:
    for row, pictures in zip(findings.plan.rows, findings.rows, strict=True):
        late = [picture for picture in pictures if picture.step >= 100]
        axes.plot([picture.step for picture in late], [picture.figures[column] for picture in late], label=row.title)
    if column in findings.style_figures:
        axes.axhline(findings.style_figures[column], color="0.5", linestyle=":")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    where, *names = sys.argv[1:]
    if names == ["--pictures"]:
        pictures(Path(where))
    else:
        for chosen in names or (*STUDIES, "changes"):
            conduct(Path(where), chosen)
