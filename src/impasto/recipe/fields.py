"""What the fields of a recipe are made of: closed choices, bounded numbers, lists written with commas."""

import math
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BeforeValidator, Field

from impasto.errors import InputError

Pooling = Literal["max", "average", "l2"]
Padding = Literal["zeros", "reflect", "replicate"]
Normalization = Literal["relative", "size_free", "paper"]
ContentLoss = Literal["features", "self_similarity", "laplacian"]
StyleLoss = Literal["gram", "mean_std", "wasserstein", "sliced", "histogram", "nearest", "relaxed_emd", "grain"]
CanvasKind = Literal["box", "free"]
ColorMode = Literal["style", "photo", "match", "luminance"]
ColorMap = Literal["transport", "cholesky", "histogram"]
OptimizerName = Literal["lbfgs", "adam"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16"]
Smoothing = Literal["auto", "softmax", "none"]
INITS: Final = ("content", "recolored", "noise", "style")


def _split(value: Any) -> Any:
    """Let `a,b` stand for a list, as one writes it on a command line, and a number for a list of one."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple)):
        return tuple(part for item in value for part in (_split(item) if isinstance(item, str) else (item,)))
    return (value,) if isinstance(value, (int, float)) else value


def _listed(value: Any) -> Any:
    """Let one region stand without a list around it, and nothing for none; names of files may hold commas."""
    if isinstance(value, str):
        return (value,) if value.strip() else ()
    return [item for item in value if item != ""] if isinstance(value, (list, tuple)) else value


CROP_FORM: Final = (
    "a crop is LEFT,TOP,WIDTH,HEIGHT with left, top >= 0 and width, height >= 1, or `full`; "
    "those of several styles stand between slashes"
)
_FULL: Final = "full"
"""How a style is written that is not cropped, beside others that are."""


def _boxes(value: Any) -> Any:
    """Let `10,20,300,200/full` stand for the crops of two styles, and four numbers alone for one crop."""
    if value is None:
        return ()
    if isinstance(value, str):
        value = [part.strip() for part in value.split("/")]
    if not isinstance(value, (list, tuple)):
        raise InputError(CROP_FORM)
    if len(value) == 1 and isinstance(value[0], str) and "/" in value[0]:
        return _boxes(value[0])
    if value and all(isinstance(item, int) for item in value):
        value = [value]
    return tuple(_box(item) for item in value)


def _box(value: Any) -> tuple[int, ...]:
    """Read one crop; nothing for a style that is not cropped."""
    if value in (_FULL, None):
        return ()
    parts = _split(value)
    try:
        numbers = tuple(int(part) for part in parts)
    except (TypeError, ValueError):
        raise InputError(CROP_FORM) from None
    if numbers and (len(numbers) != 4 or min(numbers[:2]) < 0 or min(numbers[2:]) < 1):
        raise InputError(CROP_FORM)
    return numbers


def written(value: Any) -> str:
    """Write a field's value as the command line takes it."""
    if not isinstance(value, (list, tuple)):
        return str(value)
    if any(isinstance(item, (list, tuple)) for item in value):
        return "/".join(written(item) or _FULL for item in value)
    return ",".join(map(str, value))


MOST_WEIGHT: Final = 1e15
Weight = Annotated[float, Field(ge=0, le=MOST_WEIGHT, allow_inf_nan=False)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
Numbers = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_split)]
Floats = Annotated[tuple[Annotated[float, Field(allow_inf_nan=False)], ...], BeforeValidator(_split)]
Scales = Annotated[tuple[Annotated[float, Field(ge=0.05, le=20)], ...], BeforeValidator(_split)]
Boxes = Annotated[tuple[tuple[int, ...], ...], BeforeValidator(_boxes)]
Regions = Annotated[tuple[str, ...], BeforeValidator(_listed)]


def canonical_items(items: tuple[str, ...], canonical: Callable[[str], str]) -> tuple[str, ...]:
    """Check a list of `NAME` or `NAME=WEIGHT` and write every name as `canonical` has it.

    Raises InputError for a weight that is none or a name that is there twice, and what `canonical` raises.
    """
    checked: list[str] = []
    for item in items:
        name, equals, weight = item.partition("=")
        checked.append(canonical(name) + (f"={item_weight(item, weight)!r}" if equals else ""))
    names = [item.partition("=")[0] for item in checked]
    if len(set(names)) < len(names):
        raise InputError(f"something is named twice in {', '.join(names)}")
    return tuple(checked)


def one_of(name: str, choices: Any, what: str) -> str:
    """Return the name if the Literal `choices` has it; raises InputError, listing them, if not."""
    known = get_args(choices)
    wanted = name.strip().lower().replace("-", "_")
    if wanted not in known:
        raise InputError(f"unknown {what} {name!r}; known are {', '.join(known)}")
    return wanted


def item_weight(item: str, text: str) -> float:
    """Read the weight in `NAME=WEIGHT`; raises InputError if it is no number from 0 to 1e15."""
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not (0 <= weight <= 1e15):
        raise InputError(f"the weight in {item!r} must be a number from 0 to 1e15")
    return weight


def named_weights(items: tuple[str, ...]) -> dict[str, float]:
    """Return the weight of every `NAME` or `NAME=WEIGHT`; a name alone shares 1 equally with the others."""
    share = 1 / len(items) if items else 0.0
    pairs = (item.partition("=") for item in items)
    return {name: float(weight) if equals else share for name, equals, weight in pairs}
