"""The painter of a batch: loads once, and paints rows one after the other, in whatever process it is called."""

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, Final

from impasto.api import Result, Session, named_files, portable_recipe
from impasto.backbones import describe_weights
from impasto.batch.storage import NamedBytes, is_url, open_folder, read_any, read_file
from impasto.batch.worker import Row, Worker, problem_of
from impasto.errors import DiskError, ImpastoError
from impasto.events import Event
from impasto.images import is_plate
from impasto.losses import TERMS
from impasto.recipe import Recipe, read_style, resolve
from impasto.runs import CHECKPOINT_FILE, RunFolder

_SEEDS: Final = 10**9
_MOST_STYLES: Final = 8
"""So many style images of a store are kept as they were read."""
_EMPTY: Final[Row] = (
    {"status": "failed", "error": "", "key": "", "sha256": "", "picture_sha256": "", "seed": 0, "steps": 0}
    | dict.fromkeys(("loss", "saved_loss"), math.nan)
    | {"terms": dict.fromkeys(TERMS, 0.0)}
)
"""The columns of every row that ended, as tables want it."""


class Painter(Worker):
    r"""Paints rows; network and style images are loaded once and used for all of them.

    It is pickled as its arguments, so that it can be sent to another process, and it is a class as
    `ray.data.Dataset.map_batches` takes it. A row has these columns:

    - `photo`, a path or URL, or `bytes`, those of a file, which may have a name in the column `path`;
    - `style` or `styles`, unless the painter has its own;
    - `output`, a name in the painter's `folder`, where the picture is written; without a folder the file's bytes are
      returned as `picture`.

    The row that is returned has no `bytes`, and `status`, `error`, `key`, `sha256`, `picture_sha256`, `seed`, `steps`,
    `loss`, `saved_loss`, `terms`, `seconds` and `worker` as in `PictureDone`. A picture that fails is a row with an
    `error`. Seeds derive from the photo's bytes, so that a result depends neither on the order nor on the process.

    Args:
        styles: Style image of every row, or several, which are mixed; None: the rows name theirs.
        recipe: A recipe or the name of a preset; None: `default`.
        folder: Folder for the pictures, a path or URL.
        done: Outputs in the folder that need not be painted again, and the SHA-256 of their files, by the keys of their
            pictures.
        suffix: Extension that names the format: `.png`, `.jpg`, `.webp` or `.tif`.
        bits: Bits per channel, as for `Result.save`.
        quality: Quality of JPEG and WebP.
        **settings: Settings of the recipe by their flat names.

    Example:
        >>> from impasto.images import plate_path
        >>> painter = Painter("night", size=64, steps=1, levels=1)
        >>> row = painter.paint({"photo": str(plate_path("mosaic"))})
        >>> row["status"], row["picture"][:4]
        ('painted', b'\x89PNG')
    """

    def __init__(
        self,
        styles: str | Sequence[str] | None = None,
        recipe: Recipe | str | None = None,
        *,
        folder: str | None = None,
        done: Mapping[str, Mapping[str, str]] | None = None,
        suffix: str = ".png",
        bits: int = 8,
        quality: int = 95,
        **settings: Any,
    ) -> None:
        own = {"folder": folder, "done": done, "suffix": suffix, "bits": bits, "quality": quality}
        super().__init__({"styles": styles, "recipe": recipe} | own | settings, open_folder(folder) if folder else None)
        chosen = recipe.with_changes(**settings) if isinstance(recipe, Recipe) else resolve(recipe, settings)
        self.recipe = chosen
        self._styles = _as_list(styles)
        self._done = done or {}
        self._painted: dict[str, dict[str, str]] = {}
        self._suffix = suffix
        self._encode = partial(Result.encode, suffix=suffix, bits=bits, quality=quality)  # type: ignore[arg-type]
        self._format = [suffix, bits, quality]
        self._session = Session()
        self._digests: dict[str, str] = {}
        self._downloaded = lru_cache(_MOST_STYLES)(read_any)
        self._work: Path | None = None
        self._kept = 0

    def paint(self, row: Mapping[str, Any]) -> Row:
        """Return the row of a picture that was painted, or that failed."""
        return self._ended(row, self._paint)

    def look_up(self, row: Mapping[str, Any]) -> Row | None:
        """Return the row of a picture that is there, is copied, or cannot be read; None if it has to be painted."""
        found = self._ended(row, self._find)
        return found if found["status"] != "failed" or found["error"] else None

    def _ended(self, row: Mapping[str, Any], act: Callable[[Mapping[str, Any], Row], object]) -> Row:
        """Return a row with the facts about it that an action finds; its errors are facts, too."""
        started = time.monotonic()
        given = {name: value for name, value in row.items() if name != "bytes"}
        facts = _EMPTY | {"style_sha256": [], "worker": self.name}
        if self._folder is None:
            facts["picture"] = b""
        try:
            act(row, facts)
        except DiskError as error:
            facts |= {"status": "full", "error": problem_of(error)}
        except (ImpastoError, RuntimeError, MemoryError) as error:
            # The out-of-memory errors of torch are RuntimeErrors.
            facts["error"] = problem_of(error)
        return given | facts | {"seconds": time.monotonic() - started}

    def _find(self, row: Mapping[str, Any], facts: Row) -> NamedBytes | None:
        """Note what is known before painting; return the photo, or None if there is nothing to paint."""
        if self.asked_to_stop():
            facts["status"] = "stopped"
            return None
        name = str(row.get("photo", row.get("path", "")))
        photo = NamedBytes(row["bytes"], name) if "bytes" in row else read_file(name)
        sha256, output = hashlib.sha256(photo.getbuffer()).hexdigest(), str(row.get("output", ""))
        digests = [self._digest(part) for style in self._styles_of(row) for part in _files(style)]
        key = self._key([sha256, *digests])
        seed = (self.recipe.start.seed + int(sha256[:15], 16)) % _SEEDS
        facts |= {"key": key, "sha256": sha256, "style_sha256": digests, "seed": seed}
        return None if self._is_there(key, output, facts) else photo

    def _styles_of(self, row: Mapping[str, Any]) -> list[str]:
        return _as_list(row.get("styles", row.get("style"))) or self._styles

    def _paint(self, row: Mapping[str, Any], facts: Row) -> None:
        photo = self._find(row, facts)
        if photo is None:
            return
        key, output = facts["key"], str(row.get("output", ""))
        self._work = self._work_folder(key, output)
        try:
            recipe = self.recipe.with_changes(seed=facts["seed"])
            result = self._result(photo, self._styles_of(row), recipe, self._work)
        except DiskError:
            raise
        except ImpastoError:
            self._forget()
            raise
        facts |= {name: getattr(result, name) for name in ("steps", "loss", "saved_loss")}
        facts["terms"] = {name: values[-1] for name, values in result.losses.items() if name in TERMS and values}
        if result.reason == "stopped":
            facts["status"] = "stopped"
            self._keep()
            return
        picture = self._encode(result)
        facts["picture_sha256"] = hashlib.sha256(picture).hexdigest()
        if self._folder is None:
            facts["picture"] = picture
        else:
            self._folder.write(output, picture)
            self._painted.setdefault(key, {})[output] = facts["picture_sha256"]
        self._forget()
        facts["status"] = "painted"

    def _is_there(self, key: str, output: str, facts: Row) -> bool:
        """Return True if the picture was painted before; it is copied if that was under another name.

        A file that is not the one that was written then, because another photo has the name now or somebody has changed
        it, is not copied.
        """
        if self._folder is None:
            return False
        outputs = {**self._done.get(key, {}), **self._painted.get(key, {})}
        if output in outputs and self._folder.exists(output):
            facts["status"] = "skipped"
            return True
        for known, sha256 in outputs.items():
            if self._folder.exists(known):
                picture = self._folder.read(known)
                if hashlib.sha256(picture).hexdigest() == sha256:
                    self._folder.write(output, picture)
                    facts |= {"status": "copied", "picture_sha256": sha256}
                    return True
        return False

    def _result(self, photo: NamedBytes, styles: Sequence[str], recipe: Recipe, work: Path | None) -> Result:
        """Paint a picture, or continue it if a painter that was lost or stopped has begun it."""
        if work is not None and self._folder is not None:
            self._folder.fetch_run(work)
        if work is not None and RunFolder.exists(work):
            if RunFolder.open(work).status != "finished":
                return self.wait_for(self._session.resume(work, on_event=self.receive))
            self._forget()
        run = self._session.start(photo, list(map(self._style_source, styles)), recipe, run=work, on_event=self.receive)
        return self.wait_for(run)

    def receive(self, event: Event) -> None:
        """Look whether the run is to stop, and keep its checkpoints."""
        super().receive(event)
        self._keep()

    def _keep(self) -> None:
        """Keep a new checkpoint where other painters find it."""
        if self._folder is not None and self._work is not None:
            with suppress(FileNotFoundError):  # there is none yet
                saved = (self._work / CHECKPOINT_FILE).stat().st_mtime_ns
                if saved != self._kept:
                    self._folder.save_run(self._work)
                    self._kept = saved

    def _work_folder(self, key: str, output: str) -> Path | None:
        """Return the run folder of a picture in work; equal photos with two names have two."""
        if self._folder is None:
            return None
        return self._folder.work / "runs" / f"{key[:32]}-{hashlib.sha256(output.encode()).hexdigest()[:8]}"

    def _forget(self) -> None:
        if self._folder is not None and self._work is not None:
            self._folder.forget_run(self._work)

    def _key(self, digests: list[str]) -> str:
        """Return the SHA-256 of everything on which a result depends."""
        return hashlib.sha256(json.dumps([*digests, *self._shared], sort_keys=True).encode()).hexdigest()

    @cached_property
    def _shared(self) -> list[Any]:
        """What the results of all rows depend on: weights, files that the recipe names, settings, format."""
        hardware, network, settings = self.recipe.hardware, self.recipe.network, portable_recipe(self.recipe)
        settings["hardware"] = {"device": hardware.device, "precision": hardware.precision}
        weights = describe_weights(network.weights, network.backbone)["sha256"]
        others = [self._digest(str(path)) for path in named_files(recipe=self.recipe) if path.is_file()]
        return [*others, weights, settings, self._format]

    def _digest(self, file: str) -> str:
        """Return the SHA-256 of a file that all rows share, or of a built-in style; it is read once."""
        if file not in self._digests:
            data = self._downloaded(file) if is_url(file) else read_any(file)
            self._digests[file] = hashlib.sha256(data).hexdigest()
        return self._digests[file]

    def _style_source(self, style: str) -> Any:
        return NamedBytes(self._downloaded(style), style) if is_url(style) else style


def _files(style: str) -> list[str]:
    """Return the files of a style: itself, or style and mask of `STYLE@MASK`."""
    is_whole = is_plate(style) or is_url(style) or os.path.exists(style)
    return [style] if is_whole else [part for part in read_style(style) if part]


def _as_list(styles: Any) -> list[str]:
    if styles is None:
        return []
    return [styles] if isinstance(styles, str) else [str(style) for style in styles]
