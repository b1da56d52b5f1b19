"""Does the preset `notebook` reach as low a loss, in as few evaluations, as the notebook it is named after?

`python benchmarks/notebook.py [--small] [--precision fp32] [--images DIR]` paints tubingen.jpg after starry_night.jpg:
with a short side of 128 px beside torch.optim.LBFGS as the notebook uses it (same objective, start and number of
evaluations), and, unless `--small`, with a short side of 512 px beside the losses that the notebook prints; that takes
an hour on two cores.
"""

import argparse
from pathlib import Path
from typing import Any, Final

from common import IMAGES, OUT, finest_level, store

# isort: split
import torch

import impasto
from impasto.images import demo_photo, plate_path, read_picture
from impasto.losses import total_of
from impasto.recipe import PRESETS, Recipe

PUBLISHED: Final = {100: 707_861, 200: 469_375, 300: 411_658, 400: 383_885, 500: 368_494}
"""The losses that the notebook prints, by the number of evaluations."""
FULL, SMALL = 512, 128
"""Short sides in pixels."""
ITERATIONS = 20
"""Iterations of torch's optimizer per call, its default; each is one evaluation."""


def sized(photo: Path, style: Path, short: int) -> Recipe:
    """Return the preset with the sizes that the notebook would use for both pictures, whose short sides are equal."""
    long_sides = []
    for path in (photo, style):
        height, width = read_picture(path).pixels.shape[:2]
        long_sides.append(short * max(width, height) // min(width, height))
    return PRESETS["notebook"].with_changes(size=long_sides[0], style_size=long_sides[1], upscale=True)


def by_impasto(photo: Path, style: Path, recipe: Recipe, out: Path) -> dict[int, float]:
    """Paint; return the loss of the last accepted step after the evaluations of `PUBLISHED`."""
    reached: dict[int, float] = {}
    loss = float("inf")

    def listen(event: impasto.Event) -> None:
        nonlocal loss
        if isinstance(event, impasto.Step):
            loss = event.loss if event.improved else loss
            if event.step in PUBLISHED:
                reached[event.step] = loss
                print(f"impasto, {event.step} evaluations: {loss:,.0f} ({event.seconds:.0f} s)", flush=True)

    impasto.stylize(photo, style, recipe, on_event=listen).save(out)
    return reached


def by_torch(photo: Path, style: Path, recipe: Recipe) -> dict[int, float]:
    """Minimize the same objective from the same start by torch.optim.LBFGS; return the loss of these evaluations."""
    level = finest_level(recipe, photo, style)
    z = level.optimizer.ask().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([z], lr=1, max_iter=ITERATIONS)
    losses: list[float] = []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = total_of(level.objective.terms(level.canvas.picture(z)))
        loss.backward()
        losses.append(float(loss.detach()))
        return loss

    while len(losses) < max(PUBLISHED):
        optimizer.step(closure)
    return {count: losses[count - 1] for count in PUBLISHED}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="only beside torch's optimizer, at the small size")
    parser.add_argument("--short", type=int, default=SMALL, help="the short side of the small size, in pixels")
    parser.add_argument("--precision", default=PRESETS["notebook"].hardware.precision, choices=("fp32", "bf16"))
    parser.add_argument("--images", type=Path, default=IMAGES, help="a folder with content/ and style/")
    options = parser.parse_args()
    photo, style = options.images / "content" / "tubingen.jpg", options.images / "style" / "starry_night.jpg"
    missing = not (photo.is_file() and style.is_file())
    if missing:
        photo, style = demo_photo(), plate_path("night")
    OUT.mkdir(exist_ok=True)
    recipe = sized(photo, style, options.short).with_changes(precision=options.precision)
    ours = by_impasto(photo, style, recipe, OUT / "notebook-small.png")
    theirs = by_torch(photo, style, recipe)
    store("notebook-small", rows(f"{photo.stem} x {style.stem}, {options.short} px", theirs, "torch.optim.LBFGS", ours))
    if options.small:
        return
    if missing:
        raise SystemExit("the notebook's losses are those of tubingen.jpg and starry_night.jpg: see --images")
    recipe = sized(photo, style, FULL).with_changes(precision=options.precision)
    ours = by_impasto(photo, style, recipe, OUT / "notebook.png")
    store("notebook", rows(f"{photo.stem} x {style.stem}, {FULL} px", PUBLISHED, "the notebook", ours))


def rows(what: str, theirs: dict[int, Any], name: str, ours: dict[int, float]) -> list[dict[str, Any]]:
    """Return two series of losses side by side."""
    return [
        {
            "what": what,
            "evaluations": count,
            name: f"{theirs[count]:,.0f}",
            "impasto": f"{ours[count]:,.0f}",
            "ratio": ours[count] / theirs[count],
        }
        for count in PUBLISHED
    ]


if __name__ == "__main__":
    main()
