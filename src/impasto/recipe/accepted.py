"""What a setting accepts: said in words, and read from what people type."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

_MANY: Final = 10**9  # larger bounds are written as a power of ten
_ENDLESS: Final = 10**18  # no bound that anybody would meet


@dataclass(frozen=True)
class Unit:
    """The unit of a number, which may be written behind it: `256px`, `50 %`."""

    name: str
    """Its name behind a number in a sentence; may be empty."""
    symbols: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Remove the unit before the number is read."""
        return core_schema.no_info_before_validator_function(self.without, handler(source))

    def without(self, value: Any) -> Any:
        """Return a text without the unit at its end; other values are returned as they are."""
        if not isinstance(value, str):
            return value
        number = value.strip().lower()
        symbol = next((symbol for symbol in self.symbols if number.endswith(symbol)), "")
        return number.removesuffix(symbol).rstrip()


PIXELS: Final = Unit("px", ("pixels", "px"))
PERCENT: Final = Unit("", ("%", "percent"))


def choices_of(kind: Any) -> tuple[str, ...]:
    """Return the words that a type accepts.

    >>> choices_of(int | Literal["photo"])
    ('photo',)
    """
    if get_origin(kind) is Literal:
        return get_args(kind)
    # The items of a list and the values of a mapping are not the setting's own.
    own = () if get_origin(kind) in (tuple, dict) else get_args(kind)
    return tuple(choice for part in own for choice in choices_of(part))


def as_choice(value: Any, choices: Sequence[str]) -> Any:
    """Return the choice that a text is but for capitals and dashes; any other value is returned as it is."""
    wanted = value.strip().lower().replace("-", "_") if isinstance(value, str) else None
    return wanted if wanted in choices else value


def accepted(info: FieldInfo) -> str:
    """Return in words what a setting accepts; empty if that is any text.

    >>> from impasto.recipe.settings import PictureSettings
    >>> accepted(PictureSettings.model_fields["size"])
    'a whole number of px from 16 to 65,536, or photo'
    """
    return _in_words(info.annotation, info.metadata)


def one_of_these(words: Sequence[str]) -> str:
    """Return words as alternatives.

    >>> one_of_these(["a"]), one_of_these(["a", "b", "c"])
    ('a', 'a, b or c')
    """
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _in_words(kind: Any, metadata: Sequence[Any] = (), *, several: bool = False) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        inner = [item for more in arguments[1:] for item in (more.metadata if isinstance(more, FieldInfo) else [more])]
        words = _in_words(arguments[0], inner, several=several)
    elif origin is Literal:
        words = one_of_these(arguments)
    elif kind in (int, float):
        words = _number(kind, metadata, several=several)
    elif origin is tuple:
        item = _in_words(arguments[0], several=True)
        words = f"{item}, separated by commas" if item else ""
    elif kind is bool or origin is dict:
        words = "true or false" if kind is bool else "NAME=WEIGHT, several separated by commas"
    else:
        parts = [_in_words(part) for part in arguments if part is not NoneType]
        words = ", or ".join(parts) if all(parts) else ""
    return words


def _number(kind: type, metadata: Sequence[Any], *, several: bool) -> str:
    noun = "number" if kind is float else "whole number"
    unit = next((item.name for item in metadata if isinstance(item, Unit)), "")
    low = next((item for item in metadata if isinstance(item, (Ge, Gt))), None)
    high = next((item for item in metadata if isinstance(item, (Le, Lt))), None)
    if isinstance(high, Lt) and float(str(high.lt)) >= _ENDLESS:
        high = None
    words = [f"{noun}s" if several else f"a {noun}", f"of {unit}" if unit else "", *_bounds(low, high)]
    return " ".join(filter(None, words))


def _bounds(low: Ge | Gt | None, high: Le | Lt | None) -> list[str]:
    words = []
    if isinstance(low, Ge):
        words += ["from" if high else "of at least", _written(low.ge)]
    elif isinstance(low, Gt):
        words += ["above", _written(low.gt)]
    if isinstance(high, Le):
        words += ["to" if isinstance(low, Ge) else "and at most", _written(high.le)]
    elif isinstance(high, Lt):
        words += ["to below" if isinstance(low, Ge) else "and below", _written(high.lt)]
    return words


def _written(bound: Any) -> str:
    return f"{bound:.2g}".replace("e+", "e") if bound >= _MANY else f"{bound:,.10g}"
