"""What is to be painted, at full size and at the size of a level."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from impasto.color import Colors, colors_of, mixed_colors, recolor
from impasto.images import crop, fit, normalize_masks, resize, resize_mask
from impasto.painting.pyramid import Level
from impasto.recipe import Recipe


@dataclass(frozen=True, kw_only=True, eq=False)
class StyleImage:
    """A style image, RGB in [0, 1], and how it teaches.

    `share` is how much it counts beside the others of its area, `mask` (0..1) which part of it teaches (None: all),
    `scale` the size of its strokes, and `margin` the share that is left out on each side.
    """

    pixels: Float[np.ndarray, "h w 3"]
    share: float = 1.0
    mask: Float[np.ndarray, "h w"] | None = None
    scale: float = 1.0
    margin: float = 0.0

    def size(self, recipe: Recipe, level: Level) -> tuple[int, int]:
        """Return width and height at which a level looks at it.

        Its long side is the canvas's times its scale, or shrinks as the canvas does.
        """
        height, width = self.pixels.shape[:2]
        long_side: float = max(level.width, level.height)
        if recipe.style_size is not None:
            long_side = recipe.style_size / recipe.level_ratio**level.above
        return fit(width, height, max(1, round(long_side * self.scale)))

    def border(self, width: int, height: int) -> tuple[int, int]:
        """Return how many columns and rows are left out on each side at a size."""
        return round(self.margin * width), round(self.margin * height)

    def at(self, recipe: Recipe, level: Level) -> "StyleImage":
        """Return what teaches at a level: the image at its size there, less its margin."""
        width, height = self.size(recipe, level)
        return StyleImage(
            pixels=self._inner(resize(self.pixels, width, height)),
            share=self.share,
            mask=self.mask_at(width, height),
            scale=self.scale,
            margin=self.margin,
        )

    def mask_at(self, width: int, height: int) -> Float[np.ndarray, "_h _w"] | None:
        """Return which part teaches at a size, less the margin."""
        return None if self.mask is None else self._inner(resize_mask(self.mask, width, height))

    def _inner(self, picture: Float[np.ndarray, "h w *c"]) -> Float[np.ndarray, "_h _w *c"]:
        height, width = picture.shape[:2]
        across, down = self.border(width, height)
        return crop(picture, (across, down, width - 2 * across, height - 2 * down))

    @property
    def colors(self) -> Colors:
        """The colours of what teaches."""
        return colors_of(self.pixels, self.mask)


@dataclass(frozen=True, kw_only=True, eq=False)
class Area:
    """A part of the canvas and the style images that it learns from, whose shares sum to 1.

    `where` (0..1) is the part; None: the whole canvas. `name` is how the person calls it.
    """

    styles: tuple[StyleImage, ...]
    where: Float[np.ndarray, "h w"] | None = None
    name: str = "the picture"


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """Photo, areas and, if the canvas starts from a file, that picture; RGB in [0, 1].

    Either one area is everywhere, or each has its part; what belongs to none keeps the photo. `photo` is the photo in
    its own colours where `content` has none; None: `content` is.
    """

    content: Float[np.ndarray, "h w 3"]
    areas: tuple[Area, ...]
    init: Float[np.ndarray, "ih iw 3"] | None = None
    photo: Float[np.ndarray, "h w 3"] | None = None

    @classmethod
    def of(
        cls,
        content: Float[np.ndarray, "h w 3"],
        style: Float[np.ndarray, "sh sw 3"],
        *,
        init: Float[np.ndarray, "ih iw 3"] | None = None,
        margin: float = 0.0,
    ) -> "Scene":
        """Return the scene of one style that is everywhere."""
        return cls(content=content, areas=(Area(styles=(StyleImage(pixels=style, margin=margin),)),), init=init)

    @property
    def masked(self) -> bool:
        """Whether places of the canvas or of a style image count differently."""
        return any(area.where is not None or any(s.mask is not None for s in area.styles) for area in self.areas)


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelView:
    """A scene at the size of a level; `kept` (0..1) is where the photo stays, None: nowhere."""

    content: Float[np.ndarray, "h w 3"]
    photo: Float[np.ndarray, "h w 3"]
    areas: tuple[Area, ...]
    kept: Float[np.ndarray, "h w"] | None

    @classmethod
    def of(cls, scene: Scene, recipe: Recipe, level: Level) -> "LevelView":
        """Look at a scene as a level does."""
        width, height = level.width, level.height
        parts = [resize_mask(area.where, width, height) for area in scene.areas if area.where is not None]
        where: list[Float[np.ndarray, "h w"] | None] = [None]
        kept = None
        if parts:
            shares, kept = normalize_masks(parts)
            where = list(shares)
        content = resize(scene.content, width, height)
        return cls(
            content=content,
            photo=content if scene.photo is None else resize(scene.photo, width, height),
            areas=tuple(
                Area(styles=tuple(style.at(recipe, level) for style in area.styles), where=part, name=area.name)
                for area, part in zip(scene.areas, where, strict=True)
            ),
            kept=kept if kept is not None and kept.any() else None,
        )

    @cached_property
    def recolored(self) -> Float[np.ndarray, "h w 3"]:
        """The photo in the colours of the styles, each area in those of its own; what is kept as it is."""
        if self.areas[0].where is None:
            return recolor(self.content, _colors(self.areas[0]))
        result = np.zeros_like(self.content) if self.kept is None else self.content * self.kept[:, :, None]
        for area in self.areas:
            assert area.where is not None
            if not area.where.any():
                continue  # of a small region nothing may be left at a coarse level
            result = result + recolor(self.content, _colors(area), where=area.where) * area.where[:, :, None]
        return np.asarray(result.clip(0, 1), dtype=np.float32)

    def covered(self) -> Float[np.ndarray, "h w 3"]:
        """Return the canvas covered by the first style image of every area, what is kept by the photo."""
        height, width = self.content.shape[:2]
        if self.areas[0].where is None:
            return _cover(self.areas[0].styles[0].pixels, width, height)
        result = np.zeros_like(self.content) if self.kept is None else self.content * self.kept[:, :, None]
        for area in self.areas:
            assert area.where is not None
            result = result + _cover(area.styles[0].pixels, width, height) * area.where[:, :, None]
        return np.asarray(result, dtype=np.float32)


def _colors(area: Area) -> Colors:
    return mixed_colors([style.colors for style in area.styles], [style.share for style in area.styles])


def _cover(picture: Float[np.ndarray, "h w 3"], width: int, height: int) -> Float[np.ndarray, "_h _w 3"]:
    """Resize a picture so that it covers width x height, and cut the middle out."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    large = resize(picture, max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale)))
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return large[top : top + height, left : left + width]
