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
    "preset": {
        "faithful": {"preset": "faithful"},
        "default": {},
        "bold": {"preset": "bold"},
        "photoreal": {"preset": "photoreal"},
    },
    "strength": {"strength 25": {"strength": 25}, "strength 50": {}, "strength 75": {"strength": 75}},
    "size": {"size 128": {"size": 128}, "size 256": {}, "size 512": {"size": 512}},
    "strokes": {"style-scale 0.5": {"style_scale": 0.5}, "style-scale 1": {}, "style-scale 2": {"style_scale": 2}},
    "color": {
        "color style": {},
        "color photo": {"color": "photo"},
        "color match": {"color": "match"},
        "color luminance": {"color": "luminance"},
    },
}
"""Caption and settings of every picture of a row."""


@cache
def paint(**settings: Any) -> np.ndarray:
    return impasto.stylize(demo_photo(), STYLE, **{"size": SIZE, **settings}).pixels


def row(name: str) -> np.ndarray:
    """Paint one row with captions; the sizes show the middle of the picture, all equally large."""
    painted = [paint(**settings) for settings in ROWS[name].values()]
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
