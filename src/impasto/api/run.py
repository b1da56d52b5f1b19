"""One function that runs a job and forwards its events, and a handle on a thread that calls it."""

import atexit
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import PIL.Image
import torch

from impasto.api.job import Job
from impasto.api.pictures import Result
from impasto.errors import ImpastoError, InputError
from impasto.events import Event, Finished, LevelStarted, Listener, Step
from impasto.images import quantize, resize
from impasto.losses import TERMS
from impasto.painting import Level, Method, check_change
from impasto.recipe import Recipe, check_balance
from impasto.runs import Checkpoint, RunFolder

_CHECKPOINT_SECONDS: Final = 60.0

Loader = Callable[[Job], Method]


class Controls:
    """Pause, stop and changes of a run, asked for by any thread and obeyed by the one that paints."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        """The recipe with all changes that were asked for."""
        self.method: Method | None = None
        """What paints, once it is loaded."""
        self._lock = threading.Lock()
        self._go = threading.Event()
        self._go.set()
        self._stopped = False
        self._changed = False

    def attach(self, method: Method) -> None:
        """Control a method from now on."""
        with self._lock:
            self.method = method
            if self._stopped:
                method.stop()

    def stop(self) -> None:
        """End after the current step."""
        with self._lock:
            self._stopped = True
            if self.method is not None:
                self.method.stop()
            self._go.set()

    def pause(self) -> None:
        """Wait before the next step; after `stop` it does nothing."""
        with self._lock:
            if not self._stopped:
                self._go.clear()

    def resume(self) -> None:
        """Continue after `pause`."""
        self._go.set()

    @property
    def paused(self) -> bool:
        """Whether a pause was asked for."""
        return not self._go.is_set()

    def change(self, changes: dict[str, Any], *, ended: Callable[[], bool]) -> None:
        """Change settings before the next step; raises InputError if that is not possible."""
        check_balance(changes)
        with self._lock:
            recipe = self.recipe.with_changes(**changes)
            check_change(self.recipe, recipe)
            if ended():
                raise InputError("the run has ended: its settings cannot change any more")
            self.recipe, self._changed = recipe, True

    def wait_while_paused(self) -> None:
        """Return when the run may continue."""
        self._go.wait()

    def take_change(self) -> Recipe | None:
        """Return the recipe with all changes since the last call, or None if there are none."""
        with self._lock:
            changed, self._changed = self._changed, False
            return self.recipe if changed else None


def run_job(
    job: Job,
    load: Loader,
    *,
    on_event: Listener | None = None,
    folder: RunFolder | None = None,
    checkpoint: Checkpoint | None = None,
    controls: Controls | None = None,
) -> Result:
    """Paint a job and return the result; forwards every event to the listener and the run folder.

    Args:
        job: What is to be painted. Its full-size pictures are released as soon as the method is loaded.
        load: Returns the method, such as `Session.painter`.
        on_event: Called with every event.
        folder: Keeps log, snapshots, checkpoints and result.
        checkpoint: State to continue from.
        controls: Pause, stop and changes.

    Raises:
        RunError: If the run fails; the folder then keeps the last good picture. What the listener raises passes, too.
    """
    controls = controls or Controls(job.recipe)
    pump = _Pump(job, controls, on_event, folder)
    try:
        return pump.run(job, load, checkpoint)
    except BaseException as error:
        pump.keep_latest(error)
        raise
    finally:
        if folder is not None:
            folder.close()


class _Pump:
    """Forwards the events of one run and saves what must not be lost."""

    def __init__(self, job: Job, controls: Controls, listener: Listener | None, folder: RunFolder | None) -> None:
        self._controls = controls
        self._listener = listener
        self._folder = folder
        self._metadata = job.metadata
        self._alpha, self._exif = job.alpha, job.exif
        self._losses: dict[str, list[float]] = {name: [] for name in ("total", *TERMS)}
        self._finished: Finished | None = None

    def run(self, job: Job, load: Loader, checkpoint: Checkpoint | None) -> Result:
        """Paint until the method has finished."""
        if job.recipe.hardware.threads is not None:
            torch.set_num_threads(job.recipe.hardware.threads)
        method = load(job)
        if self._folder is not None and checkpoint is not None:
            method.load_state(checkpoint.tensors, checkpoint.scalars)
            for step in self._folder.read_log().steps:
                self._note(step)
        self._controls.attach(method)
        saved = time.monotonic()
        for event in method.paint():
            self._forward(event)
            if self._folder is not None and method.is_settled:
                due = time.monotonic() - saved > _CHECKPOINT_SECONDS
                if due or isinstance(event, (LevelStarted, Finished)):
                    self._save_checkpoint(method, self._folder)
                    saved = time.monotonic()
            if not isinstance(event, Finished):
                self._controls.wait_while_paused()
                if method.is_settled:
                    self._apply_changes(method)
        result = self._result(method)
        if self._folder is not None:
            self._folder.finish(result.encode(".png"), result.reason)
        return result

    def _forward(self, event: Event) -> None:
        if isinstance(event, Step):
            self._note(event)
        if isinstance(event, Finished):
            self._finished = event
        if self._folder is not None:
            self._folder.record(event, self._metadata(self._controls.recipe))
        if self._listener is not None:
            self._listener(event)

    def _note(self, step: Step) -> None:
        self._losses["total"].append(step.loss)
        for name in TERMS:
            self._losses[name].append(step.terms.get(name, 0.0))

    def _save_checkpoint(self, method: Method, folder: RunFolder) -> None:
        """Save the state; the events of the steps before it must be in the log first."""
        for event in method.pending():
            self._forward(event)
        folder.save_checkpoint(*method.state())

    def _apply_changes(self, method: Method) -> None:
        recipe = self._controls.take_change()
        if recipe is None:
            return
        for event in method.pending():
            self._forward(event)
        method.change(recipe)
        if self._folder is not None:
            self._folder.record_change(recipe, method.step)
            self._save_checkpoint(method, self._folder)

    def _result(self, method: Method) -> Result:
        finished, recipe = self._finished, self._controls.recipe
        assert finished is not None
        pixels = method.picture()
        height, width = pixels.shape[:2]
        figures = {"steps": finished.step, "loss": finished.loss, "saved_loss": finished.saved_loss}
        return Result(
            pixels=pixels,
            alpha=None if self._alpha is None else resize(self._alpha, width, height),
            recipe=recipe,
            losses=self._losses,
            loss=finished.loss,
            saved_loss=finished.saved_loss,
            steps=finished.step,
            seconds=finished.seconds,
            reason=finished.reason,
            metadata=self._metadata(recipe) | {"figures": figures},
            exif=self._exif,
        )

    def keep_latest(self, error: BaseException) -> None:
        """Keep the last good picture and log why the run ended; what cannot be written must not hide the reason."""
        folder, method = self._folder, self._controls.method
        if folder is None:
            return
        try:
            if method is not None:
                folder.save_latest(quantize(method.picture()), self._metadata(self._controls.recipe))
            folder.fail(str(error))
        except (ImpastoError, OSError):
            pass


class Run:
    """A picture being painted by a thread of its own. Every method may be called from any thread at any time.

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

    size: tuple[int, int]
    photo_size: tuple[int, int]
    levels: tuple[Level, ...]

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
        self.size, self.photo_size, self.levels = job.size, job.photo_size, job.levels
        self._metadata = job.metadata
        self._controls = Controls(job.recipe)
        self._result: Result | None = None
        self._error: BaseException | None = None
        jobs = [job]

        def paint() -> None:
            try:
                # The thread has the only reference to the job, whose full-size pictures can be released then.
                self._result = run_job(
                    jobs.pop(),
                    load,
                    on_event=on_event,
                    folder=folder,
                    checkpoint=checkpoint,
                    controls=self._controls,
                )
            except BaseException as error:
                self._error = error
            finally:
                atexit.unregister(self._end)

        self._thread = threading.Thread(target=paint, name="impasto", daemon=True)
        # Torch crashes if a thread is at work when the interpreter ends: a script that ends early ends its run first.
        atexit.register(self._end)
        self._thread.start()

    def _end(self) -> None:
        self.stop()
        self._thread.join()

    # -- steering ------------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Wait before the next step until `resume` or `stop`; after `stop` it does nothing."""
        self._controls.pause()

    def resume(self) -> None:
        """Continue after `pause`."""
        self._controls.resume()

    def stop(self) -> None:
        """End after the current step; `wait` returns the picture as it is then."""
        self._controls.stop()

    def change(self, **changes: Any) -> None:
        """Change weights or snapshots before the next step; the optimizer's history is dropped.

        Several changes before the next step count as one.

        Args:
            **changes: Settings by their flat names.

        Raises:
            InputError: For a value out of bounds, a setting that cannot change, or a run that has ended.
        """
        self._controls.change(changes, ended=lambda: self._result is not None or not self.running)

    # -- watching ------------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether it still paints (or is paused)."""
        return self._thread.is_alive()

    @property
    def paused(self) -> bool:
        """Whether a pause was asked for."""
        return self._controls.paused

    @property
    def metadata(self) -> dict[str, Any]:
        """What is embedded in pictures of this run: the recipe as it is now, weights, names and hashes of inputs."""
        return self._metadata(self.recipe)

    @property
    def recipe(self) -> Recipe:
        """The recipe as it is now, device and precision resolved."""
        return self._controls.recipe

    @property
    def image(self) -> PIL.Image.Image | None:
        """The picture as it is now, at the size of the current level; None before the first level has begun."""
        method = self._controls.method
        return None if method is None else PIL.Image.fromarray(quantize(method.picture()))

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
