"""From what a person asks for to a run folder that waits to be painted, and what becomes of one that leaves."""

import dataclasses
import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from impasto.api import Region, prepare
from impasto.api.inputs import Source, StyleSource, read_inputs, region_texts
from impasto.api.prepare import result_size
from impasto.errors import ImpastoError, InputError
from impasto.recipe import Recipe, resolve
from impasto.runs import RunFolder, RunInputs
from impasto.runs.progress import progress
from impasto.studio.entries import newest_picture
from impasto.studio.limits import Limits, refuse_files, without_folders
from impasto.studio.workspace import Workspace

FIXED = frozenset({"init", "regions", "weights", "max_megapixels"})
"""Fields of a recipe that an order keeps: they name files, or guard the machine."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Order:
    """What is to be painted, read and checked; device and precision are resolved."""

    recipe: Recipe
    inputs: RunInputs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Original:
    """A picture in a run folder, whose copy was handed out: its file, its SHA-256, and the name a person gave it."""

    file: Path
    sha256: str
    name: str


def read_order(
    limits: Limits,
    content: Source,
    styles: StyleSource | Sequence[StyleSource],
    recipe: Recipe | str | None,
    regions: str | Region | Sequence[str | Region] | None,
    originals: Mapping[str, Original] | None = None,
) -> Order:
    """Read and check everything that somebody asks for; raises InputError.

    Files that are copies of `originals` (by their SHA-256) stand for them.
    """
    chosen = recipe if isinstance(recipe, Recipe) else resolve(recipe, {})
    if originals:
        content = _original(content, originals)
        styles = [_original(one, originals) for one in ([*styles] if isinstance(styles, list | tuple) else [styles])]
    given = (content, styles, () if regions is None else regions)
    refuse_files(chosen, regions=regions is None)
    try:
        limits.check(*given)
        chosen = chosen.with_changes(max_megapixels=min(chosen.max_megapixels, limits.max_megapixels))
        if regions is not None:
            chosen = chosen.with_changes(regions=region_texts(regions))
        return _checked(limits, chosen, _called(read_inputs(content, styles, chosen, regions), originals or {}))
    except InputError as error:
        raise InputError(without_folders(str(error), *given)) from None


def repeat_order(limits: Limits, path: Path, seed: int | None) -> Order:
    """Return an order with the pictures and the recipe of a run, and another seed, by chance if None.

    Raises InputError.
    """
    try:
        folder = RunFolder.open(path)
        recipe = folder.recipe.with_changes(seed=secrets.randbelow(2**31) if seed is None else seed)
        return _checked(limits, recipe, folder.inputs())
    except InputError as error:
        raise InputError(one_line(error, path)) from None


def write_order(workspace: Workspace, order: Order) -> Path:
    """Return the folder of a new run, which nobody paints yet; raises InputError and leaves nothing otherwise."""
    inputs = order.inputs
    path = workspace.new_folder(inputs.content.name, [style.name for style in inputs.styles])
    try:
        RunFolder.create(path, recipe=order.recipe, inputs=inputs).close()
    except BaseException as error:
        with suppress(OSError):
            path.rmdir()
        if isinstance(error, InputError):
            # What follows is advice for the command line.
            raise InputError(one_line(error, path).partition(";")[0]) from None
        raise
    return path


def alter(path: Path, recipe: Recipe) -> None:
    """Write another recipe into an order that nobody has begun to paint; raises InputError or RunError."""
    with RunFolder.open(path) as folder:
        folder.record_change(recipe, 0)


def check_altered(path: Path, recipe: Recipe) -> None:
    """Raise InputError unless an order can be painted by another recipe; the pictures are read for it."""
    prepare(recipe, RunFolder.open(path).inputs())


def take_up(path: Path) -> None:
    """Let a run that was stopped, failed or interrupted wait again; raises InputError if it is finished or painted."""
    try:
        status = RunFolder.open(path).status
        if status in ("finished", "running"):
            raise InputError(f"the run {path.name} is {'finished' if status == 'finished' else 'being painted'}")
        set_back(path)
    except ImpastoError as error:
        raise InputError(one_line(error, path)) from None


def set_back(path: Path) -> None:
    """Take from a run's log how it ended: to whoever looks it was interrupted. Raises InputError or RunError."""
    with RunFolder.open(path) as folder:
        folder.rewind(progress(folder.events()).step)


def give_up(path: Path) -> str:
    """Let a run that waits, and that nobody wants any more, end as stopped; if nothing was painted, it goes away.

    Returns what there is to say about it, in one line or none. Never raises for what it finds.
    """
    try:
        folder = RunFolder.open(path)
        if not progress(folder.events()).step:
            shutil.rmtree(path, ignore_errors=True)
            return ""
        picture = newest_picture(path)
        with folder:
            if picture is not None:
                folder.finish(picture.read_bytes(), "stopped")
                return ""
            told = "it was taken from the queue before its picture was saved: going on with it brings it back"
            folder.fail(told)
            return told
    except (ImpastoError, OSError) as error:
        return one_line(error, path)


def note_failure(path: Path, message: str) -> None:
    """Write into a run's log that it failed, unless it says so already or the disk does not take it."""
    with suppress(ImpastoError, OSError):
        folder = RunFolder.open(path)
        if folder.status == "interrupted":
            with folder:
                folder.fail(message)


def one_line(error: BaseException, path: Path) -> str:
    """Say what went wrong with a run in one line, without naming folders of this machine."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "not enough memory" in str(error):
        return "there was not enough memory: choose a smaller size"
    text: str = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.replace(str(path), path.name).split())[:500] or type(error).__name__


def _original(given: Any, originals: Mapping[str, Original]) -> Any:
    """Return the file that a copy stands for; whatever is no copy is returned as it is."""
    if not isinstance(given, str | Path):
        return given
    try:
        original = originals.get(sha256(Path(given).read_bytes()).hexdigest())
    except (OSError, ValueError):
        # It may be the name of a built-in style, and else reading it tells what is wrong.
        return given
    return given if original is None else original.file


def _called(inputs: RunInputs, originals: Mapping[str, Original]) -> RunInputs:
    """Give pictures that came as bytes a name that says something, and those of another run the name they had there."""
    known = {(original.sha256, original.file.stem): original.name for original in originals.values()}

    def named(picture: Any, name: str) -> Any:
        otherwise = name if picture.name == "stdin" else picture.name
        return dataclasses.replace(picture, name=known.get((picture.sha256, picture.name), otherwise))

    styles = tuple(named(style, "style") for style in inputs.styles)
    return dataclasses.replace(inputs, content=named(inputs.content, "photo"), styles=styles)


def _checked(limits: Limits, recipe: Recipe, inputs: RunInputs) -> Order:
    width, height = result_size(recipe, inputs.content.width, inputs.content.height)
    if width * height > limits.max_pixels:
        raise InputError(
            f"the picture would have {width} x {height} pixels, too many for this studio: choose a smaller size"
        )
    return Order(recipe=prepare(recipe, inputs).recipe, inputs=inputs)
