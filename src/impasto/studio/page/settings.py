"""The fold "More": presets, and every field of the recipe that has no place of its own, generated from the recipe."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from impasto.recipe import PRESETS, Recipe, resolve
from impasto.studio.fields import FieldWidget, check_choices, field_widgets, from_widget, to_widget


class Settings:
    """The widgets of the fold. `inputs` are what callbacks take, in one order: the preset, then every field."""

    def __init__(self, text: Callable[[str], Any]) -> None:
        """Build them inside the block that is being built; `text` gives a text by its key."""
        self.widgets: list[FieldWidget] = []
        self._components: list[gr.components.Component] = []
        self.preset = gr.Dropdown(
            list(PRESETS), value="default", label=text("preset"), info=text("preset_hint"), elem_id="preset"
        )
        for title, some in field_widgets().items():
            with gr.Accordion(text(f"group_{title}"), open=False, elem_id=f"group-{title.lower()}"):
                for widget in some:
                    self.widgets.append(widget)
                    self._components.append(_component(widget, text))
        self.inputs: list[gr.components.Component] = [self.preset, *self._components]

    def updates(self, recipe: Recipe) -> list[Any]:
        """Return the values that show a recipe, in the order of `fields`."""
        return [gr.update(value=to_widget(widget, getattr(recipe, widget.field))) for widget in self.widgets]

    @property
    def fields(self) -> list[gr.components.Component]:
        """The widgets of the fields alone."""
        return self._components

    def recipe(self, values: Sequence[Any], **said: Any) -> Recipe:
        """Return the recipe of the widgets' values (preset first) and of what is said elsewhere on the page.

        Raises InputError in one line if they do not make one.
        """
        preset, *given = values
        base = resolve(preset)
        moved = {
            widget.field: from_widget(widget, value)
            for widget, value in zip(self.widgets, given, strict=True)
            if not _same(to_widget(widget, getattr(base, widget.field)), value)
        }
        recipe = resolve(preset, moved | said)
        check_choices(recipe)
        return recipe


def _same(shows: Any, value: Any) -> bool:
    """Tell whether a widget shows what it was set to; an empty text may come back as None, and 5 as 5.0."""
    return shows == value or (shows in ("", None) and value in ("", None))


def _component(widget: FieldWidget, text: Callable[[str], Any]) -> gr.components.Component:
    common: Mapping[str, Any] = {
        "label": text(f"field_{widget.field}"),
        "info": text(f"help_{widget.field}"),
        "value": widget.default,
        "elem_id": f"field-{widget.field}",
    }
    if widget.kind == "switch":
        return gr.Checkbox(**common)
    if widget.kind == "choice":
        return gr.Dropdown(list(widget.choices), **common)
    if widget.kind == "slider":
        return gr.Slider(widget.low or 0.0, widget.high or 1.0, step=widget.step, **common)
    if widget.kind == "number":
        return gr.Number(minimum=widget.low, maximum=widget.high, **common)
    return gr.Textbox(**common)
