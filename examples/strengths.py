"""Compare strengths of a style: `python examples/strengths.py photo.jpg night --strengths 5,25,150`.

Photo and results are PIL images; they are placed side by side, the photo first.
"""

import argparse
from pathlib import Path

from PIL import Image

import impasto

parser = argparse.ArgumentParser(description="Paint one photo with several strengths of a style.")
parser.add_argument("photo", type=Path)
parser.add_argument("style", nargs="?", default="night", help="a picture, or the name of a built-in style")
parser.add_argument("--strengths", default="5,25,150", help="style weights, separated by commas")
parser.add_argument("--size", type=int, default=256, help="long side of each picture in pixels")
parser.add_argument("--steps", type=int, default=40)
parser.add_argument("--out", type=Path, default=Path("strengths.png"))
arguments = parser.parse_args()

photo = Image.open(arguments.photo)
recipe = impasto.PRESETS["draft"].with_changes(size=arguments.size, steps=arguments.steps)
strengths = [float(strength) for strength in arguments.strengths.split(",")]
painted = [impasto.stylize(photo, arguments.style, recipe, style_weight=strength).image for strength in strengths]

width, height = painted[0].size
row = Image.new("RGB", (width * (1 + len(painted)), height))
for place, picture in enumerate([photo.convert("RGB").resize((width, height)), *painted]):
    row.paste(picture, (place * width, 0))
row.save(arguments.out)
print(arguments.out)
