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
    """Let `a,b` stand for a list, as one writes it on a command line."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple)):
        return tuple(part for item in value for part in (_split(item) if isinstance(item, str) else (item,)))
    return value


def _four(value: Any) -> Any:
    parts = _split(value)
    if isinstance(parts, tuple) and len(parts) != 4:
        raise InputError(CROP_FORM)
    return parts


CROP_FORM: Final = "a crop is LEFT,TOP,WIDTH,HEIGHT with left, top >= 0 and width, height >= 1"

MOST_WEIGHT: Final = 1e15
Weight = Annotated[float, Field(ge=0, le=MOST_WEIGHT, allow_inf_nan=False)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
Numbers = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_split)]
Box = Annotated[tuple[int, int, int, int], BeforeValidator(_four)]


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
