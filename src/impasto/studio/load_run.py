"""A run read back: everything that it was painted from, so that it can be ordered once more."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from impasto.control import AUTOMATIC, mask_of
from impasto.errors import InputError
from impasto.images import PLATES, Picture, plate_path, quantize
from impasto.recipe import KEEP, Recipe, read_region
from impasto.runs import RegionInputs, RunFolder
from impasto.runs.header import KeptInput, read_header
from impasto.studio.submission import Original, one_line
from impasto.studio.workspace import Workspace


@dataclass(frozen=True, kw_only=True, eq=False)
class SharedPicture:
    """A picture that a run was painted from, and its copy that may leave the workspace, with that one's SHA-256."""

    picture: Picture
    copy: Path
    sha256: str


@dataclass(frozen=True, kw_only=True, eq=False)
class MaskedRegion:
    """A region: 255 in its mask where it is, and the name of its built-in style, or `keep`."""

    mask: UInt8[np.ndarray, "h w"]
    style: str


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedRun:
    """What a run was painted from; its styles are `plates` and then `own_styles`, in this order.

    `regions` is None if there are some that are no masks with a built-in style each; `has_style_masks` is true if
    masks say which parts of the styles teach.
    """

    name: str
    recipe: Recipe
    photo: SharedPicture
    plates: tuple[str, ...]
    own_styles: tuple[SharedPicture, ...]
    regions: tuple[MaskedRegion, ...] | None
    has_style_masks: bool


def load_run(workspace: Workspace, name: str) -> LoadedRun:
    """Read a run back; raises InputError, in one line that names no folder, if it is damaged or a picture is missing.

    A built-in style is told by its bytes, whatever its file was called. One that comes behind a picture of one's own,
    or a second time, is among these: so all keep their order.
    """
    path = workspace.folder_of(name)
    try:
        folder = RunFolder.open(path)
        inputs, kept = folder.inputs(), read_header(path).inputs

        def shared(picture: Picture, item: KeptInput) -> SharedPicture:
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
            regions=_regions(folder.recipe.regions, inputs.regions),
            has_style_masks=any(mask is not None for mask in inputs.style_masks),
        )
    except (InputError, OSError, ValueError) as error:
        # What follows is advice for the command line.
        raise InputError(one_line(error, path).partition(";")[0]) from None


def originals(workspace: Workspace, name: str) -> Mapping[str, Original]:
    """Return a run's pictures by the SHA-256 of the copies that were shared of them; none if it is gone or damaged."""
    found = {}
    with suppress(InputError, OSError):
        path = workspace.folder_of(name)
        kept = read_header(path).inputs
        for item in (kept.content, *kept.styles):
            for copy in workspace.shared_copies(name, item):
                found[sha256_of(copy)] = Original(file=path / item.file, sha256=item.sha256, name=item.name)
    return found


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file; raises InputError if it cannot be read."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path.name}: {error.strerror or error}") from None


def _leading_plates(styles: Sequence[Picture]) -> tuple[str, ...]:
    """Return the names of the built-in styles that come first, up to one that is none or was there before."""
    names: list[str] = []
    for style in styles:
        name = _plates().get(style.sha256)
        if name is None or name in names:
            break
        names.append(name)
    return tuple(names)


def _regions(texts: Sequence[str], regions: Sequence[RegionInputs]) -> tuple[MaskedRegion, ...] | None:
    """Return a run's regions, or None if they are not all masks that somebody gave, with built-in styles."""
    found = []
    for text, region in zip(texts, regions, strict=True):
        style = KEEP if region.style is None else _plates().get(region.style.sha256)
        if style is None or region.style_mask is not None or read_region(text).mask in AUTOMATIC:
            return None
        found.append(MaskedRegion(mask=quantize(mask_of(region.mask, text)), style=style))
    return tuple(found)


@cache
def _plates() -> Mapping[str, str]:
    """Return the built-in styles by the digests of their files."""
    return {sha256_of(plate_path(name)): name for name in PLATES}
