"""Watch a run and change it: `python examples/watch.py photo.jpg night`.

The run paints in the background and emits events. Halfway the style gets more weight; the picture at that moment is
saved beside the final one.
"""

import argparse
from pathlib import Path
from queue import Empty, SimpleQueue

from PIL import Image

import impasto

parser = argparse.ArgumentParser(description="Watch a run and change its settings meanwhile.")
parser.add_argument("photo", type=Path)
parser.add_argument("style", nargs="?", default="night", help="a picture, or the name of a built-in style")
parser.add_argument("--size", type=int, default=384, help="long side of the result in pixels")
parser.add_argument("--steps", type=int, default=80)
parser.add_argument("--factor", type=float, default=3.0, help="factor of the style's weight in the second half")
parser.add_argument("--out", type=Path, default=Path("painted.png"))
arguments = parser.parse_args()

halfway = max(1, arguments.steps // 2)
recipe = impasto.Recipe(size=arguments.size, steps=arguments.steps, snapshots=(halfway,))
events: SimpleQueue[impasto.Event] = SimpleQueue()
run = impasto.start(arguments.photo, arguments.style, recipe, on_event=events.put)

while run.running or not events.empty():
    try:
        event = events.get(timeout=0.1)
    except Empty:
        continue
    match event:
        case impasto.LevelStarted(level=level, levels=levels, width=width, height=height):
            print(f"level {level + 1} of {levels}: {width} x {height}")
        case impasto.Step(step=step, steps=steps, loss=loss) if step % max(1, steps // 10) == 0:
            print(f"step {step} of {steps}: loss {loss:.4g}")
        case impasto.Snapshot(step=step, image=image):
            Image.fromarray(image).save(arguments.out.with_stem(f"{arguments.out.stem}-halfway"))
            run.change(style_weight=recipe.style.weight * arguments.factor)
            print(f"step {step}: the style now counts {run.recipe.after().style.weight:g}")
        case impasto.Finished(saved_loss=saved_loss):
            print(f"done: loss {saved_loss:.4g} as saved")

# Raises what went wrong, if something did.
run.wait().save(arguments.out)
print(arguments.out)
