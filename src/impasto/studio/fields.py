"""The settings of a recipe as widgets: kind, bounds and choices of each; without Gradio."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin

from impasto.errors import InputError
from impasto.networks import NETWORKS
from impasto.recipe import FIELDS, INITS, Recipe, SettingField, as_text

Kind: TypeAlias = Literal["slider", "number", "choice", "switch", "text"]

OWN_WIDGETS: Final = ("strength", "color_strength", "size", "style_mix", "style_crop", "regions")
"""Settings that the page shows elsewhere."""

HIDDEN: Final = ("device", "threads", "max_memory", "max_megapixels", "snapshots", "snapshot_every")
"""Settings that belong to the server's owner, or that are useless on a page."""

CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "init": INITS,
    "weights": ("embedded", "full"),
    "backbone": tuple(NETWORKS),
}
"""Allowed values of settings that could also name a file: visitors must not make the server read files."""

_MAX_SLIDER_RANGE: Final = 100.0
"""A wider range gets a number field: a slider cannot be set to 30 between 0 and 1e15."""

_SLIDER_STEPS: Final = 100


@dataclass(frozen=True, kw_only=True)
class FieldWidget:
    """The widget of a setting; `default` has the form that the widget shows, an open bound is None."""

    field: str
    kind: Kind
    help: str
    default: Any
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()


def field_widgets() -> dict[str, list[FieldWidget]]:
    """Return the widgets of all settings that the page does not show elsewhere, by the headings of `--help-all`."""
    groups: dict[str, list[FieldWidget]] = {}
    for name, field in FIELDS.items():
        if name not in (*OWN_WIDGETS, *HIDDEN):
            groups.setdefault(field.group, []).append(_widget(name, field))
    return groups


def to_widget(widget: FieldWidget, value: Any) -> Any:
    """Return the value of a setting in the form that its widget shows."""
    return _shown(widget.kind, value)


def from_widget(widget: FieldWidget, value: Any) -> Any:
    """Return what a widget holds as the value of its setting, to be checked by the recipe.

    An empty text is the default; other texts are returned unchanged, because the recipe reads lists and numbers.
    """
    if widget.kind == "text":
        return str(value or "").strip() or FIELDS[widget.field].info.default
    # Sliders sometimes return whole numbers as floats.
    whole = isinstance(widget.default, int) and isinstance(value, float) and value.is_integer()
    return int(value) if whole else value


def check_choices(recipe: Recipe) -> None:
    """Raise InputError if a recipe (that of an uploaded picture, for instance) names a file of the server."""
    for name, choices in CHOICES.items():
        value = recipe.get(name)
        if value not in choices:
            raise InputError(f"{name} may be {', '.join(choices)} here, not {value!r}")


def _shown(kind: Kind, value: Any) -> Any:
    if kind != "text":
        return value
    return "" if value is None else as_text(value)


def _widget(name: str, field: SettingField) -> FieldWidget:
    info = field.info
    low = _bound(info.metadata, "ge", "gt", 1e-6)
    high = _bound(info.metadata, "le", "lt", -1e-6)
    kind, choices, step = _kind(info.annotation, low, high), get_args(info.annotation), None
    if name in CHOICES:
        kind, choices = "choice", CHOICES[name]
    if kind == "slider" and low is not None and high is not None:
        step = 1.0 if info.annotation is int else float(f"{(high - low) / _SLIDER_STEPS:.1g}")
    return FieldWidget(
        field=name,
        kind=kind,
        help=info.description or "",
        default=_shown(kind, info.default),
        low=low,
        high=high,
        step=step,
        choices=choices if kind == "choice" else (),
    )


def _kind(annotation: Any, low: float | None, high: float | None) -> Kind:
    if annotation is bool:
        return "switch"
    if get_origin(annotation) is Literal:
        return "choice"
    if annotation not in (int, float):
        return "text"
    return "number" if low is None or high is None or high - low > _MAX_SLIDER_RANGE else "slider"


def _bound(metadata: Sequence[Any], closed: str, excluded: str, inward: float) -> float | None:
    """Return the least or greatest value; an excluded bound is moved inward a little."""
    for part in metadata:
        for name, shift in ((closed, 0.0), (excluded, inward)):
            if getattr(part, name, None) is not None:
                return float(getattr(part, name)) + shift
    return None
