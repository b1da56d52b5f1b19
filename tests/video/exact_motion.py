"""A pair of frames whose motion is known exactly: a disc of one texture crosses another, which moves, too."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pair:
    """Two frames, the flow between them, and where each shows what the other shows, at least 3 px from the edge."""

    frame: np.ndarray
    before: np.ndarray
    back: np.ndarray
    forth: np.ndarray
    seen: np.ndarray
    seen_before: np.ndarray
    edge: np.ndarray


def texture(rows: np.ndarray, columns: np.ndarray, seed: int) -> np.ndarray:
    """A smooth random picture, defined between pixels as well."""
    rng = np.random.default_rng(seed)
    total = np.zeros((*rows.shape, 3))
    for _ in range(24):
        fy, fx = rng.uniform(-0.12, 0.12, 2)
        waves = 2 * np.pi * (fy * rows + fx * columns)[..., None]
        total += rng.uniform(0.3, 1, 3) * np.cos(waves + rng.uniform(0, 6.3, 3))
    return total / 12


def crossing(width: int, height: int) -> Pair:
    """Return a pair of this size."""
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    scene, thing = (1.4, -0.8), (-3.3, 2.2)  # across and down, from the frame before
    center, radius = np.array([width * 0.5, height * 0.5]), min(width, height) * 0.25

    def render(moved: int) -> tuple[np.ndarray, np.ndarray]:
        below = texture(rows - moved * scene[1], columns - moved * scene[0], 1)
        above = texture(rows - moved * thing[1], columns - moved * thing[0], 2)
        far = np.hypot(columns - center[0] - moved * thing[0], rows - center[1] - moved * thing[1]) - radius
        cover = (0.5 - far).clip(0, 1)[..., None]
        colors = np.array([0.45, 0.5, 0.6]) + 0.3 * below, np.array([0.6, 0.45, 0.4]) + 0.3 * above
        return (colors[0] + cover * (colors[1] - colors[0])).clip(0, 1).astype(np.float32), far

    (before, far_before), (frame, far) = render(0), render(1)
    front, front_before = far < 0, far_before < 0
    back = np.where(front[..., None], -np.array(thing), -np.array(scene))
    forth = np.where(front_before[..., None], np.array(thing), np.array(scene))

    def visible(mine: np.ndarray, way: int, disc: np.ndarray) -> np.ndarray:
        """Where what is shown is not hidden in the other frame, whose disc is there, is inside it, and is no edge."""
        there = np.hypot(columns + way * scene[0] - disc[0], rows + way * scene[1] - disc[1]) - radius
        clear = np.where(mine < 0, mine < -3, (mine > 3) & (there > 3))
        inside = np.zeros((height, width), dtype=bool)
        inside[4:-4, 4:-4] = True
        return clear & inside

    edge = (np.abs(far) < 4) & (np.abs(far) > 1)
    return Pair(
        frame, before, back, forth, visible(far, -1, center), visible(far_before, 1, center + np.array(thing)), edge
    )
