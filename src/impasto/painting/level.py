"""The optimization of one level: its canvas, its objective and its optimizer."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import FeatureExtractor, SmoothedExtractor, processes, release_memory
from impasto.color import finish_colors
from impasto.errors import InputError
from impasto.images import strips
from impasto.losses import (
    EarlierFrame,
    EncodedImage,
    Objective,
    RegionTarget,
    StyleTarget,
    TiledImage,
    TiledObjective,
    Tiling,
    measure_style,
    needed_layers,
    total_of,
)
from impasto.painting.canvas import Canvas, KeepingCanvas, make_canvas
from impasto.painting.memory import MemoryPlan, plan_memory
from impasto.painting.optimizers import choose, make_optimizer
from impasto.painting.pyramid import Level, recipe_at
from impasto.painting.scene import CanvasRegion, Scene, StyleImage
from impasto.painting.starts import first_canvas, next_canvas
from impasto.recipe import Recipe
from impasto.saliency import saliency_weights

_HOLD: Final = 0.7
"""How much less the places of a film's frame move that continue the frame before: few steps then suffice for others."""
_STRIP: Final = 2
"""How many times the pixels of a tile a strip of a style image has, which takes no more memory without gradients."""

OTHER_LEVELS: Final = "the run was begun by another version of impasto, which planned other levels: start a new run"

TargetCache: TypeAlias = Callable[[StyleImage, Callable[[], StyleTarget]], StyleTarget]
"""Returns the target of a style image as a level uses it: a known one, or what the given function measures."""


class LevelOptimizer:
    """Optimizes the canvas of one level, step by step.

    The scene has the level's size. `start` is the canvas of the level before, or of this one; None: the recipe's start.
    `plan` says in which tiles pictures are evaluated; None: those that the recipe's limit of memory asks for.
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
        plan: MemoryPlan | None = None,
    ) -> None:
        self.level, self._extractor = level, extractor
        recipe = recipe_at(recipe, level, extractor)
        self._layers = needed_layers(recipe)
        self.plan = plan = plan or plan_memory(recipe, extractor, level, scene.style_pixels(level))
        self._recipe = recipe
        self.scene = scene
        """What is needed of the scene."""
        device, tiled = extractor.device, plan.tile is not None
        # In tiles only windows of it are read, which are copied.
        content = _tensor(scene.content, device, view=tiled)
        if recipe.network.smooths:
            # Smoothed features depend on all pictures, and so do the statistics of a style image.
            styles = [_tensor(style.at(level).pixels, device) for region in scene.regions for style in region.styles]
            extractor, cache = SmoothedExtractor(extractor, [content, *styles]), None
        salience = recipe.content.saliency_weight
        self._keep_best = recipe.optimizer.keep_best and not level.above
        self.canvas = _canvas_of(recipe, scene, device)
        evaluate: Callable[..., Objective] = partial(Objective, extractor)
        if plan.tile is not None:
            tiling = Tiling(extractor, level.height, level.width, plan.tile, layers=self._layers)
            evaluate = partial(TiledObjective, tiling, recompute=plan.recompute)
        self.objective = evaluate(
            recipe,
            content=content,
            regions=[_target_of(region, extractor, recipe, level, cache, plan.tile) for region in scene.regions],
            low_frequency_target=_tensor(scene.recolored, device, view=tiled),
            saliency=_mask_tensor(saliency_weights(scene.original, salience), device) if salience else None,
            content_factor=recipe.content.coarse_factor**level.above,
            coarse=level.above > 0,
            earlier=[EarlierFrame(_tensor(earlier.picture, device), _mask_tensor(earlier.weight, device))]
            if (earlier := scene.earlier)
            else (),
        )
        if recipe.content.exponent:
            self.objective.scale_content_weight(_tensor(scene.recolored, device, view=tiled))
        self._release()
        if start is None:
            start = first_canvas(recipe, scene)
        elif start.shape != scene.content.shape:
            start = next_canvas(recipe, scene, start)
        coordinates = processes.agree(self._coordinates(start))
        del start
        settings = recipe.optimizer.model_copy(update={"history": plan.history})
        self.optimizer = make_optimizer(settings, coordinates, recipe.hardware.precision)
        self._best = coordinates if self._keep_best else None
        self._chosen: Tensor | None = None
        self._lowest = coordinates.new_full((), torch.inf)
        if tiled and not level.above:
            # Only what begins needs it, and at the finest level nothing begins any more.
            self.scene = replace(scene, colored=None)
        self._release()

    def _release(self) -> None:
        """Return freed memory to the system where it is scarce."""
        if self.plan.tile is not None:
            release_memory()

    def _coordinates(self, picture: Float[np.ndarray, "h w 3"]) -> Float[Tensor, "1 _c h w"]:
        """Return the coordinates of a picture, strip by strip."""
        device = self._extractor.device
        found: Tensor | None = None
        for rows in strips(*picture.shape[:2]):
            some = self.canvas.coordinates(_tensor(picture[rows], device))
            if found is None:
                found = some.new_empty(1, some.shape[1], *picture.shape[:2])
            found[:, :, rows] = some
        assert found is not None
        return found

    def close(self) -> None:
        """Keep the picture and nothing else; what was known about the objective takes more memory than a new level."""
        self._chosen = self._chosen_coordinates()
        del self.objective, self.optimizer
        self._best = None
        self._release()

    def advance(self) -> Float[Tensor, "n"]:
        """Evaluate once; return terms, whether the point was accepted, and failures in a row, still on the device."""
        terms, gradient = self.objective.value_and_grad(self.optimizer.ask(), self.canvas.picture)
        loss = total_of(terms)
        accepted = self.optimizer.tell(loss, gradient.contiguous())
        del gradient
        if self._best is not None:
            better = accepted & (loss < self._lowest)
            self._lowest = torch.where(better, loss, self._lowest)
            self._best = choose(better, self.optimizer.accepted, self._best)
        self._release()
        others = [accepted.to(loss.dtype), self.optimizer.failures.to(loss.dtype)]
        return torch.stack([*terms.values(), *others])

    def use(self, plan: MemoryPlan) -> None:
        """Continue in other tiles."""
        assert plan.tile is not None
        self.plan = plan
        tiling = Tiling(self._extractor, self.level.height, self.level.width, plan.tile, layers=self._layers)
        self.objective = TiledObjective.of(self.objective, tiling)

    def change(self, recipe: Recipe, *, reweighted: bool) -> None:
        """Continue with other settings; with other weights, what is known about the old objective is dropped."""
        self._recipe = recipe
        if reweighted:
            self.objective.change(recipe)
            self.optimizer.restart()
            self._lowest = torch.full_like(self._lowest, torch.inf)

    def picture(self) -> Float[np.ndarray, "h w 3"]:
        """Return the last accepted picture, or the best one if the recipe keeps it, in the colors of the canvas."""
        return _picture_on(self.canvas, self._chosen_coordinates())

    def _chosen_coordinates(self) -> Float[Tensor, "1 _c h w"]:
        # Another thread may ask while `close`, which sets `_chosen` first, deletes the optimizer.
        optimizer = vars(self).get("optimizer")
        if self._chosen is not None or optimizer is None:
            assert self._chosen is not None
            return self._chosen
        accepted = optimizer.accepted
        return accepted if self._best is None else choose(torch.isfinite(self._lowest), self._best, accepted)

    def finished(self, scene: Scene | None = None) -> Float[np.ndarray, "h w 3"]:
        """Return the picture in the colors that the recipe asks for.

        It has the size of `scene`, by default the level's own; a larger one is what a level of that size starts from.
        """
        scene, picture = scene or self.scene, self.picture()
        if picture.shape != scene.content.shape:
            cpu = torch.device("cpu")
            canvas = _canvas_of(self._recipe, scene, cpu)
            start = next_canvas(self._recipe, scene, picture)
            picture = _picture_on(canvas, canvas.coordinates(_tensor(start, cpu)))
        return finish_colors(self._recipe.color, picture, scene.original, kept=scene.kept)

    @property
    def notices(self) -> list[str]:
        """What the user should know about this level, in one line each."""
        tiles = [self.plan.notice] if self.plan.tile else []
        return tiles + [
            f"{self.scene.regions[number].name} is too small for {', '.join(layers)}: the other layers are used"
            for number, layers in self.objective.too_small
        ]

    def lowest_loss(self) -> float | None:
        """Return the loss of the best picture if the recipe keeps it and there is one."""
        lowest = float(self._lowest)
        return lowest if self._keep_best and math.isfinite(lowest) else None

    def loss_of(self, picture: Float[np.ndarray, "h w 3"]) -> float:
        """Return the objective of a picture of this level's size."""
        picture_of = _tensor(picture, self._extractor.device, view=self.plan.tile is not None)
        with torch.no_grad():
            return float(total_of(self.objective.terms(picture_of)))

    def state(self) -> dict[str, Tensor]:
        """Return the tensors on which the next steps depend."""
        of_optimizer = {f"optimizer.{name}": tensor for name, tensor in self.optimizer.state().items()}
        return of_optimizer if self._best is None else {"best": self._best, "lowest": self._lowest, **of_optimizer}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned; raises InputError if it is that of another canvas or optimizer."""
        own = self.state()
        state = {name: tensor for name, tensor in state.items() if name in own}  # older ones hold a best one, too
        shapes, own_shapes = ({name: (t.shape, t.dtype) for name, t in each.items()} for each in (state, own))
        if shapes != own_shapes or not bool(torch.isfinite(state["optimizer.accepted"]).all()):
            raise InputError(OTHER_LEVELS)
        if self._best is not None:
            self._best, self._lowest = (state[name].to(self._best.device) for name in ("best", "lowest"))
        self.optimizer.load_state({name.removeprefix("optimizer."): tensor for name, tensor in state.items()})


def _target_of(
    region: CanvasRegion,
    extractor: FeatureExtractor,
    recipe: Recipe,
    level: Level,
    cache: TargetCache | None,
    tile: int | None,
) -> RegionTarget:
    """Measure the style images of a region, of which only one has the level's size at a time."""
    device, layers = extractor.device, needed_layers(recipe)

    def measure(style: StyleImage) -> StyleTarget:
        style = style.at(level)
        mask, importance = (
            None if one is None else _mask_tensor(one, device) for one in (style.mask, style.importance)
        )
        with torch.no_grad():
            pixels, border = _tensor(style.pixels, device, view=tile is not None), 1 if style.margin else 0
            encode: Callable[..., EncodedImage] = partial(EncodedImage.of, extractor)
            if tile is not None:
                # Strips, because samples of a style image are drawn from its positions row by row.
                height, width = pixels.shape[2:]
                tiling = Tiling(extractor, height, width, _STRIP * tile, strips=True, layers=layers)
                encode = partial(TiledImage.of, tiling)
            image = encode(pixels, mask, border=border, importance=importance)
            target = measure_style(image, recipe, style.matches.style_grid if style.matches is not None else None)
            if tile is not None:
                release_memory()
            return target

    def target(style: StyleImage) -> StyleTarget:
        if cache is None:
            return measure(style)
        key = style.key_at(level)
        return cache(replace(style, key=key and f"{key}, {' '.join(layers)}"), partial(measure, style))

    return RegionTarget(
        styles=list(map(target, region.styles)),
        shares=[style.share for style in region.styles],
        mask=None if region.mask is None else _mask_tensor(region.mask, device),
        matches=[style.matches for style in region.styles],
    )


def _canvas_of(recipe: Recipe, scene: Scene, device: torch.device) -> Canvas:
    canvas = make_canvas(recipe.optimizer.canvas, gray=recipe.color.mode == "luminance")
    if scene.earlier is not None:
        held = _HOLD * scene.earlier.weight
        canvas = KeepingCanvas(canvas, _tensor(scene.earlier.picture, device), _mask_tensor(held, device))
    if scene.kept is None:
        return canvas
    return KeepingCanvas(canvas, _tensor(scene.content, device), _mask_tensor(scene.kept, device))


def _picture_on(canvas: Canvas, coordinates: Float[Tensor, "1 _c h w"]) -> Float[np.ndarray, "h w 3"]:
    height, width = coordinates.shape[2:]
    result = np.empty((height, width, 3), dtype=np.float32)
    with torch.no_grad():
        for rows in strips(height, width):
            picture = canvas.picture(coordinates[:, :, rows], rows).clamp(0, 1)
            result[rows] = picture[0].permute(1, 2, 0).cpu().numpy()
    return result


def _tensor(
    picture: Float[np.ndarray, "h w 3"], device: torch.device, *, view: bool = False
) -> Float[Tensor, "1 3 h w"]:
    """Return a picture as a tensor; `view`: on a CPU without a copy, with the channels last."""
    channels_first = picture.transpose(2, 0, 1)[None]
    return torch.from_numpy(channels_first if view else np.ascontiguousarray(channels_first)).to(device)


def _mask_tensor(mask: Float[np.ndarray, "h w"], device: torch.device) -> Float[Tensor, "1 1 h w"]:
    return torch.from_numpy(np.ascontiguousarray(mask, dtype=np.float32))[None, None].to(device)
