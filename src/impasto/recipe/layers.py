"""Whose layers hold: those that somebody stated, or else those that the network brings."""

from collections.abc import Mapping
from typing import Any, Final

from impasto.errors import InputError
from impasto.networks import find_network

_FIELDS: Final = ("content_layers", "style_layers")


def with_own_layers(values: Any) -> Any:
    """Give the fields of a recipe that names a network, and no layers, the layers of that network."""
    if not isinstance(values, dict) or not isinstance(values.get("backbone"), str):
        return values
    try:
        network = find_network(values["backbone"])
    except InputError:
        # The field itself tells it, as all others do.
        return values
    return {field: getattr(network, field) for field in _FIELDS} | values


def with_stated(fields: Mapping[str, Any], *stated: Mapping[str, Any]) -> dict[str, Any]:
    """Lay what was stated over the fields of a recipe, later over earlier.

    Layers belong to the network that they were stated with: where another network is stated, they go, and its own
    hold. Layers that were stated without a network stay, for whichever it will be.
    """
    merged = dict(fields)
    loose: set[str] = set()
    for some in stated:
        if "backbone" in some and some["backbone"] != merged.get("backbone"):
            for field in set(_FIELDS) - loose:
                merged.pop(field, None)
        loose = (loose - set(some)) | ({*_FIELDS} & set(some) if "backbone" not in some else set())
        merged |= some
    return merged
