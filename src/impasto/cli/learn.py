"""`impasto learn`: a network for one style, tuned in minutes."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from impasto.cli.console import (
    DONE,
    STOPPED,
    is_stdio,
    loading_modules,
    read_source,
    stop_signals,
    warn,
    warn_of_files_like,
    write_json,
    write_path,
)
from impasto.cli.options import OUTPUT, REPORTING, Reporting, StyleWord


def learn(
    style: StyleWord,
    /,
    *,
    out: Annotated[str | None, Parameter(name=("--out", "-o"), group=OUTPUT, metavar="FILE")] = None,
    minutes: Annotated[float, Parameter(metavar="N")] = 10.0,
    steps: Annotated[int | None, Parameter(metavar="N")] = None,
    photos: Annotated[Path | None, Parameter(metavar="FOLDER")] = None,
    size: Annotated[int, Parameter(metavar="N")] = 512,
    seed: Annotated[int, Parameter(metavar="N")] = 0,
    threads: Annotated[int | None, Parameter(metavar="N")] = None,
    reporting: Reporting = REPORTING,
) -> int:
    """Learn a style in minutes; the file is a style for the method instant. Ctrl-C ends early, the same call goes on.

    Args:
        style: The style image, or a built-in style (see plates).
        out: File of the learned style, STYLE.safetensors by default; a picture beside it shows what was learned so far.
        minutes: About how long it may take.
        steps: Number of steps, whatever they take.
        photos: Folder of photos to learn from, instead of the five in the package.
        size: Long side in pixels of pictures in which strokes are as large as in the style image.
        seed: Seed of all random numbers.
        threads: Processor threads; by default as many as there are cores.
    """
    warn_of_files_like([style])

    with loading_modules():
        from impasto.api import Learning, keep_memory
        from impasto.cli.learning_line import LearningLine
        from impasto.painting import clock

    stem = "style" if is_stdio(style) else Path(style).stem
    source, path = read_source(style), Path(out or f"{stem}.safetensors")
    learning = Learning(
        source, path, photos=photos, minutes=minutes, steps=steps, size=size, seed=seed, threads=threads
    )
    keep_memory()
    with stop_signals(learning.stop), LearningLine(quiet=reporting.quiet) as line:
        for event in learning.events():
            line.show(event)
    result = learning.result()
    stopped = result.reason == "stopped"
    if stopped or not reporting.quiet:
        done = f"{'stopped' if stopped else 'learned'} after {result.steps} steps, {clock(result.seconds)}"
        further = "; the same command goes on from here" if result.steps else ""
        warn(done + (further if stopped else f"; {result.preview} shows what"))
    if reporting.json:
        write_json({name: str(value) if isinstance(value, Path) else value for name, value in vars(result).items()})
    elif result.path.exists():  # not after a stop before the first step
        write_path(result.path)
    return STOPPED if stopped else DONE
