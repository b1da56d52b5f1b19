"""Sessions: networks and style targets, loaded once and used by many runs."""

from collections.abc import Collection
from numbers import Real
from pathlib import Path
from types import NoneType
from typing import Any, Literal, Unpack

from impasto.api.estimate import Estimate
from impasto.api.hardware import processor_threads
from impasto.api.inputs import Regions, Styles, read_inputs, region_settings, source_files
from impasto.api.job import Job
from impasto.api.methods import METHODS, Painter
from impasto.api.optimize import Optimize
from impasto.api.pictures import Result
from impasto.api.planning import plan_job
from impasto.api.run import Run
from impasto.backbones import FeatureExtractor
from impasto.errors import InputError, check_type
from impasto.events import Listener
from impasto.images import Outputs, Source, check_encoding
from impasto.painting import Position, check_change
from impasto.recipe import Recipe, SettingOptions, check_balance, resolve
from impasto.runs import Inputs, RunFolder


class RunOptions(SettingOptions, total=False):
    """Keyword arguments of a call: preset, settings by flat names, and how the run is kept and reported."""

    preset: str | None
    regions: Regions | None
    on_event: Listener | None
    run: str | Path | None
    output: str | Path | None
    bits: Literal[8, 16]
    quality: int


class Session:
    """Paints many pictures with networks and style images that are loaded once.

    Every method may be called from several threads.

    Args:
        styles: Style image or images of every picture, unless a call names others.
        recipe: Recipe or name of a preset of every picture, unless a call names another.
        preset: Name of a preset, which may also be given as `recipe`.
        regions: Regions of every picture, unless a call names others.
        cache_megabytes: Memory limit for the kept statistics of style images.
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
        preset: str | None = None,
        regions: Regions | None = None,
        cache_megabytes: float = 256.0,
        **settings: Unpack[SettingOptions],
    ) -> None:
        self._styles = styles
        check_type(cache_megabytes, Real, "cache_megabytes", "a number")
        self._recipe = _recipe_of(_one_recipe(recipe, preset), settings, regions)
        self._regions = regions
        cache_bytes = round(cache_megabytes * 1e6)
        self._methods = {name: method(cache_bytes) for name, method in METHODS.items()}

    def stylize(
        self,
        content: Source,
        styles: Styles | None = None,
        recipe: Recipe | str | None = None,
        **options: Unpack[RunOptions],
    ) -> Result:
        """Paint a photo and wait for the picture.

        Args:
            content: The photo, as for `impasto.stylize`.
            styles: Style image or images; None: those of the session.
            recipe: A recipe or the name of a preset; None: that of the session.
            **options: As for `impasto.stylize`.

        Returns:
            The finished picture.

        Raises:
            InputError: If something given cannot be used, in one line.
            RunError: If the run fails, in one line.
        """
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
        preset: str | None = None,
        regions: Regions | None = None,
        on_event: Listener | None = None,
        run: str | Path | None = None,
        output: str | Path | None = None,
        bits: Literal[8, 16] = 8,
        quality: int = 95,
        **settings: Unpack[SettingOptions],
    ) -> Run:
        """Begin to paint in the background; everything that was given is read and checked before this returns.

        Args:
            content: The photo, as for `impasto.stylize`.
            styles: Style image or images; None: those of the session.
            recipe: A recipe or the name of a preset; None: that of the session.
            preset: Name of a preset, which may also be given as `recipe`.
            regions: Regions with their own styles; None: those of the recipe, or of the session.
            on_event: Called with every event, in the thread that paints.
            run: Folder to keep the run in.
            output: Path where the picture is wanted, noted in the run folder.
            bits: Bits per channel of that file, noted with it.
            quality: Its quality, if it is a JPEG or WebP, noted with it.
            **settings: Settings of the recipe by their flat names.

        Returns:
            The handle of the run.

        Raises:
            InputError: If something given cannot be used, in one line.
        """
        recipe = _one_recipe(recipe, preset)
        _check_listener(on_event)
        check_type(run, (str, Path, NoneType), "run", "the path of a folder")
        check_type(output, (str, Path, NoneType), "output", "a path")
        if output is not None and run is None:
            raise InputError("output is noted in a run folder, and there is no run: save the result by its method save")
        check_encoding(bits, quality)
        job, inputs, files = self._planned(content, styles, recipe, regions, settings)
        folder = None
        if run is not None:
            Outputs(folder=Path(run)).check(files)
            wanted = None if output is None else Path(output)
            folder = RunFolder.create(
                Path(run), recipe=job.recipe, inputs=inputs, output=wanted, bits=bits, quality=quality
            )
        return Run(job, self.painter, on_event=on_event, folder=folder)

    def estimate(
        self,
        content: Source,
        styles: Styles | None = None,
        recipe: Recipe | str | None = None,
        *,
        preset: str | None = None,
        regions: Regions | None = None,
        **settings: Unpack[SettingOptions],
    ) -> Estimate:
        """Return how long a picture takes and how much memory, about, without painting it.

        The speed of this machine is measured, which takes some seconds, and kept for the next time.

        Args:
            content: The photo, as for `impasto.stylize`.
            styles: Style image or images; None: those of the session.
            recipe: A recipe or the name of a preset; None: that of the session.
            preset: Name of a preset, which may also be given as `recipe`.
            regions: Regions with their own styles; None: those of the recipe, or of the session.
            **settings: Settings of the recipe by their flat names.

        Returns:
            The estimate.

        Raises:
            InputError: If something given cannot be used, or memory is too little, in one line.
        """
        job, _, _ = self._planned(content, styles, _one_recipe(recipe, preset), regions, settings)
        with processor_threads(job.recipe.hardware.threads):
            return self._methods[job.recipe.method].estimate(job)

    def _planned(
        self,
        content: Source,
        styles: Styles | None,
        recipe: Recipe | str | None,
        regions: Regions | None,
        settings: Any,
    ) -> tuple[Job, Inputs, Collection[Path]]:
        """Read and check what is given; return the job, its inputs and their files."""
        if regions is None and not (isinstance(recipe, Recipe) and recipe.regions):
            regions = self._regions
        chosen = _recipe_of(self._recipe if recipe is None else recipe, settings, regions)
        given = styles if styles is not None else self._styles if self._styles is not None else []
        inputs = read_inputs(content, given, chosen, regions)
        return plan_job(chosen, inputs), inputs, source_files(content, given, chosen, regions)

    def resume(self, run: str | Path, *, weights: str | Path | None = None, on_event: Listener | None = None) -> Run:
        """Continue a run from its last checkpoint, in the background.

        Args:
            run: The run folder.
            weights: The file of weights that the run was begun with, if the folder was made elsewhere.
            on_event: Called with every event, in the thread that paints.

        Returns:
            The handle of the run.

        Raises:
            InputError: If the folder holds no run, another process paints into it, or the run is finished.
        """
        _check_listener(on_event)
        check_type(run, (str, Path), "run", "the path of a folder")
        check_type(weights, (str, Path, NoneType), "weights", "the path of a file")
        folder = RunFolder.open(Path(run))
        folder.choose_weights(None if weights is None else str(weights))
        if folder.status == "finished":
            raise InputError(f"the run in {run} is finished: its picture is {folder.result_path}")
        folder.lock()
        try:
            checkpoint = folder.load_checkpoint()
            # The log is set back before the recipe is read: changes after the checkpoint are undone.
            folder.rewind(Position.of(checkpoint.scalars).step if checkpoint else 0)
            check_change(folder.first_recipe, folder.recipe)
            job = plan_job(folder.recipe, folder.inputs())
        except BaseException:
            folder.close()
            raise
        return Run(job, self.painter, on_event=on_event, folder=folder, checkpoint=checkpoint)

    def extractor(self, job: Job) -> FeatureExtractor:
        """Return the network of a job, loaded.

        Args:
            job: The planned job.

        Returns:
            The network, which the session's other jobs share.

        Raises:
            InputError: If the method of the job compares no features.
        """
        method = self._methods[job.recipe.method]
        if not isinstance(method, Optimize):
            raise InputError(f"the method {job.recipe.method} compares no features of pictures")
        return method.extractor(job)

    def painter(self, job: Job) -> Painter:
        """Return the painter of a job, with the network loaded.

        Args:
            job: The planned job.

        Returns:
            A painter that shares networks and style targets with the session's other jobs.
        """
        return self._methods[job.recipe.method].painter(job)


def _one_recipe(recipe: Recipe | str | None, preset: str | None) -> Recipe | str | None:
    """Return the recipe or the name of a preset, which is given by either argument."""
    check_type(recipe, (Recipe, str, NoneType), "recipe", "an impasto.Recipe or the name of a preset")
    check_type(preset, (str, NoneType), "preset", "the name of a preset")
    if recipe is not None and preset is not None:
        raise InputError("recipe and preset both name what the settings start from: give one of them")
    return preset if recipe is None else recipe


def _check_listener(on_event: Listener | None) -> None:
    if not (on_event is None or callable(on_event)):
        raise InputError(f"on_event must be a function that takes an event, not {on_event!r}")


def _recipe_of(recipe: Recipe | str | None, settings: Any, regions: Regions | None) -> Recipe:
    check_balance(settings)
    chosen = recipe.with_changes(**settings) if isinstance(recipe, Recipe) else resolve(recipe, settings)
    return chosen if regions is None else chosen.with_changes(regions=region_settings(regions))
