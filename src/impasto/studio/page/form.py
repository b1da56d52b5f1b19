"""The form on the left of the page: reading a submission from it, and filling it in from a recipe or a run."""

import html
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import gradio as gr

from impasto.errors import ImpastoError, InputError
from impasto.images import demo_photo, peek_size, read_bytes, read_metadata
from impasto.painting import clock
from impasto.recipe import KEEP, PRESETS, Recipe, as_text, resolve, with_current_names
from impasto.studio import Studio
from impasto.studio.fields import FieldWidget, check_choices, field_widgets, from_widget, to_widget
from impasto.studio.load_run import SharedPicture, load_run
from impasto.studio.page import inputs, markup
from impasto.studio.page.callbacks import Number, choices_of, errors_as_toasts, language_of, toast
from impasto.studio.page.wall import Wall, all_crops, crops_of, style_shares
from impasto.studio.page.widgets import FileInput, ImageInput, empty_if_refused
from impasto.studio.texts import choice_label, purpose_of, translate
from impasto.studio.wall import wall_name

SAMPLES: Final = {"coffee": demo_photo(), **{name: markup.sample(name) for name in ("astronaut", "cat")}}
"""Photos to try the studio with."""

_AUTOMATIC_SIZE: Final = 1024
"""Shown for a recipe whose size is not a number."""
_MIN_SIZE: Final = 64
_MAX_SIZE: Final = 2048
"""Ends of the slider for sizes unless the photo or a recipe goes beyond."""


class Settings:
    """The section "More": a widget for every setting that is not shown elsewhere on the page."""

    def __init__(self, preset: gr.Dropdown, text: Callable[[str], Any]) -> None:
        self._preset = preset
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
        preset = values[self._preset]
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
        with gr.Row(visible=False):
            strokes = gr.Textbox()  # the first input: Gradio sorts them in this order
        self.photo = ImageInput(
            image_mode=None, label=text("photo"), sources=["upload", "clipboard", "webcam"], elem_id="photo", height=210
        )
        with gr.Row(elem_id="samples"):
            gr.HTML(f"<span>{text('samples')}</span>", padding=False)
            self._samples = [
                gr.Button(text(f"sample_{name}"), elem_id=f"sample-{name}", size="sm", min_width=56) for name in SAMPLES
            ]
        self.wall = Wall(studio, text)
        self.strength = _percentage("strength", 50, text)
        self.colors = _percentage("colors", 100, text)
        self.size = gr.Slider(
            _MIN_SIZE, _MAX_SIZE, value=512, step=1, label=text("size"), info=text("size_hint"), elem_id="size"
        )
        self._as_photo = gr.Button(text("size_photo"), size="sm", elem_id="size-photo", visible=False)
        self.preset = gr.Dropdown(
            choices_of(PRESETS, text), value="default", label=text("preset"), info=text("purpose_default"),
            elem_id="preset",
        )  # fmt: skip
        with gr.Column(elem_id="paint-bar"):
            self.paint = gr.Button(text("paint"), variant="primary", size="lg", elem_id="paint")
            self._estimate = gr.HTML("", elem_id="estimate", padding=False)
        with gr.Accordion(text("more"), open=False, elem_id="more"):
            self.settings = Settings(self.preset, text)
        with gr.Accordion(text("regions"), open=False, elem_id="regions-fold") as self._regions_fold:
            self.regions = inputs.Regions(self.photo, strokes, studio, text)
        self._dropped = FileInput(label=text("restore"), elem_id="restore", height=90)
        self._source_run = gr.State(None)
        """The earlier run whose pictures were loaded last."""
        self.inputs: set[Any] = {
            self._source_run, self.photo, *self.wall.inputs, self.strength, self.colors, self.size, self.preset,
            *self.settings.fields, *self.regions.inputs,
        }  # fmt: skip
        self.kept: list[Any] = [
            self.photo, self.strength, self.colors, self.size, self.preset, *self.wall.inputs, *self.settings.fields,
            *self.regions.styles,
        ]  # fmt: skip
        """What a tab keeps for a reload, besides the strokes of regions."""
        self.film_settings: set[Any] = {*self.kept} - {self.photo}
        """What `read_settings` needs, as values by widget."""

    def connect(self, blocks: gr.Blocks) -> None:
        """Connect the widgets with each other."""
        quick: Any = {"queue": False, "show_progress": "hidden"}
        sliders = [self.strength, self.colors]
        for slider in sliders:
            # Another value holds for the whole picture, not until a loaded recipe changes it.
            slider.input(lambda: "", None, [self.settings.changes], **quick)
        self.preset.input(self._show_preset, [self.preset], [self.preset, *sliders, *self.settings.fields], **quick)
        # Gradio calls what hangs on one event in this order, each when the one before has ended: the slow ones last.
        self.photo.change(self._show_size, [self.photo, self.size], [self.size, self._as_photo], **quick)
        self.wall.connect(blocks, self.photo, self.regions.styles)
        self._as_photo.click(self._as_large_as_photo, [self.photo], [self.size], **quick)
        for button, name in zip(self._samples, SAMPLES, strict=True):
            button.click(partial(self._give_sample, name), None, [self.photo], **quick)
        costly: list[Any] = [
            self.photo, self.wall.chosen, self.size, self.preset, *self.settings.fields, *self.regions.styles,
        ]  # fmt: skip
        gr.on(
            [one.change for one in costly], self._show_estimate, self.inputs, [self._estimate], js=inputs.SEND_STROKES,
            show_progress="hidden", trigger_mode="always_last", concurrency_id="estimate", concurrency_limit=1,
        )  # fmt: skip
        outputs = [*sliders, self.size, self.preset, *self.settings.fields, *self.wall.outputs]
        dropped = self._dropped.upload(
            self._load_png, [self._dropped, self.photo], [self._dropped, *outputs], show_progress="hidden"
        )
        empty_if_refused(dropped, self._dropped)
        self._run_outputs: list[Any] = [
            *outputs, self.photo, *self.regions.styles, *self.regions.outputs, self._regions_fold, self._source_run,
        ]  # fmt: skip

    def keep_after(self, blocks: gr.Blocks) -> None:
        """Let the page show what its tab kept when it is loaded, and keep what the form holds from then on."""
        quick: Any = {"queue": False, "show_progress": "hidden"}
        with gr.Row(visible=False):
            stored = [gr.JSON(), gr.Textbox()]
        read = "() => ['impasto-form', 'impasto-strokes'].map((key) => JSON.parse(sessionStorage.getItem(key)))"
        shown = list(dict.fromkeys([*self.kept, *self.wall.outputs, *self.regions.outputs, self._regions_fold]))
        loaded = blocks.load(self._show_kept, stored, shown, js=read, show_progress="hidden")
        self.regions.show_after(loaded)
        keep = markup.script("remember_form.js")
        # What was given before this is not changed any more, so it is kept now.
        begin = f"(...values) => {{ window.impastoShowsForm = true; return ({keep})(...values); }}"
        loaded.then(None, self.kept, None, js=begin)
        gr.on([one.change for one in self.kept], None, self.kept, None, js=keep, **quick)

    def _show_kept(self, stored: Any, strokes: str | None, request: gr.Request) -> Any:
        """Return the updates that show what `keep_after` and page.js kept, and say what is not there any more.

        It comes from a browser, so no path in it is trusted.
        """
        if not isinstance(stored, list) or len(stored) != len(self.kept):
            return gr.skip()
        kept = dict(zip(self.kept, stored, strict=True))
        values = {one: self._kept_photo(value) if one is self.photo else _plain(value) for one, value in kept.items()}
        shown = {component: value for component, value in values.items() if value is not None}
        if self.size in shown:
            shown[self.size] = _size_update(shown[self.size], values[self.photo])
        preset = shown.get(self.preset)
        if isinstance(preset, str) and preset in PRESETS:
            shown[self.preset] = _preset_update(preset, language_of(request))
        is_photo_gone = kept[self.photo] is not None and values[self.photo] is None
        chosen, of_regions = values[self.wall.chosen], [values[one] for one in self.regions.styles]
        choices = self.wall.choices()
        known = [None, *(name for _, name in inputs.region_choices(choices, str))]
        is_style_gone = any(name not in known for name in [*(chosen if isinstance(chosen, list) else ()), *of_regions])
        if is_photo_gone or is_style_gone:
            gone = "both" if is_photo_gone and is_style_gone else "photo" if is_photo_gone else "style"
            key = f"kept_without_{gone}"
            gr.Info(translate(language_of(request), key))
        regions = self.regions.restored(values[self.photo], strokes)
        return {
            **shown,
            **self.wall.restored(*(values[one] for one in self.wall.inputs)),
            **self.regions.style_updates(of_regions, choices),
            **regions,
            self._regions_fold: gr.update(open=True) if regions else gr.skip(),
        }

    def _kept_photo(self, value: Any) -> str | None:
        """Return the path of a photo that a visitor gave, or the studio made for one, and that still exists."""
        if not isinstance(value, Mapping):
            return None  # Gradio would copy any file that a text names to where visitors can get it
        folder = self._studio.workspace.path
        with suppress(OSError, ValueError):
            path = Path(str(value.get("file"))).resolve()
            is_own = any(path.is_relative_to((folder / name).resolve()) for name in ("uploads", "exports"))
            return str(path) if is_own and path.is_file() else None
        return None

    def read(self, values: Mapping[Any, Any], request: gr.Request, *, with_notes: bool = True) -> dict[str, Any]:
        """Return the arguments for `Studio.submit`; raises InputError, or a toast if photo or style is missing.

        `with_notes`: notes say which strokes have no style, and which styles no strokes.
        """
        regions = self.regions.read(values, language_of(request) if with_notes else None)
        styles = self.wall.sources(values)
        if values[self.photo] is None or not (styles or regions):
            raise toast(translate(language_of(request), "no_photo" if values[self.photo] is None else "no_style"))
        styled_regions = sum(region.style != KEEP for region in regions)
        return {
            "content": values[self.photo],
            "styles": styles,
            "recipe": self._recipe(values, len(styles), styled_regions),
            "regions": regions or None,
            "source_run": values[self._source_run],
        }

    def read_settings(self, values: Mapping[Any, Any], request: gr.Request) -> dict[str, Any]:
        """Return styles and recipe without photo and regions; raises InputError, or a toast if no style is chosen."""
        with errors_as_toasts(request):
            styles = self.wall.sources(values)
            if not styles:
                raise toast(translate(language_of(request), "no_style"))
            return {"styles": styles, "recipe": self._recipe(values, len(styles))}

    def _recipe(self, values: Mapping[Any, Any], styles: int, styled_regions: int = 0) -> Recipe:
        return self.settings.recipe(
            values,
            strength=values[self.strength],
            color_strength=values[self.colors],
            size=int(values[self.size]),
            style_mix=style_shares(values[self.wall.mix], styles),
            style_crop=all_crops(values[self.wall.crop], styles, styled_regions) or (),
        )

    def load_on_click(self, button: gr.Button, chosen: gr.State) -> Any:
        """Connect a button that fills in the form from the chosen run; return the event."""
        loaded = button.click(self._load_run, [chosen], self._run_outputs, js=inputs.HOLD_BRUSH, show_progress="hidden")
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
            styles = [*run.plates, *map(self._kept, run.own_styles)]
            styles_of_regions = [self._kept(one.own) if one.own else one.style for one in regions if strokes]
        are_regions_lost = run.regions is None or (regions and not strokes)
        style = run.recipe.style
        if are_regions_lost or run.has_style_masks or any(style.crop[len(styles) :]):
            gr.Info(html.escape(translate(language, "regions_lost")))
        return {
            **self._recipe_updates(run.recipe, str(run.photo.copy), language),
            self.photo: str(run.photo.copy),
            **self.wall.load(styles, crops_of(styles, as_text(style.crop)), style.mix),
            **self.regions.style_updates(styles_of_regions, self.wall.choices()),
            self.regions.shown: run.photo.sha256,
            self.regions.editor: None,
            self.regions.loaded: editor,
            self._regions_fold: gr.update(open=True) if strokes else gr.skip(),
            self._source_run: run.name,
        }

    def _kept(self, style: SharedPicture) -> str:
        """Return the name of a run's style on the wall, where it is kept."""
        return self._studio.wall.add(style.copy, style.picture.sha256, style.picture.name)

    def _load_png(self, file: str, photo: str | None, request: gr.Request) -> dict[Any, Any]:
        """Show the recipe inside a painted PNG, choose the styles of it that are on the wall, and say so."""
        language = language_of(request)
        with errors_as_toasts(request, Path(file)):
            record = read_metadata(Path(file))
            if record is None or not isinstance(record.get("recipe"), dict):
                raise InputError("this picture holds no recipe: impasto did not paint it, or a program removed it")
            recipe = resolve(None, with_current_names(record["recipe"]) | {"regions": ()})
        given = _styles_in(record)
        found = [name for name in given if name in self._studio.wall.names()]
        key, missing = "restored", ", ".join(title for name, title in given.items() if name not in found)
        if missing:
            key = "restored_without_style"
        elif not given:
            key = "restored_settings"
        titles = ", ".join(choice_label(language, self._studio.wall.title(name)) for name in found)
        gr.Info(html.escape(translate(language, key, styles=titles, missing=missing)))
        crops = crops_of(list(given), as_text(recipe.style.crop))
        chosen = self.wall.load(found, crops, () if missing else recipe.style.mix) if given else {}
        return self._recipe_updates(recipe, photo, language) | chosen | {self._dropped: None}

    def _give_sample(self, name: str) -> str:
        """Return a copy of a sample photo that Gradio may serve."""
        copy = self._studio.workspace.exports / "samples" / f"{name}.webp"
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(SAMPLES[name].read_bytes())
        return str(copy)

    def _show_size(self, photo: str | None, size: Number) -> tuple[Any, Any]:
        """Let the size be as large as the photo."""
        bounds = _size_update(size, photo)
        bounds.pop("value", None)  # another one may have been chosen meanwhile
        return bounds, gr.update(visible=_long_side(photo) is not None)

    def _as_large_as_photo(self, photo: str | None) -> Any:
        longest = _long_side(photo)
        return _size_update(longest, photo) if longest else gr.skip()

    def _show_estimate(self, values: dict[Any, Any], request: gr.Request) -> str:
        """Say how long the picture takes and how much memory, unless another one is being painted."""
        language = language_of(request)
        try:
            given = self.read(values, request, with_notes=False)
            del given["source_run"]
            estimate = self._studio.estimate(**given)
        except (ImpastoError, gr.Error):
            return ""
        if estimate is None:
            return ""
        width, height = estimate.size
        about = {"time": clock(estimate.seconds), "memory": f"{estimate.memory / 1e9:.1f} GB"}
        return markup.render("hint_line", translate(language, "estimate", width=width, height=height, **about))

    def _show_preset(self, name: str, request: gr.Request) -> dict[Any, Any]:
        recipe, purpose = PRESETS[name], purpose_of(language_of(request), name)
        sliders = {self.strength: recipe.style.strength, self.colors: recipe.color.strength}
        return sliders | {self.preset: gr.update(info=purpose)} | self.settings.updates(recipe)

    def _recipe_updates(self, recipe: Recipe, photo: str | None, language: str) -> dict[Any, Any]:
        size = recipe.picture.size
        return {
            self.strength: recipe.style.strength,
            self.colors: recipe.color.strength,
            self.size: _size_update(size if isinstance(size, int) else _AUTOMATIC_SIZE, photo),
            self.preset: _preset_update(self.settings.nearest_preset(recipe), language),
            **self.settings.updates(recipe),
        }


def submission_key(given: Mapping[str, Any]) -> int:
    """Return a number that is the same for equal arguments of `Studio.submit`, as `Form.read` returns them."""
    regions = tuple((one.mask.tobytes(), str(one.style)) for one in given["regions"] or ())
    return hash((given["content"], tuple(given["styles"]), given["recipe"].as_json(), regions))


def _styles_in(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the names on the wall of the styles that the record in a PNG states, each with its title."""
    described = record.get("inputs")
    styles = described.get("styles") if isinstance(described, dict) else None
    found = {}
    for style in styles if isinstance(styles, list) else ():
        if isinstance(style, dict) and isinstance(digest := style.get("sha256"), str):
            found[wall_name(digest)] = Path(str(style.get("name", ""))).stem
    return found


def _long_side(photo: str | None) -> int | None:
    """Return the longer side of a picture; None if it cannot be read."""
    if photo is None:
        return None
    with suppress(ImpastoError, OSError):
        return max(peek_size(read_bytes(Path(photo)), "the photo") or (0,)) or None
    return None


def _size_update(size: Any, photo: str | None) -> Any:
    """Return the update that shows a size on the slider, which is as long as the size or the photo needs."""
    if isinstance(size, bool) or not isinstance(size, int | float) or not 0 < size < math.inf:
        return gr.skip()
    return gr.update(value=size, minimum=min(_MIN_SIZE, size), maximum=max(_MAX_SIZE, size, _long_side(photo) or 0))


def _preset_update(name: str, language: str) -> Any:
    """Return the update that shows a preset and what it is for."""
    return gr.update(value=name, info=purpose_of(language, name))


def _plain(value: Any) -> Any:
    """Return a value that a browser kept for a widget without files; None if it is another one."""
    if isinstance(value, list):
        return [one for one in value if isinstance(one, str)]
    return value if isinstance(value, str | int | float) else None


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
