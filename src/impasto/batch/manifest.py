"""manifest.jsonl: what a batch has painted, one JSON object for each picture; no such picture is painted again."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, TypeAlias

from impasto.batch.storage import Folder
from impasto.runs import EventLog

MANIFEST: Final = "manifest.jsonl"
_PUBLISH_SECONDS: Final = 10.0
_PUBLISH_SHARE: Final = 0.05
"""A store gets the manifest as a whole, so seldom that this takes at most such a share of the time."""

Status: TypeAlias = Literal["painted", "copied", "skipped", "stopped", "failed", "full"]
"""How a picture ended: `copied` from the same one of another name, `skipped` as it is there, `full`: the disk is."""


@dataclass(frozen=True, kw_only=True)
class BatchStarted:
    """A batch began, or went on; what follows was painted with this recipe (and a seed for each photo)."""

    version: str
    recipe: dict[str, Any]
    pictures: int


@dataclass(frozen=True, kw_only=True)
class PictureDone:
    """A picture of a batch has ended.

    Attributes:
        photo: Where the photo was read.
        styles: Style images as they were named.
        output: Name of the result in the folder of the batch.
        status: How it ended.
        error: What was wrong, in one line; empty if nothing.
        key: SHA-256 of everything on which the result depends: bytes of all inputs, recipe, format.
        sha256: SHA-256 of the photo.
        picture_sha256: SHA-256 of the file that was written.
        style_sha256: SHA-256 of each style image and mask.
        seed: Seed, which derives from the photo.
        steps: Number of steps done.
        loss: The objective as it was painted; None: unknown.
        saved_loss: The objective of the 8-bit picture.
        terms: The weighted terms of the objective after the last step.
        seconds: Time from reading the photo to having written the picture.
        worker: Host and process that painted it.
    """

    photo: str
    styles: list[str]
    output: str
    status: Status
    error: str = ""
    key: str = ""
    sha256: str = ""
    picture_sha256: str = ""
    style_sha256: list[str] = ()  # type: ignore[assignment]
    seed: int = 0
    steps: int = 0
    loss: float | None = None
    saved_loss: float | None = None
    terms: dict[str, float] = ()  # type: ignore[assignment]
    seconds: float = 0.0
    worker: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "PictureDone":
        """Return the entry for a row that a painter returned."""
        return cls(**{field.name: row[field.name] for field in fields(cls) if field.name in row})


class Manifest:
    """The manifest of a folder; one process at a time may write it."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        folder.fetch(MANIFEST)
        self._log = EventLog(folder.at(MANIFEST), (BatchStarted, PictureDone))
        self._due = 0.0

    def done(self) -> dict[str, dict[str, str]]:
        """Return by key the outputs that hold its picture, each with the SHA-256 of the file that was written last."""
        done = [one for one in self._log.read().of(PictureDone) if one.status in ("painted", "copied")]
        written = {one.output: one for one in done}
        found: dict[str, dict[str, str]] = {}
        for output, one in written.items():
            found.setdefault(one.key, {})[output] = one.picture_sha256
        return found

    def append(self, entry: BatchStarted | PictureDone) -> None:
        """Add an entry; raises OSError or InputError if it cannot be written."""
        self._log.append(entry)
        begun = time.monotonic()
        if begun > self._due:
            self._folder.publish(MANIFEST)
            ended = time.monotonic()
            self._due = ended + max(_PUBLISH_SECONDS, (ended - begun) / _PUBLISH_SHARE)

    def close(self) -> None:
        """Close the file, which is then in the folder as a whole."""
        self._log.close()
        if self._due:
            self._folder.publish(MANIFEST)
