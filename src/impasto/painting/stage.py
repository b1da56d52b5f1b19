"""One level while it is painted: its canvas, its objective and its optimiser."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import FeatureExtractor
from impasto.control import finish_colors, importance
from impasto.errors import InputError
from impasto.images import resize
from impasto.losses import TERMS, Lesson, Objective, Teacher, View, smoothing_extractor
from impasto.painting.canvas import Canvas, KeepingCanvas, make_canvas
from impasto.painting.optimisers import make_optimiser
from impasto.painting.pyramid import Level, carry_up
from impasto.painting.scene import Area, LevelView, Scene, StyleImage
from impasto.recipe import Recipe

OTHER_LEVELS = "the run was begun by another version of impasto, which planned other levels: start a new run"


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
        view = self._view = LevelView.of(scene, recipe, level)
        if start is None:
            start = _first_picture(recipe, view, scene.init)
        elif start.shape != view.content.shape:
            photo = _blend(view, recipe) if recipe.init == "recolored" else view.content
            start = carry_up(start, photo, detail=recipe.detail)
        device = extractor.device
        content = _tensor(view.content, device)
        pictures = [content, *(_tensor(style.pixels, device) for area in view.areas for style in area.styles)]
        extractor = smoothing_extractor(extractor, recipe, pictures)
        self._keep_best = recipe.keep_best and not level.above
        self._canvas = _make_canvas(recipe, view, device)
        self._objective = Objective(
            extractor,
            recipe,
            content=content,
            lessons=[_lesson(area, extractor) for area in view.areas],
            anchor=_tensor(view.recolored, device),
            importance=_importance(recipe, view.photo, device),
            content_factor=recipe.coarse_content**level.above,
        )
        if recipe.adapt:
            self._objective.adapt(_tensor(view.recolored, device))
        if start.shape != view.content.shape:
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

    def finish_by(self, recipe: Recipe) -> None:
        """Finish pictures in the colours that this recipe asks for; what is optimised stays as it is."""
        self._recipe = recipe

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
        return finish_colors(self._recipe, self.picture(), self._view.photo, kept=self._view.kept)

    @property
    def notices(self) -> list[str]:
        """What the person should know about this level, in one line each."""
        return [
            f"{self._view.areas[number].name} is too small for {', '.join(layers)}: it learns from the other layers"
            for number, layers in self._objective.too_small
        ]

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


def _make_canvas(recipe: Recipe, view: LevelView, device: torch.device) -> Canvas:
    canvas = make_canvas(recipe.canvas, grey=recipe.color.mode == "luminance")
    if view.kept is None:
        return canvas
    return KeepingCanvas(canvas, _tensor(view.content, device), _mask_tensor(view.kept, device))


def _lesson(area: Area, extractor: FeatureExtractor) -> Lesson:
    """Let the network look at the style images of an area."""
    where = None if area.where is None else _mask_tensor(area.where, extractor.device)
    return Lesson(teachers=tuple(_teacher(style, extractor) for style in area.styles), where=where)


def _teacher(style: StyleImage, extractor: FeatureExtractor) -> Teacher:
    picture = _tensor(style.pixels, extractor.device)
    border = 1 if style.margin else 0
    with torch.no_grad():
        features = extractor(picture, border=border)
    mask = None if style.mask is None else _mask_tensor(style.mask, extractor.device)
    return Teacher(view=View(picture, features), share=style.share, mask=mask, border=border)


def _first_picture(
    recipe: Recipe, view: LevelView, init: Float[np.ndarray, "ih iw 3"] | None
) -> Float[np.ndarray, "_h _w 3"]:
    """Return what the first level starts from; noise may leave [0, 1]."""
    if recipe.init == "content":
        return view.content
    if recipe.init == "recolored":
        return _blend(view, recipe)
    if recipe.init == "noise":
        # Drawn on the processor, so that one seed means one noise on every device.
        generator = torch.Generator().manual_seed(recipe.seed)
        noise = torch.randn(view.content.shape, generator=generator).numpy() * recipe.noise_std
        return np.asarray((_MEAN_COLOR + noise) / 255.0, dtype=np.float32)
    if recipe.init == "style":
        return view.covered()
    assert init is not None, "whoever makes a scene reads the file that init names"
    return init


def _blend(view: LevelView, recipe: Recipe) -> Float[np.ndarray, "h w 3"]:
    """Return the photo with as much of the style's colours as the recipe says."""
    moved = view.recolored - view.content
    return np.asarray(view.content + recipe.balanced().recolor * moved, dtype=np.float32)


def _importance(
    recipe: Recipe, content: Float[np.ndarray, "h w 3"], device: torch.device
) -> Float[Tensor, "1 1 h w"] | None:
    return torch.from_numpy(importance(content, recipe.rescue))[None, None].to(device) if recipe.rescue else None


_MEAN_COLOR = np.array([123.68, 116.779, 103.939])
"""Mean colour of ImageNet in grey levels: what the network takes for zero."""


def _tensor(picture: Float[np.ndarray, "h w 3"], device: torch.device) -> Float[Tensor, "1 3 h w"]:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None])).to(device)


def _mask_tensor(mask: Float[np.ndarray, "h w"], device: torch.device) -> Float[Tensor, "1 1 h w"]:
    return torch.from_numpy(np.ascontiguousarray(mask, dtype=np.float32))[None, None].to(device)
