"""One level while it is painted: its canvas, its objective and its optimiser."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import FeatureExtractor
from impasto.control import chroma_share, finish_colors, importance, recolor
from impasto.errors import InputError
from impasto.images import crop, fit, resize
from impasto.losses import TERMS, Objective
from impasto.painting.canvas import make_canvas
from impasto.painting.optimisers import make_optimiser
from impasto.painting.pyramid import Level, carry_up
from impasto.recipe import Recipe

OTHER_LEVELS = "the run was begun by another version of impasto, which planned other levels: start a new run"


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """What is to be painted, in RGB, [0, 1]: photo, style and, if the canvas starts from a file, that picture.

    `photo` is the photo in its own colours where `content` has none; None: `content` is.
    """

    content: Float[np.ndarray, "h w 3"]
    style: Float[np.ndarray, "sh sw 3"]
    init: Float[np.ndarray, "ih iw 3"] | None = None
    photo: Float[np.ndarray, "h w 3"] | None = None


class Stage:
    """Optimises the canvas of one level, step by step."""

    NUMBERS = (*TERMS, "accepted", "failures")
    """What `advance` returns."""

    def __init__(
        self,
        recipe: Recipe,
        scene: Scene,
        extractor: FeatureExtractor,
        level: Level,
        start: Float[np.ndarray, "_h _w 3"] | None = None,
    ) -> None:
        """Measure the targets at this level's size and start from `start`, or from what the recipe says."""
        self.level = level
        self._recipe = recipe
        self._scene = scene
        content = resize(scene.content, level.width, level.height)
        style = _style_at(recipe, scene, level)
        recolored = recolor(content, style)
        if start is None:
            start = _first_picture(recipe, scene, content, recolored, style)
        elif start.shape != content.shape:
            photo = _blend(content, recolored, recipe) if recipe.init == "recolored" else content
            start = carry_up(start, photo, detail=recipe.detail)
        device = extractor.device
        self._keep_best = recipe.keep_best and not level.above
        self._canvas = make_canvas(recipe.canvas, grey=recipe.color == "luminance")
        self._objective = Objective(
            extractor,
            recipe,
            content=_tensor(content, device),
            style=_tensor(style, device),
            anchor=_tensor(recolored, device),
            importance=_importance(recipe, self._photo(), device),
            content_factor=recipe.coarse_content**level.above,
        )
        if recipe.adapt:
            self._objective.adapt(_tensor(recolored, device))
        if start.shape != content.shape:
            start = resize(start, level.width, level.height)
        coordinates = self._canvas.coordinates(_tensor(start, device))
        self._optimiser = make_optimiser(recipe, coordinates)
        self.patience = self._optimiser.patience
        self._best = coordinates
        self._lowest = coordinates.new_full((), torch.inf)

    def advance(self) -> Float[Tensor, "7"]:
        """Do one evaluation of loss and gradient; return the NUMBERS, still on the device."""
        coordinates = self._optimiser.ask().detach().requires_grad_()
        terms = self._objective(self._canvas.picture(coordinates))
        loss = terms.sum()
        (gradient,) = torch.autograd.grad(loss, coordinates)
        loss, terms = loss.detach(), terms.detach()
        accepted = self._optimiser.tell(loss, gradient.contiguous())
        if self._keep_best:
            better = accepted & (loss < self._lowest)
            self._lowest = torch.where(better, loss, self._lowest)
            self._best = torch.where(better, self._optimiser.accepted, self._best)
        return torch.cat([terms, torch.stack([accepted.to(terms.dtype), self._optimiser.failures.to(terms.dtype)])])

    def change(self, recipe: Recipe) -> None:
        """Go on by other weights; what was learnt about the old objective is dropped."""
        self._objective.change(recipe)
        self._optimiser.restart()
        self._lowest = torch.full_like(self._lowest, torch.inf)

    def picture(self) -> Float[np.ndarray, "h w 3"]:
        """Return the last accepted picture (the best one if the recipe keeps the best), clipped, in painted colours."""
        chosen = self._optimiser.accepted
        if self._keep_best:
            chosen = torch.where(torch.isfinite(self._lowest), self._best, chosen)
        with torch.no_grad():
            picture = self._canvas.picture(chosen).clamp(0, 1)
        return np.ascontiguousarray(picture[0].permute(1, 2, 0).cpu().numpy())

    def finished(self) -> Float[np.ndarray, "h w 3"]:
        """Return the picture in the colours that the recipe asks for."""
        picture = self.picture()
        if not chroma_share(self._recipe):
            return picture
        return finish_colors(self._recipe, picture, self._photo())

    def _photo(self) -> Float[np.ndarray, "h w 3"]:
        """Return the photo in its own colours at this level's size."""
        photo = self._scene.content if self._scene.photo is None else self._scene.photo
        return resize(photo, self.level.width, self.level.height)

    def lowest_loss(self) -> float | None:
        """Return the loss of the best picture if the recipe keeps it and there is one."""
        lowest = float(self._lowest)
        return lowest if self._keep_best and math.isfinite(lowest) else None

    def loss_of(self, picture: Float[np.ndarray, "h w 3"]) -> float:
        """Return the objective of a picture of this level's size."""
        with torch.no_grad():
            return float(self._objective(_tensor(picture, self._best.device)).sum())

    def state(self) -> dict[str, Tensor]:
        """Return the tensors on which the next steps depend."""
        own = {"best": self._best, "lowest": self._lowest}
        return own | {f"optimiser.{name}": tensor for name, tensor in self._optimiser.state().items()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` returned; raises InputError if it is that of a canvas of another size."""
        if state["best"].shape != self._best.shape:
            raise InputError(OTHER_LEVELS)
        device = self._best.device
        self._best, self._lowest = state["best"].to(device), state["lowest"].to(device)
        prefix = "optimiser."
        self._optimiser.load_state({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})


def style_size(recipe: Recipe, shape: tuple[int, ...], level: Level) -> tuple[int, int]:
    """Return width and height at which a level looks at a style of a shape (height, width).

    Its long side is the canvas's, or shrinks alike.
    """
    height, width = shape
    long_side: float = max(level.width, level.height)
    if recipe.style_size is not None:
        long_side = recipe.style_size / recipe.level_ratio**level.above
    return fit(width, height, max(1, round(long_side)))


def style_margin(recipe: Recipe, width: int, height: int) -> tuple[int, int]:
    """Return how many columns and rows of a style image of this size are left out on each side."""
    share = recipe.style_margin if recipe.style_crop is None else 0.0
    return round(share * width), round(share * height)


def _style_at(recipe: Recipe, scene: Scene, level: Level) -> Float[np.ndarray, "_h _w 3"]:
    """Return what teaches at this level: the style image at its size there, less the margin."""
    width, height = style_size(recipe, scene.style.shape[:2], level)
    across, down = style_margin(recipe, width, height)
    return crop(resize(scene.style, width, height), (across, down, width - 2 * across, height - 2 * down))


def _first_picture(
    recipe: Recipe,
    scene: Scene,
    content: Float[np.ndarray, "h w 3"],
    recolored: Float[np.ndarray, "h w 3"],
    style: Float[np.ndarray, "sh sw 3"],
) -> Float[np.ndarray, "_h _w 3"]:
    """Return what the first level starts from; noise may leave [0, 1]."""
    if recipe.init == "content":
        return content
    if recipe.init == "recolored":
        return _blend(content, recolored, recipe)
    if recipe.init == "noise":
        # Drawn on the processor, so that one seed means one noise on every device.
        generator = torch.Generator().manual_seed(recipe.seed)
        noise = torch.randn(content.shape, generator=generator).numpy() * recipe.noise_std
        return np.asarray((_MEAN_COLOR + noise) / 255.0, dtype=np.float32)
    if recipe.init == "style":
        return _cover(style, content.shape[1], content.shape[0])
    assert scene.init is not None, "whoever makes a scene reads the file that init names"
    return scene.init


def _blend(
    content: Float[np.ndarray, "h w 3"], recolored: Float[np.ndarray, "h w 3"], recipe: Recipe
) -> Float[np.ndarray, "h w 3"]:
    """Return the photo with as much of the style's colours as the recipe says."""
    return np.asarray(content + recipe.balanced().recolor * (recolored - content), dtype=np.float32)


def _importance(
    recipe: Recipe, content: Float[np.ndarray, "h w 3"], device: torch.device
) -> Float[Tensor, "1 1 h w"] | None:
    return torch.from_numpy(importance(content, recipe.rescue))[None, None].to(device) if recipe.rescue else None


_MEAN_COLOR = np.array([123.68, 116.779, 103.939])
"""Mean colour of ImageNet in grey levels: what the network takes for zero."""


def _cover(picture: Float[np.ndarray, "h w 3"], width: int, height: int) -> Float[np.ndarray, "_h _w 3"]:
    """Resize a picture so that it covers width x height, and cut the middle out."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    large = resize(picture, max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale)))
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return large[top : top + height, left : left + width]


def _tensor(picture: Float[np.ndarray, "h w 3"], device: torch.device) -> Float[Tensor, "1 3 h w"]:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None])).to(device)
