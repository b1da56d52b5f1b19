"""Sessions: networks and style targets, loaded once and used by many runs; and the calls that need just one run."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, Unpack

import torch

from impasto.api.inputs import RegionSource, Source, StyleSource, read_inputs, region_settings
from impasto.api.job import Job, plan_job
from impasto.api.pictures import Result
from impasto.api.run import Run
from impasto.backbones import AnyWeights, FeatureExtractor, load_weights
from impasto.errors import InputError
from impasto.events import Listener
from impasto.losses import StyleTarget, make_extractor
from impasto.painting import Painter, StyleImage
from impasto.recipe import Recipe, SettingOptions, check_balance, resolve
from impasto.runs import RunFolder

_NETWORKS: Final = 2
"""Networks that a session keeps."""

Value = TypeVar("Value")


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
        styles: StyleSource | Sequence[StyleSource] | None = None,
        recipe: Recipe | str | None = None,
        *,
        regions: RegionSource | Sequence[RegionSource] | None = None,
        cache_megabytes: float = 256.0,
        **settings: Unpack[SettingOptions],
    ) -> None:
        self._styles = styles
        self._recipe = _recipe_of(recipe, settings, regions)
        self._regions = regions
        self._lock = threading.Lock()
        self._weights: OrderedDict[Hashable, AnyWeights] = OrderedDict()
        self._extractors: OrderedDict[Hashable, FeatureExtractor] = OrderedDict()
        self._targets = _BoundedStore(cache_megabytes * 1e6)

    def stylize(
        self,
        content: Source,
        styles: StyleSource | Sequence[StyleSource] | None = None,
        recipe: Recipe | str | None = None,
        *,
        regions: RegionSource | Sequence[RegionSource] | None = None,
        on_event: Listener | None = None,
        run: str | Path | None = None,
        **settings: Unpack[SettingOptions],
    ) -> Result:
        """Paint a photo and wait for the picture; see `impasto.stylize`. What is not given is the session's."""
        handle = self.start(content, styles, recipe, regions=regions, on_event=on_event, run=run, **settings)
        try:
            return handle.wait()
        except KeyboardInterrupt:
            handle.stop()
            handle.wait()
            raise

    def start(
        self,
        content: Source,
        styles: StyleSource | Sequence[StyleSource] | None = None,
        recipe: Recipe | str | None = None,
        *,
        regions: RegionSource | Sequence[RegionSource] | None = None,
        on_event: Listener | None = None,
        run: str | Path | None = None,
        output: str | Path | None = None,
        **settings: Unpack[SettingOptions],
    ) -> Run:
        """Begin to paint in the background; see `impasto.start`. What is not given is the session's."""
        if styles is None and regions is None:
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
        recipe = job.recipe
        network, hardware = recipe.network, recipe.hardware
        weights_key = (network.backbone, job.sources["weights"]["sha256"])
        losses = recipe.style.model_dump_json(include={"losses", "layers", "samples"})
        key = (
            network,
            weights_key,
            hardware.device,
            hardware.precision,
            job.scene.masked,
            losses,
            recipe.content.model_dump_json(),
        )

        def load() -> FeatureExtractor:
            weights = _remember(self._weights, weights_key, lambda: load_weights(network.weights, network.backbone))
            return make_extractor(
                weights,
                recipe,
                precision="bf16" if hardware.precision == "bf16" else "fp32",
                device=torch.device(hardware.device),
                masked=job.scene.masked,
            )

        with self._lock:
            extractor = _remember(self._extractors, key, load)
        cache = _Targets(self._targets, (key, losses, recipe.start.seed))
        return Painter(recipe, job.scene, extractor, levels=job.levels, cache=cache)


def _remember(known: OrderedDict[Hashable, Value], key: Hashable, make: Callable[[], Value]) -> Value:
    """Return the value of a key, made if it is not known; only the values used last are kept."""
    if key not in known:
        known[key] = make()
    known.move_to_end(key)
    while len(known) > _NETWORKS:
        known.popitem(last=False)
    return known[key]


class _BoundedStore:
    """Style targets by key, as many as fit in some bytes; those used last are kept."""

    def __init__(self, max_bytes: float) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._targets: OrderedDict[Hashable, StyleTarget] = OrderedDict()

    def get(self, key: Hashable, measure: Callable[[], StyleTarget]) -> StyleTarget:
        """Return the target of a key, measured if it is not known."""
        with self._lock:
            known = self._targets.get(key)
        target = measure() if known is None else known
        with self._lock:
            self._targets[key] = target
            self._targets.move_to_end(key)
            total = sum(one.nbytes for one in self._targets.values())
            while total > self._max_bytes:
                total -= self._targets.popitem(last=False)[1].nbytes
        return target


class _Targets:
    """The targets of style images for one network and one set of losses; a `TargetCache`."""

    def __init__(self, store: _BoundedStore, settings: Hashable) -> None:
        self._store = store
        self._settings = settings

    def get(self, style: StyleImage, measure: Callable[[], StyleTarget]) -> StyleTarget:
        """Return the target of a style image at its size, measured if it is not known."""
        if style.key is None:
            return measure()
        return self._store.get((self._settings, style.key, style.pixels.shape, style.margin), measure)


def _recipe_of(
    recipe: Recipe | str | None, settings: Any, regions: RegionSource | Sequence[RegionSource] | None
) -> Recipe:
    check_balance(settings)
    chosen = recipe.with_changes(**settings) if isinstance(recipe, Recipe) else resolve(recipe, settings)
    return chosen if regions is None else chosen.with_changes(regions=region_settings(regions))


def stylize(
    content: Source,
    styles: StyleSource | Sequence[StyleSource],
    recipe: Recipe | str | None = None,
    *,
    regions: RegionSource | Sequence[RegionSource] | None = None,
    on_event: Listener | None = None,
    run: str | Path | None = None,
    session: Session | None = None,
    **settings: Unpack[SettingOptions],
) -> Result:
    """Paint a photo in a style and wait for the picture (Gatys, Ecker and Bethge 2015).

    Args:
        content: The photo: path, bytes of a file, PIL image or array (h x w x 3 or 4, uint8 or float in [0, 1]).
        styles: Style image or images, likewise, names of built-in ones, or `Style`s of which only a part is used.
            Several are mixed (`style_mix`). With regions there may be none (`[]`): what they leave keeps the photo.
        recipe: A recipe or the name of a preset; None: `default`.
        regions: Where another style holds or the photo stays: `Region`s, or texts such as `sky.png=night` and
            `face.png=keep`; None: the recipe's.
        on_event: Called with every event, in the thread that paints.
        run: Folder to keep the run in, so that it can be resumed.
        session: Keeps network and style targets for the next call; None: nothing is kept.
        **settings: Settings of the recipe by their flat names.

    Returns:
        The finished picture.

    Raises:
        InputError: If something given cannot be used, in one line.
        RunError: If the run fails, in one line.

    Example:
        >>> import numpy, impasto
        >>> photo = numpy.random.default_rng(0).random((48, 64, 3))
        >>> impasto.stylize(photo, "night", size=64, steps=2, levels=1).image.size
        (64, 48)
    """
    return (session or Session()).stylize(
        content, styles, recipe, regions=regions, on_event=on_event, run=run, **settings
    )


def start(
    content: Source,
    styles: StyleSource | Sequence[StyleSource],
    recipe: Recipe | str | None = None,
    *,
    regions: RegionSource | Sequence[RegionSource] | None = None,
    on_event: Listener | None = None,
    run: str | Path | None = None,
    output: str | Path | None = None,
    session: Session | None = None,
    **settings: Unpack[SettingOptions],
) -> Run:
    """Begin to paint in the background; everything that was given is read and checked before this returns.

    Args:
        content: As for `stylize`, like all that is not named here.
        styles: As for `stylize`.
        recipe: As for `stylize`.
        regions: As for `stylize`.
        on_event: As for `stylize`.
        run: As for `stylize`.
        output: Noted in the run folder as the place where the picture is wanted; nothing is written there.
        session: As for `stylize`.
        **settings: As for `stylize`.

    Returns:
        The handle of the run.

    Raises:
        InputError: If something given cannot be used, in one line.

    Example:
        >>> import numpy, impasto
        >>> run = impasto.start(numpy.full((48, 64, 3), 0.5), "night", size=64, steps=2, levels=1)
        >>> run.wait().steps
        2
    """
    return (session or Session()).start(
        content, styles, recipe, regions=regions, on_event=on_event, run=run, output=output, **settings
    )


def resume(run: str | Path, *, on_event: Listener | None = None, session: Session | None = None) -> Run:
    """Continue a run from its last checkpoint, in the background; the same machine ends with the same picture.

    Args:
        run: The run folder.
        on_event: Called with every event, in the thread that paints.
        session: As for `stylize`.

    Returns:
        The handle of the run.

    Raises:
        InputError: If the folder holds no run, another process paints into it, or the run is finished.

    Example:
        >>> import impasto, numpy, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp()) / "run"
        >>> photo = numpy.full((48, 64, 3), 0.5)
        >>> run = impasto.start(photo, "night", size=64, steps=30, levels=1, run=folder)
        >>> run.stop()
        >>> _ = run.wait()
        >>> impasto.resume(folder).wait().steps
        30
    """
    return (session or Session()).resume(run, on_event=on_event)
