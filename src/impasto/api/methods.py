"""The methods by which pictures are painted: what each plans and checks, and what it loads once for many pictures."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from torch import Tensor

from impasto.api.estimate import Estimate
from impasto.api.instant import Instant
from impasto.api.job import Job
from impasto.api.optimize import Optimize
from impasto.events import Event, Step
from impasto.painting import Level, Scene
from impasto.recipe import MethodName, Recipe


@runtime_checkable
class Painter(Protocol):
    """Paints one picture; every method may be called between two events, `stop` and the pictures from any thread."""

    recipe: Recipe
    levels: Sequence[Level]
    step: int

    @property
    def is_settled(self) -> bool:
        """Whether all events of the steps done were yielded."""

    def paint(self) -> Iterator[Event]:
        """Paint, yielding events; the last one is `Finished`."""

    def stop(self) -> None:
        """End before the next step."""

    def change(self, recipe: Recipe) -> None:
        """Continue with other settings, see `painting.check_change`."""

    def picture(self) -> Float[np.ndarray, "h w 3"]:
        """Return the picture as it is now at the size of the result."""

    def preview(self) -> Float[np.ndarray, "_h _w 3"]:
        """Return the picture at the size of the current level."""

    def pending(self) -> list[Step]:
        """Return the events of steps that are done but not yielded yet."""

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and plain values from which `load_state` continues."""

    def load_state(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Continue from a state of the same recipe and scene."""


@runtime_checkable
class Method(Protocol):
    """A way to paint. An object of it belongs to a session and keeps what its pictures share."""

    def __init__(self, cache_bytes: int) -> None:
        """Keep at most so many bytes of what was measured of style images."""

    @staticmethod
    def levels(recipe: Recipe, width: int, height: int) -> tuple[Level, ...]:
        """Return the sizes that are painted one after the other, for a result of a size."""

    @staticmethod
    def painted_pixels(recipe: Recipe, width: int, height: int) -> int:
        """Return how many pixels are painted at a time, at most, for a result of a size."""

    @staticmethod
    def check(
        recipe: Recipe, size: tuple[int, int], photo_size: tuple[int, int], levels: Sequence[Level], scene: Scene
    ) -> None:
        """Raise InputError in one line for what cannot be painted."""

    @staticmethod
    def notices(recipe: Recipe, finest: Level, scene: Scene) -> list[str]:
        """Return what the user should know before painting begins, in one line each."""

    @staticmethod
    def weights(recipe: Recipe) -> Mapping[str, Any]:
        """Describe the weights that are used, as `backbones.describe_weights` does."""

    def painter(self, job: Job) -> Painter:
        """Return the painter of a job, with its network loaded."""

    def estimate(self, job: Job) -> Estimate:
        """Return how long a job takes and how much memory, about."""

    @staticmethod
    def estimate_of(painter: Any, *, may_measure: bool) -> Estimate | None:
        """Return what a run that begins takes, about; None: that is not known."""


METHODS: Final[dict[MethodName, type[Method]]] = {"optimize": Optimize, "instant": Instant}
"""The methods by name."""
