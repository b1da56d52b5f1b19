"""Everything that was painted: look at it, take its settings, go on with it, delete it."""

import html
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import gradio as gr

from impasto.errors import ImpastoError, InputError
from impasto.images import read_metadata
from impasto.recipe import PRESETS, Recipe, resolve
from impasto.recipe.fields import written
from impasto.studio import RunEntry, Studio
from impasto.studio.captions import MACHINE_FIELDS, gallery_label, run_title
from impasto.studio.load_run import LoadedRun, load_run
from impasto.studio.page import drawing
from impasto.studio.page.callbacks import explained, language
from impasto.studio.page.crop import Crop
from impasto.studio.page.pictures import LINKED_SCRIPT, offered, pane
from impasto.studio.page.regions import Regions
from impasto.studio.page.settings import Settings
from impasto.studio.texts import translate

_UNFINISHED: Final = frozenset({"stopped", "interrupted", "failed"})
"""What can be gone on with."""


class History:
    """The tab of past runs."""

    def __init__(self, studio: Studio, text: Callable[[str], Any]) -> None:
        """Build it inside the tab that is being built."""
        self._studio = studio
        gr.Markdown(text("history_hint"))
        self.gallery = gr.Gallery(
            label=text("history"), show_label=False, columns=5, object_fit="cover", allow_preview=False, buttons=[],
            elem_id="history", interactive=False,
        )  # fmt: skip
        self.names = gr.State([])
        self.chosen = gr.State(None)
        self.taken_from = gr.State(None)
        """The run whose pictures were brought back last."""
        self.waiting = gr.State(None)
        """What the editor of regions is to show."""
        with gr.Row(elem_id="run"):
            with gr.Column(scale=3, min_width=280):
                picture = gr.HTML("", elem_id="run-picture", padding=False, js_on_load=LINKED_SCRIPT)
            with gr.Column(scale=2, min_width=280):
                details = gr.Markdown(elem_id="details")
                delete = self._build_buttons(text)
        self.outputs: list[Any] = [self.gallery, self.names, self.chosen, picture, details, *self._buttons, self._sure]
        self._refresh.click(self.listed, None, self.outputs, show_progress="hidden")
        self.gallery.select(self._choose, [self.names], self.outputs[2:], show_progress="hidden")
        delete.click(self._delete, [self.chosen], self.outputs, show_progress="hidden")

    def _build_buttons(self, text: Callable[[str], Any]) -> gr.Button:
        """Build what can be done with a run; return the button that deletes it once one was asked."""
        look: Any = {"size": "md", "min_width": 150}
        with gr.Row():
            self.load = gr.Button(text("load_settings"), elem_id="load-settings", interactive=False, **look)
            self.go_on = gr.Button(text("go_on"), elem_id="go-on", interactive=False, **look)
            delete = gr.Button(text("delete"), variant="stop", elem_id="delete", interactive=False, **look)
            self._refresh = gr.Button(text("refresh"), elem_id="refresh", **look)
        self._buttons = [self.load, self.go_on, delete]
        with gr.Column(visible=False, elem_id="delete-row") as self._sure:
            question = gr.Markdown()
            with gr.Row():
                yes = gr.Button(text("delete_yes"), variant="stop", elem_id="delete-yes", **look)
                no = gr.Button(text("delete_no"), elem_id="delete-no", **look)
        delete.click(self._ask, [self.chosen], [self._sure, question], show_progress="hidden")
        no.click(lambda: gr.update(visible=False), None, [self._sure], queue=False, show_progress="hidden")
        return yes

    def listed(self) -> list[Any]:
        """Return the updates that show all runs, none of them chosen."""
        found = offered(self._studio)
        gallery = gr.update(value=[(path, gallery_label(entry)) for entry, path in found], selected_index=None)
        return [gallery, [entry.name for entry, _ in found], *self._about(None, "")]

    def taken(self, settings: Settings) -> Callable[..., list[Any]]:
        """Return what the button of the settings does: it brings back all that a run was painted from.

        What it returns are the updates of strength, colors, size, preset and fields, of photo, styles, own pictures,
        their fold and mix, of crops (field, pictures, what is seen), of the styles of the brush's colors, of the photo
        that the regions are of, of `taken_from`, and of the editor, which is emptied, and `waiting`: `lay_on` has the
        rest.
        """

        def take(name: str | None, request: gr.Request) -> list[Any]:
            tongue = language(request)
            try:
                run = load_run(self._studio.workspace, name or "")
                hand_out = partial(self._studio.workspace.write_shared, run.name, "strokes.png")
                editor, brushes, whole = Regions.taken(run.photo.picture.pixels, run.regions, hand_out)
            except ImpastoError as error:
                raise explained(error, tongue) from None
            count = len(run.plates) + len(run.own_styles)
            if run.has_style_masks or not whole or any(run.recipe.style_crop[count:]):
                gr.Info(html.escape(translate(tongue, "regions_lost")))
            crops, seen = Crop.taken(run.own_styles, tongue)
            return [
                *_recipe_updates(settings, run.recipe), str(run.photo.copy), list(run.plates),
                [str(one.copy) for one in run.own_styles], gr.update(open=True) if run.own_styles else gr.skip(),
                _mix(run),
                written(run.recipe.style_crop[:count]), crops, seen, *brushes, run.photo.sha256, run.name, None, editor,
            ]  # fmt: skip

        return take

    def lay_on(self, editor: dict[str, Any] | None) -> tuple[Any, Any, None, Any]:
        """Return the updates of the editor, its fold, `waiting` and the tabs, once the editor is empty.

        Strokes that replace others, on another photo, would be laid at the wrong place.
        """
        painted = editor is not None and editor["layers"]
        return editor, gr.update(open=True) if painted else gr.skip(), None, gr.Tabs(selected="paint")

    def _choose(self, names: list[str], event: gr.SelectData, request: gr.Request) -> list[Any]:
        index = event.index if isinstance(event.index, int) else event.index[0]
        name = names[index] if 0 <= index < len(names) else None
        entry = next((one for one in self._studio.list_runs() if one.name == name), None)
        return self._about(entry, language(request))

    def _about(self, entry: RunEntry | None, tongue: str) -> list[Any]:
        """Return the updates that show a run, and let those buttons be pressed that do something with it."""
        can = [entry is not None and entry.recipe is not None, entry is not None and entry.status in _UNFINISHED]
        buttons = [gr.update(interactive=on) for on in (*can, entry is not None)]
        if entry is None:
            return [None, "", "", *buttons, gr.update(visible=False)]
        try:
            panes = [pane(entry, run_title(entry))]
        except InputError:
            panes = []
        return [
            entry.name, drawing.linked(panes, translate(tongue, "zoom_hint")), told(entry, tongue), *buttons,
            gr.update(visible=False),
        ]  # fmt: skip

    def _ask(self, name: str | None, request: gr.Request) -> tuple[Any, str]:
        return gr.update(visible=bool(name)), translate(language(request), "delete_sure", name=name) if name else ""

    def _delete(self, name: str | None, request: gr.Request) -> list[Any]:
        if name:
            try:
                self._studio.delete(name)
            except ImpastoError as error:
                raise explained(error, language(request)) from None
        return self.listed()


def told(entry: RunEntry, tongue: str) -> str:
    """Return what a run was, as Markdown."""
    state = translate(tongue, f"state_{entry.status}")
    head = translate(
        tongue, "history_head", name=entry.name, state=state, step=f"{entry.step:,}", steps=f"{entry.steps or 0:,}"
    )
    if entry.recipe is None:
        return head + (f"\n\n{entry.problem}" if entry.problem else "")
    changes = entry.recipe.changes_from(entry.recipe.plain())
    lines = [f"- `{name}` = `{written(value)}`" for name, value in changes.items() if name not in MACHINE_FIELDS]
    return "\n".join([head, "", *(lines or [translate(tongue, "history_default")])])


def _mix(run: LoadedRun) -> Any:
    """Return how much the first of several styles counts."""
    count = len(run.plates) + len(run.own_styles)
    shares = run.recipe.style_mix or (1.0,) * count
    whole = sum(shares)
    return round(100 * shares[0] / whole) if count > 1 and whole else gr.skip()


def restored(settings: Settings, file: str) -> list[Any]:
    """Return the updates that show the recipe inside a painted picture, its crops, and that they wait for pictures.

    Raises InputError if there is none.
    """
    record = read_metadata(Path(file))
    if record is None or not isinstance(record.get("recipe"), dict):
        raise InputError("this picture holds no recipe: impasto has not painted it, or another program removed it")
    recipe = resolve(None, {name: value for name, value in record["recipe"].items() if name != "regions"})
    return [*_recipe_updates(settings, recipe), written(recipe.style_crop), []]


def _recipe_updates(settings: Settings, recipe: Recipe) -> list[Any]:
    updates = settings.updates(recipe)
    return [recipe.strength, recipe.color_strength, _size(recipe.size), _nearest(settings, recipe), *updates]


def _nearest(settings: Settings, recipe: Recipe) -> str:
    """Return the preset that fewest of the page's fields differ from: the recipe keeps no name of one."""
    fields = [widget.field for widget in settings.widgets]

    def differences(name: str) -> int:
        return sum(getattr(resolve(name), field) != getattr(recipe, field) for field in fields)

    return min(PRESETS, key=differences)


def _size(size: int | str) -> int:
    return size if isinstance(size, int) else 1024
