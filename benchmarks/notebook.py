"""Does the preset `notebook` come as low, in as few evaluations, as the notebook it is named after?

`python benchmarks/notebook.py [--small] [--precision fp32] [--images DIR]` paints tubingen.jpg after starry_night.jpg.
First with a short side of 128 px, where torch.optim.LBFGS, as the notebook uses it, goes the same way: one objective,
one start, one count of evaluations. Then, unless `--small`, with a short side of 512 px beside the losses that the
notebook prints; that takes an hour on two cores.
"""

import argparse
from pathlib import Path
from typing import Any, Final

import torch

import impasto
from common import OUT, store
from impasto.api import prepare
from impasto.api.inputs import read_inputs
from impasto.images import demo_photo, plate_path, read_picture
from impasto.recipe import PRESETS, Recipe

IMAGES = Path(__file__).parents[2] / "shared" / "images"
PUBLISHED: Final = {100: 707_861, 200: 469_375, 300: 411_658, 400: 383_885, 500: 368_494}
"""What the notebook prints, by the number of evaluations."""
FULL, SMALL = 512, 128
"""Short sides in pixels."""
ITERATIONS = 20
"""Steps that torch's optimiser takes before it hands back, its default; each is one evaluation."""


def sized(photo: Path, style: Path, short: int) -> Recipe:
    """Return the preset with the sizes at which the notebook would look at both pictures, their short sides alike."""
    long_sides = []
    for path in (photo, style):
        height, width = read_picture(path).pixels.shape[:2]
        long_sides.append(short * max(width, height) // min(width, height))
    return PRESETS["notebook"].with_changes(size=long_sides[0], style_size=long_sides[1], upscale=True)


def by_impasto(photo: Path, style: Path, recipe: Recipe, out: Path) -> dict[int, float]:
    """Paint; return the loss of the picture, which is the last accepted one, after the evaluations of `PUBLISHED`."""
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
    """Go down the same objective from the same start by torch.optim.LBFGS; return the loss of these evaluations."""
    stage = prepare(recipe, read_inputs(photo, style, recipe)).painter()._stage
    z = stage._optimiser.ask().clone().requires_grad_()
    optimizer = torch.optim.LBFGS([z], lr=1, max_iter=ITERATIONS)
    losses: list[float] = []

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = stage._objective(stage._canvas.picture(z)).sum()
        loss.backward()
        losses.append(float(loss.detach()))
        return loss

    while len(losses) < max(PUBLISHED):
        optimizer.step(closure)
    return {count: losses[count - 1] for count in PUBLISHED}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="only beside torch's optimiser, at the small size")
    parser.add_argument("--short", type=int, default=SMALL, help="the short side of the small size, in pixels")
    parser.add_argument("--precision", default=PRESETS["notebook"].precision, choices=("fp32", "bf16"))
    parser.add_argument("--images", type=Path, default=IMAGES, help="a folder with content/ and style/")
    options = parser.parse_args()
    photo, style = options.images / "content" / "tubingen.jpg", options.images / "style" / "starry_night.jpg"
    own = not (photo.is_file() and style.is_file())
    if own:
        photo, style = demo_photo(), plate_path("night")
    OUT.mkdir(exist_ok=True)
    recipe = sized(photo, style, options.short).with_changes(precision=options.precision)
    ours = by_impasto(photo, style, recipe, OUT / "notebook-small.png")
    theirs = by_torch(photo, style, recipe)
    store("notebook-small", rows(f"{photo.stem} x {style.stem}, {options.short} px", theirs, "torch.optim.LBFGS", ours))
    if options.small:
        return
    if own:
        raise SystemExit("the notebook's losses are those of tubingen.jpg and starry_night.jpg: see --images")
    recipe = sized(photo, style, FULL).with_changes(precision=options.precision)
    ours = by_impasto(photo, style, recipe, OUT / "notebook.png")
    store("notebook", rows(f"{photo.stem} x {style.stem}, {FULL} px", PUBLISHED, "the notebook", ours))


def rows(what: str, theirs: dict[int, Any], name: str, ours: dict[int, float]) -> list[dict[str, Any]]:
    """Lay two courses side by side."""
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
