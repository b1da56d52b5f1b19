"""Contact sheets: many pictures side by side, to be compared by eye."""

import unicodedata
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from impasto.images.geometry import fit, resize

_INK = 0.15  # grey level of the captions


def contact_sheet(
    rows: Sequence[Sequence[Float[np.ndarray, "_h _w 3"]]],
    *,
    captions: Sequence[Sequence[str]] | None = None,
    cell: int = 256,
    gap: int = 8,
) -> Float[np.ndarray, "height width 3"]:
    """Lay pictures in rows on white, each fitted into a square of `cell` pixels with `gap` pixels around it.

    A row is as high as its tallest picture. `captions`, one for each picture in the same order, stand below the
    pictures and are cut at the cell's width; letters lose their accents, other scripts are left out. Rows may differ in
    length; the places left over stay white. Values are sRGB-encoded, in [0, 1].
    """
    line = _line_height(cell) if captions else 0
    columns = max((len(row) for row in rows), default=0)
    heights = [max((_fitted(picture, cell)[1] for picture in row), default=0) for row in rows]
    sheet = np.ones((gap + sum(heights) + len(rows) * (line + gap), gap + columns * (cell + gap), 3), np.float32)
    top = gap
    for i, (row, height) in enumerate(zip(rows, heights, strict=True)):
        for j, picture in enumerate(row):
            left = gap + j * (cell + gap)
            _place(sheet[top : top + height, left : left + cell], picture, cell)
            if captions and i < len(captions) and j < len(captions[i]):
                below = slice(top + height, top + height + line)
                sheet[below, left : left + cell] = _caption(captions[i][j], cell, line)[..., None]
        top += height + line + gap
    return sheet


def _fitted(picture: Float[np.ndarray, "_h _w 3"], cell: int) -> tuple[int, int]:
    """Return the width and height of a picture in its cell."""
    height, width = picture.shape[:2]
    return fit(width, height, cell)


def _place(space: Float[np.ndarray, "h w 3"], picture: Float[np.ndarray, "_h _w 3"], cell: int) -> None:
    wide, tall = _fitted(picture, cell)
    top, left = (space.shape[0] - tall) // 2, (space.shape[1] - wide) // 2
    space[top : top + tall, left : left + wide] = resize(picture, wide, tall)


def _line_height(cell: int) -> int:
    return max(16, cell // 12)


def _caption(text: str, width: int, height: int) -> Float[np.ndarray, "{height} {width}"]:
    strip = Image.new("L", (width, height), 255)
    font = ImageFont.load_default(size=height * 0.7)
    # The font that comes with Pillow knows no letters beyond ASCII.
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    ImageDraw.Draw(strip).text((width / 2, height / 2), plain, fill=round(_INK * 255), font=font, anchor="mm")
    return np.asarray(strip, dtype=np.float32) / 255
