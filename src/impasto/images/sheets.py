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

    `captions`, one for each picture in the same order, stand below the pictures and are cut at the cell's width;
    letters lose their accents, other scripts are left out. Rows may differ in length; the places left over stay white.
    Values are sRGB-encoded, in [0, 1].
    """
    line = _line_height(cell) if captions else 0
    columns = max((len(row) for row in rows), default=0)
    sheet = np.ones((gap + len(rows) * (cell + line + gap), gap + columns * (cell + gap), 3), np.float32)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = gap + i * (cell + line + gap), gap + j * (cell + gap)
            _place(sheet[top : top + cell, left : left + cell], picture)
            if captions and i < len(captions) and j < len(captions[i]):
                below = slice(top + cell, top + cell + line)
                sheet[below, left : left + cell] = _caption(captions[i][j], cell, line)[..., None]
    return sheet


def _place(square: Float[np.ndarray, "n n 3"], picture: Float[np.ndarray, "_h _w 3"]) -> None:
    height, width = picture.shape[:2]
    wide, tall = fit(width, height, square.shape[0])
    top, left = (square.shape[0] - tall) // 2, (square.shape[1] - wide) // 2
    square[top : top + tall, left : left + wide] = resize(picture, wide, tall)


def _line_height(cell: int) -> int:
    return max(16, cell // 12)


def _caption(text: str, width: int, height: int) -> Float[np.ndarray, "{height} {width}"]:
    strip = Image.new("L", (width, height), 255)
    font = ImageFont.load_default(size=height * 0.7)
    # The font that comes with Pillow knows no letters beyond ASCII.
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    ImageDraw.Draw(strip).text((width / 2, height / 2), plain, fill=round(_INK * 255), font=font, anchor="mm")
    return np.asarray(strip, dtype=np.float32) / 255
