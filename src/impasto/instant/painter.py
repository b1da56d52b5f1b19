"""Painting in an instant: one pass of the transformer for each region, instead of steps of an optimizer."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from impasto.color import finish_colors, lightness_only
from impasto.errors import InputError
from impasto.events import Event, Finished, LevelStarted, Step, StopReason
from impasto.images import crop, fit, resize, resize_mask
from impasto.instant.learned import learned_network
from impasto.instant.network import MIN_SIZE, STYLE_SIZE, OneStyleTransformer
from impasto.instant.weights import InstantNetworks
from impasto.painting import CanvasRegion, Level, Position, Scene, StyleImage, check_change
from impasto.recipe import Recipe

NumbersCache: TypeAlias = Callable[[StyleImage, Callable[[], Tensor]], Tensor]
"""Returns the numbers of a style image: known ones, or what the given function computes."""

Networks: TypeAlias = Callable[[StyleImage], OneStyleTransformer]
"""Returns the network that has learned a style image."""

_FULL: Final = 50.0
"""The strength at which the numbers are those of the style image."""
_SMALLEST: Final = 384
"""Long side in pixels at which smaller results are painted: strokes would be too large in them."""
_LONGEST_STYLE: Final = 4.0
"""Most that a style image, as it is looked at, may be longer than wide."""
_BYTES_PER_PIXEL: Final = 400
"""What the transformer takes for a pixel, at most (benchmarks/README.md)."""


def working_size(recipe: Recipe, width: int, height: int) -> tuple[int, int]:
    """Return the size at which a result is painted: strokes have a size in pixels, so a smaller one enlarges them."""
    scale = recipe.style.scale[0] if recipe.style.scale else 1.0
    factor = max(1.0, _SMALLEST / max(width, height)) / scale
    return max(1, round(width * factor)), max(1, round(height * factor))


def painted_pixels(recipe: Recipe, width: int, height: int) -> int:
    """Return how many pixels are painted for a result of a size."""
    return math.prod(working_size(recipe, width, height))


def peak_bytes(recipe: Recipe, width: int, height: int, *, wide: bool = False) -> int:
    """Return how much memory painting a result of a size takes beside libraries and inputs, about.

    `wide`: by a network for one style, which has twice as many channels.
    """
    return (2 if wide else 1) * _BYTES_PER_PIXEL * painted_pixels(recipe, width, height)


class InstantPainter:
    """Paints one picture by the instant networks, with the interface of `painting.Painter`.

    The scene has the size of the result. Until the picture is painted, it is the photo.
    """

    is_settled: Final = True
    """Whether all events of the steps done were yielded."""

    def __init__(
        self,
        recipe: Recipe,
        scene: Scene,
        networks: InstantNetworks,
        *,
        level: Level,
        cache: NumbersCache | None = None,
        learned: Networks | None = None,
    ) -> None:
        self.recipe = recipe
        self.levels: Sequence[Level] = (level,)
        self.step = 0
        """Number of steps done: 1 once the picture is painted."""
        self._scene = scene
        self._networks = networks
        self._cache = cache
        self._learned = learned or _network_of
        self._device = next(networks.parameters()).device
        self._picture = scene.original
        self._stopping = False

    def stop(self) -> None:
        """End before the picture is painted, if that has not begun; may be called from another thread."""
        self._stopping = True

    def change(self, recipe: Recipe) -> None:
        """Paint with other settings, see `check_change`, if painting has not begun."""
        check_change(self.recipe, recipe)
        if not self.step:
            self.recipe = recipe

    def picture(self) -> Float[np.ndarray, "h w 3"]:
        """Return the picture as it is now; from any thread."""
        return self._picture

    preview = picture

    def pending(self) -> list[Step]:
        """Return no events: none are late."""
        return []

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return a state from which `load_state` continues: nothing is worth being kept."""
        return {}, Position(step=0, level=0, level_step=0, losses=[]).model_dump()

    def load_state(self, tensors: dict[str, Tensor], values: Mapping[str, Any]) -> None:
        """Continue from what `state` returned: painting begins again."""

    def paint(self) -> Iterator[Event]:
        """Paint, yielding events. There is no loss: the losses of the last event are 0."""
        began = time.monotonic()
        level = self.levels[0]
        yield LevelStarted(level=0, levels=1, width=level.width, height=level.height, step=0, steps=1)
        reason: StopReason = "stopped" if self._stopping else "steps"
        if not self._stopping:
            self._picture = self._painted()
            self.step = 1
        yield Finished(step=self.step, loss=0.0, saved_loss=0.0, seconds=time.monotonic() - began, reason=reason)

    @torch.no_grad()
    def _painted(self) -> Float[np.ndarray, "h w 3"]:
        """Return the picture: that of each region where its mask is white, and the photo where it is kept."""
        scene, color = self._scene, self.recipe.color
        masks = [region.mask for region in scene.regions if region.mask is not None]
        kept = (1 - np.sum(masks, axis=0)).clip(0, 1) if masks else None
        painted = np.zeros_like(scene.content) if kept is None else scene.content * kept[..., None]
        for region in scene.regions:
            picture = self._repainted(region)
            painted += picture if region.mask is None else picture * region.mask[..., None]
        if color.mode == "luminance":
            painted = lightness_only(painted)
        return finish_colors(color, painted.clip(0, 1), scene.original, kept=kept)

    def _repainted(self, region: CanvasRegion) -> Float[np.ndarray, "h w 3"]:
        """Return the whole photo in the style of a region."""
        content = self._scene.content
        height, width = content.shape[:2]
        strength = self.recipe.style.strength / _FULL
        photo = _tensor(resize(content, *working_size(self.recipe, width, height)), self._device)
        if (style := learned_style(self.recipe, region)) is not None:
            picture = self._learned(style).to(self._device)(photo, self.recipe.start.seed)
        else:
            picture = self._networks.transformer(photo, self._numbers_of(region, strength))
        painted = picture[0].permute(1, 2, 0).cpu().numpy()
        painted = resize(np.ascontiguousarray(painted), width, height)
        # With its own numbers a photo still becomes another picture: it has to be mixed in to be kept.
        return painted if strength >= 1 else content + np.float32(strength) * (painted - content)

    def _numbers_of(self, region: CanvasRegion, strength: float) -> Float[Tensor, "1 100"]:
        """Return the numbers that stand for the styles of a region, as strong as is asked for."""
        numbers = torch.stack([style.share * self._numbers(style) for style in region.styles]).sum(0)
        if strength != 1.0:
            # Beyond the style's numbers in the same direction its texture gets stronger; twice as far it is noise.
            own = self._numbers(StyleImage(pixels=self._scene.content))
            numbers = torch.lerp(own, numbers, min(strength, 0.5 + strength / 2))
        return numbers

    def _numbers(self, style: StyleImage) -> Float[Tensor, "1 100"]:
        """Return the numbers that stand for the part of a style image that is used."""

        def predict() -> Float[Tensor, "1 100"]:
            height, width = style.pixels.shape[:2]
            size = fit(width, height, round(STYLE_SIZE * min(_LONGEST_STYLE, max(width, height) / min(width, height))))
            across, down = style.border(*size)
            inner = across, down, size[0] - 2 * across, size[1] - 2 * down
            mask = None
            if style.mask is not None:
                mask = _tensor(crop(resize_mask(style.mask, *size), inner)[..., None], self._device)
            pixels = _tensor(crop(resize(style.pixels, *size), inner), self._device)
            numbers: Tensor = self._networks.predictor(pixels, mask)
            return numbers

        return self._cache(style, predict) if self._cache and style.key else predict()


def _network_of(style: StyleImage) -> OneStyleTransformer:
    assert style.learned is not None
    return learned_network(style.learned)


def learned_style(recipe: Recipe, region: CanvasRegion) -> StyleImage | None:
    """Return the style of a region if its own network paints: alone, as a whole, and not stronger than it learned."""
    style = region.styles[0]
    alone = len(region.styles) == 1 and recipe.style.strength <= _FULL
    return style if alone and style.learned is not None else None


def check_instant(recipe: Recipe, width: int, height: int, *, wide: bool = False) -> None:
    """Raise InputError if a result of a size is too small, or takes more memory than the recipe allows."""
    across, down = working_size(recipe, width, height)
    if min(across, down) < MIN_SIZE:
        raise InputError(
            f"the method instant needs {MIN_SIZE} px on each side, and paints {across} x {down} px here: choose a "
            "larger --size, or a smaller --style-scale"
        )
    limit, needed = recipe.hardware.memory_limit, peak_bytes(recipe, width, height, wide=wide)
    if limit is not None and needed > limit:
        side = int(max(width, height) * (limit / needed) ** 0.5)
        raise InputError(
            f"{width} x {height} px take about {needed / 1e9:.1f} GB with the method instant, and {limit / 1e9:.1f} GB "
            f"are allowed or free: choose a smaller --size, such as {side}"
        )


def _tensor(picture: Float[np.ndarray, "h w c"], device: torch.device) -> Float[Tensor, "1 c h w"]:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32)).to(device)
