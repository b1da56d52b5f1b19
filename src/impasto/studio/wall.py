"""The wall of styles: the built-in ones and the pictures that visitors gave, and a photo painted in them at once."""

import os
import re
import shutil
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from impasto.api import (
    Estimate,
    Regions,
    Session,
    Source,
    Styles,
    plan_job,
    processor_threads,
    read_inputs,
)
from impasto.errors import InputError, reason_of
from impasto.images import PLATES, atomic_write, encode_picture, fit, plate_path, read_picture, resize
from impasto.instant import working_size
from impasto.recipe import Recipe, resolve
from impasto.runs import Inputs
from impasto.studio.load_run import plate_of
from impasto.studio.submission import hide_folders

_NAME_LENGTH: Final = 20
"""Letters of the SHA-256 of its file by which the wall calls a visitor's picture."""
_MAX_PICTURES: Final = 200
"""Pictures of visitors that a wall holds."""
_TILE_SIZE: Final = 200
"""Long side of a tile in pixels."""
_TILE_NAME: Final = ".tile.jpg"
_PREVIEW_SIZE: Final = 256
"""Long side of a preview in pixels."""
_MAX_PREVIEWS: Final = 200
"""Previews that are kept in memory, of 0.1 to 0.2 MB each."""
_MAX_FRAME: Final = 0.5
"""Megapixels of a camera's picture, at most."""
_FRAME_QUALITY: Final = 88
"""That of the JPEG in which it is sent back."""
_MAX_CAMERAS: Final = 8
"""Pages that may wait for a camera's picture."""
_PREVIEW_NICENESS: Final = 3
"""Added to that of the process: beside a picture that is painted, the thread of previews gets a third of a core."""
_CAMERA_NICENESS: Final = 15
"""The same for the thread of cameras, which never stop: a thirtieth."""


def wall_name(digest: str) -> str:
    """Return the name on the wall of the style whose file has this SHA-256."""
    return plate_of(digest) or digest[:_NAME_LENGTH]


class StyleWall:
    """Styles to choose from, each with a name: that of a built-in one, or the beginning of the hash of a file.

    Visitors' pictures are kept until someone removes them. Every method may be called from any thread.
    """

    def __init__(self, folder: Path, max_megapixels: float) -> None:
        self._folder = folder
        self._max_megapixels = max_megapixels

    def names(self) -> list[str]:
        """Return the names of all styles: the built-in ones, then the visitors', oldest first."""
        own = []
        for folder in self._folder.glob("[0-9a-f]*"):
            # Another visitor may remove it meanwhile.
            with suppress(OSError):
                if file := self._file_in(folder):
                    own.append((file.stat().st_mtime_ns, folder.name))
        return [*PLATES, *(name for _, name in sorted(own))]

    def add(self, file: Path, digest: str | None = None, title: str | None = None) -> str:
        """Keep a picture and return its name; one that is there already is not kept twice.

        Args:
            file: A picture file, which was checked.
            digest: SHA-256 of the picture that this is a copy of; None: of the file itself.
            title: What the style is called; None: the name of the file.

        Raises:
            InputError: If it cannot be kept, or the wall is full.
        """
        try:
            data = file.read_bytes()
            name = wall_name(digest or sha256(data).hexdigest())
            if name not in PLATES and not self._file_in(self._folder / name):
                if len(self.names()) - len(PLATES) >= _MAX_PICTURES:
                    raise InputError(f"the wall holds {_MAX_PICTURES} pictures, the most it can: take one off first")
                (self._folder / name).mkdir(parents=True, exist_ok=True)
                stem = re.sub(r"[^\w .()'-]", "-", title or file.stem).strip(". ")[:80]
                atomic_write(self._folder / name / f"{stem or 'style'}{file.suffix}", data)
        except OSError as error:
            raise InputError(f"cannot keep {file.name}: {reason_of(error)}") from None
        return name

    def remove(self, name: str) -> None:
        """Take a visitor's picture from the wall."""
        if name in self.names() and name not in PLATES:
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def path(self, name: str) -> Path:
        """Return the file of a style; raises InputError if it is not on the wall (any more)."""
        file = plate_path(name) if name in PLATES else self._file_in(self._folder / name) if name.isalnum() else None
        if file is None:
            raise InputError("this style is not on the wall any more: choose another one")
        return file

    def source(self, name: str) -> str | Path:
        """Return a style as `Studio.submit` takes it."""
        return name if name in PLATES else self.path(name)

    def title(self, name: str) -> str:
        """Return what a style is called."""
        return name if name in PLATES else self.path(name).stem

    def pixels(self, name: str) -> Float[np.ndarray, "h w 3"]:
        """Return the picture of a style; raises InputError, which names no folder, if it cannot be read."""
        path = self.path(name)
        try:
            return read_picture(path, max_megapixels=self._max_megapixels).pixels
        except InputError as error:
            raise InputError(hide_folders(str(error), path)) from None

    def tile(self, name: str) -> bytes:
        """Return a small JPEG of a visitor's picture, which is kept beside it; raises InputError like `pixels`."""
        path = self.path(name)
        kept = path.with_name(_TILE_NAME)
        with suppress(OSError):
            return kept.read_bytes()
        pixels = self.pixels(name)
        height, width = pixels.shape[:2]
        small = resize(pixels, *fit(width, height, min(_TILE_SIZE, max(width, height))))
        data = encode_picture(small, ".jpg")
        with suppress(InputError):
            atomic_write(kept, data)
        return data

    @staticmethod
    def _file_in(folder: Path) -> Path | None:
        with suppress(OSError):
            return next((file for file in folder.iterdir() if not file.name.startswith(".")), None)
        return None


class Previews:
    """Paints photos and what cameras see by the method `instant`, and estimates pictures.

    Each in one thread that lets everything else go first, as far as a visitor can wait.
    """

    def __init__(self, wall: StyleWall) -> None:
        self._wall = wall
        self._recipe = resolve("instant", {"size": _PREVIEW_SIZE, "threads": 1})
        self._session = Session(recipe=self._recipe)
        # One style alone: it may have many megapixels.
        self._inputs = lru_cache(1)(self._read_style)
        self._cameras = threading.BoundedSemaphore(_MAX_CAMERAS)
        self._thread = ThreadPoolExecutor(1, "impasto-previews", _yield_cores, (_PREVIEW_NICENESS,))
        self._camera_thread = ThreadPoolExecutor(1, "impasto-cameras", _yield_cores, (_CAMERA_NICENESS,))
        self._known: OrderedDict[tuple[str, str], Float[np.ndarray, "h w 3"]] = OrderedDict()
        self._lock = threading.Lock()

    def paint(self, photo: Path, names: Sequence[str]) -> Iterator[tuple[str, Float[np.ndarray, "h w 3"]]]:
        """Yield the name of each style and the photo in it; those that cannot be painted are left out.

        Args:
            photo: A picture file, which was checked.
            names: Styles of the wall.
        """
        digest = sha256(photo.read_bytes()).hexdigest()
        small = None
        for name in names:
            with self._lock:
                painted = self._known.get((digest, name))
            if painted is None:
                # A studio that closes paints no more of them.
                with suppress(InputError, RuntimeError, CancelledError):
                    if small is None:
                        small = self._thread.submit(_reduced, photo).result()
                    painted = self._thread.submit(self._paint, small, name).result()
            if painted is not None:
                with self._lock:
                    self._known[digest, name] = painted
                    if len(self._known) > _MAX_PREVIEWS:
                        self._known.popitem(last=False)
                yield name, painted

    def paint_frame(self, frame: bytes, name: str) -> bytes:
        """Return a camera's picture, painted in a style at its size, as a JPEG; nothing of it is kept.

        Args:
            frame: A picture file.
            name: A style of the wall.

        Raises:
            InputError: If it cannot be painted, or too many others wait.
        """
        if not self._cameras.acquire(blocking=False):
            raise InputError(f"{_MAX_CAMERAS} cameras are painted, the most at a time: try again in a moment")
        try:
            return self._camera_thread.submit(self._paint_frame, frame, name).result()
        except (RuntimeError, CancelledError):
            raise InputError("the studio is closing: try again in a moment") from None
        finally:
            self._cameras.release()

    def estimate(self, content: Source, styles: Styles, recipe: Recipe, regions: Regions | None) -> Estimate:
        """Return what a picture takes, about, in this thread: where others go first, no speed can be measured."""
        return self._session.estimate(content, styles, recipe, regions=regions)

    def close(self) -> None:
        """End the threads; what has not been begun is left."""
        for thread in (self._thread, self._camera_thread):
            thread.shutdown(wait=False, cancel_futures=True)

    def _paint(self, photo: Float[np.ndarray, "h w 3"], name: str) -> Float[np.ndarray, "_h _w 3"]:
        return self._session.stylize(photo, [self._wall.source(name)]).pixels

    def _paint_frame(self, frame: bytes, name: str) -> bytes:
        picture = read_picture(frame, max_megapixels=_MAX_FRAME, role="the camera's picture")
        width, height = picture.width, picture.height
        # Without a scale small pictures are painted larger than they are, which takes as long as for large ones.
        scale = max(working_size(self._recipe, width, height)) / max(width, height)
        recipe = self._recipe.with_changes(size=max(width, height), style_scale=scale)
        job = plan_job(recipe, replace(self._inputs(self._wall.source(name)), content=picture))
        with processor_threads(recipe.hardware.threads):
            painter = self._session.painter(job)
            for _ in painter.paint():
                pass
        return encode_picture(painter.picture(), ".jpg", quality=_FRAME_QUALITY)

    def _read_style(self, source: str | Path) -> Inputs:
        """Return what a picture is painted of, with another photo."""
        return read_inputs(np.zeros((1, 1, 3), np.float32), [source], self._recipe)


def _reduced(photo: Path) -> Float[np.ndarray, "h w 3"]:
    picture = read_picture(photo, max_megapixels=100_000.0)
    height, width = picture.pixels.shape[:2]
    small = resize(picture.pixels, *fit(width, height, min(2 * _PREVIEW_SIZE, max(width, height))))
    if picture.alpha is None:
        return small
    alpha = resize(picture.alpha, small.shape[1], small.shape[0])[..., None]
    return np.asarray(small * alpha + (1 - alpha), np.float32)


def _yield_cores(niceness: int) -> None:
    """Let other threads go before this one and those that it starts, which Linux alone can do."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.nice(0) + niceness)
