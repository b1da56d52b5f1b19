"""One function that runs a job and forwards its events, and a handle on a thread that calls it."""

import atexit
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import PIL.Image
import torch

from impasto.api.hardware import processor_threads, return_memory_if_scarce
from impasto.api.job import Job, picture_metadata
from impasto.api.methods import METHODS, Painter
from impasto.api.pictures import Result
from impasto.backbones import processes
from impasto.errors import ImpastoError, InputError, is_disk_error
from impasto.events import Event, Finished, LevelStarted, Listener, Notice, Snapshot, Step
from impasto.images import quantize
from impasto.losses import TERMS
from impasto.painting import LevelCost, check_change
from impasto.recipe import Recipe, check_balance
from impasto.runs import Checkpoint, RunFolder

_CHECKPOINT_SECONDS: Final = 60.0

Loader = Callable[[Job], Painter]


class Controls:
    """Pause, stop and change a job while it is painted, from any thread at any time."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._asked: dict[str, Any] = {}  # changes that are not in the recipe yet
        self._painter: Painter | None = None
        self._level_costs: tuple[LevelCost, ...] = ()
        self._lock = threading.Lock()
        self._go = threading.Event()
        self._go.set()
        self._stopped = self._ended = False

    def pause(self) -> None:
        """Wait before the next step until `resume` or `stop`; after `stop` it does nothing."""
        with self._lock:
            if not self._stopped:
                self._go.clear()

    def resume(self) -> None:
        """Continue after `pause`."""
        self._go.set()

    def stop(self) -> None:
        """End after the current step, with the picture as it is then."""
        with self._lock:
            self._stopped = True
            if self._painter is not None:
                self._painter.stop()
            self._go.set()

    def change(self, **changes: Any) -> None:
        """Change weights or snapshots before the next step; other weights drop the optimizer's history.

        The recipe lists them with the step. Several changes before the next step count as one.

        Args:
            **changes: Settings by their flat names.

        Raises:
            InputError: For a value out of bounds, a setting that cannot change, or a run that has ended.
        """
        check_balance(changes)
        if "changes" in changes:
            raise InputError("changes are planned before a picture is begun: change the settings themselves")
        with self._lock:
            now = self._recipe.after(0 if self._painter is None else self._painter.step)
            wanted = now.with_changes(**self._asked | changes)
            check_change(now, wanted)
            if self._ended:
                raise InputError("the run has ended: its settings cannot change any more")
            self._asked = wanted.changes_from(now)

    @property
    def paused(self) -> bool:
        """Whether a pause was asked for."""
        return not self._go.is_set()

    @property
    def level_costs(self) -> tuple[LevelCost, ...]:
        """What the levels cost on this machine; empty before the first one has begun, or if that is not known."""
        return self._level_costs

    @property
    def recipe(self) -> Recipe:
        """The recipe with all changes that were asked for, device and precision resolved.

        What was asked for after the last step is listed with that step.
        """
        with self._lock:
            return self._recipe.changed(0 if self._painter is None else self._painter.step, **self._asked)

    @property
    def image(self) -> PIL.Image.Image | None:
        """The picture as it is now; None before the first level has begun.

        While it is painted it has the size of the current level, which costs little; at the end that of the result.
        """
        painter = self._painter
        if painter is None:
            return None
        return PIL.Image.fromarray(quantize(painter.picture() if self._ended else painter.preview()))

    def _attach(self, painter: Painter) -> None:
        with self._lock:
            self._painter = painter
            if self._stopped:
                painter.stop()

    def _take_change(self, step: int) -> Recipe | None:
        """Return the recipe with what was asked for since the last call, from a step on; None if nothing was."""
        with self._lock:
            asked, self._asked = self._asked, {}
            if asked:
                self._recipe = self._recipe.changed(step, **asked)
            return self._recipe if asked else None

    def _end(self) -> None:
        """Refuse changes from now on."""
        with self._lock:
            self._ended = True


def run_job(
    job: Job,
    load: Loader,
    *,
    on_event: Listener | None = None,
    folder: RunFolder | None = None,
    checkpoint: Checkpoint | None = None,
    controls: Controls | None = None,
) -> Result:
    """Paint a job and return the result; forwards every event to the run folder, then to the listener.

    The full-size pictures of the job are not needed any more once `load` has returned its painter. What fails, the
    listener too, is raised; the folder then keeps the last good picture.
    """
    controls = controls or Controls(job.recipe)
    pump = _Pump(job, controls, on_event, folder)
    finest, hardware = job.levels[-1], job.recipe.hardware
    return_memory_if_scarce(finest.width * finest.height, precision=hardware.precision, limit=hardware.memory_limit)
    try:
        with processor_threads(hardware.threads):
            painter = load(job)
            del job
            return pump.run(painter, checkpoint)
    except BaseException as error:
        pump.keep_latest(error)
        raise
    finally:
        controls._end()
        if folder is not None:
            folder.close()


class _Pump:
    """Forwards the events of one run and saves what must not be lost."""

    def __init__(self, job: Job, controls: Controls, listener: Listener | None, folder: RunFolder | None) -> None:
        self._controls = controls
        self._listener = listener
        self._folder = folder
        self._sources, self._alpha, self._exif = job.sources, job.alpha, job.exif
        self._notices = job.notices
        self._losses: dict[str, list[float]] = {name: [] for name in ("total", *TERMS)}

    def run(self, painter: Painter, checkpoint: Checkpoint | None) -> Result:
        """Paint until the painter has finished."""
        folder, controls = self._folder, self._controls
        self._begin(painter, checkpoint)
        saved = time.monotonic()
        for event in painter.paint():
            if isinstance(event, Finished):
                controls._end()
            self._forward(painter, event)
            if folder is not None and painter.is_settled:
                due = time.monotonic() - saved > _CHECKPOINT_SECONDS
                if due or isinstance(event, (LevelStarted, Finished)):
                    self._save_checkpoint(painter, folder)
                    saved = time.monotonic()
            if isinstance(event, Finished):
                break
            controls._go.wait()
            if painter.is_settled:
                self._apply_changes(painter)
        result = self._result(painter, event)
        if folder is not None:
            folder.finish(result.encode(".png"), result.reason)
        return result

    def _begin(self, painter: Painter, checkpoint: Checkpoint | None) -> None:
        if self._folder is not None and checkpoint is not None:
            painter.load_state(checkpoint.tensors, checkpoint.scalars)
            for step in self._folder.read_log().steps:
                self._note(step)
        self._controls._attach(painter)
        estimate = METHODS[painter.recipe.method].estimate_of(painter, may_measure=checkpoint is None)
        self._controls._level_costs = estimate.levels if estimate else ()
        for text in (*([str(estimate)] if estimate and checkpoint is None else []), *self._notices):
            self._forward(painter, Notice(step=painter.step, text=text))

    def _forward(self, painter: Painter, event: Event) -> None:
        if isinstance(event, Step):
            self._note(event)
        if self._folder is not None:
            is_picture = isinstance(event, Snapshot)
            self._folder.record(event, picture_metadata(painter.recipe, self._sources) if is_picture else None)
        if self._listener is not None:
            self._listener(event)

    def _note(self, step: Step) -> None:
        self._losses["total"].append(step.loss)
        for name in TERMS:
            self._losses[name].append(step.terms.get(name, 0.0))

    def _save_checkpoint(self, painter: Painter, folder: RunFolder) -> None:
        """Save the state; the events of the steps before it must be in the log first."""
        for event in painter.pending():
            self._forward(painter, event)
        folder.save_checkpoint(*painter.state())

    def _apply_changes(self, painter: Painter) -> None:
        recipe = self._controls._take_change(painter.step)
        if recipe is None:
            return
        for event in painter.pending():
            self._forward(painter, event)
        painter.change(recipe)
        if self._folder is not None:
            self._folder.record_change(painter.recipe, painter.step)
            self._save_checkpoint(painter, self._folder)

    def _result(self, painter: Painter, finished: Event) -> Result:
        assert isinstance(finished, Finished)
        figures: dict[str, float] = {"steps": finished.step}
        if self._losses["total"]:  # not every method has a loss
            figures |= {"loss": finished.loss, "saved_loss": finished.saved_loss}
        record = picture_metadata(painter.recipe, self._sources) | {"figures": figures, "reason": finished.reason}
        return Result(
            pixels=painter.picture(),
            alpha=self._alpha,
            recipe=painter.recipe,
            losses=self._losses,
            loss=finished.loss,
            saved_loss=finished.saved_loss,
            steps=finished.step,
            seconds=finished.seconds,
            reason=finished.reason,
            metadata=record,
            exif=self._exif,
        )

    def keep_latest(self, error: BaseException) -> None:
        """Keep the last good picture and log the error; a failure to write must not hide that error."""
        folder, painter = self._folder, self._controls._painter
        if folder is None:
            return
        # A device without memory may have no picture to give, either.
        with suppress(Exception):
            if painter is not None:
                folder.save_latest(quantize(painter.picture()), picture_metadata(painter.recipe, self._sources))
        # A run that only lacked space has not failed: it is interrupted, and can be continued.
        with suppress(ImpastoError, OSError):
            if not is_disk_error(error):
                folder.fail(str(error))


class Run(Controls):
    """A picture that is painted in a background thread. Every method may be called from any thread.

    Attributes:
        size: Width and height of the result in pixels.
        photo_size: Width and height of the upright photo in pixels.
        levels: The planned levels from coarse to fine.

    Example:
        >>> import numpy, impasto
        >>> run = impasto.start(numpy.full((48, 64, 3), 0.5), "night", size=64, steps=3, levels=1)
        >>> run.change(style_weight=60)  # doctest: +SKIP
        >>> run.wait().reason, run.running
        ('steps', False)
    """

    def __init__(
        self,
        job: Job,
        load: Loader,
        *,
        on_event: Listener | None = None,
        folder: RunFolder | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Start the thread; made by `Session.start` and `Session.resume`."""
        super().__init__(job.recipe)
        self.size, self.photo_size, self.levels = job.size, job.photo_size, job.levels
        self._sources = job.sources
        self._result: Result | None = None
        self._error: BaseException | None = None
        jobs = [job]
        # The GPU of this process; a thread would begin with the first one of the machine.
        gpu = torch.cuda.current_device() if processes.count > 1 and job.recipe.hardware.device == "cuda" else None

        def paint() -> None:
            try:
                if gpu is not None:
                    torch.cuda.set_device(gpu)
                # The job is handed over, so that its full-size pictures are released once the painter is loaded.
                self._result = run_job(
                    jobs.pop(), load, on_event=on_event, folder=folder, checkpoint=checkpoint, controls=self
                )
            except BaseException as error:
                self._error = error
            finally:
                atexit.unregister(self._stop_and_join)

        self._thread = threading.Thread(target=paint, name="impasto", daemon=True)
        # Torch can crash if a thread still computes when the interpreter ends, so the run is ended first.
        atexit.register(self._stop_and_join)
        self._thread.start()

    def _stop_and_join(self) -> None:
        self.stop()
        self._thread.join()

    @property
    def running(self) -> bool:
        """Whether the run is painting or paused."""
        return self._thread.is_alive()

    @property
    def metadata(self) -> dict[str, Any]:
        """Metadata embedded in pictures of this run: current recipe, weights, names and hashes of inputs."""
        return picture_metadata(self.recipe, self._sources)

    def wait(self, timeout: float | None = None) -> Result:
        """Wait for the end and return the result.

        Args:
            timeout: Seconds to wait; None: for ever.

        Returns:
            The finished picture.

        Raises:
            TimeoutError: If the run has not ended; it continues.
            RunError: If the run failed; `image` still returns the last good picture. What a listener raised is
                raised here, too.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError(f"the run has not ended within {timeout} seconds")
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result
