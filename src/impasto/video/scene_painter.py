"""Painting the frames of a scene one after another, each continuing the one before."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float

from impasto.api import Job, processor_threads
from impasto.painting import Earlier, Painter, Scene, StyleImage, match_scene, plan_levels
from impasto.video.frame_painter import FramePainterBase, FrameState
from impasto.video.warp import Motion, same_places, warp, warp_sharply

_STEPS: Final = 1 / 8
"""Steps of a later frame, as a share of those of the first one; benchmarks/results/video-notes.md says why."""
_LEVELS: Final = 3
"""Most sizes at which a later frame is painted; what is coarser stays as it was."""
_COARSE_STEPS: Final = 1.25
"""Each of them gets this many times the steps of the next finer one."""
_STYLE: Final = 4.0
"""How much more the style counts than in the first frame: the finest strokes are worn by moving, and few steps renew
what is held."""
_YOUNG: Final = 6.0
"""Frames during which what has appeared still changes: it is held less, and painted as a region of its own."""
_FEW: Final = 0.002
"""Share of the canvas below which there is no such region."""


class FrameStopped(Exception):  # noqa: N818
    """A frame was given up between two steps."""


@dataclass(frozen=True, eq=False)
class SceneState(FrameState):
    """What the next frame of a scene depends on.

    Attributes:
        first: The first frame, which decides how much the places of the styles count.
        canvas: As it was painted, before its colors were finished.
        age: For how many frames each of its places has been painted.
    """

    first: Float[np.ndarray, "h w 3"]
    canvas: Float[np.ndarray, "h w 3"]
    age: Float[np.ndarray, "h w"]


class ScenePainter(FramePainterBase[SceneState]):
    """Paints the frames of one scene one after another, each continuing the one before.

    The first frame is painted like a single picture. A later one starts from the canvas before it, moved along optical
    flow, and is held to it; what has just appeared is painted from the usual start.

    Args:
        session: Keeps network and style targets.
        recipe: The recipe, of the method optimize; its `size` is that of the painted frames.
        styles: Style image or images, as for `impasto.stylize`.
        regions: Regions with their own styles; None: those of the recipe.
        state: Where another painter of the same scene stopped; None: the scene begins.
        flow: How motion is estimated, see `choose_flow`.
        should_stop: Asked after every step; True gives the frame up.

    Raises:
        InputError: The weights of the flow are asked for and not installed.

    Example:
        >>> import impasto
        >>> frames = np.random.default_rng(0).random((2, 48, 64, 3), dtype=np.float32)
        >>> recipe = impasto.Recipe(size=64, steps=5, levels=1)
        >>> painter = ScenePainter(impasto.Session(), recipe, styles="night", flow="dis")
        >>> [painter.paint(frame).shape for frame in frames]
        [(48, 64, 3), (48, 64, 3)]
    """

    _first: Scene | None = None

    def paint(self, frame: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "_h _w 3"]:
        """Paint the next frame.

        Args:
            frame: RGB in [0, 1]; all frames of a scene have one size.

        Returns:
            The painted frame, RGB in [0, 1], at the recipe's size.

        Raises:
            InputError: The frame has another size than those before, or cannot be painted.
            RunError: The loss has no finite value.
            FrameStopped: `should_stop` said so; the state is as before, and the frame can be painted again.
        """
        job, state = self._planned(frame), self._state
        with processor_threads(job.recipe.hardware.threads):
            if state is None:
                self._first = self._settled(job)
                first = job.scene.original
                age = np.full(first.shape[:2], _YOUNG, dtype=np.float32)
                job = replace(job, scene=self._first)
            else:
                self._first = self._first or self._settled(self._planned(state.first))
                first = state.first
                job, age = self._continued(job, state)
            painter = self._session.painter(job)
            assert isinstance(painter, Painter)
            _paint(painter, self._should_stop)
        self._state = SceneState(job.scene.original, first, painter.current.picture(), age)
        return painter.picture()

    def take(self, frame: Float[np.ndarray, "h w 3"], painted: Float[np.ndarray, "h w 3"]) -> None:
        """Go on as if `painted` had been painted for a frame: a keyframe that a person made.

        Args:
            frame: RGB in [0, 1].
            painted: Of the same size, which is that of the painted frames.
        """
        age = np.full(frame.shape[:2], _YOUNG, dtype=np.float32)
        self._state = SceneState(frame, frame if self._state is None else self._state.first, painted, age)

    def _settled(self, job: Job) -> Scene:
        """Return the scene of the first frame, whose styles are those of all others: their statistics are kept."""
        scene, strength = job.scene, job.recipe.style.matching
        if strength:
            scene = match_scene(scene, self._session.extractor(job), job.levels, strength=strength)
        regions = []
        for region in scene.regions:
            styles = tuple(replace(style, key=_digest(style)) for style in region.styles)
            regions.append(replace(region, styles=styles))
        return replace(scene, regions=tuple(regions))

    def _continued(self, job: Job, state: SceneState) -> tuple[Job, Float[np.ndarray, "h w"]]:
        """Return the job of a later frame, and for how many frames each of its places is known."""
        assert self._first is not None
        frame = job.scene.original
        self._check_size(frame, state)
        earlier, age = _moved(frame, state, self._motion(frame, state))
        height, width = age.shape
        schedule = job.recipe.schedule
        # What changes while the first frame is painted holds from the beginning for those after it.
        settled = job.recipe.after()
        recipe = settled.with_changes(
            steps=max(1, round(_STEPS * schedule.steps)),
            levels=_LEVELS if schedule.levels == "auto" else min(_LEVELS, schedule.levels),
            coarse_steps=_COARSE_STEPS,
            style_weight=_STYLE * settled.style.weight,
        )
        levels = plan_levels(recipe, width, height)
        regions = tuple(
            replace(region, styles=first.styles)
            for region, first in zip(job.scene.regions, self._first.regions, strict=True)
        )
        scene = replace(job.scene, regions=regions, earlier=earlier)
        if strength := recipe.style.matching:
            scene = match_scene(scene, self._session.extractor(job), levels, strength=strength)
        scene = _divided(scene, 1 - np.minimum(1, age / _YOUNG))
        return replace(job, recipe=recipe, levels=levels, scene=scene), age


def _paint(painter: Painter, should_stop: Callable[[], bool]) -> None:
    """Do all steps; the loss of the result, for which a painter would go on, is not needed."""
    for _ in painter.paint():
        if should_stop():
            raise FrameStopped
        if painter.step == painter.recipe.schedule.steps:
            break


def _moved(
    frame: Float[np.ndarray, "h w 3"], state: SceneState, motion: Motion
) -> tuple[Earlier, Float[np.ndarray, "h w"]]:
    """Return the canvas before, moved to the places of a frame, and for how many frames each place is known."""
    known = same_places(motion, frame, state.frame)
    age = np.minimum(_YOUNG, (warp(state.age, motion.back) + 1) * (known > 0.5)).astype(np.float32)
    picture = warp_sharply(state.canvas, motion.back)
    return Earlier(picture=picture, known=known, weight=known * age / np.float32(_YOUNG)), age


def _digest(style: StyleImage) -> str:
    """Return a key of everything on which the statistics of a style image depend."""
    known = hashlib.sha256(repr((style.margin, style.scale, style.long_side)).encode())
    for values in (style.pixels, style.mask, style.importance):
        known.update(b"-" if values is None else values.tobytes())
    return known.hexdigest()


def _divided(scene: Scene, young: Float[np.ndarray, "h w"]) -> Scene:
    """Return the scene with regions of their own for what has just appeared.

    The statistics of the whole canvas are those of the style already, so that nothing would paint a small new part.
    """
    if young.mean() < _FEW:
        return scene
    regions = []
    for region in scene.regions:
        for share in (young, 1 - young):
            mask = np.asarray(share if region.mask is None else share * region.mask, dtype=np.float32)
            if mask.any():
                regions.append(replace(region, mask=mask))
    # The colors of a region as a whole would be moved in each of its parts.
    return replace(scene, colored=scene.recolored, regions=tuple(regions))
