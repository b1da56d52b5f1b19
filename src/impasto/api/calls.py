"""The three calls: `stylize` waits, `start` does not, `resume` goes on with a run folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from impasto.api.inputs import Region, Source, StyleSource, read_inputs, region_texts
from impasto.api.prepare import prepare
from impasto.api.result import Result
from impasto.api.run import Run
from impasto.errors import InputError
from impasto.events import Listener
from impasto.recipe import Recipe, check_balance, resolve
from impasto.runs import RunFolder


def stylize(
    content: Source,
    styles: StyleSource | Sequence[StyleSource],
    recipe: Recipe | str | None = None,
    *,
    regions: str | Region | Sequence[str | Region] | None = None,
    on_event: Listener | None = None,
    run: str | Path | None = None,
    **overrides: Any,
) -> Result:
    """Paint a photo in a style and wait for the picture.

    `content` and `styles` are paths, bytes of a file, PIL images or arrays (h x w x 3 or 4, uint8 or float in [0, 1]);
    a style may also be the name of a built-in plate, and where only a part of it is to teach a `Style`. Several styles
    are mixed (`style_mix`). `regions` say where another style holds or the photo stays: `Region`s, or texts such as
    `sky.png=night` and `face.png=keep`; None: the recipe's. With regions there may be no style at all (`[]`): what they
    leave keeps the photo. `recipe` is a Recipe or the name of a preset (`default` if None);
    `overrides` are fields of the recipe. `on_event` is called with every event, in the thread that paints. `run` names
    a folder to keep the run in, so that it can be resumed.

    Raises InputError if something given cannot be used, RunError if the run fails; both say so in one line.
    Source: Gatys, Ecker and Bethge, "A Neural Algorithm of Artistic Style", 2015.
    """
    handle = start(content, styles, recipe, regions=regions, on_event=on_event, run=run, **overrides)
    try:
        return handle.wait()
    except KeyboardInterrupt:
        handle.stop()
        handle.wait()
        raise


def start(
    content: Source,
    styles: StyleSource | Sequence[StyleSource],
    recipe: Recipe | str | None = None,
    *,
    regions: str | Region | Sequence[str | Region] | None = None,
    on_event: Listener | None = None,
    run: str | Path | None = None,
    output: str | Path | None = None,
    **overrides: Any,
) -> Run:
    """Begin to paint in the background and return the handle; the arguments are those of `stylize`.

    Everything that was given is read and checked before this returns. `output` is noted in the run folder as the place
    where the picture is wanted; nothing is written there by this function.
    """
    check_balance(overrides)
    chosen = recipe.with_changes(**overrides) if isinstance(recipe, Recipe) else resolve(recipe, overrides)
    if regions is not None:
        chosen = chosen.with_changes(regions=region_texts(regions))
    inputs = read_inputs(content, styles, chosen, regions)
    job = prepare(chosen, inputs)
    folder = None
    if run is not None:
        wanted = None if output is None else Path(output)
        folder = RunFolder.create(Path(run), recipe=job.recipe, inputs=inputs, output=wanted)
    return Run(job, on_event=on_event, folder=folder)


def resume(run: str | Path, *, on_event: Listener | None = None) -> Run:
    """Go on with a run folder from its last checkpoint; the same machine ends with the same picture.

    Raises InputError if the folder holds no run, is being painted by another process, or is finished.
    """
    folder = RunFolder.open(Path(run))
    if folder.status == "finished":
        raise InputError(f"the run in {run} is finished: its picture is {folder.path / 'result.png'}")
    folder.lock()
    try:
        checkpoint = folder.load_checkpoint()
        # First the log goes back to the checkpoint: a change of weights after it has not happened.
        folder.rewind(checkpoint.scalars["step"] if checkpoint else 0)
        job = prepare(folder.recipe, folder.inputs())
    except BaseException:
        folder.close()
        raise
    return Run(job, on_event=on_event, folder=folder, checkpoint=checkpoint)
