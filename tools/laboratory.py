"""Run the studies of docs/laboratory.md and make its pictures and plots.

`python tools/laboratory.py OUT [NAME...]` conducts the studies (all of them, or some) in folders below OUT. On two
cores most take half an hour together, `longrun` more than an hour for each of its three recipes, `changes` ten minutes
for each of its runs. Interrupted, the same command goes on. `python tools/laboratory.py OUT --pictures` then writes
docs/pictures/laboratory-*.webp and laboratory-*.svg from what is there, and prints the figures of the page.
"""

import sys
from dataclasses import replace
from itertools import compress
from pathlib import Path

import matplotlib
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
CHANGES: dict[str, tuple[str, dict[str, object]]] = {
    "paper": ("paper", _BALANCED),
    "paper, box": ("paper", _BALANCED | {"canvas": "box"}),
    "paper, Adam": ("paper", _BALANCED | {"optimizer": "adam", "learning_rate": 10.0}),
    "paper, max pooling": ("paper", _BALANCED | {"pooling": "max"}),
    "classic": ("classic", {}),
    "classic, box": ("classic", {"canvas": "box"}),
    "classic, L-BFGS": ("classic", {"optimizer": "lbfgs", "keep_best": False}),
    "default": ("default", {}),
    "default, free": ("default", {"canvas": "free"}),
    "default, Gram": ("default", {"style_losses": "gram=1.0,grain=0.025"}),
    "default, Adam": ("default", {"optimizer": "adam", "learning_rate": 10.0}),
}
"""One change at a time, each for 10,000 steps: a preset and what is changed of it."""


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
        Cell(key=name.replace(", ", "-").replace(" ", "-"), caption=name, recipe=resolve(preset, _LONG, dict(change)))
        for name, (preset, change) in CHANGES.items()
    ]
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


def opened(out: Path, name: str) -> Findings:
    """Look at what is there of a study, be it the whole of it or not."""
    plan = changes() if name == "changes" else EXPERIMENTS[name].plan({"precision": "bf16"})
    runs = out / name / "runs"
    rows = []
    for row in plan.rows:
        kept = [(runs / shot.key / "snapshots" / f"{shot.step:06d}.png").exists() for shot in row.shots]
        shots, captions = tuple(compress(row.shots, kept)), tuple(compress(row.captions, kept))
        if shots:
            rows.append(replace(row, shots=shots, captions=captions))
    cells = tuple(cell for cell in plan.cells if any(row.shots[0].key == cell.key for row in rows))
    partly = replace(plan, cells=cells, rows=tuple(rows))
    return look_at(partly, {cell.key: RunFolder.open(runs / cell.key) for cell in cells})


def pictures(out: Path) -> None:
    """Write the pictures and plots of the page."""
    for name in ("iterations", "seeds", "layers", "reconstruct", "losses", "optimizers"):
        if not (out / name / "sheet.png").exists():
            continue
        save(read_picture(out / name / "sheet.png").pixels, DOCS / f"laboratory-{name}.webp")
    for name in ("longrun", "changes"):
        if not (out / name / "runs").exists():
            continue
        findings = opened(out, name)
        curves(findings, DOCS / f"laboratory-{name}.svg")
        rows = [(row.title, findings.row(number)) for number, row in enumerate(findings.plan.rows)]
        last = max(look.step for _, looks in rows for look in looks)
        shown = [step for step in (100, 1000, 10_000, 100_000) if step <= last]
        chosen = [[look for look in looks if look.step in shown] for _, looks in rows]
        captions = [[f"{look.cell.caption} {look.step:,}" for look in looks] for looks in chosen]
        sheet = contact_sheet([[look.floats for look in looks] for looks in chosen], captions=captions)
        save(sheet, DOCS / f"laboratory-{name}.webp")
        for title, looks in rows:
            for look in looks:
                print(f"{title:20} {look.step:7,}", *(f"{key} {look.figures[key]:.4g}" for key in FIGURES))


FIGURES = ("loss", "content", "style", "grey", "clipped", "lightness", "chroma")


def curves(findings: Findings, path: Path) -> None:
    """Draw what becomes of the figures over the steps, a line for each recipe."""
    panels = {
        "content": "content lost",
        "grey": "share of grey",
        "clipped": "share clipped",
        "lightness": "spread of lightness",
    }
    still = {"svg.hashsalt": "impasto", "svg.fonttype": "path", "font.size": 9}
    with matplotlib.rc_context(still):
        figure, axes = plt.subplots(1, len(panels), figsize=(3.2 * len(panels), 3.2), layout="constrained")
        for one, (column, title) in zip(axes, panels.items(), strict=True):
            for number, row in enumerate(findings.plan.rows):
                looks: list[Look] = [look for look in findings.row(number) if look.step >= 100]
                one.plot([look.step for look in looks], [look.figures[column] for look in looks], label=row.title)
            if column in findings.style_figures:
                one.axhline(findings.style_figures[column], color="0.5", linestyle=":")
            one.set_xscale("log")
            one.set_title(title)
            one.set_ylim(bottom=0)
            one.spines[["top", "right"]].set_visible(False)
        handles = axes[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=min(6, len(handles[0])), frameon=False)
        figure.savefig(path, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    where, *names = sys.argv[1:]
    if names == ["--pictures"]:
        pictures(Path(where))
    else:
        for chosen in names or (*STUDIES, "changes"):
            conduct(Path(where), chosen)
