"""What lies under transparent pixels, and what shows through them."""

import numpy as np
from jaxtyping import Float
from PIL import Image


def fill_transparent(pixels: Float[np.ndarray, "h w 3"], alpha: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
    """Give each wholly transparent pixel the colour of what is visible around it; the others keep theirs.

    Files hold anything under transparent pixels, often black, whose hard edge would be painted as a contour. The
    visible colours spread by averages over ever larger squares, weighted by alpha (the "pull-push" of Gortler et al.,
    "The Lumigraph", 1996). A picture without one visible pixel is returned as it is.
    """
    if not alpha.any() or alpha.all():
        return pixels
    weighted, weight = _halve(pixels * alpha[..., None]), _halve(alpha)
    spread = _enlarge(_spread(weighted, weight), *alpha.shape)
    hidden = alpha == 0
    filled = pixels.copy()
    filled[hidden] = spread[hidden]
    return filled


def over_white(pixels: Float[np.ndarray, "h w 3"], alpha: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
    """Lay the picture on white, as a viewer shows it: pixels * alpha + 1 - alpha, on the encoded values."""
    laid: np.ndarray = pixels * alpha[..., None] + (1 - alpha[..., None])
    return laid


def _spread(weighted: Float[np.ndarray, "h w 3"], weight: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
    """Return the mean colour where there is weight, and that of coarser squares where there is none."""
    if weight.all():
        colors: np.ndarray = weighted / weight[..., None]
        return colors
    filled = _enlarge(_spread(_halve(weighted), _halve(weight)), *weight.shape)
    visible = weight > 0
    filled[visible] = weighted[visible] / weight[visible, None]
    return filled


def _halve(values: Float[np.ndarray, "h w *c"]) -> Float[np.ndarray, "_h _w *c"]:
    """Mean of squares of two by two, of what there is of them at the edges."""
    planes = np.atleast_3d(values)
    halves = [np.asarray(Image.fromarray(np.ascontiguousarray(plane)).reduce(2)) for plane in planes.transpose(2, 0, 1)]
    return halves[0] if values.ndim == 2 else np.stack(halves, axis=-1)


def _enlarge(colors: Float[np.ndarray, "_h _w 3"], height: int, width: int) -> Float[np.ndarray, "{height} {width} 3"]:
    planes = [Image.fromarray(np.ascontiguousarray(colors[..., c])) for c in range(3)]
    larger = [np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR)) for plane in planes]
    return np.stack(larger, axis=-1)
