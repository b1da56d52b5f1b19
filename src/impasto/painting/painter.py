"""The loop: paints level by level and yields events."""

import math
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import numpy as np
import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from impasto.backbones import FeatureExtractor, processes
from impasto.errors import InputError, RunError, is_out_of_memory, reason_of
from impasto.events import Event, Finished, LevelStarted, Notice, Snapshot, Step, StopReason
from impasto.images import quantize, strips
from impasto.losses import TERMS
from impasto.painting.level import OTHER_LEVELS, LevelOptimizer, TargetCache
from impasto.painting.matching import match_scene
from impasto.painting.memory import MemoryPlan, has_tiles, plan_run
from impasto.painting.pyramid import Level
from impasto.painting.scene import Scene
from impasto.recipe import CHANGING, Recipe

_LAG: Final = 4
"""Steps after which numbers of a GPU are read; they have arrived by then, so reading does not wait."""


_WEIGHTS: Final = CHANGING.keys() - {"color_strength"}

CHANGEABLE: Final = frozenset({*CHANGING, "changes", "snapshots", "snapshot_every"})
"""Settings that may change while a picture is painted; `color_strength` not if the style is `match`ed."""

_PLATEAU_STEPS: Final = 20
"""Steps over which a plateau is judged."""
_TRY: Final = "the last good picture is kept; try smaller weights or --precision fp32"


def check_change(before: Recipe, after: Recipe) -> None:
    """Raise InputError if a setting differs that cannot change while a picture is painted."""
    fixed = set(after.changes_from(before)) - CHANGEABLE
    if before.color.mode == "match" and before.color.strength != after.color.strength:
        fixed.add("color_strength")  # see Recipe
    if fixed:
        raise InputError(f"{', '.join(sorted(fixed))} cannot change while a picture is painted: start a new run")


class Position(BaseModel):
    """How far a saved state is: the values beside its tensors."""

    model_config = ConfigDict(strict=True, extra="forbid")

    step: Annotated[int, Field(ge=0)]
    level: Annotated[int, Field(ge=0)]
    level_step: Annotated[int, Field(ge=0)]
    losses: Annotated[list[float], Field(max_length=_PLATEAU_STEPS + 1)]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Position":
        """Read the values of a checkpoint; raises InputError if they are not those of a run."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InputError(f"the checkpoint is damaged ({reason_of(error)}): start the run again") from None

    def fits(self, levels: Sequence[Level], *, may_skip: bool) -> bool:
        """Return True if a run of these levels can be there; `may_skip`: levels may end early."""
        most = sum(level.steps for level in levels[: self.level]) + self.level_step
        least = self.level_step if may_skip else most
        return self.level < len(levels) and self.level_step <= levels[self.level].steps and least <= self.step <= most


class Painter:
    """Paints one picture by optimizing its pixels, level by level, from coarse to fine.

    Every method may be called between two events. The picture is always the last one that the optimizer accepted.
    """

    def __init__(
        self,
        recipe: Recipe,
        scene: Scene,
        extractor: FeatureExtractor,
        *,
        levels: Sequence[Level],
        cache: TargetCache | None = None,
    ) -> None:
        self.recipe = recipe
        self.levels = levels
        self.step = 0
        """Number of steps done."""
        self.extractor, self._cache = extractor, cache
        # First, because it refuses a limit that is too small.
        self.plans = plan_run(recipe, extractor, scene, levels)
        if (strength := recipe.style.matching) and scene.colored is None:
            scene = match_scene(scene, extractor, levels, strength=strength)
        self._styles = scene.reduced_styles(levels)
        self._given = scene.with_styles_of(self._styles[-1]) if self._styles else scene
        self.scene = self._given.at(levels[-1])
        """The scene at the size of the result."""
        self._scalars = _AsyncScalars(extractor.device)
        self._snapshot_steps = recipe.snapshot_steps()
        self._losses: deque[float] = deque(maxlen=_PLATEAU_STEPS + 1)
        self._stopping = False
        self._owes_snapshot = False
        self._index = 0
        self._level_step = 0
        self._changes_made = 0  # of those of the recipe
        self.current = self._begin_level(0)
        """The optimization of the current level."""

    def _begin_level(self, index: int, start: Float[np.ndarray, "_h _w 3"] | None = None) -> LevelOptimizer:
        level, plan = self.levels[index], self.plans[index]
        # What changes at this very step is changed once the level has begun, so that a repetition does the same.
        recipe = self.recipe.after(self.step - 1)
        scene = self._given.at(level) if level.above else self.scene
        if self._styles:
            scene = scene.with_styles_of(self._styles[index])
        while True:
            try:
                begun = LevelOptimizer(recipe, scene, self.extractor, level, start=start, cache=self._cache, plan=plan)
            except Exception as error:
                plan = self._halved(plan, level, error)
            else:
                if not level.above:
                    # What is left of the scene there; the rest takes the memory of several pictures.
                    self.scene = self._given = begun.scene
                return begun

    def _next_level(self, index: int) -> LevelOptimizer:
        """Return a finer level, which starts from the picture of the current one; of that nothing else is kept."""
        self.current.close()
        return self._begin_level(index, start=self.current.picture())

    def _halved(self, plan: MemoryPlan, level: Level, error: Exception) -> MemoryPlan:
        """Return a plan with smaller tiles if memory was lacking; raise the error otherwise, or if they are small."""
        smaller = plan.halved(level) if processes.count == 1 else None  # the others would keep their tiles
        if not (is_out_of_memory(error) and has_tiles(self.recipe, self.extractor) and smaller):
            raise error
        return smaller

    def stop(self) -> None:
        """End before the next step; may be called from another thread."""
        self._stopping = True

    def change(self, recipe: Recipe) -> None:
        """Continue with a recipe that has more changes, from this step on, or other snapshots; see `check_change`."""
        check_change(self.recipe, recipe)
        self.recipe = recipe
        self._snapshot_steps = recipe.snapshot_steps()

    def _make_changes(self) -> None:
        """Make the changes of the recipe that are due; other weights drop the optimizer's history."""
        changes = self.recipe.schedule.changes[self._changes_made :]
        due = [change for change in changes if change.step <= self.step]
        if not due:
            return
        self._changes_made += len(due)
        reweighted = any(_WEIGHTS & change.settings.keys() for change in due)
        self.current.change(self.recipe.after(self.step), reweighted=reweighted)
        if reweighted:
            self._losses.clear()

    @property
    def is_settled(self) -> bool:
        """Whether all events of the steps done were yielded: a snapshot comes after its step."""
        return not self._owes_snapshot

    def picture(self) -> Float[np.ndarray, "h w 3"]:
        """Return the picture as it is now at the size of the result, in the recipe's colors; from any thread.

        Before the finest level it is what that level would start from.
        """
        return self.current.finished(self.scene)

    def preview(self) -> Float[np.ndarray, "_h _w 3"]:
        """Return the picture at the size of the current level, which costs less; from any thread."""
        return self.current.finished()

    def pending(self) -> list[Step]:
        """Return the events of steps that are done but not yielded yet (a GPU's numbers come late)."""
        return list(self._read(everything=True))

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and plain values from which `load_state` continues to the same picture."""
        losses = list(self._losses)
        position = Position(step=self.step, level=self._index, level_step=self._level_step, losses=losses)
        return self.current.state(), position.model_dump()

    def load_state(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Continue from a state of the same recipe and scene; raises InputError if other levels were planned."""
        at = Position.of(values)
        if not at.fits(self.levels, may_skip=self.recipe.schedule.plateau > 0):
            raise InputError(OTHER_LEVELS)
        self.step = at.step
        self._changes_made = sum(change.step < at.step for change in self.recipe.schedule.changes)
        if at.level != self._index:
            self.current = self._next_level(at.level)
        elif self._changes_made:
            self.current.change(self.recipe.after(at.step - 1), reweighted=True)
        self._index, self._level_step = at.level, at.level_step
        self._losses.extend(at.losses)
        self.current.load_state(tensors)

    def paint(self) -> Iterator[Event]:
        """Paint, yielding events; raises RunError if the loss stays, or ends, without a finite value."""
        self._started = time.monotonic()
        while True:
            level, steps = self.current.level, self.recipe.schedule.steps
            size = {"width": level.width, "height": level.height}
            yield LevelStarted(level=self._index, levels=len(self.levels), step=self.step, steps=steps, **size)
            # That small regions lack deep layers at coarser levels is normal.
            notices = [] if level.above else self.current.notices
            yield from (Notice(step=self.step, text=text) for text in notices)
            reason = yield from self._paint_level()
            if reason == "stopped" or self._index + 1 == len(self.levels):
                break
            self.current = self._next_level(self._index + 1)
            self._index, self._level_step = self._index + 1, 0
            self._losses.clear()
        yield self._finished(reason)

    def _paint_level(self) -> Generator[Event, None, StopReason]:
        reason: StopReason = "steps"
        while self._level_step < self.current.level.steps:
            self._make_changes()
            if processes.any(self._stopping, self.extractor.device):
                reason = "stopped"
                break
            before = self.current.plan
            numbers = self._advance()
            self.step += 1
            self._level_step += 1
            self._scalars.put(self.step, numbers)
            self._owes_snapshot = self.step in self._snapshot_steps
            if before is not self.current.plan:
                yield Notice(step=self.step, text=self.current.plan.notice)
            yield from self._read()
            if self._owes_snapshot:
                self._owes_snapshot = False
                yield Snapshot(step=self.step, image=quantize(self.picture()))
            if self.recipe.schedule.plateau and processes.any(self._on_plateau(), self.extractor.device):
                reason = "plateau"
                break
        yield from self._read(everything=True)
        return reason

    def _advance(self) -> Float[Tensor, "n"]:
        """Do a step, in smaller tiles if memory is lacking."""
        while True:
            try:
                return self.current.advance()
            except Exception as error:
                self.current.use(self._halved(self.current.plan, self.current.level, error))

    def _read(self, *, everything: bool = False) -> Iterator[Step]:
        for step, numbers in self._scalars.take(everything=everything):
            *terms, accepted, failures = numbers
            loss = math.fsum(terms)
            if accepted:
                self._losses.append(loss)
            yield Step(
                step=step,
                steps=self.recipe.schedule.steps,
                level=self._index,
                loss=loss,
                terms=dict(zip(TERMS, terms, strict=True)),
                seconds=time.monotonic() - self._started,
                improved=bool(accepted),
            )
            if failures >= self.current.optimizer.patience:
                raise RunError(
                    f"the loss has no finite value since step {step - self.current.optimizer.patience + 1}: {_TRY}"
                )

    def _on_plateau(self) -> bool:
        losses, plateau = self._losses, self.recipe.schedule.plateau
        return len(losses) > _PLATEAU_STEPS and losses[-1] > losses[0] * (1 - plateau)

    def _finished(self, reason: StopReason) -> Finished:
        self._make_changes()
        picture = self.current.picture()
        for rows in strips(*picture.shape[:2]):
            picture[rows] = quantize(picture[rows]) / np.float32(255)  # as it is saved, with 8 bits a channel
        saved = self.current.loss_of(picture)
        if not math.isfinite(saved):
            raise RunError(f"the loss of the picture has no finite value: {_TRY}")
        lowest = self.current.lowest_loss()
        return Finished(
            step=self.step,
            loss=lowest if lowest is not None else self._losses[-1] if self._losses else saved,
            saved_loss=saved,
            seconds=time.monotonic() - self._started,
            reason=reason,
        )


class _AsyncScalars:
    """Copies the numbers of each step to the host in order: immediately on a CPU, some steps later on a GPU.

    The lag is a fixed number of steps, so that decisions based on the numbers are repeatable.
    """

    def __init__(self, device: torch.device) -> None:
        self._lag = _LAG if device.type == "cuda" else 0
        self._pending: deque[tuple[int, Tensor, torch.cuda.Event | None]] = deque()

    def put(self, step: int, numbers: Float[Tensor, "n"]) -> None:
        """Send the numbers of a step to the host."""
        arrived = None
        if self._lag:
            on_device = numbers
            numbers = torch.empty(on_device.shape, dtype=on_device.dtype, pin_memory=True)
            numbers.copy_(on_device, non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record()
        self._pending.append((step, numbers, arrived))

    def take(self, *, everything: bool) -> Iterator[tuple[int, list[float]]]:
        """Yield step and numbers of the steps that are due, or of all."""
        while len(self._pending) > (0 if everything else self._lag):
            step, numbers, arrived = self._pending.popleft()
            if arrived is not None:
                arrived.synchronize()
            yield step, numbers.tolist()
