"""What the painters of a scene have in common, whatever the method."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Float

from impasto.api import Job, Regions, Session, Styles, computes_bf16, plan_job, read_inputs, region_settings
from impasto.errors import InputError
from impasto.images import read_picture
from impasto.recipe import Recipe
from impasto.runs import Inputs
from impasto.video.flow import FlowName, choose_flow, estimate_motion
from impasto.video.warp import Motion

State = TypeVar("State", bound="FrameState")


@dataclass(frozen=True, eq=False)
class FrameState:
    """What the next frame of a scene depends on.

    Attributes:
        frame: The last frame, at the size at which frames are painted.
    """

    frame: Float[np.ndarray, "h w 3"]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything as arrays, which can be stored in one file."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls: type[State], arrays: Mapping[str, np.ndarray]) -> State:
        """Return the state that `to_arrays` stored."""
        return cls(**arrays)


class FramePainterBase(Generic[State]):
    """Plans frames of one scene, and keeps the state between them; see `ScenePainter` and `BlendingPainter`."""

    def __init__(
        self,
        session: Session,
        recipe: Recipe,
        *,
        styles: Styles,
        regions: Regions | None = None,
        state: State | None = None,
        flow: FlowName = "auto",
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        if regions is not None:
            recipe = recipe.with_changes(regions=region_settings(regions))
        self._session, self._recipe, self._styles, self._regions = session, recipe, styles, regions
        self._state, self._should_stop = state, should_stop
        self._flow, _ = choose_flow(flow)
        self._inputs: Inputs | None = None

    @property
    def state(self) -> State:
        """From where a later process continues.

        Raises:
            InputError: No frame was painted yet.
        """
        if self._state is None:
            raise InputError("no frame of the scene was painted yet")
        return self._state

    def _planned(self, frame: Float[np.ndarray, "h w 3"]) -> Job:
        """Return the job that paints a frame alone; the styles are read once."""
        # Masks of regions that are found automatically are those of the frame.
        if self._inputs is None or self._inputs.regions:
            self._inputs = read_inputs(frame, self._styles, self._recipe, self._regions)
        else:
            limit = self._recipe.picture.max_megapixels
            content = read_picture(frame, max_megapixels=limit, role="the frame")
            self._inputs = replace(self._inputs, content=content)
        return plan_job(self._recipe, self._inputs)

    def _motion(self, frame: Float[np.ndarray, "h w 3"], state: State) -> Motion:
        """Return the flow between a frame and the one before; it is computed on the processor."""
        in_bf16 = self._recipe.hardware.precision != "fp32" and computes_bf16("cpu")
        return estimate_motion(frame, state.frame, self._flow, "bf16" if in_bf16 else "fp32")

    def _check_size(self, frame: Float[np.ndarray, "h w 3"], state: State) -> None:
        """Raise InputError unless a frame has the size of the one before."""
        if frame.shape != state.frame.shape:
            sizes = (f"{one.shape[1]} x {one.shape[0]} px" for one in (frame, state.frame))
            raise InputError("a frame of {} follows one of {}: all frames of a scene have one size".format(*sizes))
