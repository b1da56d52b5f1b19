"""The fields of a recipe as widgets: which kind, between which bounds, with which choices. Nothing of the page here."""

import types
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from impasto.errors import InputError
from impasto.networks import NETWORKS
from impasto.recipe import INITS, Recipe
from impasto.recipe.fields import written
from impasto.recipe.groups import GROUPS

Kind: TypeAlias = Literal["slider", "number", "choice", "switch", "text"]

ON_TOP: Final = ("strength", "color_strength", "size", "style_mix", "style_crop", "regions")
"""Fields that the page has widgets of its own for."""

NOT_THE_VISITORS: Final = ("device", "threads", "max_megapixels", "snapshots", "snapshot_every")
"""Fields that whoever runs the server decides, or that mean nothing on a page."""

CLOSED: Final[dict[str, tuple[str, ...]]] = {
    "init": INITS,
    "weights": ("embedded", "full"),
    "backbone": tuple(NETWORKS),
}
"""Fields that may name a file elsewhere: a visitor of the page must not make the server read any."""

_WIDEST_SLIDER: Final = 100.0
"""A wider range is typed: a slider has no place for 30 between 0 and 1e15."""

_TICKS: Final = 100


@dataclass(frozen=True, kw_only=True)
class FieldWidget:
    """How a field is shown; `default` is the default in its widget's form, bounds are None where there are none."""

    field: str
    kind: Kind
    help: str
    default: Any
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()


def field_widgets() -> dict[str, list[FieldWidget]]:
    """Return the widgets of all fields that the page does not show elsewhere, by the headings of the command line."""
    known = {
        name: _widget(name, field)
        for name, field in Recipe.model_fields.items()
        if name not in {*ON_TOP, *NOT_THE_VISITORS}
    }
    shown = {title: [known[name] for name in names if name in known] for title, names in GROUPS.items()}
    return {title: some for title, some in shown.items() if some}


def to_widget(widget: FieldWidget, value: Any) -> Any:
    """Return a field's value in the form that its widget shows."""
    if widget.kind == "text":
        return "" if value is None else written(value)
    return value


def from_widget(widget: FieldWidget, value: Any) -> Any:
    """Return what a widget shows as a field's value; the recipe checks it. An empty text is no value.

    Lists and `int or word` fields are left as text, which the recipe reads.
    """
    if widget.kind != "text":
        return _whole(widget, value)
    text = str(value or "").strip()
    if text:
        return text
    return Recipe.model_fields[widget.field].default if not _is_optional(widget.field) else None


def check_choices(recipe: Recipe) -> None:
    """Raise InputError if a recipe, perhaps that of a picture somebody dropped, names a file of the server."""
    for name, choices in CLOSED.items():
        value = getattr(recipe, name)
        if value not in choices:
            raise InputError(f"{name} may be {', '.join(choices)} here, not {value!r}")


def _whole(widget: FieldWidget, value: Any) -> Any:
    """Give whole numbers back to fields that count: sliders return them as they like."""
    whole = isinstance(widget.default, int) and not isinstance(widget.default, bool)
    return int(value) if whole and isinstance(value, float) and value.is_integer() else value


def _widget(name: str, field: FieldInfo) -> FieldWidget:
    kind, choices, low, high = ("choice", CLOSED[name], None, None) if name in CLOSED else _form(field)
    widget = FieldWidget(
        field=name,
        kind=kind,
        help=field.description or "",
        default=field.default,
        low=low,
        high=high,
        step=_step(field, low, high) if kind == "slider" else None,
        choices=choices,
    )
    default = to_widget(widget, field.default)
    return FieldWidget(**(vars(widget) | {"default": default}))


def _form(field: FieldInfo) -> tuple[Kind, tuple[str, ...], float | None, float | None]:
    if field.annotation is bool:
        return "switch", (), None, None
    if get_origin(field.annotation) is Literal:
        return "choice", get_args(field.annotation), None, None
    if field.annotation not in (int, float):
        return "text", (), None, None
    low, high = _bounds(field.metadata)
    fits = low is not None and high is not None and high - low <= _WIDEST_SLIDER
    return "slider" if fits else "number", (), low, high


def _bounds(metadata: list[Any]) -> tuple[float | None, float | None]:
    """Return the least and the greatest value; an open bound is moved inwards by a little."""
    flat = [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else [item])]
    low = next((part.ge for part in flat if isinstance(part, Ge)), None)
    high = next((part.le for part in flat if isinstance(part, Le)), None)
    above = next((part.gt for part in flat if isinstance(part, Gt)), None)
    below = next((part.lt for part in flat if isinstance(part, Lt)), None)
    if low is None and above is not None:
        low = float(above) + 1e-6  # type: ignore[arg-type]
    if high is None and below is not None:
        high = float(below) - 1e-6  # type: ignore[arg-type]
    return _number(low), _number(high)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _step(field: FieldInfo, low: float | None, high: float | None) -> float:
    assert low is not None
    assert high is not None
    return 1 if field.annotation is int else float(f"{(high - low) / _TICKS:.1g}")


def _is_optional(name: str) -> bool:
    """Tell whether a field may be without a value."""
    annotation = Recipe.model_fields[name].annotation
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)
