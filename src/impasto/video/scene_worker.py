"""Paints scenes of a film one after the other, in whatever process it is: the worker of a film for any engine."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from jaxtyping import Float

from impasto.api import Regions, Session, Styles
from impasto.batch import Row, Worker, open_folder, problem_of
from impasto.errors import DiskError, ImpastoError, RunError
from impasto.images import quantize, read_picture, resize
from impasto.recipe import Recipe
from impasto.video.blending import BlendingPainter, BlendState
from impasto.video.clip import Clip
from impasto.video.flow import FlowName
from impasto.video.folder import FilmFolder
from impasto.video.keyframes import find_keyframes
from impasto.video.open_clip import open_clip
from impasto.video.plan import Plan
from impasto.video.scene_painter import FrameStopped, ScenePainter, SceneState

Pixels: TypeAlias = Float[np.ndarray, "h w 3"]


class FramePainter(Protocol):
    """What paints the frames of a scene: `ScenePainter`, `BlendingPainter`, or anything like them."""

    @property
    def state(self) -> Any:
        """What `to_arrays` returns the arrays of, from which another painter goes on."""

    def paint(self, frame: Pixels) -> Pixels:
        """Return the painted frame."""

    def take(self, frame: Pixels, painted: Pixels) -> None:
        """Go on from a frame that somebody else has painted."""


MakePainter: TypeAlias = Callable[[Session, Recipe, Sequence[str], Mapping[str, np.ndarray]], FramePainter]
"""Returns the painter of a scene, which begins, or goes on from the arrays of a state."""


def scene_painter(
    session: Session,
    recipe: Recipe,
    styles: Styles,
    state: Mapping[str, np.ndarray] | None = None,
    *,
    regions: Regions | None = None,
    flow: FlowName = "auto",
    should_stop: Callable[[], bool] = lambda: False,
) -> ScenePainter | BlendingPainter:
    """Return the usual painter of a scene by the method of a recipe.

    Args:
        session: Keeps networks and what is known of the styles.
        recipe: The recipe; its `size` is that of the painted frames.
        styles: Style image or images, as for `impasto.stylize`.
        state: The arrays of the state of a painter of the same scene that has stopped; empty or None: the scene begins.
        regions: Regions with their own styles; None: those of the recipe.
        flow: How motion is estimated, see `choose_flow`.
        should_stop: See `ScenePainter`; a frame of the method instant takes a moment.
    """
    if recipe.method == "instant":
        blended = BlendState.from_arrays(state) if state else None
        return BlendingPainter(session, recipe, styles=styles, regions=regions, state=blended, flow=flow)
    known = SceneState.from_arrays(state) if state else None
    return ScenePainter(
        session, recipe, styles=styles, regions=regions, state=known, flow=flow, should_stop=should_stop
    )


class SceneWorker(Worker):
    """Paints scenes of a film; a row names its scene by its number.

    Args:
        folder: The folder of the film.
        painter: Makes the painter of each scene; None: `scene_painter`.
    """

    def __init__(self, folder: str, painter: MakePainter | None = None) -> None:
        super().__init__({"folder": folder, "painter": painter}, open_folder(folder))
        self._film = FilmFolder.open(Path(folder))
        self._gives_up = threading.Event()
        self._make_painter = painter or partial(
            scene_painter, flow=self._film.header.flow, should_stop=self._gives_up.is_set
        )

    def give_up(self) -> None:
        """Stop after the current step, without the frame in work; from any thread. Other painters finish the frame."""
        self._gives_up.set()
        self.stop()

    def paint(self, row: Mapping[str, Any]) -> Row:
        """Return the row of a scene whose frames are all painted, or that has stopped or failed."""
        started = time.monotonic()
        status, error = "failed", ""
        try:
            status = self._paint(int(row["scene"]))
        except FrameStopped:
            status = "stopped"
        except DiskError as problem:
            status, error = "full", problem_of(problem)
        except (ImpastoError, RuntimeError, MemoryError) as problem:
            error = problem_of(problem)
        seconds = time.monotonic() - started
        return {**row, "status": status, "error": error, "worker": self.name, "seconds": seconds}

    def look_up(self, row: Mapping[str, Any]) -> Row | None:
        """Return the row of a scene that is finished."""
        scene = int(row["scene"])
        if self._finished(scene)[0] < len(self._plan.scene(scene)):
            return None
        return {**row, "status": "skipped", "error": "", "worker": self.name, "seconds": 0.0}

    @cached_property
    def _session(self) -> Session:
        return Session()

    @cached_property
    def _plan(self) -> Plan:
        plan = self._film.load_plan()
        if plan is None:
            raise RunError(f"the plan of {self._film.path} is missing: repeat the command that began the film")
        return plan

    @cached_property
    def _clip(self) -> Clip:
        return open_clip(Path(self._film.header.clip), self._film.header.rate)

    @cached_property
    def _keyframes(self) -> dict[int, Path]:
        folder = self._film.header.keyframes
        return find_keyframes(Path(folder), self._plan) if folder else {}

    def _finished(self, scene: int) -> tuple[int, dict[str, np.ndarray]]:
        """Return how many frames of a scene are there, and the state after them."""
        finished, state = self._film.load_state(scene)
        if all(path.exists() for path in self._film.scene_paths(self._plan, scene)[:finished]):
            return finished, state
        return 0, {}

    def _paint(self, scene: int) -> str:
        film, plan = self._film, self._plan
        finished, state = self._finished(scene)
        left = plan.scene(scene)[finished:]
        if not left:
            return "skipped"
        painter = self._make_painter(self._session, film.header.parsed_recipe, list(film.header.styles), state)
        frames, paths = self._frames(left), film.scene_paths(plan, scene)
        for count, index in enumerate(left, start=finished + 1):
            if self.asked_to_stop():
                return "stopped"
            number = int(plan.numbers[index])
            frame, painted = next(frames), self._keyframe(number)
            if painted is None:
                painted = painter.paint(frame)
            else:
                painter.take(frame, painted)
            film.save_frame(paths[count - 1], number, quantize(painted))
            # After the frame: what a state says is finished is there.
            film.save_state(scene, count, {} if index == left[-1] else painter.state.to_arrays())
        return "painted"

    def _keyframe(self, number: int) -> Pixels | None:
        """Return the frame that a person has painted; None if there is none of this number."""
        path = self._keyframes.get(number)
        return None if path is None else resize(read_picture(path).pixels, *self._film.header.size)

    def _frames(self, indices: range) -> Iterator[Pixels]:
        """Yield frames of the clip at the size at which they are painted."""
        plan = self._plan
        wanted = (int(plan.stamps[index]) for index in indices)
        time = next(wanted)
        for frame in self._clip.frames(int(plan.positions[indices[0]]), time):
            if frame.time == time:
                yield frame.convert(self._film.header.size)
                time = next(wanted, _NEVER)
                if time == _NEVER:
                    return
        raise RunError(f"{self._clip.path} is not the clip that it was: frames are missing")


_NEVER: Final = -(1 << 62)
