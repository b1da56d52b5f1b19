"""The method `optimize`: pixels are optimized through a network that compares pictures."""

import math
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final, Literal

import torch

from impasto.api.cache import Cache
from impasto.api.estimate import Estimate, estimate_of, estimate_run
from impasto.api.job import Job
from impasto.backbones import (
    AnyWeights,
    FeatureExtractor,
    check_input_size,
    describe_weights,
    load_weights,
    min_input_size,
)
from impasto.errors import InputError
from impasto.losses import StyleTarget, make_extractor, needed_layers, style_losses
from impasto.painting import Level, Painter, Scene, StyleImage, plan_levels
from impasto.recipe import LONGEST_SIDE, Recipe

_NETWORKS: Final = 2
"""Networks that are kept."""
_FEATURES: Final = 8
"""Features across the deepest layer below which the part of a style image that is used has hardly any texture."""


class Optimize:
    """Plans and paints pictures by optimization; networks and style targets are kept for later pictures."""

    def __init__(self, cache_bytes: int) -> None:
        """Keep at most so many bytes of statistics of style images."""
        self._loading = threading.Lock()
        self._weights: Cache[AnyWeights] = Cache(_NETWORKS)
        self._extractors: Cache[FeatureExtractor] = Cache(_NETWORKS)
        self._targets: Cache[StyleTarget] = Cache(cache_bytes, lambda target: target.nbytes)

    @staticmethod
    def levels(recipe: Recipe, width: int, height: int) -> tuple[Level, ...]:
        """Return the levels; raises InputError for a network that is not installed, or has no such layers."""
        min_input_size(recipe.network.backbone, needed_layers(recipe), recipe.network.padding)
        return plan_levels(recipe, width, height)

    @staticmethod
    def painted_pixels(recipe: Recipe, width: int, height: int) -> int:
        """Return the pixels of the result."""
        return width * height

    @staticmethod
    def weights(recipe: Recipe) -> Mapping[str, Any]:
        """Describe the weights of the recipe's network."""
        return describe_weights(recipe.network.weights, recipe.network.backbone)

    @staticmethod
    def check(
        recipe: Recipe, size: tuple[int, int], photo_size: tuple[int, int], levels: Sequence[Level], scene: Scene
    ) -> None:
        """Raise InputError in one line if something is too large or too small to be painted."""
        coarsest, finest = levels[0], levels[-1]
        styles = [style for region in scene.regions for style in region.styles]
        for what, (width, height) in (("result", size), *(("style image", style.size(finest)) for style in styles)):
            if width * height > recipe.picture.max_megapixels * 1e6:
                raise InputError(f"a {what} of {width} x {height} px is above the limit: --max-megapixels raises it")
        side = min_input_size(recipe.network.backbone, needed_layers(recipe), recipe.network.padding)
        _check_size(recipe, "picture", coarsest.width, coarsest.height, _larger_size(side, *photo_size))
        for style in styles:
            width, height = style.size(coarsest)
            # A tiny style image could be enlarged, but it has no texture to transfer.
            width, height = min(width, style.pixels.shape[1]), min(height, style.pixels.shape[0])
            across, down = style.border(width, height)
            is_tiny = min(style.pixels.shape[:2]) < side
            larger = "choose a larger --size or --style-scale, or shallower layers"
            advice = "choose a larger one" if is_tiny else larger
            _check_size(recipe, "style image", width - 2 * across, height - 2 * down, advice)

    @staticmethod
    def notices(recipe: Recipe, finest: Level, scene: Scene) -> list[str]:
        """Say how little of a style image is used if it is enlarged and holds no more than a few features."""
        network = recipe.network
        side = _FEATURES * min_input_size(network.backbone, needed_layers(recipe), network.padding) // 2
        styles = [style for region in scene.regions for style in region.styles]
        enlarged = [style for style in styles if style.size(finest)[0] > style.pixels.shape[1]]
        used = [one.pixels[..., 0].size if one.mask is None else round(float(one.mask.sum())) for one in enlarged]
        text = f"px of a style image are used: in fewer than {side} x {side} px the network finds too little texture"
        return [f"only {count} {text}" for count in dict.fromkeys(used) if count < side**2]

    @staticmethod
    def estimate_of(painter: Painter, *, may_measure: bool) -> Estimate | None:
        """Return what a run takes, about; None if the speed is not known, and the picture is not large."""
        return estimate_of(painter, may_measure=may_measure)

    def painter(self, job: Job) -> Painter:
        """Return the painter of a job, with the network loaded.

        Args:
            job: The planned job.

        Returns:
            A painter that shares network and style targets with the session's other jobs.
        """
        extractor, key, seed = self._loaded(job)

        def target(style: StyleImage, measure: Callable[[], StyleTarget]) -> StyleTarget:
            return self._targets.get((key, seed, style.key), measure) if style.key else measure()

        return Painter(job.recipe, job.scene, extractor, levels=job.levels, cache=target)

    def extractor(self, job: Job) -> FeatureExtractor:
        """Return the network of a job, loaded."""
        return self._loaded(job)[0]

    def estimate(self, job: Job) -> Estimate:
        """Return how long a job takes; the speed of this machine is measured if it is not known."""
        return estimate_run(job.recipe, job.scene, job.levels, self.extractor(job))

    def _loaded(self, job: Job) -> tuple[FeatureExtractor, Hashable, int | None]:
        """Return the network of a job, and all else on which the statistics of its style images depend."""
        recipe = job.recipe
        network, hardware = recipe.network, recipe.hardware
        weights_key = (network.backbone, job.sources["weights"]["sha256"])
        # Everything on which the statistics of a style image depend, but for the image.
        used = style_losses(recipe).values()
        losses = tuple(map(type, used))  # a name may have been registered anew
        # Only places are drawn from the style image; pictures of other seeds share all other statistics.
        seed = recipe.start.seed if any(loss.inputs == "hypercolumns" for loss in used) else None
        style = recipe.style.model_dump_json(include={"losses", "layers", "samples"})
        content = recipe.content.model_dump_json(include={"losses", "layers"})
        key = (weights_key, network, hardware.device, hardware.precision, losses, style, content)

        def load() -> FeatureExtractor:
            weights = self._weights.get(weights_key, lambda: load_weights(network.weights, network.backbone))
            precision: Literal["fp32", "bf16"] = "bf16" if hardware.precision == "bf16" else "fp32"
            device = torch.device(hardware.device)
            return make_extractor(weights, recipe, precision=precision, device=device)

        with self._loading:
            return self._extractors.get(key, load), key, seed


def _check_size(recipe: Recipe, what: str, width: int, height: int, advice: str) -> None:
    network = recipe.network
    try:
        check_input_size(width, height, needed_layers(recipe), backbone=network.backbone, padding=network.padding)
    except InputError as error:
        raise InputError(f"the {what} is too small: {error}; {advice}") from None


def _larger_size(side: int, width: int, height: int) -> str:
    """Return the options with which a photo's short side is painted with as many pixels as the network needs."""
    long_side = math.ceil(side * max(width, height) / min(width, height))
    if long_side > LONGEST_SIDE:
        return "crop the photo to a shape that is less narrow"
    upscale = " --upscale" if long_side > max(width, height) else ""
    return f"--size {long_side}{upscale}, or more, paints it"
