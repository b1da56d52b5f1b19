"""The loop: paints level by level and yields events."""

import math
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import FeatureExtractor
from impasto.errors import InputError, RunError
from impasto.events import Event, Finished, LevelStarted, Notice, Snapshot, Step, StopReason
from impasto.images import quantize
from impasto.painting.async_scalars import AsyncScalars
from impasto.painting.level import OTHER_LEVELS, LevelOptimizer, TargetCache
from impasto.painting.pyramid import Level
from impasto.painting.scene import Scene
from impasto.recipe import Recipe

_WEIGHTS: Final = frozenset(
    {"strength", "content_weight", "style_weight", "tv_weight", "low_frequency_weight", "luminance_range_weight"}
)

CHANGEABLE: Final = _WEIGHTS | {"snapshots", "snapshot_every", "color_strength"}
"""Settings that may change while a picture is painted; `color_strength` not if the style is `match`ed."""

_PLATEAU_STEPS: Final = 20
"""Steps over which a plateau is judged."""


def check_change(before: Recipe, after: Recipe) -> None:
    """Raise InputError if a setting differs that cannot change while a picture is painted."""
    fixed = set(after.changes_from(before)) - CHANGEABLE
    if before.color.mode == "match" and before.color.strength != after.color.strength:
        # The style was given the photo's colors before it was measured.
        fixed.add("color_strength")
    if fixed:
        raise InputError(f"{', '.join(sorted(fixed))} cannot change while a picture is painted: start a new run")


@runtime_checkable
class Method(Protocol):
    """A way to paint a picture. Between two events every method may be called.

    `Painter`, which optimizes pixels, is one; another only has to yield the same events.
    """

    step: int
    """Number of steps done."""

    def paint(self) -> Iterator[Event]:
        """Paint, yielding events; the last one is `Finished`."""
        ...

    def stop(self) -> None:
        """End before the next step; may be called from another thread."""
        ...

    def change(self, recipe: Recipe) -> None:
        """Continue with other settings; raises InputError if one differs that cannot change."""
        ...

    def picture(self) -> Float[np.ndarray, "h w 3"]:
        """Return the picture as it is now, in [0, 1]; may be called from another thread."""
        ...

    def pending(self) -> list[Step]:
        """Return the events of steps that are done but not yielded yet."""
        ...

    @property
    def is_settled(self) -> bool:
        """Whether all events of the steps done were yielded, but for those that `pending` returns."""
        ...

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and plain values from which `load_state` continues."""
        ...

    def load_state(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Continue from a state."""
        ...


class Painter:
    """Paints one picture by optimizing its pixels, level by level.

    The picture at any time is the last one that the optimizer accepted, so that it is never worse than what was
    reported.

    Args:
        recipe: The recipe.
        scene: The scene at full size; only its sizes at the levels are kept.
        extractor: The network.
        levels: The levels from coarse to fine.
        cache: Targets of style images that were measured before.
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
        self._scenes = [scene.at(level) for level in levels]
        self._extractor = extractor
        self._cache = cache
        self._scalars = AsyncScalars(extractor.device)
        self._snapshot_steps = recipe.snapshot_steps()
        self._losses: deque[float] = deque(maxlen=_PLATEAU_STEPS + 1)
        self._started = time.monotonic()
        self._stopping = False
        self._owes_snapshot = False
        self._index = 0
        self._level_step = 0
        self._current = self._level_optimizer(0)

    def stop(self) -> None:
        """End before the next step; may be called from another thread."""
        self._stopping = True

    def change(self, recipe: Recipe) -> None:
        """Continue with other weights; the optimizer's history is dropped.

        Raises InputError if a setting differs that cannot change while a picture is painted.
        """
        check_change(self.recipe, recipe)
        reweighted = _WEIGHTS & set(recipe.changes_from(self.recipe))
        self.recipe = recipe
        self._snapshot_steps = recipe.snapshot_steps()
        self._current.change_colors(recipe)
        if reweighted:
            self._current.change(recipe)
            self._losses.clear()

    @property
    def is_settled(self) -> bool:
        """Whether all events of the steps done were yielded: a snapshot comes after its step."""
        return not self._owes_snapshot

    def picture(self) -> Float[np.ndarray, "h w 3"]:
        """Return the picture as it is now, in [0, 1], at the size of the current level; from any thread.

        It has the colors that the recipe asks for.
        """
        return self._current.finished()

    def pending(self) -> list[Step]:
        """Return the events of steps that are done but not yielded yet (a GPU's numbers come late)."""
        return list(self._read(everything=True))

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and plain values from which `load_state` continues as if nothing had happened."""
        values = {"step": self.step, "level": self._index, "level_step": self._level_step}
        return self._current.state(), values | {"losses": list(self._losses)}

    def load_state(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Continue from a state; recipe and scene must be those of the painter that returned it.

        Raises InputError for the state of a version of the program that planned other levels.
        """
        if values["level"] >= len(self.levels):
            raise InputError(OTHER_LEVELS)
        if values["level"] != self._index:
            self._current = self._level_optimizer(values["level"], start=self._current.picture())
        self.step, self._index, self._level_step = values["step"], values["level"], values["level_step"]
        self._losses.extend(values["losses"])
        self._current.load_state(tensors)

    def paint(self) -> Iterator[Event]:
        """Paint, yielding events.

        Raises RunError if loss or gradient stay without a finite value; `picture` still returns the last good picture.
        """
        self._started = time.monotonic()
        while True:
            level = self._current.level
            yield LevelStarted(
                level=self._index,
                levels=len(self.levels),
                width=level.width,
                height=level.height,
                step=self.step,
                steps=self.recipe.schedule.steps,
            )
            if not level.above:
                # That small regions lack deep layers at coarser levels is normal.
                yield from (Notice(step=self.step, text=text) for text in self._current.notices)
            reason = yield from self._paint_level()
            if reason == "stopped" or self._index + 1 == len(self.levels):
                break
            self._current = self._level_optimizer(self._index + 1, start=self._current.picture())
            self._index, self._level_step = self._index + 1, 0
            self._losses.clear()
        yield self._finished(reason)

    def _level_optimizer(self, index: int, start: Float[np.ndarray, "h w 3"] | None = None) -> LevelOptimizer:
        scene, level = self._scenes[index], self.levels[index]
        return LevelOptimizer(self.recipe, scene, self._extractor, level, start=start, cache=self._cache)

    def _paint_level(self) -> Generator[Event, None, StopReason]:
        reason: StopReason = "steps"
        while self._level_step < self._current.level.steps:
            if self._stopping:
                reason = "stopped"
                break
            numbers = self._current.advance()
            self.step += 1
            self._level_step += 1
            self._scalars.put(self.step, numbers)
            self._owes_snapshot = self.step in self._snapshot_steps
            yield from self._read()
            if self._owes_snapshot:
                self._owes_snapshot = False
                yield Snapshot(step=self.step, image=quantize(self.picture()))
            if self._on_plateau():
                reason = "plateau"
                break
        yield from self._read(everything=True)
        return reason

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
                terms=dict(zip(self._current.term_names, terms, strict=True)),
                seconds=time.monotonic() - self._started,
                improved=bool(accepted),
            )
            if failures >= self._current.patience:
                raise RunError(
                    f"the loss has no finite value since step {step - self._current.patience + 1}: "
                    "the last good picture is kept; try smaller weights or --precision fp32"
                )

    def _on_plateau(self) -> bool:
        losses, plateau = self._losses, self.recipe.schedule.plateau
        if not plateau or len(losses) <= _PLATEAU_STEPS:
            return False
        return losses[-1] > losses[0] * (1 - plateau)

    def _finished(self, reason: StopReason) -> Finished:
        saved = self._current.loss_of(quantize(self._current.picture()).astype(np.float32) / 255.0)
        last = self._current.lowest_loss()
        if last is None and self._losses:
            last = self._losses[-1]
        return Finished(
            step=self.step,
            loss=saved if last is None else last,
            saved_loss=saved,
            seconds=time.monotonic() - self._started,
            reason=reason,
        )
