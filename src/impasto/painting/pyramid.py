"""The levels: the sizes that are painted one after the other, coarse to fine, and their shares of the steps."""

from dataclasses import dataclass
from itertools import pairwise

from impasto.images import fit
from impasto.recipe import Recipe

SMALLEST_LEVEL = 64
"""Long side in pixels below which a coarser level is left out: the deep layers would see a few features only."""


@dataclass(frozen=True)
class Level:
    """One size of the pyramid. `above` counts the finer levels: 0 is the finest, whose size is the result's."""

    width: int
    height: int
    steps: int
    above: int


def plan_levels(recipe: Recipe, width: int, height: int) -> tuple[Level, ...]:
    """Return the levels from coarse to fine for a result of `width` x `height` pixels; their steps sum to `steps`.

    Coarse levels are left out where they would be smaller than 64 px or get no step.
    """
    sizes = [(width, height)]
    for above in range(1, recipe.levels):
        long_side = round(max(width, height) / recipe.level_ratio**above)
        if long_side < SMALLEST_LEVEL or min(fit(width, height, long_side)) < SMALLEST_LEVEL // 4:
            break
        sizes.append(fit(width, height, long_side))
    sizes = sizes[: recipe.steps]
    steps = _share(recipe.steps, [recipe.coarse_steps**above for above in range(len(sizes))])
    return tuple(Level(*sizes[above], steps[above], above) for above in reversed(range(len(sizes))))


def _share(total: int, weights: list[float]) -> list[int]:
    """Split `total` in proportion to `weights`, each part at least 1, the sum exact."""
    spare = total - len(weights)
    cuts = [0]
    for i in range(len(weights)):
        cuts.append(round(spare * sum(weights[: i + 1]) / sum(weights)))
    return [1 + after - before for before, after in pairwise(cuts)]
