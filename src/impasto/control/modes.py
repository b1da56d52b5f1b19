"""Whose colours a picture gets: what photo and style become before painting, and what is done with the painted one."""

import numpy as np
from jaxtyping import Float

from impasto.control.color import recolor
from impasto.control.lightness import lightness_only, match_lightness, take_chroma
from impasto.recipe import Recipe


def color_inputs(
    recipe: Recipe,
    photo: Float[np.ndarray, "h w 3"],
    style: Float[np.ndarray, "sh sw 3"],
    *,
    margin: tuple[int, int] = (0, 0),
) -> tuple[Float[np.ndarray, "h w 3"], Float[np.ndarray, "sh sw 3"]]:
    """Return photo and style as the network is to see them, RGB in [0, 1].

    `margin` are columns and rows on each side of the style that do not teach: their colours do not count, and there
    stands what is next to them.
    """
    if recipe.color in ("style", "photo"):
        return photo, style
    across, down = margin
    inner = style[down : style.shape[0] - down, across : style.shape[1] - across]
    if recipe.color == "match":
        moved = recolor(inner, photo, recipe.color_map)
        changed = np.asarray(inner + recipe.color_strength / 100 * (moved - inner), dtype=np.float32)
    else:
        changed, photo = match_lightness(inner, photo), lightness_only(photo)
    return photo, np.pad(changed, ((down, down), (across, across), (0, 0)), mode="edge")


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
