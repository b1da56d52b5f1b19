"""Painting the frames of a scene one by one, each blended with the one before: for the method instant."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from impasto.api import Regions, Session, Styles, resolve_hardware
from impasto.errors import InputError
from impasto.recipe import Recipe
from impasto.video.flow import FlowName, choose_flow, estimate_motion
from impasto.video.warp import same_places, warp_sharply

_HELD: Final = 0.95
"""Share of the moved frame before, where it shows the same. With less, more flickers, and blending blurs the strokes;
with all of it, errors of a flow would stay. benchmarks/results/video-notes.md has figures."""


@dataclass(frozen=True, eq=False)
class BlendState:
    """What the next frame of a scene depends on.

    Attributes:
        frame: The last frame.
        painted: As it was painted.
    """

    frame: Float[np.ndarray, "h w 3"]
    painted: Float[np.ndarray, "h w 3"]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything as arrays, which can be stored in one file."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "BlendState":
        """Return the state that `to_arrays` stored."""
        return cls(**arrays)


class BlendingPainter:
    """Paints every frame as a picture, and blends it with the one before, moved along optical flow.

    Similar frames have similar pictures where a network paints them in one pass, so that blending hardly blurs.

    Args:
        session: Keeps the network and what it knows of the styles.
        recipe: The recipe; its `size` is that of the painted frames.
        styles: Style image or images, as for `impasto.stylize`.
        regions: Regions with their own styles; None: those of the recipe.
        state: Where another painter of the same scene stopped; None: the scene begins.
        flow: How motion is estimated, see `choose_flow`.

    Raises:
        InputError: The weights of the flow are asked for and not installed.

    Example:
        >>> import impasto
        >>> frames = np.random.default_rng(0).random((2, 48, 64, 3), dtype=np.float32)
        >>> recipe = impasto.Recipe(method="instant", size=64)
        >>> painter = BlendingPainter(impasto.Session(), recipe, styles="night", flow="dis")
        >>> [painter.paint(frame).shape for frame in frames]
        [(48, 64, 3), (48, 64, 3)]
    """

    def __init__(
        self,
        session: Session,
        recipe: Recipe,
        *,
        styles: Styles,
        regions: Regions | None = None,
        state: BlendState | None = None,
        flow: FlowName = "auto",
    ) -> None:
        self._session, self._recipe, self._styles, self._state = session, recipe, styles, state
        self._regions = regions
        self._precision = resolve_hardware(recipe).hardware.precision
        self._flow, _ = choose_flow(flow)

    @property
    def state(self) -> BlendState:
        """From where a later process continues.

        Raises:
            InputError: No frame was painted yet.
        """
        if self._state is None:
            raise InputError("no frame of the scene was painted yet")
        return self._state

    def paint(self, frame: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
        """Paint the next frame.

        Args:
            frame: RGB in [0, 1]; all frames of a scene have one size, that of the painted frames.

        Returns:
            The painted frame, RGB in [0, 1].

        Raises:
            InputError: The frame cannot be painted.
        """
        painted = self._session.stylize(frame, self._styles, self._recipe, regions=self._regions).pixels
        if (state := self._state) is not None:
            motion = estimate_motion(frame, state.frame, self._flow, self._precision)
            held = _HELD * same_places(motion, frame, state.frame)[:, :, None]
            painted = painted + held * (warp_sharply(state.painted, motion.back) - painted)
        self.take(frame, painted)
        return painted

    def take(self, frame: Float[np.ndarray, "h w 3"], painted: Float[np.ndarray, "h w 3"]) -> None:
        """Go on as if `painted` had been painted for a frame: a keyframe that a person made.

        Args:
            frame: RGB in [0, 1].
            painted: Of the same size, which is that of the painted frames.
        """
        self._state = BlendState(frame, painted)
