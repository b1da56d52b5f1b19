"""Do a few steps on a pyramid of levels reach what many steps at full size reach?

`default` at 256 px beside the same recipe with all steps at full size: 500 steps, and as many as cost what the pyramid
costs. A full-size step is one whose canvas has as many pixels as the result; a step at half the size counts a quarter.
The objective at full size is the same for all; style and content are scores by networks that nothing optimizes.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np

import impasto
from common import store
from impasto.images import fit, plate_path, read_picture
from impasto.painting import plan_levels
from impasto.recipe import Recipe
from impasto.score import Judge

_SIZE: Final = 256
_PAIRS: Final = (("astronaut", "night"), ("coffee", "woodcut"))


def full_size_steps(recipe: Recipe, size: tuple[int, int]) -> float:
    """Return the cost of a recipe's steps in steps at the result's size."""
    levels = plan_levels(recipe, *size)
    return sum(level.steps * level.width * level.height for level in levels) / (size[0] * size[1])


def main() -> None:
    import skimage.data

    rows, session = [], impasto.Session()
    for photo_name, plate in _PAIRS:
        photo = getattr(skimage.data, photo_name)().astype(np.float32) / 255
        size = fit(photo.shape[1], photo.shape[0], _SIZE)
        style = Path(plate_path(plate))
        judge = Judge(photo, read_picture(style).pixels, size=size)
        pyramid = Recipe(size=_SIZE)
        same_cost = round(full_size_steps(pyramid, size))
        variants = {
            "default": pyramid,
            "one level, same cost": pyramid.with_changes(levels=1, steps=same_cost),
            "one level, 500 steps": pyramid.with_changes(levels=1, steps=500),
        }
        for name, recipe in variants.items():
            result = session.stylize(photo, style, recipe)
            scores = judge.score(result.pixels)
            row: dict[str, Any] = {"pair": f"{photo_name} x {plate}", "schedule": name}
            row |= {"full-size steps": full_size_steps(recipe, size), "loss": result.loss}
            rows.append(row | {"style": scores.style, "content": scores.content})
    store("schedule", rows)


if __name__ == "__main__":
    main()
