"""A submission: checking what a person asks for, and writing it into a run folder that waits in the queue."""

import dataclasses
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL.Image import Image

from impasto.api import Region, Style, prepare
from impasto.api.inputs import Source, StyleSource, read_inputs, region_texts
from impasto.api.prepare import result_size
from impasto.control import AUTOMATIC
from impasto.errors import ImpastoError, InputError
from impasto.images import is_plate
from impasto.images.decode import open_header
from impasto.images.formats import HEAD_LENGTH, sniff
from impasto.images.sources import read_bytes
from impasto.recipe import INITS, KEEP, Recipe, read_region, resolve
from impasto.runs import RunFolder, RunInputs
from impasto.runs.progress import progress
from impasto.studio.run_index import newest_picture
from impasto.studio.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`max_pixels` counts width times height of every picture given and of the result, `max_bytes` a file's length."""

    max_pixels: int
    max_bytes: int

    @property
    def max_megapixels(self) -> float:
        """The same as a recipe has it."""
        return self.max_pixels / 1e6

    def check(self, *given: Any) -> None:
        """Raise InputError if a picture in what was given is too large, told by the file's head, before it is decoded.

        What cannot be read for another reason is passed over: reading tells it.
        """
        for picture in pictures_in(given):
            self._check(picture)

    def _check(self, picture: Path | bytes | Image | np.ndarray) -> None:
        if isinstance(picture, Image):
            self._check_size(*picture.size, "the picture")
        elif isinstance(picture, np.ndarray):
            if picture.ndim > 1:
                self._check_size(picture.shape[1], picture.shape[0], "the picture")
        elif isinstance(picture, Path):
            if picture.is_file():
                self._check_length(picture.stat().st_size, picture.name)
                self._check_file(read_bytes(picture), picture.name)
        else:
            self._check_length(len(picture), "the picture")
            self._check_file(picture, "the picture")

    def _check_file(self, data: bytes, name: str) -> None:
        # Reading a HEIC picture tells its size first, too, but needs more than this to open it.
        if sniff(data[:HEAD_LENGTH]) not in (None, "heic"):
            header = open_header(data, name)
            self._check_size(header.width, header.height, name)

    def _check_length(self, length: int, name: str) -> None:
        if length > self.max_bytes:
            most = f"this studio takes up to {self.max_bytes / 1e6:.3g}"
            raise InputError(f"{name} has {length / 1e6:.3g} MB, and {most}: make it smaller")

    def _check_size(self, width: int, height: int, name: str) -> None:
        if width * height > self.max_pixels:
            raise InputError(
                f"{name} has {width} x {height} pixels, {width * height / 1e6:.3g} megapixels, and this studio takes "
                f"up to {self.max_megapixels:.3g}: make it smaller"
            )


def pictures_in(given: Any) -> Iterator[Path | bytes | Image | np.ndarray]:
    """Yield every picture in what `stylize` takes as content, styles and regions; of texts those that name files."""
    if isinstance(given, str):
        whole = [given] if Path(given).exists() else re.split("[=@]", given)
        yield from (Path(part) for part in map(str.strip, whole) if Path(part).is_file())
    elif isinstance(given, Style):
        yield from pictures_in((given.picture, given.mask))
    elif isinstance(given, Region):
        yield from pictures_in((given.mask, given.style))
    elif isinstance(given, Path | bytes | Image | np.ndarray):
        yield given
    elif isinstance(given, Sequence):
        for one in given:
            yield from pictures_in(one)


def refuse_files(recipe: Recipe, *, regions: bool) -> None:
    """Raise InputError if a recipe names files: whoever sends it must not learn what is on this machine.

    `regions` tells whether those of the recipe count.
    """
    parts = [read_region(text) for text in recipe.regions] if regions else []
    named = {
        "init": recipe.init not in INITS,
        "weights": recipe.weights not in ("embedded", "full"),
        "regions": any(
            part.mask not in AUTOMATIC or not (part.style == KEEP or is_plate(part.style)) or part.style_mask
            for part in parts
        ),
    }
    if any(named.values()):
        fields = ", ".join(field for field, is_file in named.items() if is_file)
        raise InputError(f"the recipe names files ({fields}), which a studio does not take from a recipe")


def hide_folders(text: str, *given: Any) -> str:
    """Return a message that calls files by their names: where this machine keeps them is nobody's business."""
    for picture in pictures_in(given):
        if isinstance(picture, Path):
            text = text.replace(str(picture), picture.name)
    return text


FIXED = frozenset({"init", "regions", "weights", "max_megapixels"})
"""Fields of a recipe that an order keeps: they name files, or guard the machine."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Submission:
    """What is to be painted, read and checked; device and precision are resolved."""

    recipe: Recipe
    inputs: RunInputs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Original:
    """A picture in a run folder, whose copy was handed out: its file, its SHA-256, and the name a person gave it."""

    file: Path
    sha256: str
    name: str


def read_submission(
    limits: Limits,
    content: Source,
    styles: StyleSource | Sequence[StyleSource],
    recipe: Recipe | str | None,
    regions: str | Region | Sequence[str | Region] | None,
    originals: Mapping[str, Original] | None = None,
) -> Submission:
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
        raise InputError(hide_folders(str(error), *given)) from None


def repeat_submission(limits: Limits, path: Path, seed: int | None) -> Submission:
    """Return an order with the pictures and the recipe of a run, and another seed, by chance if None.

    Raises InputError.
    """
    try:
        folder = RunFolder.open(path)
        recipe = folder.recipe.with_changes(seed=secrets.randbelow(2**31) if seed is None else seed)
        return _checked(limits, recipe, folder.inputs())
    except InputError as error:
        raise InputError(one_line(error, path)) from None


def write_submission(workspace: Workspace, order: Submission) -> Path:
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


def _checked(limits: Limits, recipe: Recipe, inputs: RunInputs) -> Submission:
    width, height = result_size(recipe, inputs.content.width, inputs.content.height)
    if width * height > limits.max_pixels:
        raise InputError(
            f"the picture would have {width} x {height} pixels, too many for this studio: choose a smaller size"
        )
    return Submission(recipe=prepare(recipe, inputs).recipe, inputs=inputs)
