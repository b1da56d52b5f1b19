"""Paint the gallery of the documentation.

`python tools/gallery.py sheet` (about five minutes on two cores) writes docs/pictures/gallery.webp, photos of
scikit-image in built-in styles; `python tools/gallery.py portrait` docs/pictures/portrait.webp, a face by presets;
`python tools/gallery.py cups [NAME...]` docs/pictures/gallery/NAME.webp, the photo of `impasto demo` by the settings of
CUPS, which the page shows as commands.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data

import impasto
from hero import save
from impasto.images import contact_sheet, crop, demo_photo, fit, plate_path, read_picture, resize

PHOTOS = ("astronaut", "chelsea", "coffee")
PLATES = ("night", "mosaic", "woodcut", "watercolor")
SIZE = 256
OUT = Path(__file__).parents[1] / "docs" / "pictures"
CUP_SIZE = 320
MOST_BYTES = 55_000
CUPS: dict[str, dict[str, Any]] = {
    "mosaic": {"styles": "mosaic"},
    "stained-glass": {"styles": "stained-glass"},
    "watercolor": {"styles": "watercolor"},
    "woodcut": {"styles": "woodcut", "size": 256, "steps": 60},
    "night-photo": {"styles": "night", "color": "photo"},
    "night-woodcut": {"styles": ["night", "woodcut"], "style_mix": (50, 50), "size": 256, "steps": 60},
}
"""Every picture of the gallery, and the settings that differ from the default."""

FACE = (130, 10, 200, 200)
"""Left, top, width and height of the astronaut's face."""


def shrunk(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    return resize(picture, *fit(width, height, SIZE))


def cups(*names: str) -> None:
    for name in names or CUPS:
        painted = impasto.stylize(demo_photo(), **{"size": CUP_SIZE, **CUPS[name]}).pixels
        save(painted, OUT / "gallery" / f"{name}.webp", most_bytes=MOST_BYTES)


def portrait() -> None:
    """One portrait by three presets, at a size that is too small for a face."""
    photo = crop(skimage.data.astronaut().astype(np.float32) / 255, FACE)
    presets = ("faithful", "default", "bold")
    painted = [impasto.stylize(photo, "night", preset=preset, size=FACE[2]).pixels for preset in presets]
    save(contact_sheet([[photo, *painted]], captions=[["photo", *presets]], cell=SIZE), OUT / "portrait.webp")


def sheet() -> None:
    white = np.ones((SIZE, SIZE, 3), dtype=np.float32)
    rows = [[white, *(shrunk(read_picture(plate_path(name)).pixels) for name in PLATES)]]
    for name in PHOTOS:
        photo = shrunk(getattr(skimage.data, name)().astype(np.float32) / 255)
        rows.append([photo, *(impasto.stylize(photo, plate, size=SIZE).pixels for plate in PLATES)])
    captions = [["", *PLATES], *([name] for name in PHOTOS)]
    save(contact_sheet(rows, captions=captions, cell=SIZE), OUT / "gallery.webp")


if __name__ == "__main__":
    {"sheet": sheet, "portrait": portrait, "cups": cups}[sys.argv[1]](*sys.argv[2:])
