"""`impasto batch`: paint many photos in one or several styles."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from impasto.cli.completion import complete_picture
from impasto.cli.console import (
    DONE,
    PARTLY_FAILED,
    STOPPED,
    is_stdio,
    loading_modules,
    stop_signals,
    warn,
    warn_of_files_like,
    write_json,
    write_line,
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
    StyleWord,
    stated_settings,
)
from impasto.cli.usage import MissingWordsError
from impasto.cli.workplace import WORKPLACE, Workplace
from impasto.errors import InputError
from impasto.recipe import resolve

if TYPE_CHECKING:
    from impasto.batch import Batch, PictureDone


def batch(
    *photos: Annotated[str, Parameter(completer=complete_picture, metavar="FOLDER|FILE|PATTERN")],
    out: Annotated[str | None, Parameter(name=("--out", "-o"), group=OUTPUT, metavar="FOLDER")] = None,
    style: Annotated[list[StyleWord] | None, Parameter(group=START, negative="")] = None,
    pairs: Annotated[Path | None, Parameter(group=START, metavar="FILE")] = None,
    format: Annotated[Literal["png", "jpg", "webp", "tif"], Parameter(group=OUTPUT, metavar="NAME")] = "png",  # noqa: A002
    bits: Annotated[Literal[8, 16], Parameter(group=OUTPUT, metavar="N")] = 8,
    quality: Annotated[int, Parameter(group=OUTPUT, metavar="N")] = 95,
    where: Workplace = WORKPLACE,
    source: RecipeSource = RECIPE_SOURCE,
    reporting: Reporting = REPORTING,
    flags: RecipeFlags | None = None,
) -> int:
    """Paint many photos; return the exit code. The same command again continues, and paints only what is missing.

    Args:
        photos: Folders, which are searched to the bottom, photos, and patterns such as `trip/**/*.jpg`.
        out: The folder for the pictures, which is needed; its folders are those of the photos.
        style: A style image, or a built-in style; given several times, every photo is painted in each of them, or with
            --style-mix in their mixture.
        pairs: A CSV file with the columns photo and style, instead of photos and --style; a column output may name the
            results.
        format: Format of the pictures: png, jpg, webp or tif.
        bits: Bits per channel; 16 for PNG and TIFF.
        quality: Quality of JPEG and WebP, 1 to 100.
    """
    styles = style or []
    if any(map(is_stdio, (*photos, *styles, out or ""))):
        raise InputError("a batch reads and writes files, so that it can be continued: `-` is none")
    if pairs is not None and (photos or styles):
        raise InputError("--pairs names the photos and the styles: leave those of the command line out")
    recipe = resolve(source.preset, stated_settings(source, flags, (*photos, *styles)))
    if out is None or not (pairs or (photos and (styles or recipe.regions))):
        raise _incomplete(photos, has_styles=bool(styles or pairs or recipe.regions), pairs=pairs, out=out)

    with loading_modules():
        from impasto.api import keep_memory, processes_that_fit
        from impasto.batch import MANIFEST, Batch, LeftOut, find_photos, plan_tasks, read_pairs
        from impasto.images import encode_picture

    suffix = f".{format}"
    _check_form(encode_picture, suffix, bits, quality)
    warn_of_files_like(styles)
    left_out = LeftOut()
    if pairs is not None:
        tasks = read_pairs(pairs, suffix)
    else:
        found, left_out = find_photos(photos, out)
        mixes = [tuple(styles)] if recipe.style.mix or not styles else [(one,) for one in styles]
        tasks = plan_tasks(found, mixes, suffix)
    inputs = [Path(name) for name in (pairs, source.recipe, source.from_) if name is not None]
    engine = where.chosen(1 if where.engine == "ray" else processes_that_fit(recipe))
    work = Batch(tasks, out, recipe, inputs=inputs, suffix=suffix, bits=bits, quality=quality)
    keep_memory()
    progress = _progress(len(tasks), reporting)
    if str(left_out) and not reporting.quiet:
        warn(str(left_out))

    def stop() -> None:
        work.stop()
        progress.note("stopping after this step; press Ctrl-C again to give the pictures in work up")

    with suppress(KeyboardInterrupt), stop_signals(stop), progress:
        work.paint(engine, progress.show)
    return _report(work, out, MANIFEST, progress.seconds, reporting)


def _incomplete(photos: Sequence[str], *, has_styles: bool, pairs: Path | None, out: str | None) -> MissingWordsError:
    """Return what is said if photos, styles or the folder for the pictures are missing."""
    from impasto.images import is_plate

    # Other commands take styles without an option.
    misplaced = {word for word in photos if not has_styles and is_plate(word) and not os.path.lexists(word)}
    needed = {"photos": pairs or set(photos) - misplaced, "style": has_styles or misplaced, "out": out}
    return MissingWordsError("batch", [name for name, stated in needed.items() if not stated], misplaced)


def _check_form(encode: Any, suffix: str, bits: int, quality: int) -> None:
    """Raise InputError if a format does not have these bits or this quality."""
    import numpy as np

    if bits == 16 and suffix not in (".png", ".tif"):
        raise InputError(f"{suffix[1:]} holds 8 bits a channel: use --format png or tif with --bits 16")
    encode(np.zeros((1, 1, 3), np.float32), suffix, bits=bits, quality=quality)


def _report(work: "Batch", out: str, manifest: str, seconds: float, reporting: Reporting) -> int:
    """Say how a batch ended and return the exit code."""
    counts = work.counts
    missing = len(work.tasks) - sum(counts.values())
    if not reporting.quiet or missing:
        words = [f"{counts[name]} {name}" for name in ("painted", "copied", "skipped", "failed") if counts[name]]
        ending = f"stopped: {missing} are missing, and the same command continues; " if missing else ""
        warn(f"{ending}{', '.join(words) or 'nothing painted'} in {seconds:.0f} s; {out}/{manifest} says how")
    if reporting.json:
        failures = [{"photo": one.photo, "styles": one.styles, "error": one.error} for one in work.failed]
        write_json({"path": out, **counts, "missing": missing, "failures": failures})
    else:
        write_line(out) if "://" in out else write_path(Path(out))
    if missing:
        return STOPPED
    return PARTLY_FAILED if work.failed else DONE


def _progress(count: int, reporting: Reporting) -> Any:
    """Return the live line of a batch."""
    from impasto.cli.progress import LiveLine
    from impasto.painting import clock

    class BatchLine(LiveLine):
        """Pictures done, the rate, and the time left for all of them."""

        def __init__(self) -> None:
            self._counts: Counter[str] = Counter()
            self._begun = time.monotonic()
            super().__init__(quiet=reporting.quiet)

        @property
        def seconds(self) -> float:
            """Seconds since the batch began."""
            return time.monotonic() - self._begun

        def line(self) -> str:
            return "   ".join([self._done(), *self._pace()])

        def show(self, done: "PictureDone") -> None:
            """Count a picture; say what failed, and without a terminal where the batch is after each tenth."""
            before = sum(self._counts.values())
            self._counts[done.status] += 1
            if done.status == "failed":
                say = warn if reporting.quiet else self.note
                say(f"{done.photo}: {done.error}" if done.photo not in done.error else done.error)
            if 10 * before // count < 10 * (before + 1) // count:
                self.note_unless_live(", ".join([self._done(), *self._pace()]))

        def _done(self) -> str:
            others = [f"{self._counts[name]} {name}" for name in ("copied", "skipped", "failed") if self._counts[name]]
            return f"{sum(self._counts.values())}/{count} pictures" + (f" ({', '.join(others)})" if others else "")

        def _pace(self) -> list[str]:
            painted = self._counts["painted"]
            if not painted:
                return [f"{clock(self.seconds)} so far"]
            each = self.seconds / painted
            left = each * (count - sum(self._counts.values()))
            rate = f"{60 / each:.1f} a minute" if each < 60 else f"{3600 / each:.1f} an hour"
            return [rate, f"{clock(left)} left"]

    return BatchLine()
