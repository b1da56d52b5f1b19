"""Make the pictures of docs/video.md: a film beside frame-by-frame painting.

`python tools/film.py` (five minutes on two cores) writes docs/pictures/film-strip.webp and docs/pictures/film.webp. The
clip is a sequence of benchmarks/video.py: over scikit-image's coffee, panned, a piece of its astronaut crosses.
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

import impasto
import impasto.video
from hero import PICTURES, save
from impasto.images import contact_sheet, quantize

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from video import Sequence, moved_back, sequences

STYLE, WIDTH, HEIGHT, FRAMES = "night", 256, 144, 12
SHOWN = (2, 3, 4, 5)
STRENGTHENED = 3.0
"""How many times the differences are shown stronger than they are."""
MILLISECONDS = 80


def differences(frames: list[np.ndarray], clip: Sequence) -> list[np.ndarray]:
    """Return for every frame what differs from the one before, moved by the true flow; black where that is hidden."""
    found = [np.zeros_like(frames[0])]
    for (before, now), flow, seen in zip(pairwise(frames), clip.flows, clip.seen, strict=True):
        found.append((STRENGTHENED * np.abs(now - moved_back(before, flow)) * seen[..., None]).clip(0, 1))
    return found


def strip(clip: Sequence, alone: list[np.ndarray], film: list[np.ndarray]) -> np.ndarray:
    """Show some frames of the clip and painted in both ways, and below what changes in each."""
    rows, captions = [], []
    for name, frames in (("clip", clip.frames), ("frame by frame", alone), ("film", film)):
        shown = {"": frames}
        if name != "clip":
            shown["what changes, "] = differences(frames, clip)
        for what, pictures in shown.items():
            rows.append([pictures[number] for number in SHOWN])
            captions.append([f"{what}{name}, {number + 1}" for number in SHOWN])
    return contact_sheet(rows, captions=captions, cell=WIDTH)


def animation(clip: Sequence, alone: list[np.ndarray], film: list[np.ndarray], path: Path) -> None:
    """Write clip, frame-by-frame painting and film side by side, there and back."""
    frames = [np.hstack(parts) for parts in zip(clip.frames, alone, film, strict=True)]
    pictures = [Image.fromarray(quantize(frame)) for frame in (*frames, *frames[-2:0:-1])]
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=MILLISECONDS, loop=0, quality=60, method=6
    )
    print(f"{path}, {path.stat().st_size // 1000} kB")


def main() -> None:
    clip = sequences(WIDTH, HEIGHT, FRAMES)[0]
    session = impasto.Session()
    alone = [session.stylize(frame, STYLE, size=WIDTH).pixels for frame in clip.frames]
    painter = impasto.video.ScenePainter(session, impasto.Recipe(size=WIDTH), styles=STYLE)
    film = [painter.paint(frame) for frame in clip.frames]
    save(strip(clip, alone, film), PICTURES / "film-strip.webp")
    animation(clip, alone, film, PICTURES / "film.webp")


if __name__ == "__main__":
    main()
