"""Whose colours a picture gets: what photo and style become before painting, and what is done with the painted one."""

import numpy as np
from jaxtyping import Float

from impasto.control.color import colors_of, recolor
from impasto.control.lightness import lightness_only, match_lightness, take_chroma
from impasto.recipe import Recipe


def painted_photo(recipe: Recipe, photo: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
    """Return the photo as the network is to see it, RGB in [0, 1]."""
    return lightness_only(photo) if recipe.color.mode == "luminance" else photo


def teaching_style(
    recipe: Recipe,
    style: Float[np.ndarray, "sh sw 3"],
    photo: Float[np.ndarray, "h w 3"],
    *,
    margin: tuple[int, int] = (0, 0),
    where: Float[np.ndarray, "h w"] | None = None,
    mask: Float[np.ndarray, "sh sw"] | None = None,
) -> Float[np.ndarray, "sh sw 3"]:
    """Return a style image as the network is to see it, RGB in [0, 1].

    `margin` are columns and rows on each side of the style that do not teach: their colours do not count, and there
    stands what is next to them. `where` tells which part of the photo the style is for, `mask` which part of it
    teaches.
    """
    if recipe.color.mode in ("style", "photo"):
        return style
    across, down = margin
    rows, columns = slice(down, style.shape[0] - down), slice(across, style.shape[1] - across)
    inner, teaches = style[rows, columns], None if mask is None else mask[rows, columns]
    if recipe.color.mode == "match":
        moved = recolor(inner, colors_of(photo, where), recipe.color_map, where=teaches)
        changed = np.asarray(inner + recipe.color_strength / 100 * (moved - inner), dtype=np.float32)
    else:
        changed = match_lightness(inner, photo, where=where, mask=teaches)
    return np.pad(changed, ((down, down), (across, across), (0, 0)), mode="edge")


def finish_colors(
    recipe: Recipe,
    painted: Float[np.ndarray, "h w 3"],
    photo: Float[np.ndarray, "h w 3"],
    *,
    kept: Float[np.ndarray, "h w"] | None = None,
) -> Float[np.ndarray, "h w 3"]:
    """Return the painted picture with as much of the photo's chroma as the recipe wants; both have one size.

    Where the photo is `kept` (1) it has all of its own.
    """
    share = chroma_share(recipe)
    is_grey = recipe.color.mode == "luminance" and kept is not None
    if not share and not is_grey:
        return painted
    return take_chroma(painted, photo, share if kept is None else share + (1 - share) * kept)


def chroma_share(recipe: Recipe) -> float:
    """Return how much of the photo's chroma the finished picture has, 0 to 1; 0: it stays as it was painted."""
    share = recipe.color_strength / 100
    return {"style": 1 - share, "photo": share, "match": 0.0, "luminance": share}[recipe.color.mode]
