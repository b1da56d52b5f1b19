"""The studio's page for strangers, as a Hugging Face Space: small pictures, and nobody sees what others paint or give.

`python app.py` serves it at port 7860, or at the one that PORT names.
"""

import os
import secrets
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Final

from impasto import InputError, Recipe
from impasto.images import PLATES
from impasto.recipe import resolve
from impasto.studio import JobHandle, RunEntry, Studio, Workspace
from impasto.studio.server import ServerOptions, serve
from impasto.studio.wall import StyleWall

LARGEST: Final = 768
"""Longest side of a painted picture in pixels."""
MOST_STEPS: Final = 300
MEGABYTES: Final = 10
PIXELS: Final = 12_000_000
KEPT: Final = timedelta(hours=1)
HIDDEN: Final = ("film", "webcam", "history", "compare", "own")
"""Tabs of films, of the camera and of earlier runs, and the field for pictures of one's own on the wall of styles."""


class PublicWorkspace(Workspace):
    """A workspace whose runs have names that cannot be guessed: whoever knows a name can follow the run."""

    def new_folder(self, content: str, styles: Sequence[str]) -> Path:
        """Create the empty folder of a new run."""
        path = super().new_folder(content, styles)
        return path.rename(path.with_name(f"{path.name}-{secrets.token_hex(12)}"))


class PublicWall(StyleWall):
    """A wall of the built-in styles: everybody would see a picture of a visitor, and could take it off."""

    def names(self) -> list[str]:
        """Return the names of the built-in styles."""
        return list(PLATES)

    def add(self, file: Path, digest: str | None = None, title: str | None = None) -> str:
        """Refuse a picture."""
        raise InputError("this page paints in its own styles only: on your own computer any picture can be one")


class PublicStudio(Studio):
    """A studio with limits, which lists no runs and jobs and deletes those that ended some time ago."""

    _wall_type: ClassVar[type[StyleWall]] = PublicWall

    def submit(
        self, content: Any, styles: Any, recipe: Recipe | str | None = None, *more: Any, **named: Any
    ) -> JobHandle:
        """Put a picture into the queue; raises InputError if it is larger than this page paints."""
        chosen = recipe if isinstance(recipe, Recipe) else resolve(recipe)
        if chosen.picture.size == "photo" or chosen.picture.size > LARGEST:
            raise InputError(f"this page paints at most {LARGEST} pixels: on your own computer there is no limit")
        if chosen.schedule.steps > MOST_STEPS:
            raise InputError(f"this page paints at most {MOST_STEPS} steps: on your own computer there is no limit")
        self._delete_old()
        return super().submit(content, styles, chosen, *more, **named)

    def submit_film(self, order: Any) -> JobHandle:
        """Refuse a film, which takes hours."""
        raise InputError("this page paints no films: on your own computer there is no limit")

    def list_runs(self) -> list[RunEntry]:
        """Return nothing: the runs belong to different people."""
        return []

    def jobs(self) -> list[JobHandle]:
        """Return nothing: they belong to different people, too."""
        return []

    def _delete_old(self) -> None:
        begun_before = datetime.now(UTC) - KEPT
        for entry in super().list_runs():
            is_old = entry.created is not None and entry.created < begun_before
            if is_old and entry.status not in ("painting", "paused", "waiting"):
                # It may have been resumed, or deleted, since the runs were listed.
                with suppress(InputError):
                    self.delete(entry.name)


def hide_what_is_private(page: Any) -> None:
    """Take films, the camera, earlier runs, the field for own styles, and the endpoint for programs from the page."""
    for block in page.blocks.values():
        if {getattr(block, "id", None), getattr(block, "elem_id", None)} & set(HIDDEN):
            block.visible = False
    for function in page.fns.values():
        function.api_visibility = "private"
    page.config = page.get_config_file()


def main() -> None:
    """Serve the page until the process ends."""
    if host := os.environ.get("SPACE_HOST"):
        os.environ["GRADIO_ROOT_PATH"] = f"https://{host}"
    workspace = PublicWorkspace(tempfile.mkdtemp(prefix="impasto-"))
    options = ServerOptions(
        host="0.0.0.0", port=int(os.environ.get("PORT", "7860")), insecure=True, max_upload=MEGABYTES
    )
    limits = {"max_pixels": PIXELS, "max_bytes": MEGABYTES * 1_000_000}
    with PublicStudio(workspace, on_close="cancel", **limits) as studio:
        page = serve(studio, options, block=False)
        hide_what_is_private(page)
        print(f"the page is at port {page.server_port}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
