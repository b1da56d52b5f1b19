"""The scene: photo, style images and regions as arrays, at full size or at the size of a level."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from impasto.color import Colors, colors_of, mixed_colors, recolor
from impasto.images import crop, fit, normalize_masks, resize, resize_mask
from impasto.losses import Matches
from impasto.painting.pyramid import Level


@dataclass(frozen=True, kw_only=True, eq=False)
class StyleImage:
    """A style image, RGB in [0, 1].

    `share` is how much it counts beside the others of its region, `mask` (0..1) which part of it is used (None: all),
    `importance` (0..1) how much each place counts (None: all alike), `matches` which places of the photo its places
    resemble, `scale` the size of its strokes, and `margin` the share that is left out on each side. `long_side` is its
    size in pixels at the finest level; None: the canvas's. Images of one `key` have the same pixels, masks and margin,
    so that statistics can be kept; None: nothing is kept. `level` is the one for which it was made; None: none yet.
    `is_learned`: it was given as the file of a learned style. `learned` is the file of a network that paints in this
    style; None: there is none, or only a part of the image is used.
    """

    pixels: Float[np.ndarray, "h w 3"]
    share: float = 1.0
    mask: Float[np.ndarray, "h w"] | None = None
    importance: Float[np.ndarray, "h w"] | None = None
    matches: Matches | None = None
    scale: float = 1.0
    margin: float = 0.0
    long_side: int | None = None
    key: str | None = None
    level: Level | None = None
    is_learned: bool = False
    learned: bytes | None = None

    def key_at(self, level: Level) -> str | None:
        """Return the key of what is used at a level."""
        if self.level == level:
            return self.key
        width, height = self.size(level)
        return self.key and f"{self.key}, {width} x {height}, {self.margin}"

    def size(self, level: Level) -> tuple[int, int]:
        """Return width and height at a level: the long side is `scale` times the canvas's, or `long_side`, reduced."""
        height, width = self.pixels.shape[:2]
        long_side: float = max(level.width, level.height)
        if self.long_side is not None:
            long_side = self.long_side / level.reduction
        return fit(width, height, max(1, round(long_side * self.scale)))

    def border(self, width: int, height: int) -> tuple[int, int]:
        """Return how many columns and rows are left out on each side at a size."""
        return round(self.margin * width), round(self.margin * height)

    def at(self, level: Level) -> "StyleImage":
        """Return what is used at a level: the image at its size there, minus its margin."""
        if self.level == level:
            return self
        width, height = self.size(level)
        pixels = self._inner(resize(self.pixels, width, height))
        importance = None if self.importance is None else self._inner(resize_mask(self.importance, width, height))
        mask, key = self.mask_at(width, height), self.key_at(level)
        return replace(self, pixels=pixels, mask=mask, importance=importance, key=key, level=level)

    def mask_at(self, width: int, height: int) -> Float[np.ndarray, "_h _w"] | None:
        """Return which part is used at a size, minus the margin."""
        return None if self.mask is None else self._inner(resize_mask(self.mask, width, height))

    def _inner(self, picture: Float[np.ndarray, "h w *c"]) -> Float[np.ndarray, "_h _w *c"]:
        height, width = picture.shape[:2]
        across, down = self.border(width, height)
        return crop(picture, (across, down, width - 2 * across, height - 2 * down))

    def colors(self, level: Level | None) -> Colors:
        """Return the colors of what is used at a level (None: of all); a smaller image is not enlarged for that."""
        if level is None or self.level == level:
            return colors_of(self.pixels, self.mask)
        height, width = self.pixels.shape[:2]
        width, height = min(self.size(level), (width, height))
        return colors_of(self._inner(resize(self.pixels, width, height)), self.mask_at(width, height))


@dataclass(frozen=True, kw_only=True, eq=False)
class CanvasRegion:
    """A region of the canvas and its style images, whose shares sum to 1.

    `mask` (0..1) is the region; None: the whole canvas. `name` is used in messages.
    """

    styles: tuple[StyleImage, ...]
    mask: Float[np.ndarray, "h w"] | None = None
    name: str = "the picture"

    def at(self, level: Level | None) -> "CanvasRegion":
        """Return the region with its style images as they are used at a level; None: as they are."""
        return self if level is None else replace(self, styles=tuple(style.at(level) for style in self.styles))

    def colors(self, level: Level | None) -> Colors:
        """Return the mixed colors of the style images as they are used at a level; None: as they are."""
        return mixed_colors([style.colors(level) for style in self.styles], [style.share for style in self.styles])


@dataclass(frozen=True, kw_only=True, eq=False)
class Earlier:
    """A painted frame of a film, RGB in [0, 1], moved to the places of a later one.

    `known` (0..1) says where it shows the same, so that painting continues from it, and `weight` (0..1) how firmly each
    place is held to it.
    """

    picture: Float[np.ndarray, "h w 3"]
    known: Float[np.ndarray, "h w"]
    weight: Float[np.ndarray, "h w"]

    def at(self, width: int, height: int) -> "Earlier":
        """Return it at another size."""
        known, weight = (resize_mask(mask, width, height) for mask in (self.known, self.weight))
        return Earlier(picture=resize(self.picture, width, height), known=known, weight=weight)

    def over(self, picture: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
        """Return a picture that is replaced by the frame where that is known."""
        return np.asarray(picture + self.known[:, :, None] * (self.picture - picture), dtype=np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """Photo, regions and, if the canvas starts from a file, that picture; RGB in [0, 1].

    Either one region is the whole canvas, or each has its mask; what belongs to none keeps the photo (`kept`, 0..1;
    None: nowhere). `photo` is the photo in its own colors where `content` is gray; None: `content` is. `colored` is the
    photo in the colors of the style's matching places; None: its colors are moved as a whole. `earlier` is the frame of
    a film that this one continues; None: it continues none. `level` is that whose size the pictures have; style images
    have their own, because they are needed one after the other.
    """

    content: Float[np.ndarray, "h w 3"]
    regions: tuple[CanvasRegion, ...]
    init: Float[np.ndarray, "ih iw 3"] | None = None
    photo: Float[np.ndarray, "h w 3"] | None = None
    kept: Float[np.ndarray, "h w"] | None = None
    colored: Float[np.ndarray, "h w 3"] | None = None
    earlier: Earlier | None = None
    level: Level | None = None

    def style_pixels(self, level: Level) -> int:
        """Return how many pixels the largest style image has at a level."""
        return max(math.prod(style.size(level)) for region in self.regions for style in region.styles)

    def with_styles_of(self, regions: Sequence[CanvasRegion]) -> "Scene":
        """Return the scene with the style images of other regions, one for each of its own."""
        pairs = zip(self.regions, regions, strict=True)
        return replace(self, regions=tuple(replace(own, styles=other.styles) for own, other in pairs))

    def reduced_styles(self, levels: Sequence[Level]) -> list[tuple[CanvasRegion, ...]] | None:
        """Return the regions with their style images as used at some levels; None if that takes more memory."""
        styles = [style for region in self.regions for style in region.styles]
        reduced = sum(math.prod(style.size(level)) for style in styles for level in levels)
        if reduced >= sum(math.prod(style.pixels.shape[:2]) for style in styles):
            return None
        return [tuple(region.at(level) for region in self.regions) for level in levels]

    @property
    def original(self) -> Float[np.ndarray, "h w 3"]:
        """The photo in its own colors."""
        return self.content if self.photo is None else self.photo

    def at(self, level: Level) -> "Scene":
        """Return the scene at the size of a level; its masks and `kept` sum to 1.

        Pictures that have this size already are shared.
        """

        def sized(picture: Float[np.ndarray, "h w 3"] | None) -> Float[np.ndarray, "_h _w 3"] | None:
            if picture is None or picture.shape[:2] == (height, width):
                return picture
            return resize(picture, width, height)

        width, height = level.width, level.height
        masks = [resize_mask(region.mask, width, height) for region in self.regions if region.mask is not None]
        shares, kept = normalize_masks(masks) if masks else ([None], None)
        content = sized(self.content)
        assert content is not None
        return Scene(
            content=content,
            photo=content if self.photo is self.content else sized(self.photo),
            regions=tuple(replace(region, mask=share) for region, share in zip(self.regions, shares, strict=True)),
            init=sized(self.init),
            colored=sized(self.colored),
            kept=kept if kept is not None and kept.any() else None,
            earlier=self.earlier if self.earlier is None else self.earlier.at(width, height),
            level=level,
        )

    @cached_property
    def recolored(self) -> Float[np.ndarray, "h w 3"]:
        """The photo with the colors of each region's styles; unchanged where it is kept."""
        if self.colored is not None:
            return self.colored
        if self.regions[0].mask is None:
            return recolor(self.content, self.regions[0].colors(self.level))
        # A small region can vanish at a coarse level.
        return self._compose(lambda region: recolor(self.content, region.colors(self.level), where=region.mask)).clip(
            0, 1
        )

    def covered(self) -> Float[np.ndarray, "h w 3"]:
        """Return the canvas covered by the first style image of every region; the photo where it is kept."""
        height, width = self.content.shape[:2]
        if self.regions[0].mask is None:
            return _cover(self.regions[0].at(self.level).styles[0].pixels, width, height)
        return self._compose(lambda region: _cover(region.at(self.level).styles[0].pixels, width, height))

    def _compose(self, paint: Callable[[CanvasRegion], Float[np.ndarray, "h w 3"]]) -> Float[np.ndarray, "h w 3"]:
        """Return the sum of pictures of the regions weighted by their masks, and of the photo where it is kept."""
        result = np.zeros_like(self.content) if self.kept is None else self.content * self.kept[:, :, None]
        for region in self.regions:
            if region.mask is not None and region.mask.any():
                result = result + paint(region) * region.mask[:, :, None]
        return np.asarray(result, dtype=np.float32)


def _cover(picture: Float[np.ndarray, "h w 3"], width: int, height: int) -> Float[np.ndarray, "_h _w 3"]:
    """Resize a picture so that it covers width x height, and crop its middle."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    large = resize(picture, max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale)))
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return large[top : top + height, left : left + width]
