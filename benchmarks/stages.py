"""Does the paper's recipe show the stages that practitioners report: outlines after 100 steps, final picture after 500?

`python benchmarks/stages.py [CONTENT STYLE]` paints with the preset `paper` from noise at 256 px and correlates the
edges of each snapshot with those of the photo. Takes about seven minutes on two cores.
"""

import sys
from pathlib import Path

import numpy as np
from jaxtyping import Float

import impasto
from common import OUT, store
from impasto.images import contact_sheet, demo_photo, plate_path, read_picture, resize, write_picture

STEPS = (10, 100, 500)


def edges(picture: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "n"]:
    """Return the gradient magnitude of the mean of the channels, smoothed by a 3 x 3 box, as one row of numbers."""
    gray = picture.mean(axis=-1)
    smooth = sum(np.roll(gray, (y, x), axis=(0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)) / 9
    vertical, horizontal = np.gradient(smooth)
    return np.hypot(vertical, horizontal)[2:-2, 2:-2].ravel()


def main(content: str, style: str) -> None:
    seen: dict[int, np.ndarray] = {}

    def listen(event: impasto.Event) -> None:
        if isinstance(event, impasto.Snapshot):
            seen[event.step] = event.image.astype(np.float32) / 255

    result = impasto.stylize(content, style, "paper", size=256, steps=STEPS[-1], snapshots=STEPS, on_event=listen)
    height, width = result.pixels.shape[:2]
    photo = resize(read_picture(content).pixels, width, height)
    pair, rows = f"{Path(content).stem} x {Path(style).stem}", []
    for step in STEPS:
        correlation = float(np.corrcoef(edges(photo), edges(seen[step]))[0, 1])
        rows.append({"pair": pair, "steps": step, "correlation of edges": correlation})
    OUT.mkdir(exist_ok=True)
    captions = [["photo", *(f"{s} steps" for s in STEPS)]]
    write_picture(OUT / "stages.png", contact_sheet([[photo, *seen.values()]], captions=captions))
    store("stages", rows)


if __name__ == "__main__":
    main(*(sys.argv[1:3] or (str(demo_photo()), str(plate_path("night")))))
