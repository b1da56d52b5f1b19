"""Paint the pictures of docs/settings.md: one row for each of the main settings, at three values of it or more.

The row of `--backbone` is that of docs/backbones.md.

`python tools/settings.py [NAME...]` (fifteen minutes on a core) writes docs/pictures/settings/NAME.webp. Every picture
is painted from the photo of `impasto demo` in the style `night`, all settings but those of its caption as they are.
"""

import sys
from functools import cache
from typing import Any

import numpy as np

import impasto
from hero import PICTURES, save
from impasto.images import contact_sheet, demo_photo, resize

STYLE, SIZE, STEPS = "night", 256, 60
CELL = 256
MOST_BYTES = 60_000
FINE = "conv1_1,conv2_1"
COARSE = "conv4_1,conv5_1"
ROWS: dict[str, dict[str, dict[str, Any]]] = {
    "preset": {
        "faithful": {"preset": "faithful"},
        "default": {},
        "bold": {"preset": "bold"},
        "photoreal": {"preset": "photoreal"},
    },
    "strength": {"strength 25": {"strength": 25}, "strength 50": {}, "strength 75": {"strength": 75}},
    "size": {"size 128": {"size": 128}, "size 256": {}, "size 512": {"size": 512}},
    "style-scale": {"style-scale 0.5": {"style_scale": 0.5}, "style-scale 1": {}, "style-scale 2": {"style_scale": 2}},
    "color": {
        "color style": {},
        "color photo": {"color": "photo"},
        "color match": {"color": "match"},
        "color luminance": {"color": "luminance"},
    },
    "color-strength": {
        "color photo, 0": {},
        "color photo, 50": {"color": "photo", "color_strength": 50},
        "color photo, 100": {"color": "photo"},
    },
    "style-mix": {
        "night": {},
        "night 50, woodcut 50": {"styles": ["night", "woodcut"], "style_mix": [50, 50]},
        "woodcut": {"styles": "woodcut"},
    },
    "steps": {"steps 15": {"steps": 15}, "steps 60": {}, "steps 120": {"steps": 120}},
    "seed": {"seed 0": {}, "seed 1": {"seed": 1}, "seed 2": {"seed": 2}},
    "init": {"init content": {"init": "content"}, "init recolored": {}, "init noise": {"init": "noise"}},
    "style-weight": {
        "style-weight 5": {"style_weight": 5},
        "style-weight 30": {},
        "style-weight 180": {"style_weight": 180},
    },
    "content-weight": {
        "content-weight 0.5": {"content_weight": 0.5},
        "content-weight 4": {},
        "content-weight 32": {"content_weight": 32},
    },
    "saliency-weight": {
        "saliency-weight 0": {"saliency_weight": 0},
        "saliency-weight 3": {},
        "saliency-weight 20": {"saliency_weight": 20},
    },
    "style-matching": {
        "style-matching 0": {"style_matching": 0},
        "style-matching 0.5": {"style_matching": 0.5},
        "style-matching 1": {},
    },
    "style-layers": {
        FINE: {"style_layers": FINE},
        "conv1_1 to conv4_1": {},
        COARSE: {"style_layers": COARSE},
    },
    "content-layers": {
        "conv1_1": {"content_layers": "conv1_1"},
        "conv3_2 and conv4_2": {},
        "conv5_1": {"content_layers": "conv5_1"},
    },
    "style-losses": {
        "gram": {"style_losses": "gram"},
        "default": {},
        "sliced": {"style_losses": "sliced"},
    },
    "levels": {"levels 1": {"levels": 1}, "levels 2": {"levels": 2}, "levels auto": {}},
    "tv-weight": {"tv-weight 0": {"tv_weight": 0}, "tv-weight 5e-5": {}, "tv-weight 0.01": {"tv_weight": 0.01}},
}
"""Caption and settings of every picture of a row."""
WITH_ALL_STEPS = ("preset", "strength", "size", "style-scale", "color")
"""Rows whose pictures have the steps of their preset; those of the others have 60, which is half of the usual."""
painted = cache(lambda settings: impasto.stylize(demo_photo(), **dict(settings)).pixels)


def paint(**settings: Any) -> np.ndarray:
    """Paint once for equal settings."""
    settings = {"styles": STYLE, "size": SIZE, **settings}
    return painted(
        tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in settings.items())
    )


def row(name: str) -> np.ndarray:
    """Paint one row with captions; the sizes show the middle of the picture, all equally large."""
    steps = {} if name in WITH_ALL_STEPS else {"steps": STEPS}
    pictures = [paint(**{**steps, **settings}) for settings in ROWS[name].values()]
    if name == "size":
        pictures = [middle(picture) for picture in pictures]
    return contact_sheet([pictures], captions=[list(ROWS[name])], cell=CELL)


def middle(picture: np.ndarray) -> np.ndarray:
    """Return the middle half of a picture, enlarged without new detail."""
    height, width = picture.shape[:2]
    part = picture[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return resize(part, 2 * CELL, round(2 * CELL * part.shape[0] / part.shape[1]))


if __name__ == "__main__":
    for name in sys.argv[1:] or ROWS:
        save(row(name), PICTURES / "settings" / f"{name}.webp", most_bytes=MOST_BYTES)
