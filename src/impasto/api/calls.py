"""Calls that need no session: paint one picture, continue a run, recolor a photo, find its subject or its parts."""

from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from types import NoneType
from typing import Final, Unpack, get_args

import numpy as np
import torch
from jaxtyping import Float

from impasto.api.hardware import resolve_hardware
from impasto.api.inputs import Style, Styles, StyleSource, plate_or_file
from impasto.api.job import result_size
from impasto.api.pictures import Mask, Parts, Preview, Recolored, Result
from impasto.api.run import Run
from impasto.api.session import RunOptions, Session
from impasto.backbones import load_weights
from impasto.color import colors_of
from impasto.color import recolor as transfer_colors
from impasto.errors import InputError, check_type
from impasto.events import Listener
from impasto.images import PLATES, Source, contact_sheet, read_picture, resize
from impasto.losses import make_extractor
from impasto.painting import matched_parts as find_parts
from impasto.recipe import ColorMap, Recipe, SettingError, one_of, resolve
from impasto.saliency import automatic_mask


def stylize(
    content: Source,
    styles: Styles,
    recipe: Recipe | str | None = None,
    *,
    session: Session | None = None,
    **options: Unpack[RunOptions],
) -> Result:
    """Paint a photo in a style and wait for the picture (Gatys, Ecker and Bethge 2015).

    Args:
        content: The photo: path, bytes of a file, PIL image or array (h x w x 3 or 4, uint8 or float in [0, 1]).
        styles: Style image or images, likewise, names of built-in ones, or `Style`s of which only a part is used.
            Several are mixed (`style_mix`). With regions there may be none (`[]`): what they leave keeps the photo.
        recipe: A recipe or the name of a preset; None: `default`. `preset="draft"` is another way to name a preset.
        session: Keeps network and style targets for the next call; None: nothing is kept.
        **options: Settings of the recipe by their flat names, and

            - `regions`: where another style holds or the photo stays: `Region`s, or texts such as `sky.png=night` and
              `face.png=keep`; None: the recipe's;
            - `on_event`: called with every event, in the thread that paints;
            - `run`: folder to keep the run in, so that it can be resumed;
            - `output`: noted in the run folder as the place where the picture is wanted; nothing is written there;
            - `bits`, `quality`: noted with it, as for `Result.save`; `impasto resume` saves the picture so.

    Returns:
        The finished picture.

    Raises:
        InputError: If something given cannot be used, in one line.
        RunError: If the run fails, in one line.

    Example:
        >>> import numpy, impasto
        >>> photo = numpy.random.default_rng(0).random((48, 64, 3))
        >>> impasto.stylize(photo, "night", size=64, steps=2, levels=1).image.size
        (64, 48)
    """
    return _usable(session).stylize(content, styles, recipe, **options)


def start(
    content: Source,
    styles: Styles,
    recipe: Recipe | str | None = None,
    *,
    session: Session | None = None,
    **options: Unpack[RunOptions],
) -> Run:
    """Begin to paint in the background; everything that was given is read and checked before this returns.

    Args:
        content: The photo, as for `stylize`.
        styles: Style image or images, as for `stylize`.
        recipe: A recipe or the name of a preset; None: `default`.
        session: Keeps network and style targets for the next call; None: nothing is kept.
        **options: As for `stylize`.

    Returns:
        The handle of the run.

    Raises:
        InputError: If something given cannot be used, in one line.

    Example:
        >>> import numpy, impasto
        >>> run = impasto.start(numpy.full((48, 64, 3), 0.5), "night", size=64, steps=2, levels=1)
        >>> run.wait().steps
        2
    """
    return _usable(session).start(content, styles, recipe, **options)


def resume(
    run: str | Path,
    *,
    weights: str | Path | None = None,
    on_event: Listener | None = None,
    session: Session | None = None,
) -> Run:
    """Continue a run from its last checkpoint, in the background; the same machine ends with the same picture.

    Args:
        run: The run folder.
        weights: The file of weights that the run was begun with, if the folder was made elsewhere.
        on_event: Called with every event, in the thread that paints.
        session: As for `stylize`.

    Returns:
        The handle of the run.

    Raises:
        InputError: If the folder holds no run, another process paints into it, or the run is finished.

    Example:
        >>> import impasto, numpy, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp()) / "run"
        >>> photo = numpy.full((48, 64, 3), 0.5)
        >>> run = impasto.start(photo, "night", size=64, steps=30, levels=1, run=folder)
        >>> run.stop()
        >>> _ = run.wait()
        >>> impasto.resume(folder).wait().steps
        30
    """
    return _usable(session).resume(run, weights=weights, on_event=on_event)


def _usable(session: Session | None) -> Session:
    """Return the session that was given, or a new one."""
    check_type(session, (Session, NoneType), "session", "an impasto.Session")
    return Session() if session is None else session


def recolor(
    photo: Source, style: Source, *, color_map: ColorMap = "transport", color_strength: float = 100.0
) -> Recolored:
    """Give a photo the colors of a picture, at its own size and without strokes.

    Args:
        photo: Path, bytes of a file, PIL image or array (h x w x 3 or 4, uint8 or float in [0, 1]).
        style: Likewise, or the name of a built-in style image.
        color_map: `transport` (the linear map that moves colors least), `cholesky` (another one) or `histogram`
            (channel by channel).
        color_strength: How far colors move, 0 to 100.

    Returns:
        The recolored photo.

    Raises:
        InputError: If something given cannot be used.

    Example:
        >>> import numpy, impasto
        >>> moved = impasto.recolor(numpy.random.rand(8, 8, 3), "night", color_strength=50.0)
        >>> moved.as_array().shape
        (8, 8, 3)
    """
    color_map = one_of(color_map, get_args(ColorMap), "color map")  # type: ignore[assignment]
    check_type(color_strength, Real, "color_strength", "a number from 0 to 100")
    if not 0 <= color_strength <= 100:
        raise SettingError("color_strength", f" goes from 0 to 100, not {color_strength:g}")
    picture = read_picture(photo, role="the photo")
    style_image = read_picture(plate_or_file(style), role="the style image")
    if style_image.alpha is not None and not style_image.alpha.any():
        raise InputError(f"the style {style_image.name} is transparent everywhere, so it has no colors to give")
    moved = transfer_colors(picture.pixels, colors_of(style_image.pixels, style_image.alpha), color_map)
    pixels = np.asarray(picture.pixels + color_strength / 100 * (moved - picture.pixels), dtype=np.float32)
    return Recolored(pixels=pixels, alpha=picture.alpha, exif=picture.exif)


def subject_mask(photo: Source, *, background: bool = False) -> Mask:
    """Find the main subject of a photo, at the photo's own upright size.

    Args:
        photo: Path, bytes of a file, PIL image or array (h x w x 3 or 4, uint8 or float in [0, 1]).
        background: Return everything but the subject.

    Returns:
        The mask.

    Raises:
        InputError: If the photo cannot be used, or nothing stands out in it.

    Example:
        >>> import numpy, impasto
        >>> photo = numpy.full((96, 96, 3), 0.2)
        >>> photo[24:72, 24:72] = 0.9, 0.5, 0.1
        >>> mask = impasto.subject_mask(photo).pixels
        >>> mask[48, 48] > 0.5, mask[2, 2] < 0.5
        (np.True_, np.True_)
    """
    picture = read_picture(photo, role="the photo")
    return Mask(pixels=automatic_mask("background" if background else "foreground", picture.pixels))


_COLUMNS: Final = 4
"""Pictures in a row of a preview."""

_PART_COLORS: Final = np.array(
    [(0.90, 0.10, 0.10), (0.10, 0.35, 0.90), (0.95, 0.75, 0.05), (0.10, 0.65, 0.25), (0.60, 0.20, 0.75),
     (0.10, 0.75, 0.80), (0.95, 0.45, 0.10), (0.90, 0.40, 0.65)],
    dtype=np.float32,
)  # fmt: skip


def preview(photo: Source, styles: Sequence[StyleSource] = PLATES, *, size: int = 384) -> Preview:
    """Paint a photo in many styles by the method `instant`, in seconds.

    Args:
        photo: Path, bytes of a file, PIL image or array (h x w x 3 or 4, uint8 or float in [0, 1]).
        styles: Style images, likewise, names of built-in ones, or `Style`s of which only a part is used; by default
            all built-in ones.
        size: Long side of each picture in pixels.

    Returns:
        The pictures; saved, they are one sheet with captions.

    Raises:
        InputError: If something given cannot be used.

    Example:
        >>> import numpy, impasto
        >>> impasto.preview(numpy.full((48, 64, 3), 0.5), ["night"], size=64).pixels.shape[2]
        3
    """
    check_type(styles, (list, tuple), "styles", "a list of style images")
    if not styles:
        raise InputError("styles is empty: name style images, or leave it out for the built-in ones")
    recipe = resolve("instant", {"size": size})
    session, content = Session(), read_picture(photo, role="the photo")
    # Reduced once: a photo of a camera takes longer to resize than a preview to paint.
    pixels = content.pixels
    if content.alpha is not None:
        pixels = pixels * content.alpha[..., None] + (1 - content.alpha[..., None])
    small = resize(pixels, *result_size(recipe, content.width, content.height))
    pictures = tuple(session.stylize(small, style, recipe).pixels for style in styles)
    shown, names = [small, *pictures], ["photo", *map(_name, styles)]
    rows = [slice(start, start + _COLUMNS) for start in range(0, len(shown), _COLUMNS)]
    cell = max(small.shape)
    sheet = contact_sheet([shown[row] for row in rows], captions=[names[row] for row in rows], cell=cell)
    return Preview(pixels=sheet, pictures=pictures)


def _name(style: StyleSource) -> str:
    """Return the caption of a style: the name of its file or of a built-in one."""
    source = style.picture if isinstance(style, Style) else style
    return Path(source).stem if isinstance(source, (str, Path)) else "style"


def matched_parts(photo: Source, style: Source, *, count: int = 5) -> Parts:
    """Divide a photo into parts that look alike to the network, and find what each of them learns from a style image.

    This is what `style_matching` does place by place, summed up.

    Args:
        photo: Path, bytes of a file, PIL image or array (h x w x 3 or 4, uint8 or float in [0, 1]).
        style: Likewise, or the name of a built-in style image.
        count: Number of parts, 2 to 8.

    Returns:
        The parts; saved, they are a picture of photo and style image in the colors of the parts.

    Raises:
        InputError: If something given cannot be used.

    Example:
        >>> import numpy, impasto
        >>> photo = numpy.random.default_rng(0).random((48, 64, 3))
        >>> [mask.pixels.shape for mask in impasto.matched_parts(photo, "night", count=2).masks]
        [(48, 64), (48, 64)]
    """
    check_type(count, int, "count", "a number from 2 to 8")
    if not 2 <= count <= len(_PART_COLORS):
        raise InputError(f"there can be 2 to {len(_PART_COLORS)} parts, not {count}")
    content = read_picture(photo, role="the photo")
    style_image = read_picture(plate_or_file(style), role="the style image")
    recipe = resolve_hardware(resolve(None))
    weights = load_weights(recipe.network.weights, recipe.network.backbone)
    device = torch.device(recipe.hardware.device)
    extractor = make_extractor(weights, recipe, precision="fp32", device=device)
    masks, matches = find_parts(content.pixels, style_image.pixels, extractor, count=count, used=style_image.alpha)
    shown = [_tinted(content.pixels, masks), _tinted(style_image.pixels, matches / (matches.sum(axis=0) + 0.1))]
    sheet = contact_sheet([shown], cell=min(1024, max(shown[0].shape)))
    return Parts(pixels=sheet, masks=tuple(Mask(pixels=mask) for mask in masks), matches=matches)


def _tinted(picture: Float[np.ndarray, "h w 3"], shares: Float[np.ndarray, "p h w"]) -> Float[np.ndarray, "h w 3"]:
    """Return a gray picture in the colors of its parts."""
    colors = np.tensordot(shares, _PART_COLORS[: len(shares)], axes=(0, 0))
    light = 0.25 + 0.75 * picture.mean(axis=2, keepdims=True)
    gray = light * (1 - shares.sum(axis=0)[..., None].clip(0, 1))
    return np.asarray((light * colors + gray).clip(0, 1), dtype=np.float32)
