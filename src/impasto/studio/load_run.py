"""Loads the inputs and settings of a run, so that a page can show and resubmit them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from impasto.errors import InputError, reason_of
from impasto.images import PLATES, DecodedImage, mask_from_image, plate_path, quantize
from impasto.recipe import KEEP, Recipe, RegionSettings
from impasto.runs import KeptInput, RegionInputs, RunFolder
from impasto.saliency import AUTOMATIC_MASKS
from impasto.studio.run_index import Workspace
from impasto.studio.submission import Original, error_line


@dataclass(frozen=True, kw_only=True, eq=False)
class SharedPicture:
    """An input of a run, its copy for visitors, and the SHA-256 of the copy."""

    picture: DecodedImage
    copy: Path
    sha256: str


@dataclass(frozen=True, kw_only=True, eq=False)
class MaskedRegion:
    """A region: its mask, 255 inside, and its style: `keep` or the name of a built-in one, unless it is `own`."""

    mask: UInt8[np.ndarray, "h w"]
    style: str
    own: SharedPicture | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedRun:
    """Inputs and recipe of a run; its style images are `plates` and then `own_styles`, in this order."""

    name: str
    recipe: Recipe  # with all changes
    photo: SharedPicture
    plates: tuple[str, ...]  # names of built-in styles
    own_styles: tuple[SharedPicture, ...]
    regions: tuple[MaskedRegion, ...] | None  # None unless each has a mask file, and a style without a mask or `keep`
    has_style_masks: bool


def load_run(workspace: Workspace, name: str) -> LoadedRun:
    """Load a run; raises InputError, in one line that names no folder, if it is damaged or an input is missing.

    A built-in style is recognized by its bytes. A built-in style that follows a style of another kind, or is repeated,
    is listed among the own styles, so that the order is kept.
    """
    path = workspace.folder_of(name)
    try:
        folder = RunFolder.open(path)
        inputs, kept = folder.inputs(), folder.kept_inputs

        def shared(picture: DecodedImage, item: KeptInput) -> SharedPicture:
            copy = workspace.share_copy(name, item)
            return SharedPicture(picture=picture, copy=copy, sha256=sha256_of(copy))

        plates = _leading_plates(inputs.styles)
        first = len(plates)
        return LoadedRun(
            name=name,
            recipe=folder.recipe,
            photo=shared(inputs.content, kept.content),
            plates=plates,
            own_styles=tuple(map(shared, inputs.styles[first:], kept.styles[first:])),
            regions=_regions(folder.recipe.regions, inputs.regions, kept.regions, shared),
            has_style_masks=any(mask is not None for mask in inputs.style_masks),
        )
    except (InputError, OSError, ValueError) as error:
        # What follows the semicolon is advice for the command line.
        raise InputError(error_line(error, path).partition(";")[0]) from None


def originals_of(workspace: Workspace, name: str) -> Mapping[str, Original]:
    """Return the inputs of a run by the SHA-256 of their copies for visitors; none if the run is gone or damaged."""
    found = {}
    with suppress(InputError, OSError):
        path = workspace.folder_of(name)
        kept = RunFolder.open(path).kept_inputs
        for item in (kept.content, *kept.styles, *(region.style for region in kept.regions if region.style)):
            for copy in workspace.shared_copies(name, item):
                found[sha256_of(copy)] = Original(file=path / item.file, kept=item)
    return found


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file; raises InputError if it cannot be read."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path.name}: {reason_of(error)}") from None


def _leading_plates(styles: Sequence[DecodedImage]) -> tuple[str, ...]:
    """Return the names of the built-in styles before the first style that is not built in or is repeated."""
    names: list[str] = []
    for style in styles:
        name = plate_of(style.sha256)
        if name is None or name in names:
            break
        names.append(name)
    return tuple(names)


def _regions(
    settings: Sequence[RegionSettings],
    regions: Sequence[RegionInputs[DecodedImage]],
    kept: Sequence[RegionInputs[KeptInput]],
    shared: Callable[[DecodedImage, KeptInput], SharedPicture],
) -> tuple[MaskedRegion, ...] | None:
    """Return the regions of a run, or None unless each has a mask file and no mask on its style."""
    found = []
    for setting, region, item in zip(settings, regions, kept, strict=True):
        if region.style_mask is not None or setting.mask in AUTOMATIC_MASKS:
            return None
        style = KEEP if region.style is None else _plates().get(region.style.sha256, "")
        own = shared(region.style, item.style) if not style and region.style and item.style else None
        mask = quantize(mask_from_image(region.mask, setting.as_text()))
        found.append(MaskedRegion(mask=mask, style=style, own=own))
    return tuple(found)


def plate_of(sha256: str) -> str | None:
    """Return the name of the built-in style whose file has this SHA-256; None if there is none."""
    return _plates().get(sha256)


@cache
def _plates() -> Mapping[str, str]:
    """Return the names of the built-in styles by the SHA-256 of their files."""
    return {sha256_of(plate_path(name)): name for name in PLATES}
