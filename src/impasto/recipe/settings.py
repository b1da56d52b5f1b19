"""The sections of a recipe: every setting with its unit, bounds and default, written here and nowhere else."""

import os
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.fields import FieldInfo

from impasto.errors import InputError
from impasto.networks import NETWORKS, find_network
from impasto.recipe.accepted import as_choice, choices_of
from impasto.recipe.values import (
    INITS,
    MAX_WEIGHT,
    CanvasKind,
    Changes,
    ColorMap,
    ColorMode,
    ContentLosses,
    Crops,
    DeviceName,
    LayerWeights,
    LossSettings,
    Memory,
    Normalization,
    Numbers,
    OptimizerName,
    Padding,
    Percent,
    Pixels,
    Pooling,
    Precision,
    Scales,
    Share,
    Shares,
    Smoothing,
    Steps,
    StyleLosses,
    Weight,
    memory_bytes,
    read_weights,
)


@dataclass(frozen=True)
class Flag:
    """How a setting appears among flags and keyword arguments, where it differs from the rule of its section."""

    name: str = ""
    """Its flat name; empty: prefix of the section and name of the setting."""
    common: bool = False
    """Whether `--help` shows it; `--help-all` shows every setting."""
    first: bool = False
    """Whether it is one of those to start with, which the help shows first."""


COMMON: Final = Flag(common=True)
FIRST: Final = Flag(common=True, first=True)


class Settings(BaseModel):
    """A section of a recipe: frozen, checked on creation; unknown settings are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)
    prefix: ClassVar[str] = ""

    @field_validator("*", mode="before")
    @classmethod
    def _in_any_case(cls, value: Any, info: Any) -> Any:
        if isinstance(value, os.PathLike):
            value = os.path.join(os.curdir, value)  # a file, even if a built-in picture has its name
        return as_choice(value, choices_of(cls.model_fields[info.field_name].annotation))


class PictureSettings(Settings):
    """Size and smoothness of the result, and which pictures are kept on the way."""

    size: Annotated[Pixels | Literal["photo"], FIRST] = 512
    """Long side of the result in pixels, or `photo` for the photo's own; never more than that without upscale."""
    upscale: Annotated[bool, COMMON] = False
    """Allow a result larger than the photo."""
    max_megapixels: Annotated[float, Field(gt=0, le=100_000)] = 200.0
    """Refuse input pictures with more million pixels than this, before decoding them."""
    tv_weight: Weight = 5e-5
    """Weight of smoothness: the mean squared difference of neighboring pixels in gray levels (total variation)."""
    temporal_weight: Weight = 0.05
    """Weight of what holds a film's frame to the one before, in squared gray levels; a single picture has none."""
    snapshots: Annotated[Steps, COMMON] = ()
    """Steps after which the picture is kept as well."""
    snapshot_every: Annotated[int, Field(ge=1)] | None = None
    """Keep the picture after every so many steps."""

    @field_validator("snapshots")
    @classmethod
    def _sorted_snapshots(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(value)))


class NetworkSettings(Settings):
    """The network that compares the pictures."""

    backbone: str = "vgg19"
    """Network that compares pictures: vgg19, vgg16, alexnet, resnet50, googlenet, inception_v3 or torchvision:NAME."""
    weights: str = "embedded"
    """Its weights: `embedded` (its usual ones), `full` (downloaded by `impasto weights fetch`) or a file."""
    pooling: Pooling = "l2"
    """How the network halves its maps: `average` as in the paper, `max` as it was trained, or `l2`."""
    padding: Padding = "reflect"
    """What the network sees beyond the border; `zeros` (as it was trained) paints a frame."""
    smoothing: Smoothing = "auto"
    """Softmax over each layer's features; `auto`: for networks with residual or inception blocks, and AlexNet."""
    normalization: Normalization = "relative"
    """Scale of the losses: `relative` to the targets, `size_free` means, or the sums of the `paper`."""

    @field_validator("backbone")
    @classmethod
    def _known_network(cls, value: str) -> str:
        return find_network(value).name

    @property
    def smooths(self) -> bool:
        """Whether features are smoothed."""
        return find_network(self.backbone).smoothed if self.smoothing == "auto" else self.smoothing == "softmax"


class StyleSettings(Settings):
    """What is taken from the style images, and how much it counts."""

    prefix = "style_"

    strength: Annotated[Percent, Flag("strength", common=True, first=True)] = 50.0
    """Balance of content and style: 0 is the photo, 50 what the preset does, 100 counts the style alone; after few
    steps, as in draft, the photo from which painting begins still shows."""
    weight: Annotated[Weight, COMMON] = 30.0
    """How much the style counts (beta in the paper)."""
    layers: LayerWeights = read_weights(NETWORKS["vgg19"].style_layers)
    """Layers of the style losses; `NAME` shares a weight of 1 equally, `NAME=WEIGHT` states it."""
    losses: StyleLosses = {
        "wasserstein": LossSettings(weight=1.0),
        "nearest": LossSettings(weight=1.0),
        "gradient_energy": LossSettings(weight=0.025),
    }
    """Losses gram, mean_std, wasserstein, sliced, histogram, nearest, relaxed_emd, gradient_energy, as NAME=WEIGHT."""
    mix: Annotated[Shares, COMMON] = ()
    """How much each of several styles counts, such as `70,30`; by default all count alike."""
    scale: Annotated[Scales, FIRST] = ()
    """Size of the strokes: 2 paints strokes twice as large; for each style, or one for all; by default 1."""
    rotation: Numbers = ()
    """Degrees by which the style image is turned to the left, for each style or one for all."""
    matching: Share = 1.0
    """How far each place learns from the places of the style that resemble it; 0: from the style as a whole."""
    size: Pixels | None = None
    """Long side of the style image as the network sees it, in pixels; by default that of the result."""
    crop: Annotated[Crops, COMMON] = ()
    """Part of the style image that is used, LEFT,TOP,WIDTH,HEIGHT in its pixels; `/` separates those of several."""
    margin: Annotated[float, Field(ge=0, le=0.4, allow_inf_nan=False)] = 0.03
    """Share of the style image left out on each side, where frames are; nothing is left out of a style_crop."""
    samples: Annotated[int, Field(ge=16, le=65536), Flag("samples")] = 1024
    """How many places nearest, relaxed_emd and self_similarity look at; memory and time grow with it."""
    directions: Annotated[int, Field(ge=1, le=512), Flag("directions")] = 64
    """How many directions of feature space the sliced loss compares, in each layer."""

    @field_validator("mix")
    @classmethod
    def _some_share(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if value and (min(value) < 0 or not 0 < sum(value) <= MAX_WEIGHT):
            raise InputError("the shares of a mix are numbers from 0 to 1e15, not all of them 0: --style-mix 70,30")
        return value


class ContentSettings(Settings):
    """What is kept of the photo, and how much it counts."""

    prefix = "content_"

    weight: Annotated[Weight, COMMON] = 4.0
    """How much the photo's content counts (alpha in the paper)."""
    layers: LayerWeights = read_weights(NETWORKS["vgg19"].content_layers)
    """Layers of the content losses; `NAME` shares a weight of 1 equally, `NAME=WEIGHT` states it."""
    losses: ContentLosses = {"features": LossSettings(weight=1.0)}
    """Losses that compare with the photo: `features`, `self_similarity`, `laplacian`, as NAME=WEIGHT."""
    coarse_factor: Annotated[float, Field(gt=0, le=1000), Flag("coarse_content")] = 1.5
    """The content weight is this many times larger on each coarser level, which keeps the photo's layout."""
    saliency_weight: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), Flag("saliency_weight")] = 3.0
    """How much more the `features` loss counts on edges and conspicuous colors than elsewhere; 0: alike everywhere."""
    exponent: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = 0.0
    """Exponent by which the content weight grows with the distance of photo and style; 0: the same for every pair."""


class ColorSettings(Settings):
    """Whose colors the result has."""

    prefix = "color_"

    mode: Annotated[ColorMode, Flag("color", common=True, first=True)] = "style"
    """Whose colors: the `style`'s, the `photo`'s, the photo's given to the style (`match`), or lightness only."""
    strength: Percent = 100.0
    """How far `color` goes; at 0 `style` has the photo's colors, `photo` and `match` the style's, `luminance` none."""
    map: ColorMap = "transport"
    """How `match` moves colors: by one of two linear maps, or by every channel's `histogram`."""
    low_frequency_weight: Annotated[Weight, Flag("low_frequency_weight")] = 0.0
    """Weight of the large patches of color: distance of a 1/16 picture to the recolored photo."""
    luminance_range_weight: Annotated[Weight, Flag("luminance_range_weight")] = 0.15
    """Weight of places lighter or darker than the style's extremes, in squared gray levels."""


class StartSettings(Settings):
    """The picture that the optimization starts from, and the seed of all random numbers."""

    init: Annotated[str, COMMON] = "recolored"
    """Start from `content`, `recolored` (the photo in the style's colors), `noise`, `style` or a file."""
    recolor: Share = 1.0
    """How far `init = recolored`, and matched features, go from those of the photo (0) to those of the style (1)."""
    noise_std: Annotated[float, Field(ge=0, le=128)] = 64.0
    """Standard deviation of the noise of `init = noise`, in gray levels."""
    seed: Annotated[int, Field(ge=0, lt=2**63), COMMON] = 0
    """Seed of all random numbers: another one lets strokes fall elsewhere, the same one repeats the picture."""

    @field_validator("init")
    @classmethod
    def _named_init(cls, value: str) -> str:
        if not value.strip():
            raise InputError(f"init is one of {', '.join(INITS)} or the path of a picture")
        return str(as_choice(value, INITS))


class OptimizerSettings(Settings):
    """How pixels are optimized."""

    name: Annotated[OptimizerName, Flag("optimizer")] = "lbfgs"
    """L-BFGS (guarded, one evaluation a step) or Adam."""
    canvas: CanvasKind = "box"
    """`box` keeps every pixel in range while it is optimized; `free` lets them leave the range (clipped on saving)."""
    learning_rate: Annotated[float, Field(gt=0, le=255)] = 5.0
    """Adam's step, in gray levels."""
    max_step: Annotated[float, Field(gt=0, le=255)] = 32.0
    """Longest step of L-BFGS: root mean square over the canvas, in gray levels."""
    history: Annotated[int, Field(ge=1, le=200)] = 10
    """How many past steps L-BFGS estimates the curvature from."""
    keep_best: bool = False
    """Return the canvas of the lowest loss on the last level instead of the last one."""


class ScheduleSettings(Settings):
    """How many steps are done, and at which sizes."""

    steps: Annotated[int, Field(ge=1, le=10_000_000), COMMON] = 120
    """How often the picture is improved (evaluations of loss and gradient), over all sizes that are painted."""
    levels: Annotated[int, Field(ge=1, le=10)] | Literal["auto"] = "auto"
    """Sizes that are painted one after the other, coarse to fine; `auto` begins at about 64 px whatever the size."""
    level_ratio: Annotated[float, Field(ge=1.1, le=4, allow_inf_nan=False)] = 2.0
    """Each level's size is that of the level before times this."""
    coarse_steps: Annotated[float, Field(ge=0.05, le=20, allow_inf_nan=False)] = 1.25
    """Each coarser level gets this many times the steps of the next finer one."""
    coarse_limit: Annotated[int, Field(ge=1)] = 150
    """A coarser level gets at most so many steps; the finest gets the rest."""
    fine_stride: Annotated[int, Field(ge=0, le=64)] = 4
    """The finest of several sizes compares only layers with at most so many pixels a position; 0: all layers."""
    residual_detail: Share = 1.0
    """How much of the photo's finer detail joins the canvas when a finer level begins; it avoids a grid pattern."""
    plateau: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """A level ends early when 20 steps lowered its loss by less than this share; 0: never."""
    changes: Changes = ()
    """Strength, `color_strength` or weights that change on the way, such as `40:strength=70` after step 40; `/`
    separates several."""


class HardwareSettings(Settings):
    """Where and in which number format to compute."""

    device: Annotated[DeviceName, COMMON] = "auto"
    """Where to compute; `auto` takes a GPU if there is one."""
    precision: Precision = "auto"
    """Number format of the convolutions after the first; `auto` takes bf16 where the hardware has it."""
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Processor threads; by default as many as there are cores."""
    max_memory: Annotated[Memory | None, COMMON] = None
    """Most memory to use, such as 8GB: larger pictures are painted in tiles. By default what is free."""

    @property
    def memory_limit(self) -> float | None:
        """The most memory in bytes; None: no limit was set."""
        return None if self.max_memory is None else memory_bytes(self.max_memory)


SECTIONS: Final[dict[str, type[Settings]]] = {
    "picture": PictureSettings,
    "style": StyleSettings,
    "content": ContentSettings,
    "color": ColorSettings,
    "start": StartSettings,
    "optimizer": OptimizerSettings,
    "schedule": ScheduleSettings,
    "network": NetworkSettings,
    "hardware": HardwareSettings,
}
"""The sections by name, in the order of the help."""


@dataclass(frozen=True)
class SettingField:
    """A setting as flags and keyword arguments know it; `section` is empty for the regions, which have none."""

    section: str
    name: str
    info: FieldInfo
    group: str
    common: bool
    first: bool
    kind: type[BaseModel]
    """The model that the setting belongs to."""


def fields_of(section: str, settings: type[Settings]) -> dict[str, SettingField]:
    """Return the settings of a section by their flat names."""
    fields = {}
    for name, info in settings.model_fields.items():
        flag = next((item for item in info.metadata if isinstance(item, Flag)), Flag())
        fields[flag.name or settings.prefix + name] = SettingField(
            section, name, info, section.capitalize(), flag.common, flag.first, settings
        )
    return fields
