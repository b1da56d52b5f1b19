"""The color modes of a recipe: how photo and style change before painting, and the painted picture after it."""

import numpy as np
from jaxtyping import Float

from impasto.color.oklab import lightness_only, match_lightness, take_chroma
from impasto.color.transfer import colors_of, recolor
from impasto.recipe import ColorSettings


def photo_for_network(settings: ColorSettings, photo: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
    """Return the photo as the network sees it, RGB in [0, 1]: gray if only luminance is painted."""
    return lightness_only(photo) if settings.mode == "luminance" else photo


def style_for_network(
    settings: ColorSettings,
    style: Float[np.ndarray, "sh sw 3"],
    photo: Float[np.ndarray, "h w 3"],
    *,
    margin: tuple[int, int] = (0, 0),
    where: Float[np.ndarray, "h w"] | None = None,
    mask: Float[np.ndarray, "sh sw"] | None = None,
) -> Float[np.ndarray, "sh sw 3"]:
    """Return a style image as the network sees it, RGB in [0, 1].

    Args:
        settings: `match` moves the style's colors to the photo's, `luminance` its lightness; other modes do nothing.
        style: RGB in [0, 1].
        photo: RGB in [0, 1].
        margin: Columns and rows on each side of the style that are not used: they do not count, and the result
            repeats what is next to them.
        where: Weight of each position of the photo.
        mask: Weight of each position of the style.
    """
    if settings.mode in ("style", "photo"):
        return style
    across, down = margin
    rows, columns = slice(down, style.shape[0] - down), slice(across, style.shape[1] - across)
    inner, weights = style[rows, columns], None if mask is None else mask[rows, columns]
    if settings.mode == "match":
        moved = recolor(inner, colors_of(photo, where), settings.map, where=weights)
        changed = np.asarray(inner + settings.strength / 100 * (moved - inner), dtype=np.float32)
    else:
        changed = match_lightness(inner, photo, where=where, mask=weights)
    return np.pad(changed, ((down, down), (across, across), (0, 0)), mode="edge")


def finish_colors(
    settings: ColorSettings,
    painted: Float[np.ndarray, "h w 3"],
    photo: Float[np.ndarray, "h w 3"],
    *,
    kept: Float[np.ndarray, "h w"] | None = None,
) -> Float[np.ndarray, "h w 3"]:
    """Return the painted picture with the share of the photo's chroma that the settings ask for.

    Args:
        settings: The share follows from `mode` and `strength`.
        painted: RGB in [0, 1].
        photo: RGB in [0, 1], of the same size.
        kept: Where it is 1, all of the photo's chroma is taken.
    """
    share = settings.strength / 100
    share = {"style": 1 - share, "photo": share, "match": 0.0, "luminance": share}[settings.mode]
    kept_in_gray = settings.mode == "luminance" and kept is not None
    if not share and not kept_in_gray:
        return painted
    return take_chroma(painted, photo, share if kept is None else share + (1 - share) * kept)
