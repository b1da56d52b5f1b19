"""Paint the pictures of docs/controls.md: what the artist's controls do.

`python tools/controls.py` (some minutes on two cores) writes docs/pictures/colors.webp and masks.webp.
"""

from pathlib import Path
from typing import get_args

import numpy as np
import skimage.data

import impasto
from hero import save
from impasto.images import contact_sheet, fit, plate_path, read_picture, resize
from impasto.recipe import ColorMode

SIZE = 320
PAIRS = (("coffee", "night"), ("chelsea", "mosaic"))
OUT = Path(__file__).parents[1] / "docs" / "pictures"


def shrunk(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    return resize(picture, *fit(width, height, SIZE))


def colors() -> None:
    """Photo, style and the four modes, a row for every pair."""
    modes = get_args(ColorMode)
    rows = []
    for name, plate in PAIRS:
        photo = shrunk(getattr(skimage.data, name)().astype(np.float32) / 255)
        painted = [impasto.stylize(photo, plate, size=SIZE, color=mode).pixels for mode in modes]
        rows.append([photo, shrunk(read_picture(plate_path(plate)).pixels), *painted])
    save(contact_sheet(rows, captions=[[name, plate, *modes] for name, plate in PAIRS], cell=SIZE), OUT / "colors.webp")


def masks() -> None:
    """Photo, mask and what the mask cuts out, a row for every photo."""
    rows = []
    for name in ("coffee", "astronaut", "chelsea"):
        photo = getattr(skimage.data, name)().astype(np.float32) / 255
        mask = impasto.subject_mask(photo).pixels[..., None]
        rows.append([photo, mask.repeat(3, axis=2), photo * mask + 1 - mask])
    save(contact_sheet(rows, cell=SIZE), OUT / "masks.webp")


if __name__ == "__main__":
    colors()
    masks()
