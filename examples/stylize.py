"""Paint a photo in a style and save it: `python examples/stylize.py photo.jpg night`."""

import argparse
from pathlib import Path

import impasto

parser = argparse.ArgumentParser(description="Paint a photo in a style and save it.")
parser.add_argument("photo", type=Path)
parser.add_argument("style", nargs="?", default="night", help="a picture, or the name of a built-in style")
parser.add_argument("--size", type=int, default=512, help="long side of the result in pixels")
parser.add_argument("--steps", type=int, default=100)
parser.add_argument("--out", type=Path, default=Path("painted.png"))
arguments = parser.parse_args()

result = impasto.stylize(arguments.photo, arguments.style, size=arguments.size, steps=arguments.steps)
result.save(arguments.out)

print(f"{arguments.out}: {result.image.width} x {result.image.height}, {result.seconds:.0f} s")
print(f"loss {result.loss:.4g}, of the file that was saved {result.saved_loss:.4g}")
print(f"the same from a shell: {result.recipe.as_command(str(arguments.photo), arguments.style)}")
