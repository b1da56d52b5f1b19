"""A run in the background, and the handle by which it is watched and steered."""

import atexit
import math
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import PIL.Image
import torch

from impasto.api.prepare import Job
from impasto.api.result import Result
from impasto.errors import ImpastoError, InputError
from impasto.events import Event, Finished, LevelStarted, Listener, Snapshot, Step
from impasto.images import quantize, resize
from impasto.losses import TERMS
from impasto.painting import Painter
from impasto.recipe import Recipe, check_balance
from impasto.runs import Checkpoint, RunFolder

_CHECKPOINT_SECONDS = 60.0


class Run:
    """A picture being painted by a thread of its own. Every method may be called from any thread at any time."""

    def __init__(
        self,
        job: Job,
        *,
        on_event: Listener | None = None,
        folder: RunFolder | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self._job = job
        self._listener = on_event
        self._folder = folder
        self._checkpoint = checkpoint
        self._recipe = job.recipe
        self._painter: Painter | None = None
        self._wishes: deque[Recipe] = deque()
        self._lock = threading.Lock()
        self._go = threading.Event()
        self._go.set()
        self._stopped = False
        self._losses: dict[str, list[float]] = {name: [] for name in ("total", *TERMS)}
        self._finished: Finished | None = None
        self._result: Result | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="impasto", daemon=True)
        # Torch does not bear a thread at work when the interpreter ends: a script that ends early ends its run first.
        atexit.register(self._end)
        self._thread.start()

    # -- steering ------------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Wait before the next step until `resume` or `stop`; after `stop` it does nothing."""
        with self._lock:
            if not self._stopped:
                self._go.clear()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._go.set()

    def stop(self) -> None:
        """End after the step that is being done; `wait` returns what is there."""
        with self._lock:
            self._stopped = True
            if self._painter is not None:
                self._painter.stop()
            self._go.set()

    def _end(self) -> None:
        self.stop()
        self._thread.join()

    def change(self, **changes: Any) -> None:
        """Change weights or snapshots before the next step; the optimiser's history is dropped.

        Raises InputError for a value out of bounds, a field that only a new run can take, or a run that has ended.
        """
        check_balance(changes)
        with self._lock:
            recipe = self._recipe.with_changes(**changes)
            Painter.check_change(self._recipe, recipe)
            if self._finished is not None or not self._thread.is_alive():
                raise InputError("the run has ended: its weights cannot change any more")
            self._recipe = recipe
            self._wishes.append(recipe)

    # -- watching ------------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether it still paints (or is paused)."""
        return self._thread.is_alive()

    @property
    def paused(self) -> bool:
        """Whether it was told to pause."""
        return not self._go.is_set()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the result in pixels."""
        return self._job.size

    @property
    def photo_size(self) -> tuple[int, int]:
        """Width and height of the upright photo in pixels."""
        return self._job.inputs.content.width, self._job.inputs.content.height

    @property
    def metadata(self) -> dict[str, Any]:
        """What is embedded in pictures of this run: the recipe as it is now, weights, names and hashes of inputs."""
        return self._job.metadata(self._recipe)

    @property
    def recipe(self) -> Recipe:
        """The recipe as it is now, device and precision resolved."""
        return self._recipe

    @property
    def image(self) -> PIL.Image.Image | None:
        """The picture as it is now, at the size of the current level; None before the first level has begun."""
        painter = self._painter
        return None if painter is None else PIL.Image.fromarray(quantize(painter.picture()))

    def wait(self, timeout: float | None = None) -> Result:
        """Wait for the end and return the result.

        Raises TimeoutError after `timeout` seconds (the run goes on), RunError if the run failed (`image` still gives
        the last good picture), and whatever a listener raised.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError(f"the run has not ended within {timeout} seconds")
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            self._paint()
        except BaseException as error:
            self._error = error
            if self._folder is not None:
                self._fail(self._folder, error)
        finally:
            atexit.unregister(self._end)
            if self._folder is not None:
                self._folder.close()

    def _paint(self) -> None:
        if self._job.recipe.threads is not None:
            torch.set_num_threads(self._job.recipe.threads)
        painter = self._job.painter()
        if self._folder is not None and self._checkpoint is not None:
            self._go_on(painter, self._folder, self._checkpoint)
        with self._lock:
            self._painter = painter
            if self._stopped:
                painter.stop()
        saved = time.monotonic()
        for event in painter.paint():
            self._tell(event)
            if self._folder is not None and self._settled(event, painter):
                due = time.monotonic() - saved > _CHECKPOINT_SECONDS
                if due or isinstance(event, (LevelStarted, Finished)):
                    self._save_checkpoint(painter, self._folder)
                    saved = time.monotonic()
            if not isinstance(event, Finished):
                self._go.wait()
                if self._settled(event, painter):
                    self._grant(painter)
        self._result = self._make_result(painter)
        if self._folder is not None:
            self._folder.finish(self._result.encode(".png"), self._result.reason)

    def _save_checkpoint(self, painter: Painter, folder: RunFolder) -> None:
        """Save the state; what is told of the steps before it must stand in the log first."""
        for event in painter.settle():
            self._tell(event)
        folder.save_checkpoint(*painter.state())

    def _go_on(self, painter: Painter, folder: RunFolder, checkpoint: Checkpoint) -> None:
        """Take up the run where its checkpoint left it."""
        painter.load_state(checkpoint.tensors, checkpoint.scalars)
        for line in folder.events():
            if line["type"] == "Step":
                # A loss that was not finite is null in the log.
                terms = {name: math.nan if value is None else value for name, value in line["terms"].items()}
                self._note(math.nan if line["loss"] is None else line["loss"], terms)

    def _settled(self, event: Event, painter: Painter) -> bool:
        """Whether everything that belongs to the steps done so far has been told."""
        return not (isinstance(event, Step) and painter.owes_snapshot)

    def _tell(self, event: Event) -> None:
        if isinstance(event, Step):
            self._note(event.loss, event.terms)
        if isinstance(event, Finished):
            self._finished = event
        if self._folder is not None:
            if isinstance(event, Snapshot):
                self._folder.save_snapshot(event.step, event.image, self.metadata)
            self._folder.record(event)
        if self._listener is not None:
            self._listener(event)

    def _note(self, loss: float, terms: Mapping[str, float]) -> None:
        self._losses["total"].append(loss)
        for name in TERMS:
            # A run that was begun before the program knew a term has none of it.
            self._losses[name].append(terms.get(name, 0.0))

    def _grant(self, painter: Painter) -> None:
        with self._lock:
            wishes, self._wishes = self._wishes, deque()
        for recipe in wishes:
            for event in painter.settle():
                self._tell(event)
            painter.change(recipe)
            if self._folder is not None:
                self._folder.record_change(recipe, painter.step)
                self._save_checkpoint(painter, self._folder)

    def _make_result(self, painter: Painter) -> Result:
        finished, content = self._finished, self._job.inputs.content
        assert finished is not None
        pixels = painter.picture()
        height, width = pixels.shape[:2]
        figures = {"steps": finished.step, "loss": finished.loss, "saved_loss": finished.saved_loss}
        return Result(
            pixels=pixels,
            alpha=None if content.alpha is None else resize(content.alpha, width, height),
            recipe=self._recipe,
            losses=self._losses,
            loss=finished.loss,
            saved_loss=finished.saved_loss,
            steps=finished.step,
            seconds=finished.seconds,
            reason=finished.reason,
            metadata=self.metadata | {"figures": figures},
            exif=content.exif,
        )

    def _fail(self, folder: RunFolder, error: BaseException) -> None:
        """Keep the last good picture and say why the run ended; what cannot be written must not hide the reason."""
        try:
            image = self.image
            if image is not None:
                folder.save_latest(quantize(self._painter.picture()), self.metadata)  # type: ignore[union-attr]
            folder.fail(str(error))
        except (ImpastoError, OSError):
            pass
