"""Does bf16 paint the same picture as fp32, as the judges see it?

Four pairs by `default` at 256 px, once in each number format; style and content are impasto's scores. fp32 runs on any
machine; bf16 is slow where the processor only emulates it.
"""

from pathlib import Path

import numpy as np

import impasto
from common import store
from impasto.images import fit, plate_path, read_picture
from impasto.score import Judge

_SIZE = 256
_PHOTOS = ("astronaut", "coffee")
_STYLES = ("night", "woodcut")


def main() -> None:
    import skimage.data

    rows = []
    for name in _PHOTOS:
        photo = getattr(skimage.data, name)().astype(np.float32) / 255
        size = fit(photo.shape[1], photo.shape[0], _SIZE)
        for plate in _STYLES:
            path = Path(plate_path(plate))
            judge = Judge(photo, read_picture(path).pixels, size=size)
            row: dict[str, object] = {"pair": f"{name} x {plate}"}
            for precision in ("fp32", "bf16"):
                painted = impasto.stylize(photo, path, size=_SIZE, precision=precision).pixels
                scores = judge.score(painted)
                row |= {f"style, {precision}": scores.style, f"content, {precision}": scores.content}
            rows.append(row)
    store("precision", rows)


if __name__ == "__main__":
    main()
