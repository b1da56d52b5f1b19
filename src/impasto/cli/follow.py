"""Follow a run: show its progress, save its snapshots and its picture, report the result."""

import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from impasto.api import Result, Run, keep_memory, pixels_that_fit
from impasto.backbones import repetition_notice
from impasto.cli.console import DONE, STOPPED, stop_signals, warn, write_json, write_path
from impasto.cli.destination import Destination
from impasto.cli.options import Reporting
from impasto.cli.progress import Progress
from impasto.errors import InputError, RunError, is_out_of_memory, reason_of
from impasto.events import Event, LevelStarted, Snapshot, Step
from impasto.images import snapshot_path, write_picture
from impasto.painting import Eta

_POLL_SECONDS: Final = 0.1
_SMALLEST: Final = 16  # --size
_NOT_KEPT: Final = "; it cannot be continued: only a run of `impasto stylize --run FOLDER` can"


def follow(
    begin: Callable[..., Run],
    destination: Destination,
    reporting: Reporting,
    folder: Path | None = None,
    *,
    reports_result: bool = True,
    suggests_size: bool = False,
    repeats: Mapping[str, Any] | None = None,
) -> int:
    """Paint what `begin(on_event=...)` starts, save it, and return the exit code: 0, or 130 if stopped.

    The first Ctrl-C ends the run after the current step, a second one raises KeyboardInterrupt. If the run fails, the
    last good picture is saved. With a run `folder`, snapshots are saved only there. `suggests_size`: nobody has chosen
    a size, so that a line says how the photo's own is painted. `repeats` is the record of the picture that is painted
    again, with its own photo or another.
    """
    if reporting.json and destination.is_stdout:
        raise InputError("--json and `-o -` both need standard output: choose one of them")
    keep_memory()
    follower = _Follower(destination, saves_snapshots=folder is None, suggests_size=suggests_size)
    run = begin(on_event=follower.receive)
    repeated = repeats if repeats and _photo(repeats) in ([], _photo(run.metadata)) else {}
    if not reporting.quiet and (notice := repetition_notice(repeated, run.metadata)):
        warn(notice)
    try:
        destination.check_space(run.size)
    except InputError:
        run.stop()
        raise
    follower.fitting = pixels_that_fit(run.recipe.hardware.precision)
    with stop_signals(follower.stop):
        result = follower.follow(run, Progress(Eta(run.levels, lambda: run.level_costs), quiet=reporting.quiet))
        if not result.steps:
            hint = f"; `{destination.resume_command(folder)}` begins again" if folder else ""
            warn(f"stopped before the first step; nothing was saved{hint}")
            return STOPPED
        stopped = result.reason == "stopped"
        path = destination.save(result, unfinished=stopped)
    if stopped or not reporting.quiet:
        warn(_describe_stop(result, path, destination, folder) if stopped else _describe_end(result))
    try:
        if reports_result and reporting.json:
            write_json({"path": str(path)} | _facts(result))
        elif reports_result and path is not None:
            write_path(path)
    except OSError as error:
        if not stopped:  # otherwise the terminal was closed
            raise RunError(f"cannot write to standard output: {reason_of(error)}; the picture is {path}") from None
    return STOPPED if stopped else DONE


class _Follower:
    """Receives the events of a run in the painting thread; the main thread waits, because it receives signals."""

    _run: Run
    _progress: Progress
    fitting = math.inf  # pixels that the memory holds

    def __init__(self, destination: Destination, *, saves_snapshots: bool, suggests_size: bool) -> None:
        self._destination = destination
        self._suggests_size = suggests_size
        self._saves_snapshots = saves_snapshots
        self._is_ready = threading.Event()
        self._is_stopping = threading.Event()
        self._has_improved = False

    def stop(self) -> None:
        """End the run after the current step."""
        self._is_stopping.set()
        self._run.stop()

    def follow(self, run: Run, progress: Progress) -> Result:
        """Show the run until it has ended and return its result; if it failed, save the last good picture and raise."""
        self._run, self._progress = run, progress
        try:
            with progress:
                self._is_ready.set()
                has_said = False
                while run.running:
                    with suppress(TimeoutError):
                        run.wait(_POLL_SECONDS)
                    if self._is_stopping.is_set() and not has_said:
                        has_said = True
                        progress.note("stopping after this step; press Ctrl-C again to give the picture up")
                return run.wait()
        except Exception as error:
            failed = self._out_of_memory(run) if is_out_of_memory(error) else error
            image = run.image if self._has_improved else None
            if image is not None:
                pixels, record = np.asarray(image), run.metadata
                kept = self._destination.save_elsewhere(lambda path: write_picture(path, pixels, metadata=record))
                if kept is not None:
                    failed.add_note(f"the last good picture was saved as {kept}")
            if failed is not error:
                raise failed from error
            raise

    def _out_of_memory(self, run: Run) -> RunError:
        # The estimate is too high if it is above what has failed.
        side = math.floor(max(run.size) * math.sqrt(min(self.fitting / math.prod(run.size), 0.5)))
        advice = f"choose a smaller --size, such as {side}" if side >= _SMALLEST else "close other programs"
        return RunError(f"there is not enough memory to paint {run.size[0]} x {run.size[1]} pixels: {advice}")

    def receive(self, event: Event) -> None:
        """Show an event; save the picture of a snapshot."""
        self._is_ready.wait()
        if self._suggests_size and math.prod(self._run.size) < math.prod(self._run.photo_size):
            photo, result = ("{} x {}".format(*size) for size in (self._run.photo_size, self._run.size))
            self._progress.note(f"the photo is {photo}, the result {result}: --size photo paints it in full size")
        self._suggests_size = False
        if not (isinstance(event, LevelStarted) and self._is_stopping.is_set()):
            self._progress.show(event)
        if isinstance(event, Step):
            self._has_improved |= event.improved
        elif isinstance(event, Snapshot) and self._saves_snapshots:
            try:
                path = snapshot_path(self._destination.path, event.step)
                write_picture(path, event.image, metadata=self._run.metadata)
            except InputError as error:
                # A missing snapshot must not end the run.
                self._progress.note(f"a snapshot is missing: {error}")


def _photo(record: Mapping[str, Any]) -> list[str]:
    return [picture.get("sha256", "") for picture in record.get("inputs", {}).get("content", [])]


def _describe_end(result: Result) -> str:
    if not result.losses["total"]:  # not every method has a loss
        return f"painted in {result.seconds:.1f} s"
    return f"painted in {result.seconds:.0f} s, loss {result.loss:.4g} ({result.saved_loss:.4g} as saved)"


def _describe_stop(result: Result, path: Path | None, destination: Destination, folder: Path | None) -> str:
    name = "to standard output" if path is None else f"as {path}"
    beside = "" if path is None or path == destination.path else f", and {destination.path} is left as it was"
    done = f"stopped after {result.steps} of {result.recipe.schedule.steps} steps"
    hint = f"; `{destination.resume_command(folder)}` continues it" if folder else _NOT_KEPT
    return f"{done}: the picture so far was saved {name}{beside}{hint}"


def _facts(result: Result) -> dict[str, Any]:
    """Return the JSON description of a result."""
    height, width = result.pixels.shape[:2]
    recipe = result.recipe
    losses = ("loss", "saved_loss") if result.losses["total"] else ()  # not every method has a loss
    facts = {name: getattr(result, name) for name in ("steps", *losses, "reason")}
    facts |= {name: recipe.get(name) for name in ("seed", "device", "precision")}
    return {"size": [width, height], "seconds": round(result.seconds, 3), **facts, "recipe": recipe.to_dict()}
