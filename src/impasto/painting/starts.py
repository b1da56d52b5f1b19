"""The pictures that levels start from."""

from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from torch.nn.functional import interpolate

from impasto.images import by_strips
from impasto.painting.pyramid import enlarge_canvas
from impasto.painting.scene import Scene
from impasto.recipe import Recipe

_MEAN_COLOR: Final = np.array([123.68, 116.779, 103.939])
"""Mean color of ImageNet in gray levels: zero for the network."""

_VARIATION: Final = 0.06
"""Standard deviation of the noise by which the starts of two seeds differ; strokes move, and the scores stay."""


def first_canvas(recipe: Recipe, scene: Scene) -> Float[np.ndarray, "h w 3"]:
    """Return what the first level starts from; noise may leave [0, 1].

    Every seed but 0 varies it, as far as the style counts: a strength of 0 returns the photo. A frame of a film starts
    from the one before, and like a single picture where that is not known.
    """
    start = _usual_start(recipe, scene)
    return start if scene.earlier is None else scene.earlier.over(start)


def _usual_start(recipe: Recipe, scene: Scene) -> Float[np.ndarray, "h w 3"]:
    start = recipe.start
    # Drawn on the CPU, so that one seed means one noise on every device.
    generator = torch.Generator().manual_seed(start.seed)
    if start.init == "noise":
        noise = torch.randn(scene.content.shape, generator=generator, dtype=torch.float32).numpy() * start.noise_std
        return np.asarray((_MEAN_COLOR + noise) / 255.0, dtype=np.float32)
    canvas = _named_start(recipe, scene)
    if not start.seed:
        return canvas
    height, width = canvas.shape[:2]
    varied = canvas + _VARIATION * min(1.0, recipe.style.strength / 50) * _smooth_noise(height, width, generator)
    return np.asarray(varied.clip(0, 1), dtype=np.float32)


def next_canvas(recipe: Recipe, scene: Scene, before: Float[np.ndarray, "_h _w 3"]) -> Float[np.ndarray, "h w 3"]:
    """Return what a finer level starts from: the picture of a coarser one with the photo's finer detail.

    A frame of a film gets the detail of the one before, so that a coarser level changes nothing but coarse detail.
    """
    photo = _recolored(scene, recipe) if recipe.start.init == "recolored" else scene.content
    detail = np.full((*photo.shape[:2], 1), recipe.schedule.residual_detail, dtype=np.float32)
    if scene.earlier is not None:
        photo, known = scene.earlier.over(photo), scene.earlier.known[:, :, None]
        detail = detail + known * (1 - detail)
    return enlarge_canvas(before, photo, detail=detail)


def _named_start(recipe: Recipe, scene: Scene) -> Float[np.ndarray, "h w 3"]:
    if recipe.start.init == "content":
        return scene.content
    if recipe.start.init == "recolored":
        return _recolored(scene, recipe)
    if recipe.start.init == "style":
        return scene.covered()
    assert scene.init is not None, "the file that init names is read with the other inputs"
    return scene.init


def _recolored(scene: Scene, recipe: Recipe) -> Float[np.ndarray, "h w 3"]:
    """Return the photo with as much of the style's colors as the recipe says."""
    share = recipe.balanced().start.recolor
    return by_strips(lambda content, moved: content + share * (moved - content), scene.content, scene.recolored)


def _smooth_noise(height: int, width: int, generator: torch.Generator) -> Float[np.ndarray, "h w 3"]:
    """Return noise with a standard deviation of 1: patches of 2, 4, 8... pixels, up to a quarter of the picture."""
    noise = torch.zeros(1, 3, height, width, dtype=torch.float32)
    spacing = 2
    while spacing == 2 or 4 * spacing <= max(height, width):
        grid = torch.randn(1, 3, 1 + -(-height // spacing), 1 + -(-width // spacing), generator=generator)
        noise += interpolate(grid, (height, width), mode="bicubic", align_corners=True)
        spacing *= 2
    return np.asarray((noise / float(noise.numpy().std(ddof=1)))[0].permute(1, 2, 0).numpy())
