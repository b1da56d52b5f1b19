"""How long is one step (loss and gradient) at 256 and 512 px?"""

import torch

from common import seconds, store
from impasto.backbones import Extractor, load_weights
from impasto.images import demo_photo, plate_path, read_picture
from impasto.losses import needed_layers
from impasto.painting import Scene, plan_levels
from impasto.painting.stage import Stage
from impasto.recipe import PRESETS

REPEATS = 5


def main() -> None:
    scene = Scene(content=read_picture(demo_photo()).pixels, style=read_picture(plate_path("night")).pixels)
    weights, rows = load_weights(), []
    for preset in ("default", "paper"):
        for size in (256, 512):
            recipe = PRESETS[preset].with_changes(levels=1, precision="fp32")
            options = {"pooling": recipe.pooling, "padding": recipe.padding, "device": torch.device("cpu")}
            extractor = Extractor(weights, layers=needed_layers(recipe), **options)
            stage = Stage(recipe, scene, extractor, plan_levels(recipe, size, size)[0])
            rows.append({"preset": preset, "pixels": f"{size} x {size}"} | seconds(stage.advance, repeats=REPEATS))
    store("steps", rows)


if __name__ == "__main__":
    main()
