"""Painting the frames of a scene one after another, each continuing the one before."""

import hashlib
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float

from impasto.api import Job, Session, plan_job, read_inputs, run_job
from impasto.api.hardware import processor_threads
from impasto.api.inputs import Regions, Styles
from impasto.errors import InputError
from impasto.images import resize
from impasto.painting import Earlier, Scene, match_scene, plan_levels
from impasto.recipe import Recipe
from impasto.video.flow import FlowName, choose_flow, estimate_motion
from impasto.video.warp import same_places, warp, warp_sharply

_STEPS: Final = 24
_LEVELS: Final = 3
_COARSE_STEPS: Final = 1.6
_YOUNG: Final = 6.0
"""Frames during which what has appeared still changes: it is held less, and painted as a region of its own."""
_FEW: Final = 0.002
"""Share of the canvas below which there is no such region."""


@dataclass(frozen=True, eq=False)
class SceneState:
    """What the next frame of a scene depends on.

    Attributes:
        first: The first frame, which decides what counts of the styles.
        frame: The last frame.
        painted: As it was painted.
        age: For how many frames each of its places has been painted.
    """

    first: Float[np.ndarray, "h w 3"]
    frame: Float[np.ndarray, "h w 3"]
    painted: Float[np.ndarray, "h w 3"]
    age: Float[np.ndarray, "h w"]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything as arrays, which can be stored in one file."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "SceneState":
        """Return the state that `to_arrays` stored."""
        return cls(**arrays)


class ScenePainter:
    """Paints the frames of one scene one after another, each continuing the one before.

    Args:
        session: Keeps network and style targets.
        recipe: The recipe; its `size` is that of the painted frames.
        styles: Style image or images, as for `impasto.stylize`.
        regions: Regions with their own styles; None: those of the recipe.
        state: Where another painter of the same scene stopped; None: the scene begins.
        flow: How motion is estimated, see `choose_flow`.
    """

    def __init__(
        self,
        session: Session,
        recipe: Recipe,
        *,
        styles: Styles,
        regions: Regions | None = None,
        state: SceneState | None = None,
        flow: FlowName = "auto",
    ) -> None:
        self._session, self._recipe, self._styles, self._regions = session, recipe, styles, regions
        self._state = state
        self._flow, _ = choose_flow(flow)
        self._first: Scene | None = None

    @property
    def state(self) -> SceneState:
        """From where a later process continues; there is none before the first frame."""
        assert self._state is not None
        return self._state

    def paint(self, frame: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "_h _w 3"]:
        """Paint the next frame.

        Args:
            frame: RGB in [0, 1]; all frames of a scene have one size.

        Returns:
            The painted frame, RGB in [0, 1], at the recipe's size.
        """
        job = self._planned(frame)
        frame = job.scene.original
        if self._state is None:
            self._first = self._matched(job)
            painted = run_job(replace(job, scene=self._first), self._session.painter).pixels
            self._state = SceneState(frame, frame, painted, np.full(frame.shape[:2], _YOUNG, dtype=np.float32))
            return painted
        if self._first is None:
            self._first = self._matched(self._planned(self._state.first))
        if frame.shape != self._state.frame.shape:
            raise InputError("all frames of a scene have one size")
        with processor_threads(job.recipe.hardware.threads):
            earlier, age = self._moved(frame)
            painted = self._continued(job, earlier, age)
        self._state = SceneState(self._state.first, frame, painted, age)
        return painted

    def take(self, frame: Float[np.ndarray, "h w 3"], painted: Float[np.ndarray, "h w 3"]) -> None:
        """Go on as if `painted` had been painted for a frame: a keyframe that a person made.

        Args:
            frame: RGB in [0, 1].
            painted: Of the same size, which is that of the painted frames.
        """
        old = np.full(frame.shape[:2], _YOUNG, dtype=np.float32)
        self._state = SceneState(frame if self._state is None else self._state.first, frame, painted, old)

    def _planned(self, frame: Float[np.ndarray, "h w 3"]) -> Job:
        return plan_job(self._recipe, read_inputs(frame, self._styles, self._recipe, self._regions))

    def _matched(self, job: Job) -> Scene:
        strength = job.recipe.style.matching
        if not strength:
            return job.scene
        scene = match_scene(job.scene, self._session.extractor(job), job.levels, strength=strength)
        regions = []
        for region in scene.regions:
            styles = []
            for style in region.styles:
                digest = hashlib.sha256(style.importance.tobytes()).hexdigest() if style.importance is not None else ""
                styles.append(replace(style, key=style.key or digest))
            regions.append(replace(region, styles=tuple(styles)))
        return replace(scene, regions=tuple(regions))

    def _moved(self, frame: Float[np.ndarray, "h w 3"]) -> tuple[Earlier, Float[np.ndarray, "h w"]]:
        state = self._state
        motion = estimate_motion(frame, state.frame, self._flow)
        known = same_places(motion, frame, state.frame)
        age = (warp(state.age, motion.back) + 1) * (known > 0.5)
        weight = known * np.minimum(1, age / _YOUNG)
        picture = warp_sharply(state.painted, motion.back)
        return Earlier(picture=picture, known=known, weight=weight.astype(np.float32)), age.astype(np.float32)

    def _continued(self, job: Job, earlier: Earlier, age: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w 3"]:
        first = self._first
        height, width = earlier.known.shape
        regions = tuple(
            replace(region, styles=known.styles) for region, known in zip(job.scene.regions, first.regions, strict=True)
        )
        recipe = job.recipe.with_changes(steps=_STEPS, levels=_LEVELS, coarse_steps=_COARSE_STEPS)
        levels = plan_levels(recipe, width, height)
        scene = replace(job.scene, regions=regions, earlier=earlier)
        if strength := recipe.style.matching:
            scene = match_scene(scene, self._session.extractor(job), levels, strength=strength)
        scene = _divided(scene, 1 - np.minimum(1, age / _YOUNG))
        painter = self._session.painter(replace(job, recipe=recipe, levels=levels, scene=scene))
        for _ in painter.paint():
            if painter.step == recipe.schedule.steps:
                break
        return painter.picture()


def _divided(scene: Scene, young: Float[np.ndarray, "h w"]) -> Scene:
    """Return the scene with regions of their own for what has just appeared.

    The statistics of the whole canvas are those of the style already, so that nothing would paint a small new part.
    """
    if young.mean() < _FEW:
        return scene
    regions = []
    for region in scene.regions:
        for share in (young, 1 - young):
            mask = share if region.mask is None else share * region.mask
            regions.append(replace(region, mask=np.asarray(mask, dtype=np.float32)))
    return replace(scene, colored=scene.recolored, regions=tuple(region for region in regions if region.mask.any()))
