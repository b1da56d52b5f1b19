"""Whose colours a picture gets: what photo and style become before painting, and what is done with the painted one."""

import numpy as np
from jaxtyping import Float

from impasto.control.color import recolor
from impasto.control.lightness import lightness_only, match_lightness, take_chroma
from impasto.recipe import Recipe


def color_inputs(
    recipe: Recipe, photo: Float[np.ndarray, "h w 3"], style: Float[np.ndarray, "sh sw 3"]
) -> tuple[Float[np.ndarray, "h w 3"], Float[np.ndarray, "sh sw 3"]]:
    """Return photo and style as the network is to see them, RGB in [0, 1]."""
    if recipe.color == "match":
        moved = recolor(style, photo, recipe.color_map)
        return photo, np.asarray(style + recipe.color_strength / 100 * (moved - style), dtype=np.float32)
    if recipe.color == "luminance":
        return lightness_only(photo), match_lightness(style, photo)
    return photo, style


def finish_colors(
    recipe: Recipe, painted: Float[np.ndarray, "h w 3"], photo: Float[np.ndarray, "h w 3"]
) -> Float[np.ndarray, "h w 3"]:
    """Return the painted picture with as much of the photo's chroma as the recipe wants; both have one size."""
    share = chroma_share(recipe)
    return take_chroma(painted, photo, share) if share else painted


def chroma_share(recipe: Recipe) -> float:
    """Return how much of the photo's chroma the finished picture has, 0 to 1; 0: it stays as it was painted."""
    share = recipe.color_strength / 100
    return {"style": 1 - share, "photo": share, "match": 0.0, "luminance": share}[recipe.color]
