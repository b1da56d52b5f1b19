"""Learning a style: from pictures to the file of a learned style, with checkpoints beside it."""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8

from impasto.api.hardware import processor_threads, resolve_hardware
from impasto.api.inputs import plate_or_file
from impasto.backbones import load_weights
from impasto.errors import InputError, RunError, check_type, reason_of
from impasto.events import Event, Finished, Listener, Notice, Step, StopReason
from impasto.images import (
    LEARNED_SUFFIX,
    MADE_HERE,
    PICTURE_SUFFIXES,
    DecodedImage,
    Outputs,
    Source,
    atomic_write,
    check_writable,
    crop,
    demo_photo,
    encode_picture,
    fit,
    learned_facts,
    quantize,
    read_picture,
    resize,
    resize_mask,
)
from impasto.instant import CROPS, Learner, encode_learned, learning_recipe, load_networks, pixels_left
from impasto.losses import make_extractor
from impasto.recipe import Recipe, resolve
from impasto.runs import CheckpointFiles, FolderLock

_CHECKPOINT_SECONDS: Final = 30.0
_TIMED_STEPS: Final = 12
"""Steps after which their number follows from the time that learning may take."""
_FEWEST_STEPS: Final = 40
_PHOTO_SIDE: Final = 640
"""Short side in pixels to which photos are reduced: a crop shows no finer places of a larger one."""
_SMALLEST_PHOTO: Final = 64
"""Short side in pixels of the smallest photo that is not left out."""
_MOST_PHOTOS: Final = 500
_MOST_BYTES: Final = 2**30
"""Memory for reduced photos after which no more are read."""
_PREVIEW_SIZE: Final = 512
_KEPT_STYLE: Final = 512
"""Long side in pixels of the style image in the file."""
_PHOTOS: Final = Path(__file__).parents[1] / "instant" / "data" / "photos"


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A style that was learned.

    Attributes:
        path: The file, which is a style wherever style images are: with the method `instant` its network paints. What
            was stopped replaces no file of another call, and before the first step none is written.
        preview: A photo as the network paints it.
        steps: Number of steps done.
        loss: Mean loss of the last steps.
        seconds: Time spent learning, that before an interruption included.
        reason: `steps`, or `stopped`; a style that was stopped can be learned further by the same call.

    Example:
        >>> import impasto, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "mosaic.safetensors"
        >>> impasto.learn("mosaic", path, steps=1, size=64).reason
        'steps'
    """

    path: Path
    preview: Path
    steps: int
    loss: float
    seconds: float
    reason: StopReason


def learn(
    style: Source,
    output: str | Path,
    *,
    photos: str | Path | None = None,
    minutes: float = 10.0,
    steps: int | None = None,
    size: int = 512,
    seed: int = 0,
    threads: int | None = None,
    on_event: Listener | None = None,
) -> Learned:
    """Tune the network of the method `instant` for one style, and write it to a file (Johnson et al. 2016).

    If the call is interrupted, the same call continues from the last checkpoint, and ends with the same file.

    Args:
        style: Style image: path, bytes of a file, PIL image or array, or the name of a built-in one.
        output: The file, with the extension `.safetensors`; a picture beside it shows what was learned so far.
        photos: Folder of photos to learn from, of which the first 500 are read; None: the five in the package.
        minutes: About how long it may take; the number of steps follows from the first ones.
        steps: Number of steps, whatever they take.
        size: Long side in pixels of pictures in which strokes shall be as large as in the style image.
        seed: Seed of all random numbers.
        threads: Processor threads; None: as many as there are cores.
        on_event: Called with every event.

    Returns:
        Where the file is, and how it was learned.

    Raises:
        InputError: If something given cannot be used, in one line.

    Example:
        >>> import impasto, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "night.safetensors"
        >>> impasto.learn("night", path, steps=1, size=64).steps
        1
    """
    learning = Learning(
        style, output, photos=photos, minutes=minutes, steps=steps, size=size, seed=seed, threads=threads
    )
    for event in learning.events():
        if on_event is not None:
            on_event(event)
    return learning.result()


@dataclass(frozen=True)
class _Clock:
    """Seconds that learning has taken, those before an interruption included."""

    before: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        return self.before + time.monotonic() - self.began


class Learning:
    """One style that is being learned; arguments as for `learn`, checked before it is returned, but for the photos."""

    def __init__(
        self,
        style: Source,
        output: str | Path,
        *,
        photos: str | Path | None = None,
        minutes: float = 10.0,
        steps: int | None = None,
        size: int = 512,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        check_type(output, (str, Path), "output", "a path")
        check_type(photos, (str, Path, NoneType), "photos", "the path of a folder")
        _check_number(minutes, (0.01, 1e5), "minutes", whole=False)
        _check_number(1 if steps is None else steps, (1.0, 1e7), "steps", whole=True)
        _check_number(size, (64.0, 4096.0), "size", whole=True)
        _check_number(seed, (0.0, 2.0**62), "seed", whole=True)
        self.path = Path(output)
        if self.path.suffix != LEARNED_SUFFIX:
            raise InputError(f"{self.path} must end in {LEARNED_SUFFIX}, as the files of learned styles do")
        self.preview_path = self.path.with_name(f"{self.path.stem}-preview.png")
        self._folder = self.path.with_suffix(".learning")
        self.recipe = resolve_hardware(learning_recipe(resolve(None, {"size": size, "seed": seed, "threads": threads})))
        self.style = read_picture(plate_or_file(style), role="the style image")
        self._style, self._mask = _style_of(self.style, self.recipe)
        self._files = _photo_files(photos, self.preview_path)
        read = [Path(style), *self._files] if isinstance(style, str | Path) else self._files
        Outputs(derived=(self.preview_path,)).check(read)
        check_writable(self.path)
        if any(path.exists() and self.path.exists() and path.samefile(self.path) for path in read):
            raise InputError(f"{self.path} is one of the files to learn from: choose another name with -o")
        if self.path.exists() and learned_facts(self.path) is None:
            raise InputError(f"{self.path} is in the way, and holds no learned style: choose another name with -o")
        self._minutes, self._asked = minutes, steps
        self._photos: list[UInt8[np.ndarray, "_h _w 3"]] = []
        self._identity = ""
        self._stopping = False
        self._result: Learned | None = None
        self._recent: list[float] = []

    def stop(self) -> None:
        """End after the current step; may be called from another thread."""
        self._stopping = True

    def result(self) -> Learned:
        """Return what was learned, once all events were read."""
        assert self._result is not None
        return self._result

    def events(self) -> Iterator[Event]:
        """Learn, yielding events; raises InputError in one line if photos, a checkpoint or the file cannot be used."""
        self._read_photos()
        if self._stopping:
            yield self._end(0, 0.0, "stopped")
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(self._folder / "lock")
        lock.acquire()
        try:
            with processor_threads(self.recipe.hardware.threads):
                files = CheckpointFiles(self._folder, self._identity)
                yield from self._events(files)
            if self.result().reason == "steps" or not self.result().steps:
                files.delete()
                lock.remove()
        finally:
            lock.release()

    def _events(self, files: CheckpointFiles) -> Iterator[Event]:
        learner = self._learner()
        clock = self._restored(learner, files)
        if learner.step:
            yield Notice(step=learner.step, text=f"continues after step {learner.step}")
        begun, saved = (learner.step, time.monotonic()), time.monotonic()
        while learner.step < learner.steps and not self._stopping:
            terms = learner.advance()
            loss = sum(terms.values())
            if not np.isfinite(loss):
                raise RunError(f"the loss has no finite value in step {learner.step}: choose another --seed")
            self._recent = [*self._recent, loss][-50:]
            if self._asked is None and learner.step == _TIMED_STEPS:
                # The first crops are the smallest ones.
                pace = (time.monotonic() - begun[1]) / (learner.step - begun[0]) * pixels_left(0, 1) / CROPS[0][1] ** 2
                learner.steps = max(_FEWEST_STEPS, round(60 * self._minutes / pace))
            steps = max(learner.steps if learner.step >= _TIMED_STEPS or self._asked else 0, learner.step)
            yield Step(step=learner.step, steps=steps, level=0, loss=loss, terms=terms, seconds=clock.seconds())
            if time.monotonic() - saved > _CHECKPOINT_SECONDS:
                self._save(learner, files, clock)
                saved = time.monotonic()
        reason: Literal["steps", "stopped"] = "steps" if learner.step >= learner.steps else "stopped"
        if reason == "steps":
            self._write_preview(learner)
        elif learner.step:
            self._save(learner, files, clock)
        seconds = clock.seconds()
        if reason == "steps" or (learner.step and self._may_replace()):
            self._write(learner, seconds, reason)
        elif learner.step:
            text = f"{self.path} is kept as it is: what was stopped does not replace what another call learned"
            yield Notice(step=learner.step, text=text)
        yield self._end(learner.step, seconds, reason)

    def _end(self, step: int, seconds: float, reason: Literal["steps", "stopped"]) -> Finished:
        loss = float(np.mean(self._recent or [0.0]))
        self._result = Learned(
            path=self.path, preview=self.preview_path, steps=step, loss=loss, seconds=seconds, reason=reason
        )
        return Finished(step=step, loss=loss, saved_loss=loss, seconds=seconds, reason=reason)

    def _may_replace(self) -> bool:
        """Return True if what was stopped may be written: nothing is there, or what this call left when stopped."""
        facts = learned_facts(self.path) or {}
        return not self.path.exists() or (facts.get("identity"), facts.get("reason")) == (self._identity, "stopped")

    def _read_photos(self) -> None:
        """Read the photos until `stop` is called; what cannot be read is left out, unless nothing can."""
        self._photos, digests, trouble = [], [], None
        for path in self._files:
            if self._stopping or sum(photo.nbytes for photo in self._photos) >= _MOST_BYTES:
                break
            try:
                picture = read_picture(path)
            except InputError as error:
                trouble = error
                continue
            factor = min(1.0, _PHOTO_SIDE / min(picture.width, picture.height))
            wide, tall = round(factor * picture.width), round(factor * picture.height)
            if min(wide, tall) >= _SMALLEST_PHOTO:
                self._photos.append(quantize(resize(picture.pixels, wide, tall)))
                digests.append(picture.sha256)
        if not (self._photos or self._stopping):
            raise trouble or InputError(f"the photos are too small to learn from: {CROPS[0][1]} px and more are useful")
        wanted = {"steps": self._asked} if self._asked else {"minutes": self._minutes}
        described = {"style": self.style.sha256, "photos": digests, "recipe": self.recipe.to_dict(), **wanted}
        self._identity = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()

    def _learner(self) -> Learner:
        recipe = self.recipe
        weights = load_weights(recipe.network.weights, recipe.network.backbone)
        precision: Literal["fp32", "bf16"] = "bf16" if recipe.hardware.precision == "bf16" else "fp32"
        extractor = make_extractor(weights, recipe, precision=precision, device=torch.device(recipe.hardware.device))
        return Learner(
            load_networks(),
            extractor,
            recipe,
            style=self._style,
            mask=self._mask,
            photos=self._photos,
            steps=self._asked or 10_000_000,
        )

    def _restored(self, learner: Learner, files: CheckpointFiles) -> _Clock:
        """Let a learner continue from the last checkpoint if there is one."""
        try:
            checkpoint = files.load()
            if checkpoint is not None:
                learner.load_state(checkpoint.tensors, checkpoint.scalars)
                self._recent = checkpoint.scalars["recent"]
                return _Clock(checkpoint.scalars["seconds"])
        except (InputError, LookupError, RuntimeError, TypeError) as error:
            raise InputError(
                f"{self._folder} was made for another style or with other settings, or is damaged "
                f"({reason_of(error)}): delete it to begin again, or choose another name with -o"
            ) from None
        return _Clock()

    def _save(self, learner: Learner, files: CheckpointFiles, clock: _Clock) -> None:
        tensors, values = learner.state()
        files.save(tensors, values | {"seconds": clock.seconds(), "recent": self._recent})
        self._write_preview(learner)

    def _write_preview(self, learner: Learner) -> None:
        photo = self._photos[0] / np.float32(255)
        height, width = photo.shape[:2]
        painted = learner.paint(resize(photo, *fit(width, height, _PREVIEW_SIZE)))
        atomic_write(self.preview_path, encode_picture(painted, ".png", metadata=MADE_HERE))

    def _write(self, learner: Learner, seconds: float, reason: StopReason) -> None:
        style = self.style
        size = fit(style.width, style.height, min(_KEPT_STYLE, max(style.width, style.height)))
        alpha = None if style.alpha is None else resize_mask(style.alpha, *size)
        small = encode_picture(resize(style.pixels, *size), ".webp", alpha=alpha, quality=85)
        facts = {
            "name": style.name,
            "sha256": style.sha256,
            "recipe": self.recipe.to_dict(),
            "photos": len(self._photos),
            "steps": learner.step,
            "seconds": round(seconds, 1),
            "reason": reason,
            "identity": self._identity,
        }
        atomic_write(self.path, encode_learned(learner.network, small, facts))


def _check_number(value: Any, bounds: tuple[float, float], name: str, *, whole: bool) -> None:
    """Raise InputError unless a value is a number within bounds."""
    check_type(value, int if whole else Real, name, "a whole number" if whole else "a number")
    if not bounds[0] <= value <= bounds[1]:
        raise InputError(f"{name} is from {bounds[0]:g} to {bounds[1]:g}, not {value:g}")


def _style_of(
    style: DecodedImage, recipe: Recipe
) -> tuple[Float[np.ndarray, "h w 3"], Float[np.ndarray, "h w"] | None]:
    """Return a style image in the size of its strokes, without its margin, and where it is opaque (None: all over)."""
    side = recipe.picture.size
    assert isinstance(side, int)
    width, height = fit(style.width, style.height, side)
    across, down = round(recipe.style.margin * width), round(recipe.style.margin * height)
    box = (across, down, width - 2 * across, height - 2 * down)
    mask = None if style.alpha is None else crop(resize_mask(style.alpha, width, height), box)
    if mask is not None and mask.sum() < 1:
        raise InputError(f"nothing is left of the style {style.name}: it is transparent")
    return crop(resize(style.pixels, width, height), box), mask


def _photo_files(folder: str | Path | None, preview: Path) -> list[Path]:
    """Return the photos of a folder, without those in folders inside it and the preview; None: those of the package."""
    if folder is None:
        return [demo_photo(), *sorted(_PHOTOS.glob("*.webp"))]
    try:
        names = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
        names = [path for path in names if not (preview.exists() and path.exists() and path.samefile(preview))]
    except OSError as error:
        raise InputError(f"cannot read the folder of photos {folder}: {reason_of(error)}") from None
    if not names:
        raise InputError(f"there are no photos in {folder}: JPEG, PNG, WebP, TIFF, AVIF or HEIC are read")
    return names[:_MOST_PHOTOS]
