"""The loop: paints level by level and tells what happens. It knows nobody who listens."""

import math
import time
from collections import deque
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import FeatureExtractor
from impasto.errors import InputError, RunError
from impasto.events import Event, Finished, LevelStarted, Notice, Snapshot, Step, StopReason
from impasto.images import quantize
from impasto.losses import TERMS
from impasto.painting.ledger import Ledger
from impasto.painting.pyramid import plan_levels
from impasto.painting.scene import Scene
from impasto.painting.stage import OTHER_LEVELS, Stage
from impasto.recipe import Recipe

_WEIGHTS = frozenset(
    {"strength", "content_weight", "style_weight", "tv_weight", "low_frequency_weight", "luminance_range_weight"}
)

CHANGEABLE = _WEIGHTS | {"snapshots", "snapshot_every", "color_strength"}
"""Fields of a recipe that may change while it is painted; how strong the colors are, unless the style is `match`ed."""

_PLATEAU_STEPS = 20
"""A plateau is judged over so many steps."""


class Painter:
    """Paints one picture by a recipe.

    `paint()` yields events; between two of them the caller may call every other method. The picture at any time is the
    last one that the optimiser accepted, so that it never is worse than what was reported.
    """

    def __init__(self, recipe: Recipe, scene: Scene, extractor: FeatureExtractor, *, size: tuple[int, int]) -> None:
        """Plan the levels for a result of `size` = (width, height) and look at the pictures at the first of them."""
        self.recipe = recipe
        self.levels = plan_levels(recipe, *size)
        self.step = 0
        self._scene = scene
        self._extractor = extractor
        self._ledger = Ledger(extractor.device)
        self._snapshot_steps = recipe.snapshot_steps()
        self._losses: deque[float] = deque(maxlen=_PLATEAU_STEPS + 1)
        self._begun = time.monotonic()
        self._stopping = False
        self._owes_snapshot = False
        self._index = 0
        self._level_step = 0
        self._stage = self._make_stage(0)

    def stop(self) -> None:
        """End before the next step; may be called from another thread."""
        self._stopping = True

    def change(self, recipe: Recipe) -> None:
        """Go on by other weights; the optimiser's history is dropped.

        Raises InputError if a field differs that only a new run can take.
        """
        self.check_change(self.recipe, recipe)
        reweighted = _WEIGHTS & set(recipe.changes_from(self.recipe))
        self.recipe = recipe
        self._snapshot_steps = recipe.snapshot_steps()
        self._stage.finish_by(recipe)
        if reweighted:
            self._stage.change(recipe)
            self._losses.clear()

    @staticmethod
    def check_change(before: Recipe, after: Recipe) -> None:
        """Raise InputError if a field differs that only a new run can take."""
        fixed = set(after.changes_from(before)) - CHANGEABLE
        if before.color.mode == "match" and before.color_strength != after.color_strength:
            # The style itself was given the photo's colors, before the network looked at it.
            fixed.add("color_strength")
        if fixed:
            raise InputError(f"{', '.join(sorted(fixed))} cannot change while a picture is painted: start a new run")

    @property
    def owes_snapshot(self) -> bool:
        """Whether a snapshot of the step just told is still to come."""
        return self._owes_snapshot

    def picture(self) -> Float[np.ndarray, "h w 3"]:
        """Return the picture as it is now, in [0, 1], at the size of the current level; from any thread.

        It has the colours that the recipe asks for.
        """
        return self._stage.finished()

    def settle(self) -> list[Step]:
        """Return the events of steps that are done but not told yet (a GPU's numbers come late)."""
        return list(self._read(everything=True))

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and plain values from which `load_state` goes on as if nothing had happened."""
        values = {"step": self.step, "level": self._index, "level_step": self._level_step}
        return self._stage.state(), values | {"losses": list(self._losses)}

    def load_state(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Go on from a state; recipe and scene must be those of the painter that gave it.

        Raises InputError for the state of a version of the program that planned other levels.
        """
        if values["level"] >= len(self.levels):
            raise InputError(OTHER_LEVELS)
        if values["level"] != self._index:
            self._stage = self._make_stage(values["level"], start=self._stage.picture())
        self.step, self._index, self._level_step = values["step"], values["level"], values["level_step"]
        self._losses.extend(values["losses"])
        self._stage.load_state(tensors)

    def paint(self) -> Iterator[Event]:
        """Paint, yielding events.

        Raises RunError if loss or gradient stay without a finite value; `picture` still gives the last good picture.
        """
        self._begun = time.monotonic()
        while True:
            level = self._stage.level
            yield LevelStarted(
                level=self._index,
                levels=len(self.levels),
                width=level.width,
                height=level.height,
                step=self.step,
                steps=self.recipe.steps,
            )
            if not level.above:
                # On coarser levels small parts lack their deep layers as a matter of course.
                yield from (Notice(step=self.step, text=text) for text in self._stage.notices)
            reason = yield from self._paint_level()
            if reason == "stopped" or self._index + 1 == len(self.levels):
                break
            self._stage = self._make_stage(self._index + 1, start=self._stage.picture())
            self._index, self._level_step = self._index + 1, 0
            self._losses.clear()
        yield self._finished(reason)

    def _make_stage(self, index: int, start: Float[np.ndarray, "h w 3"] | None = None) -> Stage:
        return Stage(self.recipe, self._scene, self._extractor, self.levels[index], start)

    def _paint_level(self) -> Generator[Event, None, StopReason]:
        reason: StopReason = "steps"
        while self._level_step < self._stage.level.steps:
            if self._stopping:
                reason = "stopped"
                break
            numbers = self._stage.advance()
            self.step += 1
            self._level_step += 1
            self._ledger.put(self.step, numbers)
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
        for step, numbers in self._ledger.take(everything=everything):
            named = dict(zip(Stage.NUMBERS, numbers, strict=True))
            terms = {name: named[name] for name in TERMS}
            loss = math.fsum(terms.values())
            if named["accepted"]:
                self._losses.append(loss)
            yield Step(
                step=step,
                steps=self.recipe.steps,
                level=self._index,
                loss=loss,
                terms=terms,
                seconds=time.monotonic() - self._begun,
                improved=bool(named["accepted"]),
            )
            if named["failures"] >= self._stage.patience:
                raise RunError(
                    f"the loss has no finite value since step {step - self._stage.patience + 1}: "
                    "the last good picture is kept; try smaller weights or --precision fp32"
                )

    def _on_plateau(self) -> bool:
        losses = self._losses
        if not self.recipe.plateau or len(losses) <= _PLATEAU_STEPS:
            return False
        return losses[-1] > losses[0] * (1 - self.recipe.plateau)

    def _finished(self, reason: StopReason) -> Finished:
        saved = self._stage.loss_of(quantize(self._stage.picture()).astype(np.float32) / 255.0)
        last = self._stage.lowest_loss()
        if last is None and self._losses:
            last = self._losses[-1]
        return Finished(
            step=self.step,
            loss=saved if last is None else last,
            saved_loss=saved,
            seconds=time.monotonic() - self._begun,
            reason=reason,
        )
