"""Contact sheets: rows of pictures with captions, for visual comparison."""

import re
import unicodedata
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float

from impasto.images.geometry import fit, resize

_CAPTION_GRAY = 38  # of 255


def contact_sheet(
    rows: Sequence[Sequence[Float[np.ndarray, "_h _w 3"]]],
    *,
    captions: Sequence[Sequence[str]] | None = None,
    cell: int = 256,
    gap: int = 8,
) -> Float[np.ndarray, "height width 3"]:
    """Arrange pictures in rows on white.

    Args:
        rows: RGB in [0, 1]; rows may differ in length, and each is as high as its tallest picture.
        captions: Texts in the same order, drawn below the pictures, and shortened in the middle to the cell's width. A
            letter that the font lacks, an emoji for example, is `?`.
        cell: Side in pixels of the square into which each picture is fitted.
        gap: White pixels around each picture.

    Returns:
        The sheet, sRGB-encoded, in [0, 1].
    """
    line = max(16, cell // 12) if captions else 0
    scaled = [[resize(picture, *fit(picture.shape[1], picture.shape[0], cell)) for picture in row] for row in rows]
    heights = [max((picture.shape[0] for picture in row), default=0) for row in scaled]
    columns = max(map(len, rows), default=0)
    sheet = np.ones((gap + sum(heights) + len(rows) * (line + gap), gap + columns * (cell + gap), 3), np.float32)
    top = gap
    for i, (row, height) in enumerate(zip(scaled, heights, strict=True)):
        for j, picture in enumerate(row):
            left = gap + j * (cell + gap)
            y, x = top + (height - picture.shape[0]) // 2, left + (cell - picture.shape[1]) // 2
            sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
            if captions and i < len(captions) and j < len(captions[i]):
                caption = _draw_caption(captions[i][j], cell, line)
                sheet[top + height : top + height + line, left : left + cell] = caption[..., None]
        top += height + line + gap
    return sheet


def _draw_caption(text: str, width: int, height: int) -> Float[np.ndarray, "{height} {width}"]:
    strip = np.full((height, width), 255, np.uint8)
    # Composed, because the font has letters with accents, but no accents; names of files may hold bytes of any kind.
    plain = re.sub(r"[\x00-\x1f\x7f-\x9f]", "?", unicodedata.normalize("NFC", text).encode(errors="replace").decode())
    # OpenCV's own font has the letters of most scripts, and draws `?` for others.
    font, size = cv2.FontFace("sans"), round(height * 0.65)
    shown, kept = plain, len(plain)
    while (drawn := cv2.getTextSize((width, height), shown, (0, 0), font, size)[2]) > width and kept > 2:
        kept -= 1
        shown = f"{plain[: kept // 2]}...{plain[-(kept - kept // 2) :]}"
    cv2.putText(strip, shown, ((width - drawn) // 2, round(height * 0.72)), (_CAPTION_GRAY,), font, size)
    return strip.astype(np.float32) / 255
