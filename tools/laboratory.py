"""Run the studies of docs/laboratory.md and make its pictures and plots.

`python tools/laboratory.py OUT [NAME...]` conducts the studies (all of them, or some) in folders below OUT. On two
cores most take half an hour together, `longrun` more than an hour for each of its three recipes, `changes` ten minutes
for each of its runs. Interrupted, the same command goes on. `python tools/laboratory.py OUT --pictures` then writes
docs/pictures/laboratory-*.webp and laboratory-*.svg from what is there, and prints the figures of the page.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
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
from impasto.study import EXPERIMENTS, Findings, Look, StudyFolder
from impasto.study.looking import look_at
from impasto.study.plan import Cell, Plan, snapshots_of

DOCS = Path(__file__).parents[1] / "docs" / "pictures"
STYLE = "night"
SMALL = ("--size", "160", "--precision", "bf16", "--content-weight", "10")
"""At 160 px the content of the paper's sums needs ten times the weight that it has at 512 px."""

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
        "Gram": {"style_losses": "gram=1.0,grain=0.025"},
        "Adam": {"optimizer": "adam", "learning_rate": 10.0},
    },
}
"""One change at a time, each for 10,000 steps: presets and what is changed of them. `longrun` has them unchanged."""


def photo(out: Path) -> Path:
    """Write the photo of all studies, scikit-image's cat cut to 16 : 9."""
    path = out / "cat.png"
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        Image.fromarray(skimage.data.chelsea()[8:262]).save(path)
    return path


def changes() -> Plan:
    """Plan the runs that differ from a preset in one thing."""
    cells = [
        Cell(key=_key(preset, name), caption=f"{preset}, {name}", recipe=resolve(preset, _LONG, dict(change)))
        for preset, changed in CHANGES.items()
        for name, change in changed.items()
    ]
    return _planned(cells)


def _key(preset: str, name: str) -> str:
    return f"{preset}-{name.replace(' ', '-')}"


def _planned(cells: Sequence[Cell]) -> Plan:
    rows = tuple(snapshots_of(cell.key, cell.caption, _LONG["snapshots"]) for cell in cells)
    return Plan(name="longrun", title="One change at a time", question="", cells=tuple(cells), rows=rows)


def conduct(out: Path, name: str) -> None:
    """Conduct one study."""
    content = str(photo(out))
    if name != "changes":
        assert main(["study", name, content, STYLE, "--out", str(out / name), *STUDIES[name]]) == 0, name
        return
    study = StudyFolder(out / name, changes(), content, STYLE)
    for cell in study.plan.cells:
        if not study.is_finished(cell):
            study.begin(cell).wait()


def opened(plan: Plan, runs: dict[str, Path]) -> Findings:
    """Look at what is there of some runs, be it the whole of them or not."""
    rows = []
    for row in plan.rows:
        kept = [(runs[shot.key] / "snapshots" / f"{shot.step:06d}.png").exists() for shot in row.shots]
        shots, captions = tuple(compress(row.shots, kept)), tuple(compress(row.captions, kept))
        if shots:
            rows.append(replace(row, shots=shots, captions=captions))
    cells = tuple(cell for cell in plan.cells if any(row.shots[0].key == cell.key for row in rows))
    partly = replace(plan, cells=cells, rows=tuple(rows))
    return look_at(partly, {cell.key: RunFolder.open(runs[cell.key]) for cell in cells})


def pictures(out: Path) -> None:
    """Write the pictures and plots of the page."""
    for name in ("iterations", "seeds", "layers", "reconstruct", "losses"):
        if (out / name / "sheet.png").exists():
            save(read_picture(out / name / "sheet.png").pixels, DOCS / f"laboratory-{name}.webp")
    long = EXPERIMENTS["longrun"].plan({"precision": "bf16"})
    bases = {cell.key: out / "longrun" / "runs" / cell.key for cell in long.cells}
    findings = opened(long, bases)
    told(findings)
    plot([findings], DOCS / "laboratory-longrun.svg")
    sheet(
        [
            [look for look in findings.row(number) if look.step in (100, 1000, 10_000, 100_000)]
            for number in range(len(findings.plan.rows))
        ],
        DOCS / "laboratory-longrun.webp",
    )
    if (out / "changes" / "runs").exists():
        families = [family(out, base, bases[base.key]) for base in long.cells]
        for findings in families:
            told(findings)
        plot(families, DOCS / "laboratory-changes.svg")
        sheet(
            [[findings.row(number)[-1] for number in range(len(findings.plan.rows))] for findings in families],
            DOCS / "laboratory-changes.webp",
        )


def family(out: Path, base: Cell, folder: Path) -> Findings:
    """Look at a preset and at its changes, as far as they were painted."""
    changed = [cell for cell in changes().cells if cell.key.startswith(f"{base.key}-")]
    runs = {cell.key: out / "changes" / "runs" / cell.key for cell in changed}
    return opened(_planned([base, *changed]), {base.key: folder} | runs)


def told(findings: Findings) -> None:
    """Print the figures of the page."""
    for number, row in enumerate(findings.plan.rows):
        looks = findings.row(number)
        for before, look in zip((None, *looks), looks, strict=False):
            figures = [f"{key} {look.figures[key]:.4g}" for key in FIGURES]
            if before is not None and before.floats.shape == look.floats.shape:
                figures.append(f"moved {255 * np.abs(look.floats - before.floats).mean():.1f}")
            print(f"{row.title:20} {look.step:7,}", *figures)


def sheet(rows: Sequence[Sequence[Look]], path: Path) -> None:
    """Write a contact sheet."""
    captions = [[f"{look.cell.caption} {look.step:,}" for look in looks] for looks in rows]
    save(contact_sheet([[look.floats for look in looks] for looks in rows], captions=captions), path)


FIGURES = ("loss", "content", "style", "grey", "clipped", "lightness", "chroma")


PANELS = {
    "content": "content lost",
    "grey": "share of grey",
    "clipped": "share clipped",
    "lightness": "spread of lightness",
}


def plot(families: Sequence[Findings], path: Path) -> None:
    """Draw what becomes of the figures over the steps: a row of panels for each family, a line for each recipe."""
    still = {"svg.hashsalt": "impasto", "svg.fonttype": "path", "font.size": 9}
    with matplotlib.rc_context(still):
        figure = plt.figure(figsize=(3.2 * len(PANELS), 3.2 * len(families)), layout="constrained")
        for findings, strip in zip(families, figure.subfigures(len(families), 1, squeeze=False)[:, 0], strict=True):
            axes = strip.subplots(1, len(PANELS))
            for one, (column, title) in zip(axes, PANELS.items(), strict=True):
                _draw(one, findings, column)
                one.set_title(title)
            handles = axes[0].get_legend_handles_labels()
            strip.legend(*handles, loc="outside lower center", ncols=len(handles[0]), frameon=False)
        figure.savefig(path, metadata={"Date": None, "Creator": None})


def _draw(axes: plt.Axes, findings: Findings, column: str) -> None:
    for number, row in enumerate(findings.plan.rows):
        looks = [look for look in findings.row(number) if look.step >= 100]
        axes.plot([look.step for look in looks], [look.figures[column] for look in looks], label=row.title)
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
