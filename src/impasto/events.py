"""What happened in a run, told to whoever listens: terminal, studio, run folder."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import UInt8

StopReason: TypeAlias = Literal["steps", "plateau", "stopped"]


@dataclass(frozen=True, kw_only=True)
class LevelStarted:
    """A level of the pyramid begins. `level` counts from 0 (coarsest); `step` is the number of steps done before it."""

    level: int
    levels: int
    width: int
    height: int
    step: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """One evaluation of loss and gradient is done.

    `step` counts from 1 over all levels, `steps` is how many are planned; `loss` is the objective that was optimised
    and `terms` its weighted parts (they sum to `loss`); `seconds` is the time since the run (or its resumption) began.
    `improved` tells whether the optimiser took the step (False: it was rejected by the guard and is tried shorter).
    """

    step: int
    steps: int
    level: int
    loss: float
    terms: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    improved: bool = True


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The picture as it is after `step` steps: `image` is 8-bit RGB at the size of the current level."""

    step: int
    image: UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that the person should know, in one line; the run goes on. `step` is the number of steps done."""

    step: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The run is over.

    `loss` is the optimiser's last loss, `saved_loss` the same objective of the 8-bit picture as it is saved.
    """

    step: int
    loss: float
    saved_loss: float
    seconds: float
    reason: StopReason


Event: TypeAlias = LevelStarted | Step | Snapshot | Notice | Finished
Listener: TypeAlias = Callable[[Event], Any]
