"""Paint the pictures of the README's section "Five things to try": `python tools/five_things.py [NAME...]`.

They show what its commands do to the photo of `impasto demo` in the style `night`: five minutes on two cores.
"""

import sys
from functools import cache
from typing import Any

import numpy as np

import impasto
from hero import PICTURES, save
from impasto.images import contact_sheet, demo_photo, resize

STYLE, SIZE = "night", 256
CELL = 224
MOST_BYTES = 30_000
ROWS: dict[str, dict[str, dict[str, Any]]] = {
    "preset": {name: {"preset": name} for name in ("faithful", "default", "bold", "photoreal")},
    "strength": {f"strength {strength}": {"strength": strength} for strength in (25, 50, 75)},
    "size": {f"size {size}": {"size": size} for size in (128, 256, 512)},
    "strokes": {f"style-scale {scale}": {"style_scale": scale} for scale in (0.5, 1, 2)},
    "color": {f"color {mode}": {"color": mode} for mode in ("style", "photo", "match", "luminance")},
}
"""Caption and settings of every picture of a row."""


@cache
def session() -> impasto.Session:
    return impasto.Session(STYLE, size=SIZE)


def row(name: str) -> np.ndarray:
    """Paint one row with captions; the sizes show the middle of the picture, all equally large."""
    painted = [session().stylize(demo_photo(), **settings).pixels for settings in ROWS[name].values()]
    if name == "size":
        painted = [middle(picture) for picture in painted]
    return contact_sheet([painted], captions=[list(ROWS[name])], cell=CELL)


def middle(picture: np.ndarray) -> np.ndarray:
    """Return the middle half of a picture, enlarged without new detail."""
    height, width = picture.shape[:2]
    part = picture[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return resize(part, 2 * CELL, round(2 * CELL * part.shape[0] / part.shape[1]))


if __name__ == "__main__":
    for name in sys.argv[1:] or ROWS:
        save(row(name), PICTURES / f"try-{name}.webp", most_bytes=MOST_BYTES)
