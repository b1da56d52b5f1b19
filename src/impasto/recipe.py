"""The recipe: every choice of a run, with unit and bounds. Defaults are written here and nowhere else.

`Recipe()` is the preset `default`. Loading this module loads neither torch nor numpy, so that `--help` is instant.
"""

import json
import math
import shlex
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from impasto.errors import InputError
from impasto.layers import canonical_layer

Pooling = Literal["max", "average", "l2"]
Padding = Literal["zeros", "reflect", "replicate"]
Normalization = Literal["relative", "size_free", "paper"]
CanvasKind = Literal["box", "free"]
OptimizerName = Literal["lbfgs", "adam"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16"]
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
        raise InputError(_CROP)
    return parts


_CROP: Final = "a crop is LEFT,TOP,WIDTH,HEIGHT with left, top >= 0 and width, height >= 1"

Weight = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
Numbers = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_split)]
Box = Annotated[tuple[int, int, int, int], BeforeValidator(_four)]


class Recipe(BaseModel):
    """Every choice of a run; frozen, checked on creation. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)

    size: Annotated[int, Field(ge=16, le=65536)] | Literal["photo"] = 512
    """Long side of the result in pixels, or `photo` for the photo's own; never more than that without upscale."""
    upscale: bool = False
    """Allow a result larger than the photo."""
    style_size: Annotated[int, Field(ge=16, le=65536)] | None = None
    """Long side at which the style image is looked at, in pixels; None: that of the canvas."""
    style_crop: Box | None = None
    """Part of the style image that teaches: left, top, width, height in pixels of the upright original."""

    backbone: Literal["vgg19"] = "vgg19"
    """The network that looks at the pictures."""
    weights: str = "embedded"
    """The network's weights: `embedded` (no download), `full` (what `impasto weights fetch` brought) or a file."""
    pooling: Pooling = "average"
    """How the network halves its maps: `average` as in the paper, `max` as it was trained, or `l2`."""
    padding: Padding = "reflect"
    """What the network sees beyond the border; `zeros` (as it was trained) paints a frame."""

    content_layers: Names = ("conv4_2",)
    """Layers of the content loss; `NAME` shares a weight of 1 equally, `NAME=WEIGHT` states it."""
    style_layers: Names = ("conv1_1=0.6", "conv2_1=0.4", "conv3_1=0.3", "conv4_1=0.2")
    """Layers of the style loss; `NAME` shares a weight of 1 equally, `NAME=WEIGHT` states it."""
    content_weight: Weight = 1.0
    """How much the photo's content counts (alpha in the paper)."""
    style_weight: Weight = 150.0
    """How much the style counts (beta in the paper)."""
    tv_weight: Weight = 3e-4
    """How much smoothness counts: weight of the mean squared difference of neighbouring pixels in grey levels."""
    coarse_content: Annotated[float, Field(gt=0, le=1000)] = 1.5
    """The content weight is this many times larger on each coarser level, which keeps the photo's layout."""
    normalization: Normalization = "relative"
    """Scale of the terms: `relative` to the targets, `size_free` means, or the sums of the `paper`."""

    canvas: CanvasKind = "box"
    """`box` keeps every pixel a colour while it is optimised; `free` lets them leave the range (clipped on saving)."""
    optimizer: OptimizerName = "lbfgs"
    """L-BFGS (guarded, one evaluation a step) or Adam."""
    learning_rate: Annotated[float, Field(gt=0, le=255)] = 5.0
    """Adam's step, in grey levels."""
    max_step: Annotated[float, Field(gt=0, le=255)] = 32.0
    """Longest step of L-BFGS: root mean square over the canvas, in grey levels."""
    history: Annotated[int, Field(ge=1, le=200)] = 10
    """How many past steps L-BFGS learns the curvature from."""
    init: str = "recolored"
    """Start from `content`, `recolored` (the photo in the style's colours), `noise`, `style` or a file."""
    noise_std: Annotated[float, Field(ge=0, le=128)] = 64.0
    """Standard deviation of the noise of `init = noise`, in grey levels."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Number from which all chance is drawn; the same seed repeats a run on the same machine."""
    keep_best: bool = False
    """Hand back the canvas of the lowest loss on the last level instead of the last one."""

    steps: Annotated[int, Field(ge=1, le=10_000_000)] = 64
    """Evaluations of loss and gradient, counted over all levels."""
    levels: Annotated[int, Field(ge=1, le=10)] = 3
    """Sizes that are painted one after the other, coarse to fine; those below 64 px are left out."""
    level_ratio: Annotated[float, Field(ge=1.1, le=4, allow_inf_nan=False)] = 2.0
    """Each level's size is that of the level before times this."""
    coarse_steps: Annotated[float, Field(ge=0.05, le=20, allow_inf_nan=False)] = 2.0
    """Each coarser level gets this many times the steps of the next finer one."""
    detail: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    """How much of the photo's finer detail joins the canvas when a finer level begins; it keeps a grid away."""
    plateau: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """A level ends early when 20 steps lowered its loss by less than this share; 0: never."""

    snapshots: Numbers = ()
    """Steps after which the picture is kept as well."""
    snapshot_every: Annotated[int, Field(ge=1)] | None = None
    """Keep the picture after every so many steps."""

    device: DeviceName = "auto"
    """Where to compute; `auto` takes a GPU if there is one."""
    precision: Precision = "auto"
    """Number format of the convolutions after the first; `auto` takes bf16 where the hardware has it."""
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Processor threads; None: as many as there are cores."""
    max_megapixels: Annotated[float, Field(gt=0, le=100_000)] = 200.0
    """Refuse input pictures with more million pixels than this, before decoding them."""

    @field_validator("content_layers", "style_layers")
    @classmethod
    def _known_layers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        canonical: list[str] = []
        for item in value:
            name, equals, weight = item.partition("=")
            canonical.append(canonical_layer(name) + (f"={_layer_weight(item, weight)!r}" if equals else ""))
        names = [item.partition("=")[0] for item in canonical]
        if len(set(names)) < len(names):
            raise InputError(f"a layer is named twice in {', '.join(names)}")
        return tuple(canonical)

    @field_validator("style_crop")
    @classmethod
    def _real_crop(cls, value: Box | None) -> Box | None:
        if value and (value[0] < 0 or value[1] < 0 or value[2] < 1 or value[3] < 1):
            raise InputError(_CROP)
        return value

    @field_validator("init")
    @classmethod
    def _named_init(cls, value: str) -> str:
        if not value.strip():
            raise InputError(f"init is one of {', '.join(INITS)} or the path of a picture")
        return value

    @field_validator("snapshots")
    @classmethod
    def _sorted_snapshots(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(value)))

    @model_validator(mode="after")
    def _something_to_do(self) -> "Recipe":
        content = self.content_weight * sum(self.content_layer_weights.values())
        style = self.style_weight * sum(self.style_layer_weights.values())
        if not content and not style:
            raise InputError("all weights are 0: give content_weight or style_weight a value above 0")
        return self

    @property
    def content_layer_weights(self) -> dict[str, float]:
        """Weight of each content layer."""
        return _layer_weights(self.content_layers)

    @property
    def style_layer_weights(self) -> dict[str, float]:
        """Weight of each style layer."""
        return _layer_weights(self.style_layers)

    def snapshot_steps(self) -> frozenset[int]:
        """Return every step after which a snapshot is due."""
        every = self.snapshot_every
        regular = range(every, self.steps + 1, every) if every else ()
        return frozenset(self.snapshots) | frozenset(regular)

    def with_changes(self, **changes: Any) -> "Recipe":
        """Return a checked copy with other values; raises InputError in one line if one does not fit."""
        return _checked({**self.model_dump(), **changes})

    def as_toml(self) -> str:
        """Write the recipe as TOML; a value of None is left out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    def as_json(self) -> str:
        """Write the recipe as one JSON object."""
        return self.model_dump_json(exclude_none=True)

    def changes_from(self, other: "Recipe") -> dict[str, Any]:
        """Return the fields in which this recipe differs from the other, with this one's values."""
        theirs = other.model_dump(mode="json")
        return {name: value for name, value in self.model_dump(mode="json").items() if value != theirs[name]}

    def as_command(self, content: str, *styles: str) -> str:
        """Return the command line that paints by this recipe."""
        words = ["impasto", "stylize", content, *styles]
        for name, value in self.changes_from(Recipe()).items():
            flag = name.replace("_", "-")
            if isinstance(value, bool):
                words.append(f"--{flag}" if value else f"--no-{flag}")
            elif value is not None:
                words += [f"--{flag}", ",".join(map(str, value)) if isinstance(value, list) else str(value)]
        return shlex.join(words)

    def as_python(self, content: str, *styles: str) -> str:
        """Return the Python call that paints by this recipe."""
        arguments = [repr(content), repr(list(styles)) if len(styles) != 1 else repr(styles[0])]
        arguments += [f"{name}={value!r}" for name, value in self.changes_from(Recipe()).items()]
        return f"impasto.stylize({', '.join(arguments)})"


def _layer_weight(item: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not (0 <= weight <= 1e15):
        raise InputError(f"the weight in {item!r} must be a number from 0 to 1e15")
    return weight


def _layer_weights(layers: tuple[str, ...]) -> dict[str, float]:
    share = 1 / len(layers) if layers else 0.0
    pairs = (item.partition("=") for item in layers)
    return {name: float(weight) if equals else share for name, equals, weight in pairs}


def describe(error: ValidationError) -> str:
    """Say in one line what pydantic found wrong, naming the field as it is written on the command line."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return f"a recipe has no field {name!r}; known are {', '.join(Recipe.model_fields)}"
    message = first["msg"].removeprefix("Value error, ")
    given = f", not {first['input']!r}" if name and first["type"] != "value_error" else ""
    return f"{name}: {message[0].lower() + message[1:]}{given}" if name else message


def _checked(values: dict[str, Any]) -> Recipe:
    try:
        return Recipe(**values)
    except ValidationError as error:
        raise InputError(describe(error)) from None
    except TypeError as error:
        raise InputError(f"not a recipe: {error}") from None


def read_recipe(path: Path) -> dict[str, Any]:
    """Read the fields that a TOML or JSON file states; they are checked when they are resolved.

    Raises InputError if the file is missing or is neither TOML nor JSON.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InputError(f"cannot read the recipe {path}: {reason}") from None
    try:
        fields = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except ValueError as error:
        language = "JSON" if path.suffix.lower() == ".json" else "TOML"
        raise InputError(f"the recipe {path} is not valid {language}: {error}") from None
    if not isinstance(fields, dict):
        raise InputError(f"the recipe {path} must hold fields and values")
    return fields


def resolve(preset: str | None = None, *layers: dict[str, Any]) -> Recipe:
    """Merge what was said, later layers over earlier ones, over a preset (`default` if None).

    Raises InputError in one line for an unknown preset, an unknown field or a value out of bounds.
    """
    name = preset or "default"
    if name not in PRESETS:
        raise InputError(f"unknown preset {name!r}; known are {', '.join(PRESETS)}")
    merged: dict[str, Any] = PRESETS[name].model_dump()
    for layer in layers:
        merged |= layer
    return _checked(merged)


def _gram_layers_by_channels(*names_and_channels: tuple[str, int]) -> tuple[str, ...]:
    share = 1 / len(names_and_channels)
    return tuple(f"{name}={share / channels**2!r}" for name, channels in names_and_channels)


PRESETS: Final[dict[str, Recipe]] = {
    "default": Recipe(),
    "draft": Recipe(size=256, steps=40, levels=2),
    "paper": Recipe(
        pooling="average",
        padding="zeros",
        style_layers=("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"),
        tv_weight=0.0,
        content_weight=1.0,
        style_weight=1e3,
        normalization="paper",
        canvas="free",
        init="noise",
        steps=500,
        levels=1,
        precision="fp32",
    ),
    "classic": Recipe(
        pooling="max",
        padding="zeros",
        # The program divides Gram matrices by C*H*W and takes the mean square of their difference.
        style_layers=_gram_layers_by_channels(
            ("conv1_1", 64), ("conv2_1", 128), ("conv3_1", 256), ("conv4_1", 512), ("conv5_1", 512)
        ),
        content_weight=5.0,
        style_weight=500.0,
        tv_weight=100.0,
        normalization="size_free",
        canvas="free",
        optimizer="adam",
        learning_rate=10.0,
        init="noise",
        noise_std=0.256,
        keep_best=True,
        steps=1000,
        levels=1,
        precision="fp32",
    ),
}
"""The presets by name."""

PRESET_PURPOSES: Final[dict[str, str]] = {
    "default": "the best-looking picture in about a minute at 512 px",
    "draft": "a first impression in a few seconds",
    "paper": "exactly the method of Gatys, Ecker and Bethge (2015), from noise, for study",
    "classic": "the defaults of anishathalye/neural-style (2015): Adam from noise, 1,000 steps",
}
"""What each preset is for, in one sentence."""
