"""A film: a clip painted scene by scene by any engine, which can be stopped and continued, and written at the end."""

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any, Final

from impasto.api import named_files, plan_job, read_inputs, resolve_hardware, result_size
from impasto.backbones import describe_weights
from impasto.batch import STOP_FILE, Engine, absolute, open_folder
from impasto.errors import DiskError, InputError, RunError
from impasto.images import Outputs, is_plate
from impasto.recipe import INITS, Recipe, RegionSettings
from impasto.saliency import AUTOMATIC_MASKS
from impasto.video.clip import Clip, Frame, numbered_files
from impasto.video.flow import choose_flow
from impasto.video.folder import FilmFolder, new_header
from impasto.video.keyframes import find_keyframes, keyframe_files
from impasto.video.open_clip import open_clip
from impasto.video.plan import Plan, Selection, plan_film
from impasto.video.scene_worker import MakePainter, SceneWorker
from impasto.video.stills import NumberedPictures
from impasto.video.writer import Encoding, check_film, film_kind, film_size, write_film

_WEIGHTS: Final = ("embedded", "full")
_DIED: Final = "the process that painted it died, again and again"


class Film:
    """A film that is painted into a folder, and then written to a file.

    Attributes:
        folder: Its folder.
        plan: Its frames and scenes.
        clip: What it is painted from.
        output: Where it is written.
        notices: What the user should know, each in one line.
        is_stopping: Whether `stop` was called.
    """

    def __init__(
        self,
        folder: FilmFolder,
        plan: Plan,
        clip: Clip,
        output: Path,
        notices: Iterable[str],
        painter: MakePainter | None,
    ) -> None:
        """Use `begin` or `resume`."""
        self.folder, self.plan, self.clip, self.output = folder, plan, clip, output
        self.notices = list(dict.fromkeys(notices))
        self.is_stopping = False
        self._painter = painter
        self._worker: SceneWorker | None = None

    @classmethod
    def begin(
        cls,
        clip: Clip,
        styles: Sequence[str],
        recipe: Recipe,
        *,
        output: Path,
        folder: Path,
        selection: Selection = Selection(),  # noqa: B008
        keyframes: Path | None = None,
        crf: int | None = None,
        painter: MakePainter | None = None,
        on_frame: Callable[[int], None] = lambda _: None,
    ) -> "Film":
        """Begin a film, or continue it if the folder holds the same one. Nothing is painted yet.

        Args:
            clip: The clip.
            styles: Style images, or names of built-in ones.
            recipe: Recipe of all frames.
            output: The film: a file, or a pattern such as `frames/%05d.png`.
            folder: Folder for the frames that are finished.
            selection: The part of the clip that is painted.
            keyframes: A folder of painted frames.
            crf: Quality of a video.
            painter: Makes the painter of each scene, a function that other processes can import; None: the usual one.
            on_frame: Called with the number of frames read, as the clip is read once.

        Raises:
            InputError: Something cannot be read, painted or written.
        """
        check_film(output, crf)
        first = next(clip.frames(), None)
        if first is None:
            raise InputError(f"{clip.path} has no frame that can be decoded")
        known = FilmFolder.header_of(folder)
        if known is not None and known.parsed_recipe == recipe:
            # A recipe of a folder has the size of the film, not that of the clip.
            size, notices = known.size, list[str]()
        else:
            recipe, size, notices = painted_size(recipe, clip, output)
        # What cannot be painted is known before the clip is read, and said with the names as they were written.
        notices += plan_job(recipe, read_inputs(first.convert(size), list(styles), recipe)).notices
        recipe = resolve_hardware(with_absolute_paths(recipe))
        names = [absolute(style) for style in styles]
        # Which flow was chosen is kept, as frames depend on it; another kind of painter needs none.
        wanted = "auto" if known is None else known.flow
        flow, advice = ("dis", "") if painter is not None else choose_flow(wanted)
        notices += [advice] if advice else []
        files = [path for path in named_files(*names, recipe=recipe) if path.is_file()]
        painted = [] if keyframes is None else keyframe_files(keyframes)
        _check_outputs(output, folder, [*files, *painted, *clip.files])
        network = recipe.network
        weights = str(describe_weights(network.weights, network.backbone)["sha256"])
        header = new_header(
            recipe,
            # The names of keyframes are the numbers of their frames.
            [
                weights,
                *map(_digest, files),
                *map(_named_digest, painted),
                *_clip_digests(clip),
            ],
            clip=os.path.abspath(clip.path),
            fps=str(clip.rate) if isinstance(clip, NumberedPictures) else None,
            styles=tuple(names),
            width=size[0],
            height=size[1],
            start=str(selection.start),
            end=None if selection.end is None else str(selection.end),
            every=selection.every,
            split=None if selection.split is None else str(selection.split),
            keyframes=None if keyframes is None else os.path.abspath(keyframes),
            flow=flow,
            output=os.path.abspath(output),
            crf=crf,
        )
        kept = FilmFolder.create(folder, header)
        plan = _kept_plan(kept, clip, on_frame)
        return cls(kept, plan, clip, output, [*notices, *plan.notices], painter)

    @classmethod
    def resume(
        cls, folder: Path, *, painter: MakePainter | None = None, on_frame: Callable[[int], None] = lambda _: None
    ) -> "Film":
        """Continue the film of a folder, as `begin` with everything that it was begun with.

        Raises:
            InputError: The folder holds no film or one of another place, another process paints into it, or one of its
                files has changed.
        """
        known = FilmFolder.open(folder).header
        return cls.begin(
            open_clip(Path(known.clip), known.rate),
            known.styles,
            known.parsed_recipe,
            output=Path(known.output),
            folder=folder,
            selection=known.selection,
            keyframes=None if known.keyframes is None else Path(known.keyframes),
            crf=known.crf,
            painter=painter,
            on_frame=on_frame,
        )

    def stop(self, *, at_once: bool = False) -> None:
        """End `paint` after the frames in work; may be called from a signal handler.

        Args:
            at_once: Whether the frame that this process paints is given up after its current step.
        """
        self.is_stopping = True
        if self._worker is not None:
            (self._worker.give_up if at_once else self._worker.stop)()
        with suppress(InputError):  # a full disk; the worker of this process has stopped
            open_folder(str(self.folder.path)).write(STOP_FILE, b"")

    @property
    def is_painted(self) -> bool:
        """Whether all frames are finished."""
        scenes = range(len(self.plan.scenes))
        return all(path.exists() for scene in scenes for path in self.folder.scene_paths(self.plan, scene))

    def paint(self, engine: Engine) -> None:
        """Paint what is missing.

        Args:
            engine: Where scenes are painted.

        Raises:
            RunError: A scene could not be painted; the others were.
            DiskError: The disk is full.
        """
        path = os.path.abspath(self.folder.path)
        stopping = open_folder(path)
        worker = self._worker = SceneWorker(path, self._painter)
        stopping.remove(STOP_FILE)
        if self.is_stopping:  # before this, or while the file of an earlier stop was removed
            self.stop()
        left = set(range(len(self.plan.scenes)))
        problems: list[str] = []
        try:
            for row in engine(worker, [{"scene": number} for number in sorted(left)]):
                if row["status"] == "full":
                    self.stop()
                    raise DiskError(f"{row['error']}; the same command continues when there is space again")
                if row["status"] == "failed":
                    problems.append(self._problem(row["scene"], row["error"]))
                if row["status"] != "stopped":
                    left.discard(row["scene"])
        finally:
            self._worker = None
            with suppress(InputError, OSError):
                stopping.remove(STOP_FILE)
                stopping.work.rmdir()
        if not self.is_stopping:
            problems += [self._problem(scene, _DIED) for scene in sorted(left)]
        if problems:
            raise RunError(f"{'; '.join(problems)}; what is painted is kept, and the same command tries again")

    def _problem(self, scene: int, error: str) -> str:
        frames = self.plan.scene(scene)
        if len(self.plan.scenes) == 1:
            return error
        first, last = self.plan.numbers[frames[0]], self.plan.numbers[frames[-1]]
        return f"the scene of frames {first} to {last}: {error}"

    def write(self, on_frame: Callable[[int], None] = lambda _: None) -> list[str]:
        """Write the film, and return what the user should know about it.

        Args:
            on_frame: Called with the number of frames written.

        Raises:
            InputError: It cannot be written; the painted frames are kept.
        """
        header = self.folder.header
        frames = [self.folder.frame_path(int(number)) for number in self.plan.numbers]
        for scene, overlap in enumerate(map(int, self.plan.overlaps)):
            for place, index in enumerate(self.plan.scene(scene)[:overlap], start=1):
                frames[index] = self.folder.join_frame(int(self.plan.numbers[index]), place / (overlap + 1))
        encoding = Encoding(crf=header.crf, record=self.folder.record)
        return write_film(self.output, frames, self.plan, self.clip, encoding, on_frame)


def _kept_plan(folder: FilmFolder, clip: Clip, on_frame: Callable[[int], None]) -> Plan:
    """Return the plan of a film, for which the clip is read once."""
    try:
        plan = folder.load_plan()
        if plan is None:
            plan = plan_film(clip, folder.header.selection, on_frame)
            folder.save_plan(plan)
        if folder.header.keyframes is not None:
            find_keyframes(Path(folder.header.keyframes), plan)
    except BaseException:
        if not folder.count_frames():
            folder.remove()
        folder.close()
        raise
    return plan


def painted_size(recipe: Recipe, clip: Clip, output: Path) -> tuple[Recipe, tuple[int, int], list[str]]:
    """Return the recipe for frames of the size of a film, this size, and what is to be said about it."""
    if recipe.snapshot_steps():
        raise InputError("a film has no snapshots: --preview 12.5s paints one frame, and shows its")
    wanted = result_size(recipe, *clip.size)
    size, notices = film_size(output, wanted, is_own=wanted == clip.size)
    # Frames arrive at this size, so that nothing is enlarged any more.
    return recipe.with_changes(size=max(size), upscale=False), size, notices


def frame_at(clip: Clip, seconds: Fraction, *, is_numbered: bool = True) -> Frame:
    """Return the frame that is shown at a time.

    Args:
        clip: The clip.
        seconds: Time since its first frame.
        is_numbered: Whether position and number of the frame are needed, for which all frames before it are decoded.

    Raises:
        InputError: The clip is shorter.
    """
    shown: Frame | None = None
    first = None if is_numbered else clip.begin
    for frame in clip.frames() if is_numbered else clip.frames_around(floor(seconds / clip.time_base)):
        first = frame.time if first is None else first
        if (frame.time - first) * clip.time_base > seconds:
            break
        shown = frame
    else:
        if shown is not None and first is not None:
            end = (shown.time + shown.duration - first) * clip.time_base
            if seconds > end:
                raise InputError(f"{clip.path} ends after {float(end):g} s: there is no frame at {float(seconds):g} s")
    if shown is None:
        raise InputError(f"{clip.path} has no frame that can be decoded")
    return shown


def with_absolute_paths(recipe: Recipe) -> Recipe:
    """Return a recipe whose files are found from every folder."""
    changes: dict[str, Any] = {}
    if recipe.start.init not in INITS:
        changes["init"] = os.path.abspath(recipe.start.init)
    if recipe.network.weights not in _WEIGHTS:
        changes["weights"] = os.path.abspath(recipe.network.weights)
    if recipe.regions:
        changes["regions"] = tuple(map(_absolute_region, recipe.regions))
    return recipe.with_changes(**changes)


def _absolute_region(region: RegionSettings) -> RegionSettings:
    names = region.model_dump()
    for part, known in (("mask", region.mask in AUTOMATIC_MASKS), ("style", region.keeps or is_plate(region.style))):
        if not known:
            names[part] = os.path.abspath(names[part])
    if region.style_mask:
        names["style_mask"] = os.path.abspath(region.style_mask)
    return RegionSettings.model_validate(names)


def _check_outputs(output: Path, folder: Path, inputs: Collection[Path]) -> None:
    """Raise InputError if a film would replace what it is painted from, or pictures that others made."""
    for path in inputs:
        if output.exists() and path.exists() and os.path.samefile(path, output):
            raise InputError(f"{output} is one of the files to paint from: choose another name with -o")
    pictures = numbered_files(output) if film_kind(output) == "sequence" else []
    Outputs(derived=tuple(path for _, path in pictures), folder=folder).check(inputs)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named_digest(path: Path) -> str:
    return f"{path.name} {_digest(path)}"


def _clip_digests(clip: Clip) -> list[str]:
    """Return what tells a clip from others: its SHA-256; of many pictures, names, sizes and times of the files."""
    if len(clip.files) == 1:
        return [_digest(clip.files[0])]
    facts = ((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in clip.files)
    return [hashlib.sha256(repr(list(facts)).encode()).hexdigest()]
