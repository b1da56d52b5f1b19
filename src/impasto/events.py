"""What happens in a run: events for listeners (terminal, studio), and what the run log records besides them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import UInt8

StopReason: TypeAlias = Literal["steps", "plateau", "stopped"]


@dataclass(frozen=True, kw_only=True)
class LevelStarted:
    """A level of the pyramid begins.

    Attributes:
        level: Number of the level, from 0 (the coarsest).
        levels: How many levels there are.
        width: Width of the level in pixels.
        height: Height of the level in pixels.
        step: Number of steps done before the level.
        steps: Number of steps planned for the whole run.

    Example:
        >>> LevelStarted(level=0, levels=3, width=128, height=96, step=0, steps=120).width
        128
    """

    level: int
    levels: int
    width: int
    height: int
    step: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """One evaluation of loss and gradient is done.

    Attributes:
        step: Number of the step, from 1 over all levels.
        steps: Number of steps planned for the whole run.
        level: Number of the level, from 0.
        loss: Value of the objective that is minimized.
        terms: Weighted terms of the objective by name; their sum is `loss`.
        seconds: Time since the run (or its resumption) began.
        improved: False if the optimizer rejected the step and tries a shorter one.

    Example:
        >>> Step(step=1, steps=120, level=0, loss=2.5, terms={"content": 1.0, "style": 1.5}).terms["style"]
        1.5
    """

    step: int
    steps: int
    level: int
    loss: float
    terms: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    improved: bool = True


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The picture after `step` steps.

    Attributes:
        step: Number of steps done.
        image: 8-bit RGB at the size of the result; that of a coarser level is enlarged with the photo's detail.

    Example:
        >>> Snapshot(step=100, image=np.zeros((96, 128, 3), np.uint8)).image.shape
        (96, 128, 3)
    """

    step: int
    image: UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something the user should know, in one line; the run continues.

    Attributes:
        step: Number of steps done.
        text: The message.

    Example:
        >>> Notice(step=0, text="the style image is small").text
        'the style image is small'
    """

    step: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The run is over.

    Attributes:
        step: Number of steps done.
        loss: Last loss of the optimizer.
        saved_loss: The same objective, of the 8-bit picture that is saved, at the size of the last level begun.
        seconds: Time since the run (or its resumption) began.
        reason: Why the run ended.

    Example:
        >>> Finished(step=120, loss=1.0, saved_loss=1.1, seconds=20.0, reason="steps").reason
        'steps'
    """

    step: int
    loss: float
    saved_loss: float
    seconds: float
    reason: StopReason


@dataclass(frozen=True, kw_only=True)
class SnapshotSaved:
    """A snapshot was written to `file`, a path relative to the run folder. Only in the log."""

    step: int
    file: str


@dataclass(frozen=True, kw_only=True)
class Changed:
    """The recipe changed after `step` steps; `changes` are flat field names with JSON values. Only in the log."""

    step: int
    changes: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """The run continues after `step` steps; later entries were dropped. Only in the log."""

    step: int


@dataclass(frozen=True, kw_only=True)
class ResultSaved:
    """The result was written to `file`, a path relative to the run folder. Only in the log."""

    file: str
    reason: StopReason


@dataclass(frozen=True, kw_only=True)
class Failed:
    """An error ended the run. Only in the log."""

    message: str


Event: TypeAlias = LevelStarted | Step | Snapshot | Notice | Finished
"""What a listener receives."""
LoggedEvent: TypeAlias = (
    LevelStarted | Step | Notice | Finished | SnapshotSaved | Changed | Resumed | ResultSaved | Failed
)
"""What a run log holds."""
Listener: TypeAlias = Callable[[Event], Any]
