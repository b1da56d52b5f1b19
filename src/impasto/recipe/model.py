"""The recipe itself: every choice of a run, with unit and bounds. Defaults are written here and nowhere else."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from impasto.errors import InputError
from impasto.networks import NETWORKS, find_network
from impasto.recipe.fields import (
    INITS,
    MOST_WEIGHT,
    Boxes,
    CanvasKind,
    ColorMap,
    ColorMode,
    ContentLoss,
    DeviceName,
    Floats,
    Names,
    Normalization,
    Numbers,
    OptimizerName,
    Padding,
    Pooling,
    Precision,
    Regions,
    Scales,
    Smoothing,
    StyleLoss,
    Weight,
    canonical_items,
    named_weights,
    one_of,
)
from impasto.recipe.layers import with_own_layers, with_stated
from impasto.recipe.regions import read_region
from impasto.recipe.writing import Written

_MIDDLE = 50.0
_DIAL = 1.5
"""Power by which the dial `strength` acts: the balance of style and content is (s / (100 - s)) ** _DIAL."""


class Recipe(Written):
    """Every choice of a run; frozen, checked on creation. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True)

    size: Annotated[int, Field(ge=16, le=65536)] | Literal["photo"] = 512
    """Long side of the result in pixels, or `photo` for the photo's own; never more than that without upscale."""
    upscale: bool = False
    """Allow a result larger than the photo."""
    style_size: Annotated[int, Field(ge=16, le=65536)] | None = None
    """Long side at which the style image is looked at, in pixels; None: that of the canvas."""
    style_mix: Floats = ()
    """How much each of several styles counts, such as `70,30`; none: all alike."""
    style_scale: Scales = ()
    """Size of the strokes, for each style or one for all: 2 shows the style image at twice its size; none: 1."""
    style_rotation: Floats = ()
    """Degrees by which the style image is turned to the left, for each style or one for all."""
    style_crop: Boxes = ()
    """Part of the style image that teaches, LEFT,TOP,WIDTH,HEIGHT in its upright pixels; `/` parts several styles'."""
    style_margin: Annotated[float, Field(ge=0, le=0.4, allow_inf_nan=False)] = 0.03
    """Share of the style image left out on each side, where frames are; nothing is left out of a style_crop."""

    backbone: str = "vgg19"
    """Network that looks: vgg19, vgg16, alexnet, resnet50, googlenet, inception_v3 or torchvision:NAME."""
    weights: str = "embedded"
    """Its weights: `embedded` (its usual ones), `full` (what `impasto weights fetch` brought) or a file."""
    pooling: Pooling = "l2"
    """How the network halves its maps: `average` as in the paper, `max` as it was trained, or `l2`."""
    padding: Padding = "reflect"
    """What the network sees beyond the border; `zeros` (as it was trained) paints a frame."""
    smoothing: Smoothing = "auto"
    """Softmax over each layer's features; `auto`: where the network has residual or inception blocks, and AlexNet's."""

    strength: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 50.0
    """Balance of content and style: 0 is the photo, 50 the weights as they are, 100 the style alone."""
    content_layers: Names = NETWORKS["vgg19"].content_layers
    """Layers of the content loss; `NAME` shares a weight of 1 equally, `NAME=WEIGHT` states it."""
    content_losses: Names = ("features=1.0",)
    """What the photo is compared by: `features`, `self_similarity`, `laplacian`; each may have a `=WEIGHT`."""
    style_layers: Names = NETWORKS["vgg19"].style_layers
    """Layers of the style loss; `NAME` shares a weight of 1 equally, `NAME=WEIGHT` states it."""
    style_losses: Names = ("wasserstein=1.0", "grain=0.025")
    """Style by gram, mean_std, wasserstein, sliced, histogram, nearest, relaxed_emd, grain, each with its `=WEIGHT`."""
    content_weight: Weight = 1.0
    """How much the photo's content counts (alpha in the paper)."""
    style_weight: Weight = 30.0
    """How much the style counts (beta in the paper)."""
    tv_weight: Weight = 5e-5
    """How much smoothness counts: weight of the mean squared difference of neighbouring pixels in grey levels."""
    anchor_weight: Weight = 0.0
    """How much the large patches of color count: weight of a 1/16 picture's distance to the recolored photo."""
    gamut_weight: Weight = 0.15
    """How much burnt and drowned places count: weight of the squared grey levels beyond the style's own extremes."""
    coarse_content: Annotated[float, Field(gt=0, le=1000)] = 1.2
    """The content weight is this many times larger on each coarser level, which keeps the photo's layout."""
    rescue: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 3.0
    """How much more the `features` loss counts on edges and the main subject than elsewhere; 0: alike everywhere."""
    adapt: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = 0.0
    """How far the content weight grows with the distance of the pair: an exponent; 0: the same for every pair."""
    samples: Annotated[int, Field(ge=16, le=65536)] = 1024
    """How many places nearest, relaxed_emd and self_similarity look at; memory and time grow with it."""
    directions: Annotated[int, Field(ge=1, le=512)] = 64
    """How many directions of feature space the sliced loss looks along, in each layer."""
    normalization: Normalization = "relative"
    """Scale of the terms: `relative` to the targets, `size_free` means, or the sums of the `paper`."""

    regions: Regions = ()
    """`MASK=STYLE` or `MASK=keep`, several: where the mask is white, another style holds, or the photo stays."""

    color: ColorMode = "style"
    """Colors of the `style`; the `photo`'s put back; a style given the photo's (`match`); only `luminance` painted."""
    color_strength: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 100.0
    """How far `color` goes; at 0 `style` has the photo's colors, `photo` and `match` the style's, `luminance` none."""
    color_map: ColorMap = "transport"
    """How colors are given by `match`: two linear maps, or every channel's `histogram`."""

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
    recolor: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    """How far `init = recolored` goes from the photo's colors (0) to the style's (1)."""
    noise_std: Annotated[float, Field(ge=0, le=128)] = 64.0
    """Standard deviation of the noise of `init = noise`, in grey levels."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Number from which all chance is drawn; the same seed repeats a run on the same machine."""
    keep_best: bool = False
    """Hand back the canvas of the lowest loss on the last level instead of the last one."""

    steps: Annotated[int, Field(ge=1, le=10_000_000)] = 120
    """Evaluations of loss and gradient, counted over all levels."""
    levels: Annotated[int, Field(ge=1, le=10)] | Literal["auto"] = "auto"
    """Sizes that are painted one after the other, coarse to fine; `auto` begins at about 64 px whatever the size."""
    level_ratio: Annotated[float, Field(ge=1.1, le=4, allow_inf_nan=False)] = 2.0
    """Each level's size is that of the level before times this."""
    coarse_steps: Annotated[float, Field(ge=0.05, le=20, allow_inf_nan=False)] = 1.25
    """Each coarser level gets this many times the steps of the next finer one."""
    coarse_limit: Annotated[int, Field(ge=1)] = 150
    """A coarser level gets at most so many steps; the finest gets what is left over."""
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

    @model_validator(mode="before")
    @classmethod
    def _layers_of_the_network(cls, values: Any) -> Any:
        return with_own_layers(values)

    @field_validator("backbone")
    @classmethod
    def _known_network(cls, value: str) -> str:
        return find_network(value).name

    @field_validator("content_layers", "style_layers")
    @classmethod
    def _known_layers(cls, value: tuple[str, ...], info: Any) -> tuple[str, ...]:
        return canonical_items(value, find_network(info.data.get("backbone", "vgg19")).canonical)

    @field_validator("content_losses")
    @classmethod
    def _known_content_losses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return canonical_items(value, lambda name: one_of(name, ContentLoss, "content loss"))

    @field_validator("style_losses")
    @classmethod
    def _known_style_losses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return canonical_items(value, lambda name: one_of(name, StyleLoss, "style loss"))

    @field_validator("style_mix")
    @classmethod
    def _shares(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if value and (min(value) < 0 or not 0 < sum(value) <= MOST_WEIGHT):
            raise InputError("the shares of a mix are numbers from 0 to 1e15, not all of them 0: --style-mix 70,30")
        return value

    @field_validator("regions")
    @classmethod
    def _readable_regions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            read_region(text)
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
        content_weight, style_weight = self._dialled()
        content = content_weight * sum(self.content_loss_weights.values())
        style = style_weight * sum(self.style_loss_weights.values())
        if not content and not style:
            raise InputError("all weights are 0: give content_weight or style_weight a value above 0")
        return self

    @property
    def content_layer_weights(self) -> dict[str, float]:
        """Weight of each content layer."""
        return named_weights(self.content_layers)

    @property
    def style_layer_weights(self) -> dict[str, float]:
        """Weight of each style layer."""
        return named_weights(self.style_layers)

    @property
    def content_loss_weights(self) -> dict[str, float]:
        """Weight of each content loss; without content layers only `laplacian`, which looks at pixels, has one."""
        weights = named_weights(self.content_losses)
        if sum(self.content_layer_weights.values()):
            return weights
        return {name: weight for name, weight in weights.items() if name == "laplacian"}

    @property
    def style_loss_weights(self) -> dict[str, float]:
        """Weight of each style loss; without style layers only `grain`, which looks at pixels, has one."""
        weights = named_weights(self.style_losses)
        if sum(self.style_layer_weights.values()):
            return weights
        return {name: weight for name, weight in weights.items() if name == "grain"}

    @property
    def smooths(self) -> bool:
        """Whether features are smoothed."""
        return find_network(self.backbone).smoothed if self.smoothing == "auto" else self.smoothing == "softmax"

    def plain(self) -> "Recipe":
        """Return the default recipe for the same network, with the layers that it brings."""
        return Recipe(backbone=self.backbone)

    def balanced(self) -> "Recipe":
        """Return the recipe that paints the same with a strength of 50: the dial is turned into weights.

        Of content and style weight, one grows and the other shrinks to 0 at the end of the dial. Below 50 also what
        serves the style beside its loss fades with it: the colors of the start, smoothness, the anchor, the gamut.
        """
        if self.strength == _MIDDLE:
            return self
        content_weight, style_weight = self._dialled()
        fade = min(1.0, self.strength / _MIDDLE)
        return self.with_changes(
            strength=_MIDDLE,
            content_weight=content_weight,
            style_weight=style_weight,
            tv_weight=self.tv_weight * fade,
            anchor_weight=self.anchor_weight * fade,
            gamut_weight=self.gamut_weight * fade,
            recolor=self.recolor * fade,
        )

    def _dialled(self) -> tuple[float, float]:
        """Return content and style weight as the strength turns them, inside the bounds of weights."""
        turn = self.strength / _MIDDLE
        dialled = self.content_weight * (2 - turn) ** _DIAL, self.style_weight * turn**_DIAL
        return min(dialled[0], MOST_WEIGHT), min(dialled[1], MOST_WEIGHT)

    def snapshot_steps(self) -> frozenset[int]:
        """Return every step after which a snapshot is due."""
        every = self.snapshot_every
        regular = range(every, self.steps + 1, every) if every else ()
        return frozenset(self.snapshots) | frozenset(regular)

    def with_changes(self, **changes: Any) -> "Recipe":
        """Return a checked copy with other values; raises InputError in one line if one does not fit."""
        return checked(with_stated(self.model_dump(), changes))


def describe(error: ValidationError) -> str:
    """Say in one line what pydantic found wrong, naming the field as it is written on the command line."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return f"a recipe has no field {name!r}; known are {', '.join(Recipe.model_fields)}"
    message = first["msg"].removeprefix("Value error, ")
    given = f", not {first['input']!r}" if name and first["type"] != "value_error" else ""
    return f"{name}: {message[0].lower() + message[1:]}{given}" if name else message


def checked(values: dict[str, Any]) -> Recipe:
    """Return the recipe of these values; raises InputError in one line if they do not make one."""
    try:
        return Recipe(**values)
    except ValidationError as error:
        raise InputError(describe(error)) from None
    except TypeError as error:
        raise InputError(f"not a recipe: {error}") from None
