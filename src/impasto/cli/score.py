"""`impasto score`: how good a finished picture is, beside what the photo and the style score themselves."""

from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from impasto.cli.console import is_stdio, say, say_json, source
from impasto.errors import InputError

if TYPE_CHECKING:
    from impasto.score import Scores

_HEADLINES: Final = ("style", "content", "faults")
_COLUMNS: Final = ("result", "photo itself", "style itself")


def score(
    result: Annotated[str, Parameter(help="The finished picture; `-` reads it from standard input.")],
    /,
    *,
    content: Annotated[str, Parameter(help="The photo that it was painted from.")],
    style: Annotated[str, Parameter(help="The picture it learnt from, or the name of a built-in style (see plates).")],
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON object.")] = False,
) -> None:
    """Measure a finished picture by networks that nothing was optimised with."""
    if sum(map(is_stdio, (result, content, style))) > 1:
        raise InputError("only one picture can come from standard input")

    from impasto.api import plate_or_file
    from impasto.images import read_picture
    from impasto.score import Judge

    picture = read_picture(source(result))
    photo, teacher = read_picture(source(content)), read_picture(plate_or_file(source(style)))
    judge = Judge(photo.pixels, teacher.pixels, size=(picture.width, picture.height))
    scores, of_photo, of_style = judge.score(picture.pixels), judge.score_photo(), judge.score_style()
    if json:
        name = "-" if is_stdio(result) else result
        rows = {"scores": scores.as_dict(), "photo": of_photo.as_dict(), "style": of_style.as_dict()}
        say_json({"result": name} | rows)
        return
    for line in _table(scores, of_photo, of_style):
        say(line)


def _table(*columns: "Scores") -> list[str]:
    """Return the lines of the table: the headlines, then all measures by what they tell."""
    from impasto.score import HIGHER_IS_BETTER, MEASURES

    values = [column.as_dict() for column in columns]

    def row(name: str) -> str:
        cells = [f"{value[name]:{len(title)}.3f}" for value, title in zip(values, _COLUMNS, strict=True)]
        return "  ".join([f"{name:16}", *cells, "higher" if name in HIGHER_IS_BETTER else "lower"])

    lines = ["  ".join([16 * " ", *_COLUMNS, "better"]), *map(row, _HEADLINES)]
    for group in dict.fromkeys(measure.group for measure in MEASURES.values()):
        lines += ["", group, *(row(name) for name, measure in MEASURES.items() if measure.group == group)]
    return lines
