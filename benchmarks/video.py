"""Films: how steady, how styled and how fast, on sequences whose motion is known exactly and on a real clip.

    python benchmarks/video.py [--size 256] [--frames 12] [--style night] [--set NAME=VALUE ...]

Sequences are made from stills of scikit-image: a camera pans, turns and zooms over one picture while a piece of another
crosses it, so that the flow and what is hidden are known at every pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any


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
    import cv2

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
    for before, now in zip(range(len(poses)), range(1, len(poses))):
        places = [grid @ (matrices[before][layer] @ np.linalg.inv(matrices[now][layer])).T for layer in (0, 1)]
        front = owners[now] >= 0.5
        target = np.where(front[..., None], places[1], places[0])[..., :2]
        flows.append((target - grid[..., :2]).astype(np.float32))
        # What is within 2 pixels of the piece's edge, in either frame, mixes both.
        pure_now = _pure(owners[now])
        there = [
            cv2.remap(part.astype(np.float32), target.astype(np.float32), None, cv2.INTER_NEAREST, borderValue=-1)
            for part in (_pure(owners[before]),)
        ][0]
        seen.append((pure_now != 0) & (there == pure_now))
    return Sequence(name, frames, flows, seen)


def _pure(cover: Array) -> Array:
    """Return 1 on the background, 2 on the piece, 0 within 2 pixels of its edge."""
    import cv2

    kernel = np.ones((5, 5), np.uint8)
    inside = cv2.erode((cover > 0.99).astype(np.uint8), kernel)
    outside = cv2.erode((cover < 0.01).astype(np.uint8), kernel)
    return (2 * inside + outside).astype(np.float32)


def _moved(picture: Array, matrix: Array, size: tuple[int, int]) -> Array:
    """Render a layer; four samples per pixel along each axis prevent aliasing."""
    import cv2

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
    from skimage import data

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
    from scipy.ndimage import map_coordinates

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
        for before, now, flow, seen in zip(frames, frames[1:], sequence.flows, sequence.seen)
    ]
    return float(np.sqrt(np.mean(squares)))
