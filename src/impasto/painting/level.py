"""The optimization of one level: its canvas, its objective and its optimizer."""

import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import FeatureExtractor
from impasto.color import finish_colors
from impasto.errors import InputError
from impasto.losses import (
    TERMS,
    EncodedImage,
    Objective,
    RegionTarget,
    StyleLoss,
    StyleTarget,
    measure_style,
    smoothing_extractor,
    style_losses,
    total_of,
)
from impasto.painting.canvas import Canvas, KeepingCanvas, make_canvas
from impasto.painting.optimizers import make_optimizer
from impasto.painting.pyramid import Level, enlarge_canvas
from impasto.painting.scene import CanvasRegion, Scene, StyleImage
from impasto.recipe import Recipe
from impasto.saliency import saliency_weights

OTHER_LEVELS = "the run was begun by another version of impasto, which planned other levels: start a new run"

_MEAN_COLOR = np.array([123.68, 116.779, 103.939])
"""Mean color of ImageNet in gray levels: zero for the network."""


@runtime_checkable
class TargetCache(Protocol):
    """Keeps the targets of style images that were measured before."""

    def get(self, style: StyleImage, measure: Callable[[], StyleTarget]) -> StyleTarget:
        """Return the target of a style image as a level uses it; `measure` computes one that is not known."""
        ...


class LevelOptimizer:
    """Optimizes the canvas of one level, step by step.

    Args:
        recipe: The recipe.
        scene: The scene at the level's size.
        extractor: The network.
        level: The level.
        start: The canvas of the level before; None: the recipe's own start.
        cache: Targets of style images that were measured before; None: all are measured.
    """

    def __init__(
        self,
        recipe: Recipe,
        scene: Scene,
        extractor: FeatureExtractor,
        level: Level,
        *,
        start: Float[np.ndarray, "_h _w 3"] | None = None,
        cache: TargetCache | None = None,
    ) -> None:
        self.level = level
        self._recipe = recipe
        self._scene = scene
        if start is None:
            start = _first_canvas(recipe, scene)
        elif start.shape != scene.content.shape:
            photo = _recolored(scene, recipe) if recipe.start.init == "recolored" else scene.content
            start = enlarge_canvas(start, photo, detail=recipe.schedule.residual_detail)
        device = extractor.device
        content = _tensor(scene.content, device)
        pictures = [content, *(_tensor(style.pixels, device) for region in scene.regions for style in region.styles)]
        extractor = smoothing_extractor(extractor, recipe, pictures)
        if recipe.network.smooths:
            # Smoothed features depend on the photo, and so do the statistics of the style.
            cache = None
        losses = style_losses(recipe)
        self._keep_best = recipe.optimizer.keep_best and not level.above
        self._canvas = _canvas_of(recipe, scene, device)
        self._objective = Objective(
            extractor,
            recipe,
            content=content,
            regions=[_target_of(region, extractor, losses, recipe.start.seed, cache) for region in scene.regions],
            low_frequency_target=_tensor(scene.recolored, device),
            saliency=_saliency(recipe, scene.original, device),
            content_factor=recipe.content.coarse_factor**level.above,
        )
        if recipe.content.exponent:
            self._objective.adapt_to_distance(_tensor(scene.recolored, device))
        coordinates = self._canvas.coordinates(_tensor(start, device))
        self._optimizer = make_optimizer(recipe.optimizer, coordinates, precision=recipe.hardware.precision)
        self.patience = self._optimizer.patience
        """Evaluations in a row without a finite value after which the run is lost."""
        self._best = coordinates
        self._lowest = coordinates.new_full((), torch.inf)

    term_names = TERMS
    """Names of the terms that `advance` returns."""

    def advance(self) -> Float[Tensor, "n"]:
        """Evaluate loss and gradient once.

        Returns, still on the device, the terms, whether the step was accepted, and the number of failures in a row.
        """
        coordinates = self._optimizer.ask().detach().requires_grad_()
        picture = self._canvas.picture(coordinates)
        terms, slope = self._objective.value_and_grad(picture)
        (gradient,) = torch.autograd.grad(picture, coordinates, slope)
        loss = total_of(terms)
        accepted = self._optimizer.tell(loss, gradient.contiguous())
        if self._keep_best:
            better = accepted & (loss < self._lowest)
            self._lowest = torch.where(better, loss, self._lowest)
            self._best = torch.where(better, self._optimizer.accepted, self._best)
        others = [accepted.to(loss.dtype), self._optimizer.failures.to(loss.dtype)]
        return torch.stack([*terms.values(), *others])

    def change(self, recipe: Recipe) -> None:
        """Continue with other weights; what the optimizer knows about the old objective is dropped."""
        self._objective.change(recipe)
        self._optimizer.restart()
        self._lowest = torch.full_like(self._lowest, torch.inf)

    def change_colors(self, recipe: Recipe) -> None:
        """Finish pictures in the colors of this recipe; what is optimized stays as it is."""
        self._recipe = recipe

    def picture(self) -> Float[np.ndarray, "h w 3"]:
        """Return the last accepted picture (the best one if the recipe keeps the best), clipped, in painted colors."""
        chosen = self._optimizer.accepted
        if self._keep_best:
            chosen = torch.where(torch.isfinite(self._lowest), self._best, chosen)
        with torch.no_grad():
            picture = self._canvas.picture(chosen).clamp(0, 1)
        return np.ascontiguousarray(picture[0].permute(1, 2, 0).cpu().numpy())

    def finished(self) -> Float[np.ndarray, "h w 3"]:
        """Return the picture in the colors that the recipe asks for."""
        return finish_colors(self._recipe.color, self.picture(), self._scene.original, kept=self._scene.kept)

    @property
    def notices(self) -> list[str]:
        """What the user should know about this level, in one line each."""
        return [
            f"{self._scene.regions[number].name} is too small for {', '.join(layers)}: the other layers are used"
            for number, layers in self._objective.too_small
        ]

    def lowest_loss(self) -> float | None:
        """Return the loss of the best picture if the recipe keeps it and there is one."""
        lowest = float(self._lowest)
        return lowest if self._keep_best and math.isfinite(lowest) else None

    def loss_of(self, picture: Float[np.ndarray, "h w 3"]) -> float:
        """Return the objective of a picture of this level's size."""
        with torch.no_grad():
            return float(total_of(self._objective.terms(_tensor(picture, self._best.device))))

    def state(self) -> dict[str, Tensor]:
        """Return the tensors on which the next steps depend."""
        own = {"best": self._best, "lowest": self._lowest}
        return own | {f"optimizer.{name}": tensor for name, tensor in self._optimizer.state().items()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned; raises InputError if it is that of a canvas of another size."""
        if state["best"].shape != self._best.shape:
            raise InputError(OTHER_LEVELS)
        device = self._best.device
        self._best, self._lowest = state["best"].to(device), state["lowest"].to(device)
        prefix = "optimizer."
        self._optimizer.load_state({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})


def _canvas_of(recipe: Recipe, scene: Scene, device: torch.device) -> Canvas:
    canvas = make_canvas(recipe.optimizer.canvas, gray=recipe.color.mode == "luminance")
    if scene.kept is None:
        return canvas
    return KeepingCanvas(canvas, _tensor(scene.content, device), _mask_tensor(scene.kept, device))


def _target_of(
    region: CanvasRegion,
    extractor: FeatureExtractor,
    losses: dict[str, StyleLoss],
    seed: int,
    cache: TargetCache | None,
) -> RegionTarget:
    """Measure the style images of a region."""
    device = extractor.device

    def target_of(style: StyleImage) -> StyleTarget:
        def measure() -> StyleTarget:
            mask = None if style.mask is None else _mask_tensor(style.mask, device)
            with torch.no_grad():
                picture = _tensor(style.pixels, device)
                image = EncodedImage.of(extractor, picture, mask, border=1 if style.margin else 0)
                return measure_style(image, losses, seed)

        return measure() if cache is None else cache.get(style, measure)

    return RegionTarget(
        styles=[target_of(style) for style in region.styles],
        shares=[style.share for style in region.styles],
        mask=None if region.mask is None else _mask_tensor(region.mask, device),
    )


def _first_canvas(recipe: Recipe, scene: Scene) -> Float[np.ndarray, "h w 3"]:
    """Return what the first level starts from; noise may leave [0, 1]."""
    start = recipe.start
    if start.init == "content":
        return scene.content
    if start.init == "recolored":
        return _recolored(scene, recipe)
    if start.init == "noise":
        # Drawn on the CPU, so that one seed means one noise on every device.
        generator = torch.Generator().manual_seed(start.seed)
        noise = torch.randn(scene.content.shape, generator=generator).numpy() * start.noise_std
        return np.asarray((_MEAN_COLOR + noise) / 255.0, dtype=np.float32)
    if start.init == "style":
        return scene.covered()
    assert scene.init is not None, "the file that init names is read with the other inputs"
    return scene.init


def _recolored(scene: Scene, recipe: Recipe) -> Float[np.ndarray, "h w 3"]:
    """Return the photo with as much of the style's colors as the recipe says."""
    moved = scene.recolored - scene.content
    return np.asarray(scene.content + recipe.balanced().start.recolor * moved, dtype=np.float32)


def _saliency(
    recipe: Recipe, photo: Float[np.ndarray, "h w 3"], device: torch.device
) -> Float[Tensor, "1 1 h w"] | None:
    weight = recipe.content.saliency_weight
    return _mask_tensor(saliency_weights(photo, weight), device) if weight else None


def _tensor(picture: Float[np.ndarray, "h w 3"], device: torch.device) -> Float[Tensor, "1 3 h w"]:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None])).to(device)


def _mask_tensor(mask: Float[np.ndarray, "h w"], device: torch.device) -> Float[Tensor, "1 1 h w"]:
    return torch.from_numpy(np.ascontiguousarray(mask, dtype=np.float32))[None, None].to(device)
