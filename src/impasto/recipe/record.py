"""What a painted picture holds about its run, written by `picture_metadata` and read here."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from impasto.errors import InputError, reason_of
from impasto.recipe.names import RENAMED
from impasto.recipe.values import RENAMED_LOSSES
from impasto.untrusted import Value

_Text = Annotated[str, Field(max_length=1000)]


class _Source(BaseModel):
    name: _Text
    sha256: _Text = ""
    mask: "_Source | None" = None


class _Sources(BaseModel):
    content: list[_Source] = []
    styles: list[_Source] = []
    init: list[_Source] = []
    regions: list[dict[str, _Source]] = []


class _Record(BaseModel):
    program: _Text = ""
    version: _Text = ""
    recipe: dict[str, Value]
    weights: dict[str, Value] = {}
    inputs: _Sources = _Sources()
    computed: dict[str, _Text] = {}
    figures: dict[str, float] = {}
    reason: _Text = ""


def checked_record(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a picture, with present names of settings; raises InputError if it is no such record."""
    try:
        record = _Record.model_validate(found).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise InputError(f"what the picture holds about its run is damaged ({reason_of(error)})") from None
    return record | {"recipe": with_current_names(record["recipe"])}


def with_current_names(embedded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe inside a picture with the present names of settings and losses.

    A recipe file with old names is refused, because it can be edited; a picture that an older version painted cannot.
    It states all settings; one that it lacks did not exist, and gets the value at which it changes nothing.

    >>> with_current_names({"rescue": 2.0, "style_losses": ["grain=0.02"]})
    {'saliency_weight': 2.0, 'style_losses': ['gradient_energy=0.02'], 'style_matching': 0.0, 'fine_stride': 0}
    """
    settings = {RENAMED.get(name, name): value for name, value in embedded.items()}
    losses = settings.get("style_losses")
    if isinstance(losses, list):
        parts = (str(loss).partition("=") for loss in losses)
        settings["style_losses"] = [f"{RENAMED_LOSSES.get(name, name)}{sign}{weight}" for name, sign, weight in parts]
    style, schedule = settings.get("style"), settings.get("schedule")
    if not isinstance(style, Mapping):
        settings.setdefault("style_matching", 0.0)
        settings.setdefault("fine_stride", 0)
    elif "matching" not in style:
        settings["style"] = {**style, "matching": 0.0, "losses": _with_style_layers(style)}
    if isinstance(schedule, Mapping):
        settings["schedule"] = {"fine_stride": 0, **schedule}
    return settings


def _with_style_layers(style: Mapping[str, Any]) -> Any:
    """Return the style losses, where `nearest` names the layers that it compared before matching existed."""
    losses = style.get("losses")
    if not isinstance(losses, Mapping) or not isinstance(losses.get("nearest"), (int, float)) or "layers" not in style:
        return losses
    return {**losses, "nearest": {"weight": losses["nearest"], "layers": style["layers"]}}
