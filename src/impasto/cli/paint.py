"""What `stylize`, `demo` and `resume` share: watch a run, save its picture, say where it is."""

import math
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

import numpy as np

from impasto.api import Result, Run, keep_memory, return_memory_if_scarce
from impasto.cli.console import say, say_json, warn
from impasto.cli.destination import Destination
from impasto.cli.display import Display, make_display
from impasto.cli.entry import DONE, STOPPED
from impasto.cli.options import Telling
from impasto.cli.signals import first_signal_calls
from impasto.errors import InputError
from impasto.events import Event, Listener, Snapshot, Step
from impasto.images import write_picture
from impasto.painting import plan_levels
from impasto.painting.estimate import Estimate

_PATIENCE: Final = 0.1
"""Seconds after which somebody who watches looks whether the run still lives."""


def paint(
    begin: Callable[[Listener], Run],
    destination: Destination,
    telling: Telling,
    folder: Path | None = None,
    *,
    tells_result: bool = True,
) -> int:
    """Paint what `begin` starts, save it, and return the exit code: 0, or 130 if the person stopped it.

    `folder` is the run's folder, which keeps its snapshots itself; where the picture is, is told unless it is one of
    several (`tells_result`). Raises RunError if the run fails; the last good
    picture is saved then. The first Ctrl-C ends the run after the step that is being done, a second one raises
    KeyboardInterrupt.
    """
    if telling.json and destination.is_stdout:
        raise InputError("--json and `-o -` both need standard output: choose one of them")
    keep_memory()
    events: SimpleQueue[Event] = SimpleQueue()
    run = begin(events.put)
    return_memory_if_scarce(math.prod(run.size), precision=run.recipe.precision)
    watch = _Watch(run, destination, keeps_snapshots=folder is None)
    with first_signal_calls(watch.stop):
        with make_display(Estimate(plan_levels(run.recipe, *watch.size)), quiet=telling.quiet) as display:
            watch.follow(events, display)
        result = watch.result()
        if not result.steps:
            warn("stopped before the first step; nothing was saved")
            return STOPPED
        path = destination.save(result)
    stopped = result.reason == "stopped"
    if stopped or not telling.quiet:
        warn(_ending(result, folder))
    if not tells_result:
        pass
    elif telling.json:
        say_json({"path": str(path)} | _figures(result))
    elif path is not None:
        say(str(path))
    return STOPPED if stopped else DONE


class _Watch:
    """Follows a run in the main thread, which alone hears signals, while another thread paints."""

    def __init__(self, run: Run, destination: Destination, *, keeps_snapshots: bool) -> None:
        self._run = run
        self._destination = destination
        self._keeps_snapshots = keeps_snapshots
        self._has_begun = False
        self._is_stopping = False
        self.size = run.size

    def stop(self) -> None:
        """End the run after the step that is being done."""
        self._is_stopping = True
        self._run.stop()

    def follow(self, events: "SimpleQueue[Event]", display: Display) -> None:
        """Show every event until the run has ended."""
        if math.prod(self.size) < math.prod(self._run.photo_size):
            photo, result = ("{} x {}".format(*size) for size in (self._run.photo_size, self.size))
            display.note(f"the photo is {photo}, the result {result}: --size photo paints it all")
        told = False
        while self._run.running or not events.empty():
            if self._is_stopping and not told:
                display.note("stopping after this step; press Ctrl-C again to give the picture up")
                told = True
            try:
                event = events.get(timeout=_PATIENCE)
            except Empty:
                continue
            display.show(event)
            if isinstance(event, Step):
                self._has_begun |= event.improved
            elif isinstance(event, Snapshot) and self._keeps_snapshots:
                self._save_snapshot(event, display)

    def result(self) -> Result:
        """Return what the run hands back; if it failed, save the last good picture and raise."""
        try:
            return self._run.wait()
        except Exception as error:
            image = self._run.image if self._has_begun else None
            if image is not None:
                pixels = np.asarray(image)
                kept = self._destination.keep_elsewhere(
                    lambda path: write_picture(path, pixels, metadata=self._run.metadata)
                )
                if kept is not None:
                    error.add_note(f"the last good picture was saved as {kept}")
            raise

    def _save_snapshot(self, snapshot: Snapshot, display: Display) -> None:
        try:
            path = self._destination.beside(f"{snapshot.step:06d}")
            write_picture(path, snapshot.image, metadata=self._run.metadata)
        except InputError as error:
            # The picture itself is worth more than a snapshot of it: paint on.
            display.note(f"a snapshot is missing: {error}")


def _ending(result: Result, folder: Path | None) -> str:
    """Return the last line for the person."""
    if result.reason != "stopped":
        return f"painted in {result.seconds:.0f} s, loss {result.loss:.4g} ({result.saved_loss:.4g} as saved)"
    height, width = result.pixels.shape[:2]
    done = f"stopped after {result.steps} of {result.recipe.steps} steps"
    more = f"; `impasto resume {folder}` goes on" if folder else ""
    return f"{done}: what is there was saved ({width} x {height}){more}"


def _figures(result: Result) -> dict[str, Any]:
    """Return what a program may want to know about a result."""
    height, width = result.pixels.shape[:2]
    recipe = result.recipe
    return {
        "size": [width, height],
        "steps": result.steps,
        "seconds": round(result.seconds, 3),
        "loss": result.loss,
        "saved_loss": result.saved_loss,
        "reason": result.reason,
        "seed": recipe.seed,
        "device": recipe.device,
        "precision": recipe.precision,
        "recipe": recipe.model_dump(mode="json"),
    }
