"""Films of a studio: what a clip is, a film as a job of the queue, and its folder. Needs PyAV.

A film is a run of the workspace. Its folder holds the record (film_record.py), the clip, own styles, the painted
frames while it is unfinished, and the film.
"""

import re
import shutil
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, Literal, NamedTuple, TypeAlias

from impasto.api import Session
from impasto.batch import in_process
from impasto.errors import ImpastoError, InputError, RunError, reason_of
from impasto.images import atomic_write, encode_picture
from impasto.recipe import Recipe
from impasto.studio.film_record import FILM, FRAMES_FOLDER, FilmRecord, frame_files
from impasto.studio.job import JobEnding, JobHandle, JobMonitor
from impasto.studio.load_run import sha256_of
from impasto.studio.run_index import Workspace
from impasto.studio.submission import Limits, error_line, hide_folders, read_submission
from impasto.video import Clip, Film, FilmFolder, Selection, frame_at, open_clip, painted_size

_LATER_FRAME: Final = 0.35
"""Time of a later frame as a share of that of the first one, which is painted like a single picture.

docs/video.md has measurements: 0.29 with the default preset, 0.4 with `draft`.
"""

_POSTER: Final = "latest.png"
"""A frame of a finished film, which stands for it in lists."""
_POLL_SECONDS: Final = 0.25
_PACE_FRAMES: Final = 20
"""Frames by whose median the time of the next ones is estimated."""

Phase: TypeAlias = Literal["reading", "painting", "writing"]


# -- clips -------------------------------------------------------------------------------------------------------------


class ClipFacts(NamedTuple):
    """What a clip is: size in pixels, number of frames, and duration in seconds."""

    width: int
    height: int
    frames: int
    seconds: float

    @property
    def rate(self) -> float:
        """Frames per second on average."""
        return self.frames / self.seconds


def open_given(limits: Limits, path: Path) -> Clip:
    """Open a clip that a visitor gave; raises InputError, in one line that names no folder, if it cannot be painted."""
    try:
        if not path.exists():
            raise InputError("the studio does not have this clip any more: drop it again")
        limits.check_length(path.name, path.stat().st_size)
        clip = open_clip(path)
        limits.check_size(path.name, *clip.size)
        limits.check_frames(path.name, clip.declared_frames)
    except OSError as error:
        raise InputError(f"cannot read {path.name}: {reason_of(error)}") from None
    except InputError as error:
        raise InputError(hide_folders(str(error), path)) from None
    return clip


def read_clip(limits: Limits, path: Path) -> tuple[Clip, ClipFacts]:
    """Open a clip as `open_given` does, and read all of it if it does not say how long it is."""
    clip = open_given(limits, path)
    if clip.declared_frames and clip.rate:
        return clip, ClipFacts(*clip.size, clip.declared_frames, float(clip.declared_frames / clip.rate))
    times = []
    try:
        for frame in clip.frames():
            times.append((frame.time, frame.duration))
            limits.check_frames(path.name, len(times))
    except InputError as error:
        raise InputError(hide_folders(str(error), path)) from None
    if not times:
        raise _no_frame(clip)
    last, duration = times[-1]
    ticks = last - times[0][0]
    ticks += duration or round(ticks / max(1, len(times) - 1)) or round(1 / (25 * clip.time_base))
    return clip, ClipFacts(*clip.size, len(times), float(ticks * clip.time_base))


def _no_frame(clip: Clip) -> InputError:
    return InputError(f"{clip.path.name} has no frame that can be decoded")


def frame_png(clip: Clip, seconds: float, size: tuple[int, int] | None = None) -> bytes:
    """Return the frame at a time as a PNG, by default in the size of the clip; raises InputError if there is none."""
    try:
        moment = Fraction(max(0.0, seconds)).limit_denominator(10_000)
        frame = frame_at(clip, moment, is_numbered=False)
    except InputError as error:
        raise InputError(hide_folders(str(error), clip.path)) from None
    return encode_picture(frame.convert(size or clip.size), ".png")


def film_recipe(recipe: Recipe, clip: Clip) -> tuple[Recipe, tuple[int, int]]:
    """Return the recipe for a film that every browser shows, of even sides, and its size."""
    size = painted_size(recipe, clip, Path(FILM))[1]
    if size[0] % 2 or size[1] % 2:
        # Of a size that is not the clip's own both sides are rounded to even ones.
        recipe = recipe.with_changes(size=max(size) - 1)
        size = painted_size(recipe, clip, Path(FILM))[1]
    return recipe, size


def film_seconds(method: str, first: float, frames: int) -> float:
    """Return how long a film takes, about, whose first frame takes `first` seconds."""
    later = 1.0 if method == "instant" else _LATER_FRAME
    return first * (1 + later * (frames - 1))


# -- ordering a film ---------------------------------------------------------------------------------------------------


class FilmOrder(NamedTuple):
    """A film to be painted: the visitor's clip, styles, recipe, and the part of the clip."""

    clip: Path
    styles: Sequence[str | Path]
    recipe: Recipe
    start: float = 0.0
    end: float | None = None
    every: int = 1


def check_order(limits: Limits, order: FilmOrder) -> tuple[FilmRecord, dict[str, Path]]:
    """Return the record of a film and the files to be copied into its folder, by their names there.

    Raises:
        InputError: In one line that names no folder, if it cannot be painted.
    """
    clip, facts = read_clip(limits, order.clip)
    end = None if order.end is None or order.end >= facts.seconds else order.end
    start = max(0.0, order.start)
    if start >= (facts.seconds if end is None else end):
        last = f"{facts.seconds if end is None else end:g}"
        raise InputError(f"the film would begin at {start:g} s and end at {last} s: let it end later")
    recipe, size = film_recipe(order.recipe, clip)
    # What cannot be painted is known now: the same is checked of a picture.
    first = next(clip.frames(), None)
    if first is None:
        raise _no_frame(clip)
    frame = first.convert(size)
    read_submission(limits, frame, list(order.styles), recipe.with_changes(size=max(size), upscale=False), None)
    suffix = order.clip.suffix.lower()
    files = {f"clip{suffix if re.fullmatch('[.][a-z0-9]{1,5}', suffix) else ''}": order.clip}
    styles = []
    for number, style in enumerate(order.styles, start=1):
        styles.append(style if isinstance(style, str) else f"style-{number}{style.suffix.lower()}")
        if isinstance(style, Path):
            files[styles[-1]] = style
    record = FilmRecord(
        created=datetime.now(UTC),
        content=order.clip.stem[:300],
        clip=next(iter(files)),
        clip_sha256=sha256_of(order.clip),
        styles=tuple(styles),
        titles=tuple(style if isinstance(style, str) else style.stem for style in order.styles),
        recipe=recipe.to_dict(),
        start=_as_text(start),
        end=None if end is None else _as_text(end),
        every=max(1, order.every),
    )
    return record, files


def write_order(workspace: Workspace, record: FilmRecord, files: dict[str, Path]) -> Path:
    """Make the folder of a film and return its path; raises InputError if it cannot be written."""
    path = workspace.new_folder(record.content, record.titles)
    try:
        for name, file in files.items():
            shutil.copyfile(file, path / name)
        # With the record the folder becomes a run, so that it is written last.
        record.save(path)
    except (OSError, InputError) as error:
        shutil.rmtree(path, ignore_errors=True)
        raise InputError(f"cannot keep the clip: {error_line(error, path)}") from None
    return path


def requeue_film(path: Path) -> None:
    """Let a stopped, failed or interrupted film wait again; raises InputError if it is finished."""
    record = FilmRecord.load(path)
    if record.ending == "finished":
        raise InputError(f"the run {path.name} is finished")
    record.changed(ending=None, problem="").save(path)


def _as_text(seconds: float) -> str:
    return str(Fraction(seconds).limit_denominator(10_000))


# -- a film in the queue -----------------------------------------------------------------------------------------------


class FilmMonitor(JobMonitor):
    """Progress of a film, whose steps are its frames.

    Attributes:
        phase: What is done with the frames that `progress` counts.
        pace: Seconds a frame; None until it is known.
    """

    phase: Phase = "reading"
    pace: float | None = None

    def show(self, phase: Phase, done: int, frames: int, pace: float | None = None) -> None:
        """Report that so many frames are done."""
        with self._changed:
            self.phase, self.pace = phase, pace or self.pace
            left = None if pace is None else pace * (frames - done)
            self._progress = replace(self._progress, step=done, steps=frames, seconds_left=left)
        self.notify(picture=phase == "painting")


class _InterruptedError(Exception):
    """The film is stopped, or set aside, while its clip is read, or the film is written."""


class FilmJob(JobHandle):
    """A film that waits, is painted, or has ended. It cannot be paused: what is painted is kept when it is stopped."""

    is_film: ClassVar[bool] = True
    monitor: FilmMonitor

    def _open(self) -> None:
        self.record = FilmRecord.load(self.path)
        self.content, self.styles, self._recipe = self.record.content, self.record.titles, self.record.parsed_recipe
        self.monitor = FilmMonitor(self.record.frames)
        self._film: Film | None = None
        self.monitor.show("painting", len(frame_files(self.path)), self.record.frames)

    def pause(self) -> None:
        """Do nothing."""

    @property
    def is_stopping(self) -> bool:
        """Whether it ends after the step in work."""
        return self._stopping and not self.has_ended

    def result(self) -> Path | None:
        """Return the path of the finished film."""
        path = self.path / FILM
        return path if self.state == "finished" and path.is_file() else None

    def _paint(self, session: Session) -> Callable[[], JobEnding | None]:
        film: Film | None = None
        is_finished = False
        try:
            film = self._begin()
            self._keep(frames=len(film.plan))
            self._show_notices(film.notices)
            with self._watched(film):
                film.paint(in_process)
            if film.is_painted:
                self._finish(film)
                is_finished = True
        except _InterruptedError:
            pass
        except ImpastoError as error:
            raise RunError(self.record.as_given(self.path, str(error))) from None
        finally:
            if film is not None:
                film.folder.close()
        return partial(self._ending_of_film, is_finished=is_finished)

    def _finish(self, film: Film) -> None:
        """Write the film; the painted frames are not needed any more."""
        total = len(film.plan)

        def written(count: int) -> None:
            self._raise_if_interrupted()
            self.monitor.show("writing", count, total)

        self._show_notices(film.notices + film.write(written))
        atomic_write(self.path / _POSTER, frame_files(self.path)[total // 2].read_bytes())
        self.monitor.show("painting", total, total)
        self._keep(ending="finished")
        film.folder.remove()

    def _show_notices(self, notices: Sequence[str]) -> None:
        self.monitor.notice = self.record.as_given(self.path, "\n".join(notices))

    def _raise_if_interrupted(self) -> None:
        if self._stopping or self._set_aside:
            raise _InterruptedError

    def _begin(self) -> Film:
        """Begin the film or continue it; the clip is read once, before the first frame is painted."""

        def read(count: int) -> None:
            self._raise_if_interrupted()
            self.monitor.show("reading", 0, count)

        folder = self.path / FRAMES_FOLDER
        if FilmFolder.exists(folder):
            return Film.resume(folder, on_frame=read)
        record = self.record
        styles = [str(self.path / name) if (self.path / name).is_file() else name for name in record.styles]
        return Film.begin(
            open_clip(self.path / record.clip),
            styles,
            self._recipe,
            output=self.path / FILM,
            folder=folder,
            selection=Selection(*record.part),
            on_frame=read,
        )

    @contextmanager
    def _watched(self, film: Film) -> Iterator[None]:
        """Report the frames of a film while it is painted, and let it be stopped."""
        ended, total = threading.Event(), len(film.plan)
        durations: deque[float] = deque(maxlen=_PACE_FRAMES)
        done, since = film.folder.count_frames(), time.monotonic()
        self.monitor.show("painting", done, total)

        def watch() -> None:
            nonlocal done, since
            while not ended.wait(_POLL_SECONDS):
                count, moment = film.folder.count_frames(), time.monotonic()
                if count > done:
                    durations.append((moment - since) / (count - done))
                    done, since = count, moment
                    self.monitor.show("painting", done, total, statistics.median(durations))

        thread = threading.Thread(target=watch, name="impasto-film", daemon=True)
        thread.start()
        with self._condition:
            self._film = film
            if self._stopping or self._set_aside:
                film.stop(at_once=True)
        try:
            yield
        finally:
            with self._condition:
                self._film = None
            ended.set()
            thread.join()
            self.monitor.show("painting", film.folder.count_frames(), total)

    def _stop_run(self) -> None:
        if self._film is not None:
            self._film.stop(at_once=True)

    def _ending_of_film(self, *, is_finished: bool) -> JobEnding | None:
        if is_finished:
            return "finished"
        if not self._stopping:
            return None
        self._withdraw()
        return "stopped"

    def _withdraw(self) -> str:
        if not frame_files(self.path):
            shutil.rmtree(self.path, ignore_errors=True)
            return ""
        with suppress(ImpastoError, OSError):
            self._keep(ending="stopped")
        return ""

    def _record_failure(self, message: str) -> None:
        with suppress(ImpastoError, OSError):
            self._keep(ending="failed", problem=message[:1000])

    def _keep(self, **fields: object) -> None:
        self.record = self.record.changed(**fields)
        self.record.save(self.path)
