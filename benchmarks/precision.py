"""Does bf16 give pictures with the same scores as fp32?

Four pairs with `default` at 256 px in both number formats; style and content are impasto's scores. The third run, in
fp32 with a style weight larger by one percent, shows how much two runs differ without a relevant reason. bf16 is slow
on processors that only emulate it.
"""

from pathlib import Path
from typing import Any

import numpy as np

import impasto
from common import store
from impasto.images import fit, plate_path, read_picture
from impasto.recipe import Recipe
from impasto.score import Judge

_SIZE = 256
_PHOTOS = ("astronaut", "coffee")
_STYLES = ("night", "woodcut")
_RUNS: dict[str, dict[str, Any]] = {
    "fp32": {"precision": "fp32"},
    "bf16": {"precision": "bf16"},
    "fp32 + 1 %": {"precision": "fp32", "style_weight": 1.01 * Recipe().style.weight},
}


def main() -> None:
    import skimage.data

    rows, session = [], impasto.Session()
    for subject in _PHOTOS:
        photo = getattr(skimage.data, subject)().astype(np.float32) / 255
        size = fit(photo.shape[1], photo.shape[0], _SIZE)
        for plate in _STYLES:
            path = Path(plate_path(plate))
            judge = Judge(photo, read_picture(path).pixels, size=size)
            row: dict[str, object] = {"pair": f"{subject} x {plate}"}
            for name, changes in _RUNS.items():
                scores = judge.score(session.stylize(photo, path, size=_SIZE, **changes).pixels)
                row |= {f"style, {name}": scores.style, f"content, {name}": scores.content}
            rows.append(row)
    store("precision", rows)


if __name__ == "__main__":
    main()
