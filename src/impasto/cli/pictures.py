"""`impasto recolor`, `mask` and `score`: commands that do not paint."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from impasto.cli.console import (
    check_stdin_used_once,
    is_stdio,
    read_source,
    warn,
    warn_of_files_like,
    write_json,
    write_line,
    write_path,
)
from impasto.cli.options import SAVING, PhotoWord, Saving, StyleWord, Switch
from impasto.errors import InputError
from impasto.recipe import ColorMap

if TYPE_CHECKING:
    from impasto.api import Savable
    from impasto.cli.destination import Destination
    from impasto.score import Scores

_COLUMNS: Final = ("result", "photo itself", "style itself")


def recolor(
    photo: PhotoWord,
    style: StyleWord,
    /,
    *,
    color_map: ColorMap = "transport",
    color_strength: float = 100.0,
    saving: Saving = SAVING,
) -> None:
    """Give a photo the colors of a picture, at the photo's own size and without strokes.

    Args:
        photo: The photo; `-` reads it from standard input.
        style: The picture whose colors it gets, or the name of a built-in style.
        color_map: `transport` changes colors least, `cholesky` is another linear map, `histogram` is not linear.
        color_strength: How far colors move, 0 to 100.
    """
    from impasto.api import recolor

    destination = _destination(saving, "colors", photo, style)
    warn_of_files_like([style])
    source, colors = read_source(photo), read_source(style)
    _save(destination, recolor(source, colors, color_map=color_map, color_strength=color_strength))


def mask(
    photo: PhotoWord, /, *, background: Switch = False, parts: StyleWord | None = None, saving: Saving = SAVING
) -> None:
    """Find the main subject of a photo and write a mask of it: white is the subject, black the background.

    Args:
        photo: The photo; `-` reads it from standard input.
        background: White is the background, not the subject.
        parts: Instead of a mask, show which parts of the photo learn from which places of this style image: both
            pictures beside each other, what belongs together in one color.
    """
    from impasto.api import matched_parts, subject_mask

    if parts is None:
        destination = _destination(saving, "mask", photo)
        _save(destination, subject_mask(read_source(photo), background=background))
        return
    if background:
        raise InputError("--background is for the mask of the main subject: leave it out, or leave out --parts")
    destination = _destination(saving, "parts", photo, parts)
    warn_of_files_like([parts])
    _save(destination, matched_parts(read_source(photo), read_source(parts)))


def _destination(saving: Saving, suffix: str, *words: str) -> "Destination":
    """Return the destination: `A_B_SUFFIX.png` in the current folder unless `-o` is given."""
    from impasto.cli.destination import Destination, input_files
    from impasto.images import default_name

    check_stdin_used_once(*words)
    stems = ["stdin" if is_stdio(word) else Path(word).stem for word in words]
    return Destination(saving, Path(default_name(*stems, suffix) + ".png"), inputs=input_files(*words))


def _save(destination: "Destination", picture: "Savable") -> None:
    path = destination.save(picture)
    if path is not None:
        write_path(path)


def score(
    result: PhotoWord,
    /,
    *,
    content: PhotoWord,
    style: StyleWord,
    every: Annotated[Switch, Parameter(name="--all")] = False,
    json: Switch = False,
) -> None:
    """Measure a finished picture by networks that took no part in the optimization.

    Args:
        result: The finished picture; `-` reads it from standard input.
        content: The photo that it was painted from.
        style: The style image, or the name of a built-in style (see plates).
        every: Print every measure, not only the three that stand for all.
        json: Print one JSON object with every measure.
    """
    check_stdin_used_once(result, content, style)

    from impasto.api import plate_or_file
    from impasto.images import describe_stretch, read_picture
    from impasto.score import Judge

    warn_of_files_like([style])
    picture = read_picture(read_source(result))
    photo, style_image = read_picture(read_source(content)), read_picture(plate_or_file(read_source(style)))
    judge = Judge(photo.pixels, style_image.pixels, size=(picture.width, picture.height))
    columns = judge.score(picture.pixels), judge.score_photo(), judge.score_style()
    if stretched := describe_stretch(photo, picture):
        warn(stretched)
    if json:
        scores, of_photo, of_style = (column.as_dict() for column in columns)
        name = "-" if is_stdio(result) else result
        write_json({"result": name, "scores": scores, "photo": of_photo, "style": of_style})
        return
    for line in _score_table(*columns, every=every):
        write_line(line)


def _score_table(*columns: "Scores", every: bool) -> list[str]:
    """Return the lines of the table: the three summary scores and what they say, or all measures in groups."""
    from impasto.score import HEADLINES, HIGHER_IS_BETTER, MEASURES

    values = [column.as_dict() for column in columns]

    def row(name: str) -> str:
        cells = [f"{value[name]:{len(title)}.3f}" for value, title in zip(values, _COLUMNS, strict=True)]
        return "  ".join([f"{name:16}", *cells, "higher" if name in HIGHER_IS_BETTER else "lower"])

    lines = ["  ".join([16 * " ", *_COLUMNS, "better"]), *map(row, HEADLINES)]
    if not every:
        return [*lines, "", *(f"{name}: {meaning}" for name, meaning in HEADLINES.items())]
    for group in dict.fromkeys(measure.group for measure in MEASURES.values()):
        lines += ["", group, *(row(name) for name, measure in MEASURES.items() if measure.group == group)]
    return lines
