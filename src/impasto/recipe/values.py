"""Types of the settings of a recipe: closed choices, bounded numbers, and values that can be written as text."""

import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_serializer, model_validator

from impasto.errors import InputError, check_type
from impasto.recipe.accepted import PERCENT, PIXELS

Pooling = Literal["max", "average", "l2"]
Padding = Literal["zeros", "reflect", "replicate"]
Normalization = Literal["relative", "size_free", "paper"]
CanvasKind = Literal["box", "free"]
ColorMode = Literal["style", "photo", "match", "luminance"]
ColorMap = Literal["transport", "cholesky", "histogram"]
OptimizerName = Literal["lbfgs", "adam"]
MethodName = Literal["optimize", "instant"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16"]
Smoothing = Literal["auto", "softmax", "none"]
INITS: Final = ("content", "recolored", "noise", "style")
KEEP: Final = "keep"
"""The style of a region in which the photo stays as it is."""

STYLE_LOSSES: Final[dict[str, bool]] = {
    "gram": False,
    "mean_std": False,
    "wasserstein": False,
    "sliced": False,
    "histogram": False,
    "nearest": False,
    "relaxed_emd": False,
    "gradient_energy": True,
}
CONTENT_LOSSES: Final[dict[str, bool]] = {"features": False, "self_similarity": False, "laplacian": True}
"""The known losses by name, and whether one compares pixels, so that it needs no layers of a network."""

RENAMED_LOSSES: Final = {"grain": "gradient_energy"}

MAX_WEIGHT: Final = 1e15
Weight = Annotated[float, Field(ge=0, le=MAX_WEIGHT, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Percent = Annotated[float, PERCENT, Field(ge=0, le=100, allow_inf_nan=False)]
LONGEST_SIDE: Final = 65_536
Pixels = Annotated[int, PIXELS, Field(ge=16, le=LONGEST_SIDE)]


def split_list(value: Any) -> Any:
    """Return the items of `a,b` as a tuple, of a number a tuple of one; other values are returned as they are."""
    if isinstance(value, str):
        parts = tuple(part.strip() for part in value.split(",") if part.strip())
        return parts or ((value,) if value.strip() else ())
    if isinstance(value, (list, tuple)):
        return tuple(part for item in value for part in (split_list(item) if isinstance(item, str) else (item,)))
    return (value,) if isinstance(value, (int, float)) else value


_UNITS: Final = {"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_MEMORY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]i?)b?", re.IGNORECASE)


def memory_bytes(amount: str) -> float:
    """Return the bytes of an amount of memory.

    >>> memory_bytes("8GB"), memory_bytes("1.5 GiB")
    (8000000000.0, 1610612736.0)
    """
    found = _MEMORY.fullmatch(amount.strip())
    if found is None:
        raise ValueError("must be an amount of memory such as 8GB or 500MB")
    return float(found[1]) * _UNITS[found[2].lower()]


def memory_text(amount: float) -> str:
    """Write an amount of memory, rounded up to a tenth of a gigabyte.

    >>> memory_text(7.91e9)
    '8.0GB'
    """
    return f"{math.ceil(amount / 1e8) / 10:.1f}GB"


def _read_memory(value: Any) -> Any:
    if isinstance(value, str):
        memory_bytes(value)
    return value


Memory = Annotated[str, BeforeValidator(_read_memory)]
Steps = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(split_list)]
Numbers = Annotated[tuple[Finite, ...], BeforeValidator(split_list)]
Shares = Annotated[tuple[Annotated[Finite, PERCENT], ...], BeforeValidator(split_list)]
Scales = Annotated[tuple[Annotated[float, Field(ge=0.05, le=20)], ...], BeforeValidator(split_list)]


# -- layers and losses -------------------------------------------------------------------------------------------------


def read_weights(value: Any) -> Any:
    """Read weights by name from `a=0.5,b`, a list of such items, or a mapping; a name alone weighs one n-th of n items.

    Raises InputError for a weight that is not a number from 0 to 1e15, or a name that occurs twice.

    >>> read_weights("conv1_1=0.6,conv2_1"), read_weights(["conv4_2"])
    ({'conv1_1': 0.6, 'conv2_1': 0.5}, {'conv4_2': 1.0})
    """
    if isinstance(value, Mapping):
        return {str(name).strip(): read_weight(f"{name}={weight}", weight) for name, weight in value.items()}
    items = split_list(value)
    if not isinstance(items, tuple) or not all(isinstance(item, str) for item in items):
        return value
    weights: dict[str, float] = {}
    for item in items:
        name, equals, weight = item.partition("=")
        if name.strip() in weights:
            raise InputError(f"{name.strip()} is named twice in {', '.join(items)}")
        weights[name.strip()] = read_weight(item, weight) if equals else 1 / len(items)
    return weights


def read_weight(item: str, weight: Any) -> float:
    """Read the weight of an item such as `conv1_1=0.6`; raises InputError if it is not a number from 0 to 1e15."""
    try:
        number = float(weight)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= MAX_WEIGHT:
        raise InputError(f"the weight in {item!r} must be a number from 0 to 1e15")
    return number


LayerWeights: TypeAlias = Annotated[dict[str, Weight], BeforeValidator(read_weights)]
"""Weights by the names of layers, from `conv1_1=0.6,conv2_1=0.4` or a mapping."""


class LossSettings(BaseModel):
    """Weight, layers and samples of a loss; written as its weight alone if the rest is None."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    weight: Weight = 1.0
    """How much the loss counts beside the others."""
    layers: LayerWeights | None = None
    """Layers of this loss alone, with their weights; None: the layers that all losses share."""
    samples: Annotated[int, Field(ge=16, le=65536)] | None = None
    """Number of positions that this loss samples; None: the section's `samples`."""

    @model_validator(mode="before")
    @classmethod
    def _from_weight(cls, value: Any) -> Any:
        return value if isinstance(value, (Mapping, BaseModel)) else {"weight": value}

    @model_serializer(mode="plain")
    def _as_weight(self) -> Any:
        if self.layers is None and self.samples is None:
            return self.weight
        return {name: value for name, value in vars(self).items() if value is not None}

    def as_text(self) -> str:
        """Return the settings as they follow the name of the loss on the command line."""
        layers = "+".join(f"{name}={as_text(weight)}" for name, weight in (self.layers or {}).items())
        samples = f":{self.samples}" if self.samples else ""
        return f"={as_text(self.weight)}" + (f"@{layers}" if layers else "") + samples


def read_losses(value: Any, known: Collection[str], kind: str) -> Any:
    """Read losses from `wasserstein=1,nearest=0.5@conv3_1=0.3+conv4_1=0.1:512`, a list of such items, or a mapping.

    After `@` stand the loss's own layers, after `:` its number of samples. Raises InputError, listing the known
    losses, for an unknown name.
    """
    if isinstance(value, Mapping):
        return {one_of(str(name), known, kind): settings for name, settings in value.items()}
    items = split_list(value)
    if not isinstance(items, tuple) or not all(isinstance(item, str) for item in items):
        return value
    weights = read_weights([item.partition("@")[0].partition(":")[0] for item in items])
    losses: dict[str, Any] = {}
    for item, (name, weight) in zip(items, weights.items(), strict=True):
        rest, _, samples = item.partition(":")
        layers = rest.partition("@")[2].replace("+", ",")
        settings = {"weight": weight, "layers": layers or None, "samples": samples or None}
        losses |= {one_of(name, known, kind): settings}
    if len(losses) < len(weights):
        raise InputError(f"a {kind} is named twice in {', '.join(items)}")
    return losses


def one_of(name: str, known: Collection[str], what: str) -> str:
    """Return the name in lower case with underscores; raises InputError, listing the known ones, if it is not known."""
    check_type(name, str, f"the {what}", f"one of {', '.join(known)}")
    wanted = name.strip().lower().replace("-", "_")
    if wanted in RENAMED_LOSSES:
        raise InputError(f"the {what} {wanted!r} is called {RENAMED_LOSSES[wanted]!r} now")
    if wanted not in known:
        raise InputError(f"unknown {what} {name!r}; known are {', '.join(known)}")
    return wanted


StyleLosses = Annotated[
    dict[str, LossSettings], BeforeValidator(lambda value: read_losses(value, STYLE_LOSSES, "style loss"))
]
ContentLosses = Annotated[
    dict[str, LossSettings], BeforeValidator(lambda value: read_losses(value, CONTENT_LOSSES, "content loss"))
]


# -- crops and regions -------------------------------------------------------------------------------------------------


class Crop(NamedTuple):
    """A part of a picture, in its upright pixels."""

    left: int
    top: int
    width: int
    height: int


CROP_FORM: Final = (
    "a crop is LEFT,TOP,WIDTH,HEIGHT with left, top >= 0 and width, height >= 1, or `full`; "
    "crops of several styles are separated by slashes"
)


def read_crops(value: Any) -> tuple[Crop | None, ...]:
    """Read `10,20,300,200/full`, the crops of two styles, or a list of crops; None stands for a whole picture.

    Raises InputError for anything else.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        value = [part.strip() for part in value.split("/")]
    if not isinstance(value, (list, tuple)):
        raise InputError(CROP_FORM)
    if len(value) == 1 and isinstance(value[0], str) and "/" in value[0]:
        return read_crops(value[0])
    if value and all(isinstance(item, int) for item in value):
        value = [value]
    return tuple(_read_crop(item) for item in value)


def _read_crop(value: Any) -> Crop | None:
    if value in ("full", "", None, (), []):
        return None
    try:
        crop = Crop(*map(int, split_list(value)))
    except (TypeError, ValueError, OverflowError):
        raise InputError(CROP_FORM) from None
    if min(crop.left, crop.top) < 0 or min(crop.width, crop.height) < 1:
        raise InputError(CROP_FORM)
    return crop


def crops_as_text(crops: tuple[Crop | None, ...]) -> list[str]:
    """Return crops as texts, such as `10,20,300,200` and `full`."""
    return ["full" if crop is None else ",".join(map(str, crop)) for crop in crops]


Crops = Annotated[tuple[Crop | None, ...], BeforeValidator(read_crops), PlainSerializer(crops_as_text)]


# -- changes while painting --------------------------------------------------------------------------------------------

CHANGING: Final[dict[str, float]] = {
    **dict.fromkeys(("strength", "color_strength"), 100.0),
    **dict.fromkeys(("content_weight", "style_weight", "tv_weight"), MAX_WEIGHT),
    **dict.fromkeys(("low_frequency_weight", "luminance_range_weight", "temporal_weight"), MAX_WEIGHT),
}
"""The settings that may change while a picture is painted, and the most that each may be."""


class Change(NamedTuple):
    """What some settings are once `step` steps are done; written as `40:strength=70,style_weight=20`."""

    step: int
    settings: dict[str, float]

    def as_text(self) -> str:
        """Return the change as it is written on the command line."""
        return f"{self.step}:{as_text(self.settings)}"


CHANGE_FORM: Final = (
    f"a change is STEP:SETTING=NUMBER,... with one of {', '.join(CHANGING)}; several are separated by slashes"
)


def read_changes(value: Any) -> tuple[Change, ...]:
    """Read `40:strength=70/60:strength=50`, or a list of changes; those of one step become one, the last number counts.

    Raises InputError for anything else.

    >>> [change.as_text() for change in read_changes("60:strength=50/40:strength=70,color_strength=0")]
    ['40:strength=70,color_strength=0', '60:strength=50']
    """
    items = value.split("/") if isinstance(value, str) else value or ()
    if not isinstance(items, (list, tuple)):
        raise InputError(CHANGE_FORM)
    by_step: dict[int, dict[str, float]] = {}
    for item in items:
        several = item.split("/") if isinstance(item, str) else [item]
        for step, settings in (one if isinstance(one, Change) else _read_change(one) for one in several if one):
            by_step.setdefault(step, {}).update(settings)
    return tuple(_checked_change(step, by_step[step]) for step in sorted(by_step))


def _read_change(text: Any) -> Change:
    found = re.fullmatch(r"\s*(\d{1,9})\s*:(.+)", text, re.DOTALL) if isinstance(text, str) else None
    items = split_list(found[2]) if found else ()
    if found is None or not all("=" in item for item in items):
        raise InputError(CHANGE_FORM)
    return Change(int(found[1]), read_weights(items))


def _checked_change(step: int, settings: Mapping[str, Any]) -> Change:
    numbers = {name: read_weight(f"{name}={number}", number) for name, number in settings.items()}
    for name, number in numbers.items():
        if name not in CHANGING:
            raise InputError(CHANGE_FORM)
        if number > CHANGING[name]:
            raise InputError(f"{name} is from 0 to {CHANGING[name]:g}, not {number:g}")
    return Change(step, numbers)


def changes_as_text(changes: tuple[Change, ...]) -> list[str]:
    """Return changes as texts."""
    return [change.as_text() for change in changes]


Changes = Annotated[tuple[Change, ...], BeforeValidator(read_changes), PlainSerializer(changes_as_text)]


class RegionSettings(BaseModel):
    """A part of the photo with its own style, by the names of its files.

    Written as `MASK=STYLE`, `MASK=STYLE@STYLEMASK` or `MASK=keep`; names that contain `=` need the long form.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    mask: Annotated[str, Field(min_length=1)]
    """File of the mask, white where the region is; or `foreground` or `background`."""
    style: Annotated[str, Field(min_length=1)]
    """File or built-in name of the style image; `keep`: the photo stays as it is."""
    style_mask: str | None = None
    """File of a mask of the style image, white where the style is taken from."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return read_region(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _no_mask_to_keep(self) -> "RegionSettings":
        if self.keeps and self.style_mask:
            raise InputError(f"a region that keeps the photo has no style to mask: {self.as_text()!r}")
        return self

    @property
    def keeps(self) -> bool:
        """Whether the photo stays as it is."""
        return self.style == KEEP

    def placeholders(self, number: int) -> dict[str, str]:
        """Return what stands for pictures that were not given as files, by part; the region is the `number`th one.

        >>> RegionSettings(mask="mask 2", style="night").placeholders(2)
        {'mask': 'mask 2'}
        """
        return {part: name for part, name in self if name == placeholder(part, number)}

    def as_text(self) -> str:
        """Return the region as it is written on the command line."""
        return f"{self.mask}={self.style}" + (f"@{self.style_mask}" if self.style_mask else "")


def placeholder(part: str, number: int) -> str:
    """Return what stands for a picture of a region that is not given as a file.

    >>> placeholder("style_mask", 1)
    'style mask 1'
    """
    return f"{part.replace('_', ' ')} {number}"


def read_region(text: str) -> dict[str, str]:
    """Return the parts of a region's text; raises InputError if it is not written as one.

    >>> read_region("sky.png=night@stars.png")
    {'mask': 'sky.png', 'style': 'night', 'style_mask': 'stars.png'}
    """
    mask, _, style = (part.strip() for part in text.partition("="))
    style, style_mask = read_style(style)
    if not mask or not style:
        raise InputError(f"a region is written MASK=STYLE, MASK=STYLE@STYLEMASK or MASK=keep, not {text!r}")
    return {"mask": mask, "style": style} | ({"style_mask": style_mask} if style_mask else {})


def read_style(text: str) -> tuple[str, str | None]:
    """Return style and mask of `STYLE@MASK`; without a mask it is None.

    >>> read_style("starry.jpg@stars.png"), read_style("night")
    (('starry.jpg', 'stars.png'), ('night', None))
    """
    style, at, mask = text.rpartition("@")
    return (style, mask) if at and style and mask else (text, None)


def _one_or_more(value: Any) -> Any:
    """Return a list of regions; a single region need not be in a list, and an empty text means none."""
    if isinstance(value, (str, Mapping, RegionSettings)):
        return (value,) if value else ()
    return [item for item in value if item != ""] if isinstance(value, (list, tuple)) else value


Regions = Annotated[tuple[RegionSettings, ...], BeforeValidator(_one_or_more)]


def as_text(value: Any) -> str:
    """Return the value of a setting as the command line takes it."""
    if isinstance(value, Mapping):
        return ",".join(
            f"{name}{item.as_text()}" if isinstance(item, LossSettings) else f"{name}={as_text(item)}"
            for name, item in value.items()
        )
    if isinstance(value, tuple) and any(item is None or isinstance(item, Crop) for item in value):
        return "/".join(crops_as_text(value))
    if isinstance(value, tuple) and any(isinstance(item, Change) for item in value):
        return "/".join(changes_as_text(value))
    if isinstance(value, tuple):
        return ",".join(map(as_text, value))
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def canonical_names(weights: dict[str, float], canonical: Callable[[str], str]) -> dict[str, float]:
    """Return weights by canonical names; raises InputError if two names mean the same, and what `canonical` raises."""
    named = {canonical(name): weight for name, weight in weights.items()}
    if len(named) < len(weights):
        raise InputError(f"something is named twice in {', '.join(weights)}")
    return named
