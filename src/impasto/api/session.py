"""Sessions: networks and style targets, loaded once and used by many runs."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Final, Generic, Literal, TypeVar, Unpack

import torch

from impasto.api.inputs import Regions, Source, Styles, read_inputs, region_settings
from impasto.api.job import Job, plan_job
from impasto.api.pictures import Result
from impasto.api.run import Run
from impasto.backbones import AnyWeights, FeatureExtractor, load_weights
from impasto.errors import InputError
from impasto.events import Listener
from impasto.losses import StyleTarget, make_extractor, style_losses
from impasto.painting import Painter, StyleImage
from impasto.recipe import Recipe, SettingOptions, check_balance, resolve
from impasto.runs import RunFolder

_NETWORKS: Final = 2
"""Networks that a session keeps."""

Value = TypeVar("Value")


class RunOptions(SettingOptions, total=False):
    """What a call may state beside photo, styles and recipe."""

    regions: Regions | None
    on_event: Listener | None
    run: str | Path | None
    output: str | Path | None


class Session:
    """Paints many pictures with networks and style images that are loaded once.

    Every method may be called from several threads.

    Args:
        styles: Style image or images of every picture, unless a call names others.
        recipe: Recipe or name of a preset of every picture, unless a call names another.
        regions: Regions of every picture, unless a call names others.
        cache_megabytes: Memory for the statistics of style images that were measured.
        **settings: Settings of the recipe.

    Example:
        >>> import numpy, impasto
        >>> session = impasto.Session("night", size=64, steps=2, levels=1)
        >>> photos = numpy.random.default_rng(0).random((2, 48, 64, 3))
        >>> [session.stylize(photo).steps for photo in photos]
        [2, 2]
    """

    def __init__(
        self,
        styles: Styles | None = None,
        recipe: Recipe | str | None = None,
        *,
        regions: Regions | None = None,
        cache_megabytes: float = 256.0,
        **settings: Unpack[SettingOptions],
    ) -> None:
        self._styles = styles
        self._recipe = _recipe_of(recipe, settings, regions)
        self._regions = regions
        self._loading = threading.Lock()
        self._weights: _Cache[AnyWeights] = _Cache(_NETWORKS)
        self._extractors: _Cache[FeatureExtractor] = _Cache(_NETWORKS)
        self._targets: _Cache[StyleTarget] = _Cache(round(cache_megabytes * 1e6), lambda target: target.nbytes)

    def stylize(
        self,
        content: Source,
        styles: Styles | None = None,
        recipe: Recipe | str | None = None,
        **options: Unpack[RunOptions],
    ) -> Result:
        """Paint a photo and wait for the picture; see `impasto.stylize`. What is not given is the session's."""
        handle = self.start(content, styles, recipe, **options)
        try:
            return handle.wait()
        except KeyboardInterrupt:
            handle.stop()
            handle.wait()
            raise

    def start(
        self,
        content: Source,
        styles: Styles | None = None,
        recipe: Recipe | str | None = None,
        *,
        regions: Regions | None = None,
        on_event: Listener | None = None,
        run: str | Path | None = None,
        output: str | Path | None = None,
        **settings: Unpack[SettingOptions],
    ) -> Run:
        """Begin to paint in the background; see `impasto.start`. What is not given is the session's."""
        if regions is None and not (isinstance(recipe, Recipe) and recipe.regions):
            regions = self._regions
        styles = self._styles if styles is None else styles
        chosen = _recipe_of(self._recipe if recipe is None else recipe, settings, regions)
        inputs = read_inputs(content, [] if styles is None else styles, chosen, regions)
        job = plan_job(chosen, inputs)
        folder = None
        if run is not None:
            wanted = None if output is None else Path(output)
            folder = RunFolder.create(Path(run), recipe=job.recipe, inputs=inputs, output=wanted)
        return Run(job, self.painter, on_event=on_event, folder=folder)

    def resume(self, run: str | Path, *, on_event: Listener | None = None) -> Run:
        """Continue the run in a run folder from its last checkpoint; see `impasto.resume`."""
        folder = RunFolder.open(Path(run))
        if folder.status == "finished":
            raise InputError(f"the run in {run} is finished: its picture is {folder.result_path}")
        folder.lock()
        try:
            checkpoint = folder.load_checkpoint()
            # First the log goes back to the checkpoint: a change of weights after it has not happened.
            folder.rewind(checkpoint.scalars["step"] if checkpoint else 0)
            job = plan_job(folder.recipe, folder.inputs())
        except BaseException:
            folder.close()
            raise
        return Run(job, self.painter, on_event=on_event, folder=folder, checkpoint=checkpoint)

    def painter(self, job: Job) -> Painter:
        """Return what paints a job, its network loaded."""
        recipe, masked = job.recipe, job.scene.masked
        network, hardware = recipe.network, recipe.hardware
        weights_key = (network.backbone, job.sources["weights"]["sha256"])
        # Everything on which the statistics of a style image depend, but for the image.
        losses = tuple(map(type, style_losses(recipe).values()))  # a name may have been registered anew
        style = recipe.style.model_dump_json(include={"losses", "layers", "samples"})
        content = recipe.content.model_dump_json(include={"losses", "layers"})
        key = (weights_key, network, hardware.device, hardware.precision, masked, losses, style, content)

        def load() -> FeatureExtractor:
            weights = self._weights.get(weights_key, lambda: load_weights(network.weights, network.backbone))
            precision: Literal["fp32", "bf16"] = "bf16" if hardware.precision == "bf16" else "fp32"
            device = torch.device(hardware.device)
            return make_extractor(weights, recipe, precision=precision, device=device, masked=masked)

        with self._loading:
            extractor = self._extractors.get(key, load)

        def target(style: StyleImage, measure: Callable[[], StyleTarget]) -> StyleTarget:
            return self._targets.get((key, recipe.start.seed, style.key), measure) if style.key else measure()

        return Painter(recipe, job.scene, extractor, levels=job.levels, cache=target)


class _Cache(Generic[Value]):
    """Values by key, made when they are first needed; those used last are kept, up to a total size."""

    def __init__(self, max_size: int, size: Callable[[Value], int] = lambda value: 1) -> None:
        self._max_size = max_size
        self._size = size
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key; two threads may make the same one at the same time."""
        with self._lock:
            known = self._values.get(key)
        value = make() if known is None else known
        if self._size(value) > self._max_size:
            return value  # kept, it would push out all others
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            total = sum(map(self._size, self._values.values()))
            while total > self._max_size:
                total -= self._size(self._values.popitem(last=False)[1])
        return value


def _recipe_of(recipe: Recipe | str | None, settings: Any, regions: Regions | None) -> Recipe:
    check_balance(settings)
    chosen = recipe.with_changes(**settings) if isinstance(recipe, Recipe) else resolve(recipe, settings)
    return chosen if regions is None else chosen.with_changes(regions=region_settings(regions))
