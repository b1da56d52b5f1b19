"""Paint in a run folder, so that nothing is lost: `python examples/resume.py photo.jpg night runs/town`.

Stop it with Ctrl-C, kill it, or cut the power, then give the same command again: it continues from the last checkpoint
and ends with the same picture as a run without the interruption.
"""

import argparse
from pathlib import Path

import impasto

parser = argparse.ArgumentParser(description="Paint in a run folder; the same command continues after an interruption.")
parser.add_argument("photo", type=Path)
parser.add_argument("style", nargs="?", default="night", help="a picture, or the name of a built-in style")
parser.add_argument("folder", type=Path, nargs="?", default=Path("run"))
parser.add_argument("--size", type=int, default=512, help="long side of the result in pixels")
parser.add_argument("--steps", type=int, default=100)
arguments = parser.parse_args()


def show(event: impasto.Event) -> None:
    """Print how far the run is; called in the thread that paints."""
    if isinstance(event, impasto.Step):
        print(f"step {event.step} of {event.steps}, loss {event.loss:.4g}", flush=True)


try:
    if arguments.folder.exists():
        run = impasto.resume(arguments.folder, on_event=show)
    else:
        recipe = impasto.Recipe(size=arguments.size, steps=arguments.steps)
        run = impasto.start(arguments.photo, arguments.style, recipe, run=arguments.folder, on_event=show)
except impasto.InputError as error:
    raise SystemExit(f"{error}") from None

try:
    result = run.wait()
except KeyboardInterrupt:
    run.stop()
    result = run.wait()
print(f"{arguments.folder}/result.png after {result.steps} steps ({result.reason})")
