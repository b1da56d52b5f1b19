"""The settings of a recipe as keyword arguments, by their flat names, for editors and type checkers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from impasto.recipe import settings as sections
from impasto.recipe.values import (
    CanvasKind,
    ColorMap,
    ColorMode,
    DeviceName,
    MethodName,
    Normalization,
    OptimizerName,
    Padding,
    Pooling,
    Precision,
    RegionSettings,
    Smoothing,
)

if TYPE_CHECKING:
    Weights: TypeAlias = Mapping[str, float] | Sequence[str] | str
    Losses: TypeAlias = Mapping[str, Any] | Sequence[str] | str
    Numbers: TypeAlias = Sequence[float] | float | str
else:
    Weights = Losses = Numbers = Any


class SettingOptions(TypedDict, total=False):
    """Every setting by its flat name; texts are read as on the command line."""

    method: MethodName
    size: int | Literal["photo"]
    upscale: bool
    max_megapixels: float
    tv_weight: float
    temporal_weight: float
    snapshots: Sequence[int] | int | str
    snapshot_every: int | None
    strength: float
    style_weight: float
    style_layers: Weights
    style_losses: Losses
    style_mix: Numbers
    style_scale: Numbers
    style_rotation: Numbers
    style_matching: float
    style_size: int | None
    style_crop: Sequence[Sequence[int] | str | None] | Sequence[int] | str | None
    style_margin: float
    samples: int
    directions: int
    content_weight: float
    content_layers: Weights
    content_losses: Losses
    coarse_content: float
    saliency_weight: float
    content_exponent: float
    color: ColorMode | sections.ColorSettings
    color_strength: float
    color_map: ColorMap
    low_frequency_weight: float
    luminance_range_weight: float
    init: str
    recolor: float
    noise_std: float
    seed: int
    optimizer: OptimizerName | sections.OptimizerSettings
    canvas: CanvasKind
    learning_rate: float
    max_step: float
    history: int
    keep_best: bool
    steps: int
    levels: int | Literal["auto"]
    level_ratio: float
    coarse_steps: float
    coarse_limit: int
    fine_stride: int
    residual_detail: float
    plateau: float
    changes: Sequence[str] | str
    backbone: str
    weights: str
    pooling: Pooling
    padding: Padding
    smoothing: Smoothing
    normalization: Normalization
    device: DeviceName
    precision: Precision
    threads: int | None
    max_memory: str | None


class RecipeOptions(SettingOptions, total=False):
    """Every setting by its flat name or by its section, and the regions."""

    picture: sections.PictureSettings
    style: sections.StyleSettings
    content: sections.ContentSettings
    start: sections.StartSettings
    schedule: sections.ScheduleSettings
    network: sections.NetworkSettings
    hardware: sections.HardwareSettings
    regions: Sequence[RegionSettings | str] | str
