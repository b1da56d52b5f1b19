"""Everything that was painted: look at it, take its settings, go on with it, delete it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from impasto.errors import ImpastoError, InputError
from impasto.images import read_metadata
from impasto.recipe import resolve
from impasto.studio import Entry, Studio
from impasto.studio.page.callbacks import explained, language, recipe_of
from impasto.studio.page.settings import Settings

_THUMBNAIL = 400

_NOT_SAID = frozenset({"device", "precision", "max_megapixels", "threads"})
"""Fields that are about the machine."""

_SHOWN = 120
"""The newest so many runs are shown; older ones stay in the workspace."""


class History:
    """The tab of past runs."""

    def __init__(self, studio: Studio, text: Callable[[str], Any]) -> None:
        """Build it inside the tab that is being built."""
        self._studio = studio
        gr.Markdown(text("history_hint"))
        self.gallery = gr.Gallery(
            label=text("history"),
            columns=5,
            object_fit="cover",
            allow_preview=False,
            elem_id="history",
            interactive=False,
        )
        self.names = gr.State([])
        self.chosen = gr.State(None)
        self.details = gr.Markdown(elem_id="details")
        with gr.Row():
            self.load = gr.Button(text("load_settings"), size="md", elem_id="load-settings", min_width=120)
            self.go_on = gr.Button(text("go_on"), size="md", elem_id="go-on", min_width=120)
            self.delete = gr.Button(text("delete"), variant="stop", size="md", elem_id="delete", min_width=120)
            self.refresh = gr.Button(text("refresh"), size="md", elem_id="refresh", min_width=120)
        self.refresh.click(self.listed, None, [self.gallery, self.names], show_progress="hidden")
        self.gallery.select(self._choose, [self.names], [self.chosen, self.details], show_progress="hidden")
        self.delete.click(self._delete, [self.chosen], [self.gallery, self.names, self.chosen, self.details])

    def listed(self) -> tuple[Any, list[str]]:
        """Return the gallery and the names of its runs."""
        entries = [entry for entry in self._studio.entries() if entry.picture is not None][:_SHOWN]
        pictures = [
            (thumbnail(self._studio, entry), f"{entry.content} · {', '.join(entry.styles)}") for entry in entries
        ]
        return gr.update(value=pictures, selected_index=None), [entry.name for entry in entries]

    def _choose(self, names: list[str], event: gr.SelectData) -> tuple[str | None, str]:
        index = event.index if isinstance(event.index, int) else event.index[0]
        if not 0 <= index < len(names):
            return None, ""
        entry = next((one for one in self._studio.entries() if one.name == names[index]), None)
        return (names[index], told(entry)) if entry else (None, "")

    def _delete(self, name: str | None, request: gr.Request) -> tuple[Any, ...]:
        if name:
            try:
                self._studio.delete(name)
            except ImpastoError as error:
                raise explained(error, language(request)) from None
        return (*self.listed(), None, "")


def thumbnail(studio: Studio, entry: Entry) -> str:
    """Return a small picture of a run, in a folder that is served; run folders are not, they hold people's photos."""
    assert entry.picture is not None
    stamp = entry.picture.stat().st_mtime_ns
    target = studio.workspace.exports / f"{entry.name}-{stamp}.jpg"
    if not target.exists():
        with Image.open(entry.picture) as image:
            small = image.convert("RGB")
        small.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS)
        small.save(target, quality=88)
    return str(target)


def told(entry: Entry) -> str:
    """Return what a run was, as Markdown."""
    head = f"**{entry.name}** · {entry.status} · {entry.step:,} / {entry.steps or 0:,}"
    if entry.recipe is None:
        return head + (f"\n\n{entry.problem}" if entry.problem else "")
    changes = entry.recipe.changes_from(entry.recipe.plain())
    lines = [f"- `{name}` = `{value}`" for name, value in changes.items() if name not in _NOT_SAID]
    return "\n".join([head, "", *lines])


def loaded(studio: Studio, settings: Settings, name: str | None) -> list[Any]:
    """Return the updates that show a run's recipe: strength, colors, size, the preset, and all fields."""
    recipe = recipe_of(studio.workspace.folder_of(name or ""))
    return [recipe.strength, recipe.color_strength, _size(recipe.size), "default", *settings.updates(recipe)]


def restored(settings: Settings, file: str) -> list[Any]:
    """Return the updates that show the recipe inside a painted picture; raises InputError if there is none."""
    record = read_metadata(Path(file))
    if record is None or not isinstance(record.get("recipe"), dict):
        raise InputError("this picture holds no recipe: impasto has not painted it, or another program removed it")
    recipe = resolve(None, {name: value for name, value in record["recipe"].items() if name != "regions"})
    return [recipe.strength, recipe.color_strength, _size(recipe.size), "default", *settings.updates(recipe)]


def _size(size: int | str) -> int:
    return size if isinstance(size, int) else 1024
