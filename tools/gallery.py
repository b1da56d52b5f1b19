"""Paint the gallery of the documentation: photos of scikit-image in built-in styles, by the default preset.

`python tools/gallery.py` (about five minutes on two cores) writes docs/pictures/gallery.webp.
"""

from pathlib import Path

import numpy as np
import skimage.data

import impasto
from hero import save
from impasto.images import contact_sheet, fit, plate_path, read_picture, resize

PHOTOS = ("astronaut", "chelsea", "coffee")
PLATES = ("night", "mosaic", "woodcut", "watercolor")
SIZE = 256
OUT = Path(__file__).parents[1] / "docs" / "pictures" / "gallery.webp"


def shrunk(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    return resize(picture, *fit(width, height, SIZE))


def main() -> None:
    white = np.ones((SIZE, SIZE, 3), dtype=np.float32)
    rows = [[white, *(shrunk(read_picture(plate_path(name)).pixels) for name in PLATES)]]
    for name in PHOTOS:
        photo = shrunk(getattr(skimage.data, name)().astype(np.float32) / 255)
        rows.append([photo, *(impasto.stylize(photo, plate, size=SIZE).pixels for plate in PLATES)])
    captions = [["", *PLATES], *([name] for name in PHOTOS)]
    save(contact_sheet(rows, captions=captions, cell=SIZE), OUT)


if __name__ == "__main__":
    main()
