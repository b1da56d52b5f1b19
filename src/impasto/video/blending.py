"""Painting the frames of a scene one by one, each blended with the one before: for the method instant."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from impasto.api import processor_threads
from impasto.painting import Scene
from impasto.video.frame_painter import FramePainterBase, FrameState
from impasto.video.warp import same_places, warp_sharply

_HELD: Final = 0.95
"""Share of the moved frame before, where it shows the same. With less, more flickers, and blending blurs the strokes;
with all of it, errors of a flow would stay. benchmarks/results/video-notes.md has figures."""


@dataclass(frozen=True, eq=False)
class BlendState(FrameState):
    """What the next frame of a scene depends on.

    Attributes:
        painted: The frame as it was painted.
    """

    painted: Float[np.ndarray, "h w 3"]


class BlendingPainter(FramePainterBase[BlendState]):
    """Paints every frame as a picture, and blends it with the one before, moved along optical flow.

    Similar frames have similar pictures where a network paints them in one pass, so that blending hardly blurs.

    Args:
        session: Keeps the network and what it knows of the styles.
        recipe: The recipe, of the method instant; its `size` is that of the painted frames.
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

    def paint(self, frame: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "_h _w 3"]:
        """Paint the next frame.

        Args:
            frame: RGB in [0, 1]; all frames of a scene have one size.

        Returns:
            The painted frame, RGB in [0, 1], at the recipe's size.

        Raises:
            InputError: The frame has another size than those before, or cannot be painted.
        """
        job, state = self._planned(frame), self._state
        now = job.scene.original
        if state is not None:
            self._check_size(now, state)
        with processor_threads(job.recipe.hardware.threads):
            painter = self._session.painter(job)
            for _ in painter.paint():
                pass
            painted = painter.picture()
            if state is not None:
                motion = self._motion(now, state)
                held = _HELD * same_places(motion, now, state.frame) * _painted_share(job.scene)
                painted = painted + held[:, :, None] * (warp_sharply(state.painted, motion.back) - painted)
        self._state = BlendState(now, painted)
        return painted

    def take(self, frame: Float[np.ndarray, "h w 3"], painted: Float[np.ndarray, "h w 3"]) -> None:
        """Go on as if `painted` had been painted for a frame: a keyframe that a person made, which fades.

        Args:
            frame: RGB in [0, 1].
            painted: Of the same size, which is that of the painted frames.
        """
        self._state = BlendState(frame, painted)


def _painted_share(scene: Scene) -> Float[np.ndarray, "h w"] | float:
    """Return how much of each place is painted: where the photo is kept, nothing is blended."""
    masks = [region.mask for region in scene.regions if region.mask is not None]
    return np.sum(masks, axis=0).clip(0, 1) if masks else 1.0
