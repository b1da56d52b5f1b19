"""Paint the pictures of docs/controls.md and docs/backbones.md: what the controls do.

`python tools/controls.py [mixes|regions|colors|masks|networks]` (ten minutes on two cores) writes
docs/pictures/mixes.webp and so on, or one of them.
"""

import sys
from pathlib import Path
from typing import get_args

import numpy as np
import skimage.data

import impasto
from hero import save
from impasto.images import contact_sheet, fit, plate_path, read_picture, resize
from impasto.recipe import ColorMode

SIZE = 320
WITH_WEIGHTS = ("vgg19", "vgg16", "alexnet")
HORIZON, SOFT = 0.72, 0.15
"""Where the sky of the rocket's photo ends, and the width of the border of its mask, as shares of the height."""
PAIRS = (("coffee", "night"), ("chelsea", "mosaic"))
OUT = Path(__file__).parents[1] / "docs" / "pictures"


def shrunk(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    return resize(picture, *fit(width, height, SIZE))


def mixes() -> None:
    """One photo in five mixes of two styles."""
    photo = shrunk(skimage.data.astronaut().astype(np.float32) / 255)
    plates, shares = ["night", "mosaic"], ((100, 0), (75, 25), (50, 50), (25, 75), (0, 100))
    painted = [impasto.stylize(photo, plates, size=SIZE, style_mix=mix).pixels for mix in shares]
    captions = [f"{first} : {second}" for first, second in shares]
    save(contact_sheet([painted], captions=[captions], cell=SIZE), OUT / "mixes.webp")


def regions() -> None:
    """Sky and ground in two styles along a soft border, and the sky alone painted."""
    photo = shrunk(skimage.data.rocket().astype(np.float32) / 255)
    height, width = photo.shape[:2]
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None].repeat(width, axis=1)
    sky = ((HORIZON - down) / SOFT + 0.5).clip(0, 1)
    both = impasto.stylize(photo, "knife", size=SIZE, regions=[impasto.Region(sky, "night")])
    alone = impasto.stylize(photo, [], size=SIZE, regions=[impasto.Region(sky, "night")])
    row = [photo, sky[:, :, None].repeat(3, axis=2), both.pixels, alone.pixels]
    captions = ["photo", "mask", "night above, knife below", "night above, kept below"]
    save(contact_sheet([row], captions=[captions], cell=SIZE), OUT / "regions.webp")


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


def networks() -> None:
    """One photo by every network whose weights come with a package, a row for every style."""
    photo, rows = shrunk(skimage.data.coffee().astype(np.float32) / 255), []
    for plate in ("night", "knife"):
        rows.append([impasto.stylize(photo, plate, size=SIZE, backbone=name).pixels for name in WITH_WEIGHTS])
    save(contact_sheet(rows, captions=[WITH_WEIGHTS] * 2, cell=SIZE), OUT / "networks.webp")


PICTURES = {picture.__name__: picture for picture in (mixes, regions, colors, masks, networks)}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()
