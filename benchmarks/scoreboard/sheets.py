"""Contact sheets, to be looked through by a person: one for every pair, one for every method."""

from collections.abc import Sequence
from pathlib import Path

from impasto.images import contact_sheet, read_picture, write_picture
from scoreboard.inputs import Pair
from scoreboard.methods import ROWS
from scoreboard.ranking import Board
from scoreboard.summary import Records, picture_of

_COLUMNS = 4
_TRIPLES = 2


def draw_sheets(board: Board, records: Records, pairs: Sequence[Pair], folder: Path, cell: int) -> None:
    """Write `pair-XX.png` and `method-NAME.png` into the folder; every cell is `cell` pixels, so nothing is resized."""
    folder.mkdir(parents=True, exist_ok=True)
    methods = [*ROWS, *(name for name in board if name not in ROWS)]
    for pair in pairs:
        _write(
            folder / f"pair-{pair.name}.png", [_cell(board, records, name, pair) for name in methods], _COLUMNS, cell
        )
    for method in methods:
        if method not in ROWS:
            names = (*ROWS, method)
            cells = [_cell(board, records, name, pair) for pair in pairs for name in names]
            _write(folder / f"method-{method}.png", cells, len(names) * _TRIPLES, cell)


def _cell(board: Board, records: Records, method: str, pair: Pair) -> tuple[Path, str] | None:
    """Return picture and caption of a method: its name, style / content."""
    picture = picture_of(records, method, pair)
    if picture is None:
        return None
    scores = board[method][pair.index]
    return picture, f"{pair.name} {method} {scores['style']:.3f} / {scores['content']:.3f}"


def _write(path: Path, cells: Sequence[tuple[Path, str] | None], columns: int, cell: int) -> None:
    there = [found for found in cells if found is not None]
    rows = [there[start : start + columns] for start in range(0, len(there), columns)]
    pictures = [[read_picture(picture).pixels for picture, _ in row] for row in rows]
    write_picture(path, contact_sheet(pictures, captions=[[text for _, text in row] for row in rows], cell=cell))
