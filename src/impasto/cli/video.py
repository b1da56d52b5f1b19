"""`impasto video`: paint a film; and what `impasto resume` does with the folder of one."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import Parameter

from impasto.cli.completion import complete_clip
from impasto.cli.console import (
    DONE,
    STOPPED,
    is_stdio,
    loading_modules,
    stop_signals,
    warn,
    warn_of_files_like,
    write_json,
    write_path,
)
from impasto.cli.options import (
    OUTPUT,
    RECIPE_SOURCE,
    REPORTING,
    START,
    RecipeFlags,
    RecipeSource,
    Reporting,
    Saving,
    StyleWord,
    stated_settings,
)
from impasto.cli.usage import MissingWordsError
from impasto.cli.workplace import WORKPLACE, Workplace
from impasto.errors import InputError
from impasto.recipe import Recipe, read_style, resolve
from impasto.shell import file_word, join

if TYPE_CHECKING:
    from impasto.batch import Engine
    from impasto.video import Clip, Film


@Parameter(name="*", group=START)
@dataclass(frozen=True, kw_only=True)
class Part:
    """What is painted of a clip."""

    preview: Annotated[str | None, Parameter(metavar="TIME")] = None
    """Paint only the frame at this time, such as 12.5s, to a picture beside the film."""
    range: Annotated[str | None, Parameter(metavar="A-B", allow_leading_hyphen=True)] = None
    """Paint only this part, such as 10s-20s, 1:05-1:20 or 30s-."""
    every: Annotated[int, Parameter(metavar="N")] = 1
    """Paint only every Nth frame, each of which is shown longer."""
    split: Annotated[str | None, Parameter(metavar="SECONDS")] = None
    """Divide scenes longer than about this, such as 30s, into parts that are painted at the same time. Each dissolves
    into the next one for half a second."""
    fps: Annotated[str | None, Parameter(metavar="N")] = None
    """Frames per second of pictures such as frames/%05d.png, by default 25."""
    keyframes: Annotated[Path | None, Parameter(metavar="FOLDER")] = None
    """A folder of frames that are painted already, by their numbers; the frames after them go on from them."""


WHOLE: Final = Part()


def video(
    clip: Annotated[str, Parameter(completer=complete_clip, metavar="FILE")],
    /,
    *styles: StyleWord,
    out: Annotated[str | None, Parameter(name=("--out", "-o"), group=OUTPUT, metavar="FILE")] = None,
    run: Annotated[Path | None, Parameter(group=OUTPUT, metavar="FOLDER")] = None,
    crf: Annotated[int | None, Parameter(group=OUTPUT, metavar="N")] = None,
    part: Part = WHOLE,
    where: Workplace = WORKPLACE,
    source: RecipeSource = RECIPE_SOURCE,
    reporting: Reporting = REPORTING,
    flags: RecipeFlags | None = None,
) -> int:
    """Paint a film; return the exit code. The same command again continues one that was stopped.

    Args:
        clip: A video, an animated GIF, WebP or PNG, or pictures such as `frames/%05d.png`.
        styles: A style image, or a built-in style (see plates); several are mixed, files with --style-mix.
        out: The film: .mp4, .mov, .m4v, .mkv, .webm, .gif, .webp, or pictures such as `painted/%05d.png`.
        run: A folder in which the painted frames are kept; by default one beside the film, until it is finished.
        crf: Quality of the video, lower is better: 0 to 51, by default 18; for .webm 0 to 63, by default 28.
    """
    stated = stated_settings(source, flags, (clip, *styles))
    recipe = resolve(source.preset, stated)
    if not (styles or recipe.regions):
        raise MissingWordsError("video", ["styles"])
    if any(map(is_stdio, (clip, *styles, out or ""))):
        raise InputError("a film is read from files and written to one, so that it can be continued: `-` is none")

    with loading_modules():
        from impasto.api import processes_that_fit
        from impasto.cli.destination import input_files
        from impasto.video import Film, Selection, open_clip, read_range, read_time

    opened = open_clip(Path(clip), None if part.fps is None else _read_rate(part.fps))
    warn_of_files_like([*styles, *(region.style for region in recipe.regions)])
    _check_mixed(styles, recipe)
    output = Path(out) if out is not None else _default_output(opened, styles, recipe)
    if part.preview is not None:
        inputs = input_files(clip, *styles, recipe=recipe, source=source)
        return _preview(opened, styles, recipe, part.preview, output, inputs, reporting)
    start, end = (Fraction(0), None) if part.range is None else read_range(part.range)
    split = None if part.split is None else read_time(part.split)
    engine = where.chosen(1 if where.engine == "ray" else processes_that_fit(recipe))
    begin = partial(
        Film.begin,
        opened,
        styles,
        recipe,
        output=output,
        folder=run or _usual_folder(output),
        selection=Selection(start, end, part.every, split),
        keyframes=part.keyframes,
        crf=crf,
    )
    return _paint(begin, engine, reporting, is_kept=run is not None, suggests_size="size" not in stated)


def resume_film(folder: Path, reporting: Reporting) -> int:
    """Continue the film of a folder; return the exit code."""
    with loading_modules():
        from impasto.api import processes_that_fit
        from impasto.video import Film, FilmFolder

    header = FilmFolder.open(folder).header
    engine = WORKPLACE.chosen(processes_that_fit(header.parsed_recipe))
    usual = _usual_folder(Path(header.output))
    is_kept = not (usual.exists() and usual.samefile(folder))
    return _paint(partial(Film.resume, folder), engine, reporting, is_kept=is_kept)


def _paint(
    begin: Callable[..., "Film"],
    engine: "Engine",
    reporting: Reporting,
    *,
    is_kept: bool,
    suggests_size: bool = False,
) -> int:
    """Paint the film that `begin(on_frame=...)` begins, write it, and return the exit code.

    The folder of a film stays only if it `is_kept`. `suggests_size`: nobody has chosen a size, so that a line says how
    the clip's own is painted.
    """
    from impasto.api import keep_memory
    from impasto.cli.film_line import FilmLine

    with FilmLine(quiet=reporting.quiet) as progress:
        film = begin(on_frame=progress.read)
        keep_memory()
        size, own = film.folder.header.size, film.clip.size
        if suggests_size and size < own:
            sizes = f"the clip is {own[0]} x {own[1]}, the film {size[0]} x {size[1]}"
            progress.note(f"{sizes}: --size photo paints it in full size")
        for notice in film.notices:
            progress.note(notice)

        def stop() -> None:
            film.stop()
            progress.note("stopping after this frame; press Ctrl-C again to give the frame in work up")

        # Locked until the film is written: the same command, given again, would remove the frames meanwhile.
        try:
            with suppress(KeyboardInterrupt), stop_signals(stop), progress.watching(film):
                film.paint(engine)
            if not film.is_painted:
                return _report_stop(film, progress.seconds)
            for notice in film.write(progress.written):
                progress.note(notice)
            if not is_kept:
                film.folder.remove()
        finally:
            film.folder.close()
    _report(film, progress, reporting)
    return DONE


def _report_stop(film: "Film", seconds: float) -> int:
    done = film.folder.count_frames()
    resume = join(["impasto", "resume", file_word(film.folder.path)])
    warn(f"stopped after {done} of {film.plan.paintings} frames in {seconds:.0f} s; `{resume}` continues")
    return STOPPED


def _report(film: "Film", progress: Any, reporting: Reporting) -> None:
    plan, header, path = film.plan, film.folder.header, film.output
    if not reporting.quiet:
        each = f", {progress.seconds / progress.painted:.1f} s each" if progress.painted else ""
        scenes = f" in {len(plan.scenes)} scenes" if len(plan.scenes) > 1 else ""
        warn(f"painted {progress.painted} frames{scenes} in {progress.seconds:.0f} s{each}")
    if reporting.json:
        seconds = {"duration": float(plan.duration), "seconds": round(progress.seconds, 3)}
        counts = {"frames": len(plan), "painted": progress.painted, "scenes": len(plan.scenes)}
        about = {"size": list(header.size), **counts, **seconds, "recipe": header.parsed_recipe.to_dict()}
        write_json({"path": str(path), **about})
    else:
        write_path(path)


def _preview(
    clip: "Clip",
    styles: tuple[str, ...],
    recipe: Recipe,
    at: str,
    output: Path,
    inputs: list[Path],
    reporting: Reporting,
) -> int:
    """Paint the frame at a time to a picture, `OUT-000301.png` or `-o` if it is one, and return the exit code."""
    from impasto.api import start
    from impasto.cli.destination import Destination
    from impasto.cli.follow import follow
    from impasto.images import PICTURE_SUFFIXES, snapshot_path
    from impasto.video import NUMBERED, SUFFIXES, frame_at, numbered_path, painted_size, read_time

    frame = frame_at(clip, read_time(at))
    suffix = output.suffix.lower()
    if NUMBERED.search(output.name) and suffix in PICTURE_SUFFIXES:
        picture = numbered_path(output, frame.number)
    elif suffix in PICTURE_SUFFIXES and suffix not in SUFFIXES:
        picture, output = output, output.with_suffix(".mp4")
    else:
        picture = snapshot_path(output, frame.number)
    recipe, size, _ = painted_size(recipe, clip, output)
    destination = Destination(Saving(out=str(picture)), picture, inputs=inputs)
    return follow(partial(start, frame.convert(size), list(styles), recipe), destination, reporting)


def _default_output(clip: "Clip", styles: tuple[str, ...], recipe: Recipe) -> Path:
    """Return `CLIP_STYLE.mp4` in the current folder, numbered if taken; in the clip's format if films have it."""
    from impasto.cli.destination import free_path
    from impasto.images import default_name
    from impasto.video import SUFFIXES, NumberedPictures

    named = styles or tuple(region.style for region in recipe.regions if not region.keeps)
    stems = [Path(read_style(style)[0]).stem for style in named]
    name = clip.path.resolve().parent.name if isinstance(clip, NumberedPictures) else clip.path.stem
    suffix = clip.path.suffix.lower()
    return free_path(Path(default_name(name, *stems) + (suffix if suffix in SUFFIXES else ".mp4")))


def _usual_folder(output: Path) -> Path:
    """Return where the frames of a film are kept until it is finished: beside it."""
    from impasto.video import film_kind

    if film_kind(output) != "sequence":
        return output.with_name(f"{output.name}.film")
    # Numbered pictures in the current folder have that name.
    folder = output.parent if output.parent.name else Path(os.path.abspath(output)).parent
    return folder.with_name(f"{folder.name}.film")


def _read_rate(text: str) -> Fraction:
    try:
        rate = Fraction(text).limit_denominator(1001)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise InputError(f"--fps takes frames per second such as 25 or 30000/1001, not {text}")
    return rate


def _check_mixed(styles: tuple[str, ...], recipe: Recipe) -> None:
    """Raise InputError for several files without word that they are mixed: one may be meant as another clip."""
    from impasto.images import is_plate

    if len(styles) > 1 and not recipe.style.mix and not all(is_plate(read_style(style)[0]) for style in styles):
        shares = ",".join(str(round(100 / len(styles))) for _ in styles)
        raise InputError(
            f"one film is painted at a time: to mix {len(styles)} styles, state how much each counts, as in "
            f"--style-mix {shares}"
        )
