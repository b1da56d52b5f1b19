"""Painting the frames of a scene one after another, each continuing the one before."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from impasto.api import Session, plan_job, read_inputs, run_job
from impasto.api.inputs import Regions, Styles
from impasto.recipe import Recipe


@dataclass(frozen=True, eq=False)
class SceneState:
    """What the next frame of a scene depends on."""

    frames: int = 0
    """How many frames were painted."""

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything as arrays, which can be stored in one file."""
        return {"frames": np.array(self.frames)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "SceneState":
        """Return the state that `to_arrays` stored."""
        return cls(frames=int(arrays["frames"]))


class ScenePainter:
    """Paints the frames of one scene one after another, each continuing the one before.

    Args:
        session: Keeps network and style targets.
        recipe: The recipe; its `size` is that of the painted frames.
        styles: Style image or images, as for `impasto.stylize`.
        regions: Regions with their own styles; None: those of the recipe.
        state: Where another painter of the same scene stopped; None: the scene begins.
    """

    def __init__(
        self,
        session: Session,
        recipe: Recipe,
        *,
        styles: Styles,
        regions: Regions | None = None,
        state: SceneState | None = None,
    ) -> None:
        self._session, self._recipe, self._styles, self._regions = session, recipe, styles, regions
        self._state = state or SceneState()

    @property
    def state(self) -> SceneState:
        """From where a later process continues."""
        return self._state

    def paint(self, frame: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "_h _w 3"]:
        """Paint the next frame.

        Args:
            frame: RGB in [0, 1]; all frames of a scene have one size.

        Returns:
            The painted frame, RGB in [0, 1], at the recipe's size.
        """
        job = plan_job(self._recipe, read_inputs(frame, self._styles, self._recipe, self._regions))
        painted = run_job(job, self._session.painter).pixels
        self._state = SceneState(frames=self._state.frames + 1)
        return painted
