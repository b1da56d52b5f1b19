"""Make the pictures of the README: `python tools/hero.py line RESULT` and `python tools/hero.py plates`.

`line` puts the demo's photo, a plate and the picture painted from both side by side; `plates` shows all plates with
their names. Both write WebP of the best quality below 250 kB, on white.
"""

import argparse
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from impasto.images import PLATES, contact_sheet, demo_photo, plate_path, quantize, read_picture, resize

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
MOST_BYTES = 250_000


def line(
    pictures: Sequence[Float[np.ndarray, "_h _w 3"]], *, height: int, gap: int
) -> Float[np.ndarray, "{height} _ 3"]:
    """Put pictures side by side at one height, with `gap` white pixels between them."""
    scaled = [resize(picture, round(picture.shape[1] * height / picture.shape[0]), height) for picture in pictures]
    space = np.ones((height, gap, 3), np.float32)
    parts = [part for picture in scaled for part in (space, picture)]
    return np.concatenate(parts[1:], axis=1)


def hero(result: Path, *, photo: Path, style: Path, height: int, gap: int) -> Float[np.ndarray, "{height} _ 3"]:
    """Put photo, style and result side by side."""
    return line([read_picture(path).pixels for path in (photo, style, result)], height=height, gap=gap)


def plates(*, columns: int, cell: int) -> Float[np.ndarray, "h w 3"]:
    """Show all plates with their names."""
    rows = [PLATES[start : start + columns] for start in range(0, len(PLATES), columns)]
    pictures = [[read_picture(plate_path(name)).pixels for name in row] for row in rows]
    return contact_sheet(pictures, captions=rows, cell=cell)


def save(pixels: Float[np.ndarray, "h w 3"], path: Path, *, most_bytes: int | None = None) -> None:
    """Write WebP of the best quality below `most_bytes` (MOST_BYTES)."""
    most_bytes = most_bytes or MOST_BYTES
    image = Image.fromarray(quantize(pixels))
    for quality in range(92, 20, -2):
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=quality, method=6)
        if buffer.tell() < most_bytes:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(buffer.getvalue())
            print(f"{path}, {image.width} x {image.height}, quality {quality}, {buffer.tell() // 1000} kB")
            return
    raise SystemExit(f"{path} does not fit into {most_bytes // 1000} kB: choose a smaller --height or --cell")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make the pictures of the README.")
    which = parser.add_subparsers(dest="which", required=True)
    first = which.add_parser("line", help="photo, style and result side by side")
    first.add_argument("result", type=Path, help="the picture that was painted from photo and style")
    first.add_argument("--photo", type=Path, help="default: the demo's photo")
    first.add_argument("--style", default="night", help="a plate or a file (default: night)")
    first.add_argument("--height", type=int, default=420, help="height in pixels (default: 420)")
    first.add_argument("--gap", type=int, default=14, help="white pixels between the pictures (default: 14)")
    first.add_argument("--out", type=Path, default=PICTURES / "hero.webp")
    second = which.add_parser("plates", help="all plates with their names")
    second.add_argument("--columns", type=int, default=4, help="plates in a row (default: 4)")
    second.add_argument("--cell", type=int, default=300, help="side of a plate in pixels (default: 300)")
    second.add_argument("--out", type=Path, default=PICTURES / "plates.webp")
    chosen = parser.parse_args(argv)
    if chosen.which == "plates":
        save(plates(columns=chosen.columns, cell=chosen.cell), chosen.out)
        return
    style = plate_path(chosen.style) if chosen.style in PLATES else Path(chosen.style)
    photo = chosen.photo or demo_photo()
    save(hero(chosen.result, photo=photo, style=style, height=chosen.height, gap=chosen.gap), chosen.out)


if __name__ == "__main__":
    main()
