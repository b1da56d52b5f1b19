"""The form on the left of the page: reading a submission from it, and filling it in from a recipe or a run."""

import html
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from impasto.errors import InputError
from impasto.images import PLATES, read_metadata
from impasto.recipe import KEEP, PRESETS, Recipe, as_text, resolve, with_current_names
from impasto.studio import Studio
from impasto.studio.fields import FieldWidget, check_choices, field_widgets, from_widget, to_widget
from impasto.studio.load_run import load_run
from impasto.studio.page import inputs, markup
from impasto.studio.page.callbacks import Number, choices_of, errors_as_toasts, language_of, toast
from impasto.studio.page.widgets import file_input
from impasto.studio.texts import translate

_AUTOMATIC_SIZE = 1024
"""Shown for a recipe whose size is not a number."""


class Settings:
    """The section "More": the preset, and a widget for every setting that is not shown elsewhere on the page."""

    def __init__(self, text: Callable[[str], Any]) -> None:
        self.preset = gr.Dropdown(
            choices_of(PRESETS, text), value="default", label=text("preset"), info=text("preset_hint"), elem_id="preset"
        )
        self._fields: list[tuple[FieldWidget, gr.components.Component]] = []
        for heading, widgets in field_widgets().items():
            with gr.Accordion(text(f"group_{heading}"), open=False, elem_id=f"group-{heading.lower()}"):
                self._fields += [(widget, _field_component(widget, text)) for widget in widgets]
        self.fields = [component for _, component in self._fields]
        self.changes = next(component for widget, component in self._fields if widget.field == "changes")

    def updates(self, recipe: Recipe) -> dict[Any, Any]:
        """Return the values of all field widgets for a recipe."""
        return {
            component: gr.update(value=to_widget(widget, recipe.get(widget.field)))
            for widget, component in self._fields
        }

    def recipe(self, values: Mapping[Any, Any], **stated: Any) -> Recipe:
        """Return the recipe of the widgets' values and of the settings `stated` by other widgets; raises InputError.

        An empty field for a number leaves the setting to the preset.
        """
        preset = values[self.preset]
        base = resolve(preset)
        changed = {
            widget.field: from_widget(widget, values[component])
            for widget, component in self._fields
            if not _is_same(widget, to_widget(widget, base.get(widget.field)), values[component])
        }
        recipe = resolve(preset, changed | stated)
        check_choices(recipe)
        return recipe

    def nearest_preset(self, recipe: Recipe) -> str:
        """Return the preset that differs from a recipe in the fewest fields; recipes do not store their preset."""
        fields = {widget.field for widget, _ in self._fields}
        return min(PRESETS, key=lambda name: len(fields & recipe.changes_from(resolve(name)).keys()))


class Form:
    """Photo, styles, sliders, settings and regions."""

    def __init__(self, studio: Studio, text: Callable[[str], Any]) -> None:
        self._studio = studio
        self.photo = file_input(
            gr.Image(
                type="filepath", image_mode=None, label=text("photo"), sources=["upload", "clipboard", "webcam"],
                elem_id="photo", height=210,
            )
        )  # fmt: skip
        self.styles = gr.CheckboxGroup(
            choices_of(PLATES, text), label=text("style"), info=text("styles_hint"), elem_id="styles", value=[PLATES[0]]
        )
        with gr.Accordion(text("own_style"), open=False) as self._own_fold:
            self.own = file_input(
                gr.Gallery(
                    label=text("own_style"), type="filepath", interactive=True, file_types=["image"], columns=3,
                    height=180, object_fit="contain", elem_id="own",
                )
            )  # fmt: skip
            self.crops = inputs.StyleCrops(self.own, studio.limits, text)
        self.mix = _percentage("mix", 50, text, visible=False)
        self.strength = _percentage("strength", 50, text)
        self.colors = _percentage("colors", 100, text)
        self.size = gr.Slider(64, 2048, value=512, step=16, label=text("size"), info=text("size_hint"), elem_id="size")
        self.paint = gr.Button(text("paint"), variant="primary", size="lg", elem_id="paint")
        with gr.Accordion(text("more"), open=False, elem_id="more"):
            self.settings = Settings(text)
        with gr.Accordion(text("regions"), open=False, elem_id="regions-fold") as self._regions_fold:
            self.regions = inputs.Regions(self.photo, studio.limits, text)
        self._dropped = file_input(gr.File(label=text("restore"), file_types=[".png"], elem_id="restore", height=140))
        self._are_styles_chosen = gr.State(False)
        """Whether the visitor chose the built-in styles; the first own picture replaces the one ticked at first."""
        self._source_run = gr.State(None)
        """The earlier run whose pictures were loaded last."""
        self.inputs: set[Any] = {
            self._source_run, self.photo, self.styles, self.own, self.crops.field, self.mix, self.strength, self.colors,
            self.size, self.settings.preset, *self.settings.fields, *self.regions.inputs,
        }  # fmt: skip
        self.kept: list[Any] = [
            self.photo, self.styles, self.own, self.mix, self.strength, self.colors, self.size, self.settings.preset,
            self.crops.field, *self.settings.fields,
        ]  # fmt: skip
        """What a tab keeps for a reload."""
        self._connect()

    def _connect(self) -> None:
        quick: Any = {"queue": False, "show_progress": "hidden"}
        preset, sliders = self.settings.preset, [self.strength, self.colors]
        preset.input(self._show_preset, [preset], [*sliders, *self.settings.fields], **quick)
        for slider in sliders:
            # Another value holds for the whole picture, not until a loaded recipe changes it.
            slider.input(lambda: "", None, [self.settings.changes], **quick)
        for source in (self.styles, self.own):
            source.change(self._show_mix, [self.styles, self.own], [self.mix], **quick)
        self.styles.input(lambda: True, None, [self._are_styles_chosen], **quick)
        self.own.upload(lambda chosen: gr.skip() if chosen else [], [self._are_styles_chosen], [self.styles], **quick)
        outputs = [*sliders, self.size, preset, *self.settings.fields, self.crops.field, self.crops.shown]
        self._dropped.upload(self._load_png, [self._dropped], outputs, show_progress="hidden")
        self._run_outputs: list[Any] = [
            *outputs, self.photo, self.styles, self.own, self._own_fold, self.mix, self.crops.pictures,
            *self.regions.styles, self.regions.shown, self.regions.editor, self.regions.loaded, self._regions_fold,
            self._source_run, self._are_styles_chosen,
        ]  # fmt: skip

    def keep_after(self, blocks: gr.Blocks) -> None:
        """Let the page show what its tab kept when it is loaded, and keep what the form holds from then on."""
        quick: Any = {"queue": False, "show_progress": "hidden"}
        with gr.Row(visible=False):
            stored = gr.JSON()
        read = "() => [JSON.parse(sessionStorage.getItem('impasto-form') ?? 'null')]"
        loaded = blocks.load(self._show_kept, [stored], self.kept, js=read, **quick)
        loaded.then(None, None, None, js="() => { window.impastoShowsForm = true; }")
        gr.on([one.change for one in self.kept], None, self.kept, None, js=markup.script("remember_form.js"), **quick)

    def _show_kept(self, stored: Any) -> dict[Any, Any]:
        """Return the updates that show what `keep_after` kept; it comes from a browser, so files must be its own."""
        if not isinstance(stored, list) or len(stored) != len(self.kept):
            return {self.mix: gr.skip()}
        shown = dict(zip(self.kept, map(self._kept_value, stored), strict=True))
        return {component: value for component, value in shown.items() if value is not None}

    def _kept_value(self, value: Any) -> Any:
        """Return a value of the form; of files those that still exist, None for anything that a form does not hold."""
        if isinstance(value, list):
            return [one for one in map(self._kept_value, value) if one is not None]
        if not isinstance(value, Mapping):
            return value if isinstance(value, str | bool | int | float) else None
        path, folder = Path(str(value.get("file"))), self._studio.workspace.path
        with suppress(OSError, ValueError):
            is_own = any(path.resolve().is_relative_to((folder / name).resolve()) for name in ("uploads", "exports"))
            return str(path) if is_own and path.is_file() else None
        return None

    def read(self, values: Mapping[Any, Any], request: gr.Request) -> dict[str, Any]:
        """Return the arguments for `Studio.submit`; raises InputError, or a toast if photo or style is missing."""
        built_in, own = list(values[self.styles] or ()), list(values[self.own] or ())
        regions, styles = self.regions.read(values, language_of(request)), [*built_in, *own]
        if values[self.photo] is None or not (styles or regions):
            raise toast(translate(language_of(request), "no_photo" if values[self.photo] is None else "no_style"))
        styled_regions = sum(region.style != KEEP for region in regions)
        recipe = self.settings.recipe(
            values,
            strength=values[self.strength],
            color_strength=values[self.colors],
            size=int(values[self.size]),
            style_mix=style_shares(values[self.mix], len(styles)),
            style_crop=inputs.all_crops(values[self.crops.field], len(built_in), len(own), styled_regions) or (),
        )
        return {
            "content": values[self.photo],
            "styles": styles,
            "recipe": recipe,
            "regions": regions or None,
            "source_run": values[self._source_run],
        }

    def load_on_click(self, button: gr.Button, chosen: gr.State) -> Any:
        """Connect a button that fills in the form from the chosen run; return the event."""
        loaded = button.click(self._load_run, [chosen], self._run_outputs, show_progress="hidden")
        self.regions.show_after(loaded)
        return loaded

    def _load_run(self, name: str | None, request: gr.Request) -> dict[Any, Any]:
        """Show the recipe, the pictures, the crops and the regions of a run."""
        workspace, language = self._studio.workspace, language_of(request)
        with errors_as_toasts(request):
            run = load_run(workspace, name or "")
            photo, regions = run.photo.picture.pixels, run.regions or ()
            strokes = inputs.strokes_png(photo, regions)
            file = workspace.write_shared(run.name, "strokes.png", strokes) if strokes else None
            editor = inputs.editor_value(photo, file)
        own = [str(one.copy) for one in run.own_styles]
        count = len(run.plates) + len(own)
        are_regions_lost = run.regions is None or (regions and not strokes)
        if are_regions_lost or run.has_style_masks or any(run.recipe.style.crop[count:]):
            gr.Info(html.escape(translate(language, "regions_lost")), title=translate(language, "info"))
        return {
            **self._recipe_updates(run.recipe),
            self.photo: str(run.photo.copy),
            self.styles: list(run.plates),
            self.own: own,
            self._own_fold: gr.update(open=True) if own else gr.skip(),
            self.mix: _first_share(run.recipe.style.mix, count),
            self.crops.field: as_text(run.recipe.style.crop[:count]),
            **self.crops.show(run.own_styles, language),
            **self.regions.style_updates(regions if strokes else ()),
            self.regions.shown: run.photo.sha256,
            self.regions.editor: None,
            self.regions.loaded: editor,
            self._regions_fold: gr.update(open=True) if strokes else gr.skip(),
            self._source_run: run.name,
            self._are_styles_chosen: True,
        }

    def _load_png(self, file: str, request: gr.Request) -> dict[Any, Any]:
        """Show the recipe inside a painted PNG; its crops apply to the style pictures that are added next."""
        with errors_as_toasts(request):
            record = read_metadata(Path(file))
            if record is None or not isinstance(record.get("recipe"), dict):
                raise InputError("this picture holds no recipe: impasto did not paint it, or a program removed it")
            recipe = resolve(None, with_current_names(record["recipe"]) | {"regions": ()})
        crops = {self.crops.field: as_text(recipe.style.crop), self.crops.shown: []}
        return self._recipe_updates(recipe) | crops

    def _show_preset(self, name: str) -> dict[Any, Any]:
        recipe = PRESETS[name]
        sliders = {self.strength: recipe.style.strength, self.colors: recipe.color.strength}
        return sliders | self.settings.updates(recipe)

    def _show_mix(self, styles: list[str] | None, own: Sequence[Any] | None) -> Any:
        return gr.update(visible=len(styles or ()) + len(own or ()) > 1)

    def _recipe_updates(self, recipe: Recipe) -> dict[Any, Any]:
        size = recipe.picture.size
        return {
            self.strength: recipe.style.strength,
            self.colors: recipe.color.strength,
            self.size: size if isinstance(size, int) else _AUTOMATIC_SIZE,
            self.settings.preset: self.settings.nearest_preset(recipe),
            **self.settings.updates(recipe),
        }


def submission_key(given: Mapping[str, Any]) -> int:
    """Return a number that is the same for equal arguments of `Studio.submit`, as `Form.read` returns them."""
    regions = tuple((one.mask.tobytes(), str(one.style)) for one in given["regions"] or ())
    return hash((given["content"], tuple(given["styles"]), given["recipe"].as_json(), regions))


def style_shares(first: Number, count: int) -> tuple[float, ...]:
    """Return the shares of styles in percent if the first has `first`; none for a single style.

    >>> style_shares(40, 3), style_shares(40, 1)
    ((40.0, 30.0, 30.0), ())
    """
    if count < 2:
        return ()
    return (float(first), *((100.0 - first) / (count - 1),) * (count - 1))


def _first_share(shares: Sequence[float], count: int) -> Any:
    """Return the share of the first of several styles in percent."""
    shares = shares or (1.0,) * count
    total = float(sum(shares))
    return round(100 * shares[0] / total) if count > 1 and total else gr.skip()


def _percentage(name: str, value: int, text: Callable[[str], Any], **options: Any) -> gr.Slider:
    labels = {"label": text(name), "info": text(f"{name}_hint"), "elem_id": name}
    return gr.Slider(0, 100, value=value, step=1, **labels, **options)


def _field_component(widget: FieldWidget, text: Callable[[str], Any]) -> gr.components.Component:
    options: Mapping[str, Any] = {
        "label": text(f"field_{widget.field}"),
        "info": text(f"help_{widget.field}"),
        "value": widget.default,
        "elem_id": f"field-{widget.field}",
    }
    build: Mapping[str, Callable[..., gr.components.Component]] = {
        "switch": gr.Checkbox,
        "choice": partial(gr.Dropdown, choices_of(widget.choices, text)),
        "slider": partial(gr.Slider, widget.low or 0.0, widget.high or 1.0, step=widget.step),
        "number": gr.Number,  # without bounds: the recipe's message names the setting, Gradio's does not
        "text": gr.Textbox,
    }
    return build[widget.kind](**options)


def _is_same(widget: FieldWidget, shown: Any, value: Any) -> bool:
    """Return True if a widget still shows a value, or an empty field for a number; an empty text may be None, too."""
    if value in ("", None):
        return widget.kind == "number" or shown in ("", None)
    return bool(shown == value)
