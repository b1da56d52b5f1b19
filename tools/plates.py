"""Draw the built-in plates: `python tools/plates.py [NAME ...] [--out FOLDER] [--png]`.

Without names all of them are drawn, about a minute each. Needs numpy, scipy and Pillow, which the extra `dev`
installs. The seeds are fixed, so that a plate looks the same every time, with any version of the libraries.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from atelier import knife, mosaic, night, pointillism, stained_glass, watercolor, woodcut
from atelier.kit import save

PLATES: dict[str, Callable[[], Image.Image]] = {
    "night": night.draw,
    "mosaic": mosaic.draw,
    "woodcut": woodcut.draw,
    "pointillism": pointillism.draw,
    "watercolor": watercolor.draw,
    "stained-glass": stained_glass.draw,
    "knife": knife.draw,
}
DATA = Path(__file__).parents[1] / "src" / "impasto" / "images" / "data"


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the built-in plates.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones ({', '.join(PLATES)}); default: all")
    parser.add_argument("--out", type=Path, default=DATA, help="the folder they go to (default: the package's data)")
    parser.add_argument("--png", action="store_true", help="lossless PNG instead of WebP, for a close look")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(PLATES)
    if unknown:
        parser.error(f"unknown plate {', '.join(sorted(unknown))}; known are {', '.join(PLATES)}")
    for name in arguments.names or PLATES:
        began = time.perf_counter()
        plate = PLATES[name]()
        path = arguments.out / f"{name}{'.png' if arguments.png else '.webp'}"
        note = ""
        if arguments.png:
            plate.save(path)
        else:
            note = f", quality {save(plate, path)}, {path.stat().st_size // 1000} kB"
        print(f"{path}{note}, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
