"""The method `instant`: one pass of a trained network."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from impasto.api.cache import Cache
from impasto.api.estimate import Estimate
from impasto.api.job import Job
from impasto.errors import InputError
from impasto.instant import (
    InstantNetworks,
    InstantPainter,
    OneStyleTransformer,
    check_instant,
    describe_networks,
    learned_network,
    learned_style,
    load_networks,
    painted_pixels,
    peak_bytes,
    working_size,
)
from impasto.painting import Level, Scene, StyleImage
from impasto.recipe import Recipe, SettingError

_BYTES_OF_PROCESS: Final = 0.5e9
"""What libraries, networks and inputs take."""
_PROBE: Final = 256
"""Side in pixels of the picture with which the speed is measured."""
_DEVICES: Final = 2
"""Devices whose networks are kept."""
_LEARNED: Final = 8
"""Networks of learned styles that are kept."""


class Instant:
    """Plans and paints pictures by the instant networks, which are loaded once for each device."""

    def __init__(self, cache_bytes: int) -> None:
        """Keep at most so many bytes of the numbers that stand for styles."""
        self._networks: Cache[InstantNetworks] = Cache(_DEVICES)
        self._learned: Cache[OneStyleTransformer] = Cache(_LEARNED)
        self._numbers: Cache[Tensor] = Cache(cache_bytes, lambda numbers: numbers.nbytes)

    @staticmethod
    def levels(recipe: Recipe, width: int, height: int) -> tuple[Level, ...]:
        """Return the result's size alone, painted in one step."""
        return (Level(width, height, 1, 0),)

    @staticmethod
    def painted_pixels(recipe: Recipe, width: int, height: int) -> int:
        """Return the pixels that are painted, more than those of the result for smaller strokes."""
        return painted_pixels(recipe, width, height)

    @staticmethod
    def check(
        recipe: Recipe, size: tuple[int, int], photo_size: tuple[int, int], levels: Sequence[Level], scene: Scene
    ) -> None:
        """Raise InputError in one line for what cannot be painted."""
        if len(set(recipe.style.scale)) > 1:
            raise SettingError("style_scale", " is one number with the method instant: all strokes have one size")
        if size[0] * size[1] > recipe.picture.max_megapixels * 1e6:
            raise InputError("a result of {} x {} px is above the limit: --max-megapixels raises it".format(*size))
        check_instant(recipe, *size, wide=_is_wide(recipe, scene))

    @staticmethod
    def notices(recipe: Recipe, finest: Level, scene: Scene) -> list[str]:
        """Say which learned styles are painted by the network for any style, and why."""
        given = [style for region in scene.regions for style in region.styles if style.is_learned]
        painted = [learned_style(recipe, region) for region in scene.regions]
        if len(given) == len([style for style in painted if style is not None and style.is_learned]):
            return []
        return [
            "a learned style was learned as a whole: mixed, in part, turned, in other colors or at a strength above 50 "
            "its image is painted by the network for any style"
        ]

    @staticmethod
    def weights(recipe: Recipe) -> Mapping[str, Any]:
        """Describe the weights."""
        return describe_networks()

    @staticmethod
    def estimate_of(painter: InstantPainter, *, may_measure: bool) -> Estimate | None:
        """Return None: the picture would be there before the estimate is read."""
        return None

    def painter(self, job: Job) -> InstantPainter:
        """Return the painter of a job, with the networks loaded."""
        device = job.recipe.hardware.device

        def numbers(style: StyleImage, predict: Callable[[], Tensor]) -> Tensor:
            return self._numbers.get((device, style.key, style.margin), predict)

        def learned(style: StyleImage) -> OneStyleTransformer:
            data = style.learned
            assert data is not None
            return self._learned.get((device, style.key), lambda: learned_network(data).to(device))

        return InstantPainter(
            job.recipe, job.scene, self._loaded(device), level=job.levels[-1], cache=numbers, learned=learned
        )

    def estimate(self, job: Job) -> Estimate:
        """Return how long a job takes and how much memory, about; the speed is measured, in a fraction of a second."""
        device = job.recipe.hardware.device
        photo, numbers = torch.rand(1, 3, _PROBE, _PROBE, device=device), torch.zeros(1, 100, device=device)
        if wide := _is_wide(job.recipe, job.scene):
            paint: Callable[[], Tensor] = partial(OneStyleTransformer().to(device).requires_grad_(False), photo)
        else:
            paint = partial(self._loaded(device).transformer, photo, numbers)
        paint()
        began = time.perf_counter()
        paint().cpu()
        seconds = (time.perf_counter() - began) / _PROBE**2
        across, down = working_size(job.recipe, *job.size)
        return Estimate(
            size=job.size,
            steps=1,
            seconds=seconds * across * down * len(job.scene.regions),
            memory=_BYTES_OF_PROCESS + peak_bytes(job.recipe, *job.size, wide=wide),
            tile=None,
        )

    def _loaded(self, device: str) -> InstantNetworks:
        return self._networks.get(device, lambda: load_networks(torch.device(device)))


def _is_wide(recipe: Recipe, scene: Scene) -> bool:
    """Return True if a network for one style paints, which is wider than that for any style."""
    return any(learned_style(recipe, region) is not None for region in scene.regions)
