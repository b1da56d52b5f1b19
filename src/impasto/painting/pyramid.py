"""The pyramid: the sizes that are painted one after the other, coarse to fine, and their shares of the steps."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from jaxtyping import Float

from impasto.backbones import FeatureExtractor, check_input_size
from impasto.errors import InputError
from impasto.images import fit, resize, strips
from impasto.losses import needed_layers, with_shallow_layers
from impasto.recipe import Recipe, ScheduleSettings

MIN_LEVEL: Final = 45
"""Long side in pixels below which a coarser level is left out."""

COARSEST_LEVEL: Final = 64
"""Long side in pixels near which `levels = auto` begins, so that the layout is the same at every size."""


@dataclass(frozen=True)
class Level:
    """One size of the pyramid.

    `above` counts the finer levels: 0 is the finest, whose size is the result's. `below` counts the coarser ones.
    `reduction` is how many times the finest level is larger.
    """

    width: int
    height: int
    steps: int
    above: int
    reduction: float = 1.0
    below: int = 0


def plan_levels(recipe: Recipe, width: int, height: int) -> tuple[Level, ...]:
    """Return the levels from coarse to fine for a result of `width` x `height` pixels; their steps sum to `steps`.

    Coarse levels that would be smaller than 45 px, too small for the network, or get no step are left out.
    """
    schedule = recipe.schedule
    sizes = [(width, height)]
    for above in range(1, _level_count(schedule, max(width, height))):
        long_side = round(max(width, height) / schedule.level_ratio**above)
        if long_side < MIN_LEVEL or not _is_large_enough(recipe, *fit(width, height, long_side)):
            break
        sizes.append(fit(width, height, long_side))
    sizes = sizes[: schedule.steps]
    steps = _share(schedule.steps, [schedule.coarse_steps**above for above in range(len(sizes))])
    # A coarse level that is painted for long settles the layout without the photo's detail; long runs are for the end.
    coarse = [min(count, schedule.coarse_limit) for count in steps[1:]]
    steps = [schedule.steps - sum(coarse), *coarse]
    count = len(sizes)
    return tuple(
        Level(*sizes[above], steps[above], above, schedule.level_ratio**above, below=count - 1 - above)
        for above in reversed(range(count))
    )


def recipe_at(recipe: Recipe, level: Level, extractor: FeatureExtractor) -> Recipe:
    """Return the recipe of a level: the finest of several compares shallow layers only, see `fine_stride`.

    What deep layers see is settled at coarser levels, where a position of theirs covers more of the picture. At the
    finest they would take a third of the arithmetic; without them the strokes follow the style more closely.
    """
    stride = recipe.schedule.fine_stride
    if level.above or not level.below or not stride:
        return recipe
    return with_shallow_layers(recipe, extractor, stride)


def _is_large_enough(recipe: Recipe, width: int, height: int) -> bool:
    """Return True if the network can process a picture of this size; coarse levels of a panorama may be too small."""
    if min(width, height) < MIN_LEVEL // 4:
        return False
    network = recipe.network
    try:
        check_input_size(width, height, needed_layers(recipe), backbone=network.backbone, padding=network.padding)
    except InputError:
        return False
    return True


def _level_count(schedule: ScheduleSettings, long_side: int) -> int:
    if schedule.levels != "auto":
        return schedule.levels
    return 1 + max(0, round(math.log(long_side / COARSEST_LEVEL, schedule.level_ratio)))


def _share(total: int, weights: list[float]) -> list[int]:
    """Split `total` in proportion to `weights`, each part at least 1, the sum exact."""
    spare = total - len(weights)
    cuts = [round(spare * sum(weights[:i]) / sum(weights)) for i in range(len(weights) + 1)]
    return [1 + after - before for before, after in pairwise(cuts)]


def enlarge_canvas(
    canvas: Float[np.ndarray, "h w 3"],
    photo: Float[np.ndarray, "lh lw 3"],
    *,
    detail: float | Float[np.ndarray, "lh lw 1"],
) -> Float[np.ndarray, "lh lw 3"]:
    """Enlarge the canvas to the photo's size and add a share (0..1) of the photo's detail that is too fine for it.

    On a smooth canvas the first steps would paint the 2 x 2 grid of the pooling windows; with detail they follow the
    photo's edges, and the loss is lower.
    """
    height, width = photo.shape[:2]
    coarse = resize(photo, canvas.shape[1], canvas.shape[0])
    result = np.empty_like(photo)
    for rows in strips(height, width):
        missing = photo[rows] - _enlarge(coarse, height, width, rows)
        share = detail if isinstance(detail, float) else detail[rows]
        result[rows] = (_enlarge(canvas, height, width, rows) + share * missing).clip(0, 1)
    return result


_BLUR: Final = 0.7
"""Standard deviation, in pixels of the coarse level, of the Gaussian that enlarges a canvas.

Interpolation that keeps contrast at the finest scale (bicubic, Lanczos) leaves a periodic pattern behind.
"""
_BELL: Final = 6
"""Pixels from its center beyond which this Gaussian adds nothing in fp32."""
_BLOCK: Final = 1024
"""Columns that are enlarged at once."""


def _enlarge(
    picture: Float[np.ndarray, "_h _w 3"], height: int, width: int, rows: slice
) -> Float[np.ndarray, "_rows {width} 3"]:
    """Return some rows of a picture that is enlarged by Gaussian interpolation, mirrored at the border."""
    # By torch, because the products of NumPy depend on the number of threads.
    down, used = _interpolation(height, picture.shape[0], rows)
    lines = (torch.from_numpy(down) @ torch.tensor(picture[used]).flatten(1)).unflatten(1, (-1, 3)).transpose(0, 1)
    blocks = []
    for left in range(0, width, _BLOCK):
        across, used = _interpolation(width, picture.shape[1], slice(left, min(width, left + _BLOCK)))
        blocks.append(torch.from_numpy(across) @ lines[used].flatten(1))
    columns = torch.cat(blocks)
    return np.ascontiguousarray(columns.unflatten(1, (-1, 3)).transpose(0, 1).numpy())


def _interpolation(after: int, before: int, wanted: slice) -> tuple[Float[np.ndarray, "wanted used"], slice]:
    """Return the matrix whose products are some of `after` pixels that a line of `before` is enlarged to.

    Its rows sum to 1; the slice says which pixels of the line its columns are.
    """
    margin = 4
    centers = (np.arange(after)[wanted] + 0.5) * before / after - 0.5
    places = np.arange(-margin, before + margin)
    bells = np.exp(-((centers[:, None] - places) ** 2) / (2 * _BLUR**2))
    bells /= bells.sum(axis=1, keepdims=True)
    mirrored = (np.abs(places + 0.5) - 0.5).astype(int)
    mirrored = np.where(mirrored >= before, 2 * before - 1 - mirrored, mirrored)
    matrix = np.zeros((len(centers), before), dtype=np.float32)
    np.add.at(matrix.T, mirrored, bells.T.astype(np.float32))
    used = slice(max(0, math.floor(centers[0]) - _BELL), min(before, math.ceil(centers[-1]) + _BELL + 1))
    return np.ascontiguousarray(matrix[:, used]), used
