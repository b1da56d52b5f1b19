"""A submission: a visitor's pictures and recipe, checked and written into a run folder."""

import dataclasses
import logging
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import torch

from impasto.api import (
    Region,
    RegionSource,
    Source,
    Style,
    StyleSource,
    plan_job,
    read_inputs,
    region_settings,
    result_size,
)
from impasto.errors import ImpastoError, InputError, reason_of
from impasto.images import DecodedImage, is_plate, peek_size, read_bytes
from impasto.recipe import INITS, Recipe, resolve
from impasto.runs import Inputs, KeptInput, RunFolder
from impasto.saliency import AUTOMATIC_MASKS
from impasto.studio.run_index import Workspace, newest_picture

_LOG = logging.getLogger(__name__)


class Submission(NamedTuple):
    """Inputs and recipe of a job, checked; device and precision are resolved."""

    recipe: Recipe
    inputs: Inputs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Original:
    """An input of a run that has a copy for visitors: its file, and what the run keeps about it."""

    file: Path
    kept: KeptInput


# -- limits ------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of width times height of every input and of the result, of the length of a file in bytes, and of clips."""

    max_pixels: int
    max_bytes: int
    max_frames: int = 50_000

    @property
    def max_megapixels(self) -> float:
        """`max_pixels` in megapixels, the recipe's unit."""
        return self.max_pixels / 1e6

    def check(self, *given: Any) -> None:
        """Raise InputError, before decoding, if a file is too long or its picture too large."""
        for picture in files_in(given):
            if isinstance(picture, bytes):
                name, length = "the picture", len(picture)
            elif picture.is_file():
                name, length = picture.name, picture.stat().st_size
            else:
                continue  # reading it reports that
            self.check_length(name, length)
            data = picture if isinstance(picture, bytes) else read_bytes(picture)
            self.check_size(name, *(peek_size(data, name) or (0, 0)))

    def check_length(self, name: str, length: int) -> None:
        """Raise InputError if a file of so many bytes is too long."""
        if length > self.max_bytes:
            limit = f"this studio takes up to {self.max_bytes / 1e6:.3g}"
            raise InputError(f"{name} has {length / 1e6:.3g} MB, and {limit}: make it smaller")

    def check_frames(self, name: str, frames: int) -> None:
        """Raise InputError if a clip has too many frames."""
        if frames > self.max_frames:
            raise InputError(f"{name} has more frames than the {self.max_frames:,} that this studio takes: cut it")

    def check_size(self, name: str, width: int, height: int) -> None:
        """Raise InputError if a picture is too large."""
        if width * height > self.max_pixels:
            raise InputError(
                f"{name} has {width} x {height} pixels, {width * height / 1e6:.3g} megapixels, and this studio "
                f"takes up to {self.max_megapixels:.3g}: make it smaller"
            )


def files_in(given: Any) -> Iterator[Path | bytes]:
    """Yield every file, and the bytes of files, in content, styles and regions as `stylize` takes them."""
    if isinstance(given, str):
        parts = [given] if Path(given).exists() else re.split("[=@]", given)
        yield from (Path(part) for part in map(str.strip, parts) if Path(part).is_file())
    elif isinstance(given, Path | bytes):
        yield given
    elif isinstance(given, Style):
        yield from files_in((given.picture, given.mask))
    elif isinstance(given, Region):
        yield from files_in((given.mask, given.style))
    elif isinstance(given, list | tuple):
        for one in given:
            yield from files_in(one)


def hide_folders(text: str, *given: Any) -> str:
    """Return a message in which the given files are named without their folders."""
    for picture in files_in(given):
        if isinstance(picture, Path):
            # The message may name another file in it, which could be meant.
            text = text.replace(str(picture).removesuffix(picture.name), "") if picture.is_absolute() else text
    return text


def error_line(error: Exception, path: Path) -> str:
    """Return the message of an error in one line without folders of this machine.

    The text of an error that nobody raised for the user is logged, which shows it in the terminal of the studio.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "not enough memory" in str(error):
        return "there was not enough memory: choose a smaller size"
    if not isinstance(error, ImpastoError | OSError):
        _LOG.error("%s failed because of a bug in impasto; please report it:", path.name, exc_info=error)
        return f"a bug in impasto ({type(error).__name__}); the terminal of the studio shows more"
    return reason_of(error).replace(str(path), path.name)[:500] or type(error).__name__


# -- reading and checking ----------------------------------------------------------------------------------------------


def read_submission(
    limits: Limits,
    content: Source,
    styles: StyleSource | Sequence[StyleSource],
    recipe: Recipe | str | None,
    regions: RegionSource | Sequence[RegionSource] | None,
    *,
    originals: Mapping[str, Original] | None = None,
) -> Submission:
    """Read and check what a visitor submits; raises InputError in one line that names no folder.

    A file whose SHA-256 is a key of `originals` is replaced by the original.
    """
    chosen = recipe if isinstance(recipe, Recipe) else resolve(recipe)
    if originals:
        content = _original(content, originals)
        styles = [_original(one, originals) for one in ([*styles] if isinstance(styles, list | tuple) else [styles])]
    given = (content, styles, () if regions is None else regions)
    try:
        chosen = within_limits(limits, content, styles, chosen, regions)
        if regions is not None:
            chosen = chosen.with_changes(regions=region_settings(regions))
        inputs = read_inputs(content, styles, chosen, regions)
        return _checked(limits, chosen, _with_names(inputs, originals) if originals else inputs)
    except InputError as error:
        raise InputError(hide_folders(str(error), *given)) from None


def within_limits(
    limits: Limits,
    content: Source,
    styles: StyleSource | Sequence[StyleSource],
    recipe: Recipe,
    regions: RegionSource | Sequence[RegionSource] | None,
) -> Recipe:
    """Return the recipe of a visitor with no more megapixels than the studio takes.

    Raises:
        InputError: If a file is too large, or the recipe names files of this machine.
    """
    _refuse_files(recipe, regions=regions is None)
    limits.check(content, styles, () if regions is None else regions)
    return recipe.with_changes(max_megapixels=min(recipe.picture.max_megapixels, limits.max_megapixels))


def repeat_submission(limits: Limits, path: Path, seed: int | None, most: int | None = None) -> Submission:
    """Return a submission with the inputs and the recipe of a run, and another seed (random if None).

    `most` is the long side of the picture in pixels, at most.
    """
    try:
        folder = RunFolder.open(path)
        recipe = folder.recipe.with_changes(seed=secrets.randbelow(2**31) if seed is None else seed)
        inputs = folder.inputs()
        if most is not None:
            longest = max(result_size(recipe, inputs.content.width, inputs.content.height))
            recipe = recipe.with_changes(size=min(longest, most))
        return _checked(limits, recipe, inputs)
    except InputError as error:
        raise InputError(error_line(error, path)) from None


def _checked(limits: Limits, recipe: Recipe, inputs: Inputs) -> Submission:
    width, height = result_size(recipe, inputs.content.width, inputs.content.height)
    if width * height > limits.max_pixels:
        raise InputError(
            f"the picture would have {width} x {height} pixels, too many for this studio: choose a smaller size"
        )
    return Submission(plan_job(recipe, inputs).recipe, inputs)


def _refuse_files(recipe: Recipe, *, regions: bool) -> None:
    """Raise InputError if a recipe names files: a visitor must not find out which files exist on this machine.

    `regions` is False if the recipe's regions are replaced by others.
    """
    named = {
        "init": recipe.start.init not in INITS,
        "weights": recipe.network.weights not in ("embedded", "full"),
        "regions": regions
        and any(
            region.mask not in AUTOMATIC_MASKS or not (region.keeps or is_plate(region.style)) or region.style_mask
            for region in recipe.regions
        ),
    }
    if any(named.values()):
        fields = ", ".join(field for field, is_file in named.items() if is_file)
        raise InputError(f"the recipe names files ({fields}), which a studio does not take from a recipe")


def _original(given: Any, originals: Mapping[str, Original]) -> Any:
    """Return the original of a copy; anything else is returned unchanged."""
    if not isinstance(given, str | Path):
        return given
    try:
        original = originals.get(sha256(Path(given).read_bytes()).hexdigest())
    except (OSError, ValueError):
        # It may be the name of a built-in style; any other error is reported when it is read.
        return given
    return given if original is None else original.file


def _with_names(inputs: Inputs, originals: Mapping[str, Original]) -> Inputs:
    """Return inputs in which originals have their original names."""
    found = {(original.kept.sha256, original.file.stem): original.kept for original in originals.values()}

    def named(picture: DecodedImage) -> DecodedImage:
        kept = found.get((picture.sha256, picture.name))
        return picture if kept is None else dataclasses.replace(picture, name=kept.name, suffix=kept.suffix)

    return dataclasses.replace(inputs, content=named(inputs.content), styles=tuple(map(named, inputs.styles)))


# -- the run folder ----------------------------------------------------------------------------------------------------


def write_submission(workspace: Workspace, submission: Submission) -> Path:
    """Write a submission into the folder of a new run and return the path; an InputError leaves no files behind."""
    inputs = submission.inputs
    path = workspace.new_folder(inputs.content.name, [style.name for style in inputs.styles])
    try:
        RunFolder.create(path, recipe=submission.recipe, inputs=inputs).close()
    except BaseException as error:
        with suppress(OSError):
            path.rmdir()
        if isinstance(error, InputError):
            # What follows the semicolon is advice for the command line.
            raise InputError(error_line(error, path).partition(";")[0]) from None
        raise
    return path


def change_recipe(path: Path, recipe: Recipe) -> None:
    """Change the recipe of a run that has not started; raises InputError or RunError."""
    with RunFolder.open(path) as folder:
        folder.record_change(recipe, 0)


def requeue(path: Path) -> None:
    """Let a stopped, failed or interrupted run wait again; raises InputError if it is finished or being painted."""
    try:
        status = RunFolder.open(path).status
        if status in ("finished", "running"):
            raise InputError(f"the run {path.name} is {'finished' if status == 'finished' else 'being painted'}")
        clear_ending(path)
    except ImpastoError as error:
        raise InputError(error_line(error, path)) from None


def clear_ending(path: Path) -> None:
    """Remove the ending from a run's log, so that it counts as interrupted; raises InputError or RunError."""
    with RunFolder.open(path) as folder:
        folder.rewind(folder.read_log().progress.step)


def withdraw(path: Path) -> str:
    """Mark a waiting run as stopped, or delete it if nothing was painted.

    Returns a message for the user in one line, or an empty text; never raises because of the folder's content.
    """
    try:
        folder = RunFolder.open(path)
        if not folder.read_log().progress.step:
            shutil.rmtree(path, ignore_errors=True)
            return ""
        picture = newest_picture(path)
        with folder:
            if picture is not None:
                folder.finish(picture.read_bytes(), "stopped")
                return ""
            message = "it was taken from the queue before its picture was saved: continue it to get the picture"
            folder.fail(message)
            return message
    except (ImpastoError, OSError) as error:
        return error_line(error, path)


def record_failure(path: Path, message: str) -> None:
    """Log that a run failed, unless that is logged already or the log cannot be written."""
    with suppress(ImpastoError, OSError):
        folder = RunFolder.open(path)
        if folder.status == "interrupted":
            with folder:
                folder.fail(message)
