"""Anemones in watercolor: transparent washes over each other, hard and bleeding edges, blooms, grain of the paper."""

import numpy as np
from PIL import Image
from scipy.spatial import cKDTree

from atelier.kit import GRID, SCALE, SIZE, Array, finished, mesh, noise, palette, rgb, smooth

ROSES = palette("e0487f d42a5b f07a9a b8336a e8604f")
VIOLETS = palette("7a55b8 5a4bb0 9a6cc9 4a62c4")
BLUES = palette("4f9fd8 3f7fc9 64c3cf 2f9fb0")
GREENS = palette("6fae4f 3f8f5f 8fbf4a 2f7a6f 4f8f3a")
GOLDS = palette("f6c945 f2a63a f7dd7a")
DARK = rgb("232a5a")
# x, y, radius, petals, pigments
FLOWERS = (
    (300, 330, 190, 7, ROSES), (742, 250, 170, 7, VIOLETS), (640, 640, 205, 8, ROSES), (205, 735, 165, 7, BLUES),
    (925, 560, 140, 6, GOLDS), (505, 90, 120, 6, GOLDS), (430, 920, 135, 6, VIOLETS), (880, 880, 165, 7, ROSES),
    (40, 90, 120, 6, VIOLETS), (1000, 60, 110, 6, ROSES), (20, 490, 90, 6, GOLDS),
)  # fmt: skip


class Sheet:
    """The wet sheet: how much light every point swallows, and the noises that make water run unevenly."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.density: Array = np.zeros((GRID, GRID, 3), dtype=np.float32)
        self.x, self.y = mesh()
        self.tooth: Array = (0.75 * noise(rng, 9, 2) + 0.6 * noise(rng, 4)).astype(np.float32)
        self.ragged: Array = 0.8 * noise(rng, 46, 4)
        self.pools: Array = noise(rng, 120, 4)
        self.wet: Array = noise(rng, 150, 2)

    def window(self, x: float, y: float, reach: float) -> tuple[slice, slice] | None:
        """Return the rows and columns within reach of a point, None if they lie outside the sheet."""
        low_y, low_x = (int(np.clip((v - reach) * SCALE, 0, GRID)) for v in (y, x))
        high_y, high_x = (int(np.clip((v + reach) * SCALE, 0, GRID)) for v in (y, x))
        if high_y - low_y < 4 or high_x - low_x < 4:
            return None
        return slice(low_y, high_y), slice(low_x, high_x)

    def wash(
        self,
        inside: Array,
        where: tuple[slice, slice],
        pigment: Array,
        strength: float,
        *,
        second: Array | None = None,
        mix: Array | float = 0.5,
        bleed: float = 14,
        ragged: float = 3,
        fringe: float = 1.0,
        grain: float = 0.2,
        lift: float = 0.0,
    ) -> None:
        """Lay one wash where `inside` (signed distance to the edge in pixels, positive inside) says.

        The edge is hard with a dark fringe where the paper was dry and runs out over `bleed` pixels where it was wet;
        pigment gathers in pools and blooms, and settles in the tooth of the paper (`grain`). `lift`: the share of older
        washes that is wiped off first.
        """
        dy, dx = self.rng.integers(0, GRID, 2)
        rows = (np.arange(where[0].start, where[0].stop) + dy) % GRID
        cols = (np.arange(where[1].start, where[1].stop) + dx) % GRID
        pick = np.ix_(rows, cols)
        edge = inside + ragged * self.ragged[pick]
        wet = smooth(0.35, 1.3, self.wet[pick])
        soft = 0.8 + bleed * wet
        body = smooth(-1, 1, edge / soft)
        pools = self.pools[pick]
        bloom = self.pools[pick[0][::-1], pick[1]] - 0.75
        flow = 1 + 0.30 * pools - 0.42 * smooth(0, 0.25, bloom) + 0.75 * np.exp(-((bloom / 0.06) ** 2))
        rim = fringe * (1 - wet) * (np.exp(-(((edge - 2.4) / 2.6) ** 2)) + 0.4 * np.exp(-np.clip(edge, 0, None) / 12))
        amount = strength * body * np.clip(flow + rim, 0.1, 3) * np.clip(1 + grain * self.tooth[where], 0.2, 3)
        swallow = -np.log(np.clip(pigment, 0.02, 0.985))
        if second is not None:
            share = smooth(-0.6, 0.9, pools * 0.6 + 2 * (np.asarray(mix) - 0.5))[..., None]
            swallow = swallow + share * (-np.log(np.clip(second, 0.02, 0.985)) - swallow)
        self.density[where] *= 1 - lift * body[..., None]
        self.density[where] += amount[..., None] * swallow


def _ground(sheet: Sheet, rng: np.random.Generator) -> None:
    """Pale pools of blue, green, yellow and rose that meet, run into each other and leave some paper white."""
    everything = (slice(0, GRID), slice(0, GRID))
    for pigment, second, strength in (
        (BLUES[2], VIOLETS[0], 0.34), (GREENS[2], GOLDS[0], 0.36), (BLUES[0], GREENS[3], 0.38),
        (GOLDS[2], ROSES[2], 0.3), (VIOLETS[2], ROSES[2], 0.3), (GREENS[1], BLUES[1], 0.38),
    ):  # fmt: skip
        shape = noise(rng, 230, 3) * 90 - 30
        sheet.wash(shape, everything, pigment, strength, second=second, bleed=34, ragged=5, lift=0.35)


def _petal(
    sheet: Sheet, center: tuple[float, float], angle: float, length: float, colors: Array, rng: np.random.Generator
) -> None:
    where = sheet.window(
        center[0] + 0.5 * length * np.cos(angle), center[1] + 0.5 * length * np.sin(angle), 0.78 * length + 20
    )
    if where is None:
        return
    dx, dy = sheet.x[where] - center[0], sheet.y[where] - center[1]
    u = (dx * np.cos(angle) + dy * np.sin(angle)) / length
    v = (dy * np.cos(angle) - dx * np.sin(angle)) / length
    plump = rng.uniform(0.33, 0.42)
    half = plump * np.clip(u, 0, 1) ** 0.55 * np.clip(1 - u**6, 0, 1) ** 0.5
    notch = 1 - 0.10 * np.exp(-((v / 0.09) ** 2)) + 0.03 * np.sin(v * 30 + rng.uniform(0, 6))
    inside = np.minimum(half - np.abs(v), np.minimum(u - 0.04, notch - u)) * length
    first, second = colors[rng.integers(0, len(colors), 2)]
    sheet.wash(inside, where, first, rng.uniform(0.55, 0.85), second=second, mix=1.15 - u, bleed=12, lift=0.72)
    inner = np.minimum(inside - 0.10 * length, (0.62 + 0.12 * np.sin(v * 26 + angle * 5) - u) * length)
    sheet.wash(
        inner,
        where,
        second,
        rng.uniform(0.3, 0.55),
        second=VIOLETS[rng.integers(0, 4)],
        mix=0.65 - u,
        bleed=22,
        fringe=0.6,
    )
    veins = np.abs(((v / (half + 0.03)) * 3.5 + 0.15 * np.sin(9 * u)) % 1 - 0.5) * (half + 0.03) * length / 3.5
    sheet.wash(
        np.where(inside > 5, 1.9 - veins, -6) - 2.2 * np.clip(u - 0.55, 0, 1) * 6,
        where,
        second,
        0.7,
        bleed=2,
        ragged=0.8,
    )


def _flower(
    sheet: Sheet, x: float, y: float, radius: float, petals: int, colors: Array, rng: np.random.Generator
) -> None:
    turn = rng.uniform(0, 2 * np.pi)
    for k in rng.permutation(petals):
        _petal(
            sheet,
            (x, y),
            turn + 2 * np.pi * k / petals + rng.normal(0, 0.1),
            radius * rng.uniform(0.85, 1.08),
            colors,
            rng,
        )
    where = sheet.window(x, y, radius * 0.5)
    if where is None:
        return
    r = np.hypot(sheet.x[where] - x, sheet.y[where] - y)
    sheet.wash(0.17 * radius - r, where, VIOLETS[1], 0.9, second=ROSES[3], bleed=20, ragged=5, lift=0.6)
    for _ in range(26):
        a, reach = rng.uniform(0, 2 * np.pi), radius * rng.normal(0.29, 0.04)
        dot = np.hypot(sheet.x[where] - x - reach * np.cos(a), sheet.y[where] - y - reach * np.sin(a))
        sheet.wash(rng.uniform(2.2, 4.8) - dot, where, DARK, 0.8, bleed=4, ragged=1)


def _leaf(sheet: Sheet, path: Array, width: float, colors: Array, rng: np.random.Generator) -> None:
    """One stroke of a loaded round brush: pressed, dragged and lifted, with a lighter rib left open."""
    middle, reach = path.mean(axis=0), float(np.abs(path - path.mean(axis=0)).max() + width + 10)
    where = sheet.window(middle[0], middle[1], reach)
    if where is None:
        return
    points = np.stack([sheet.x[where].ravel(), sheet.y[where].ravel()], axis=1)
    away, near = cKDTree(path).query(points)
    t = (near / (len(path) - 1)).reshape(sheet.x[where].shape)
    away = away.reshape(t.shape)
    half = width / 2 * np.sin(np.pi * np.clip(t, 0.02, 0.98) ** 0.7)
    rib = np.where((t > 0.15) & (t < 0.85) & (width > 20), away - 1.3, 99)
    first, second = colors[rng.integers(0, len(colors), 2)]
    sheet.wash(
        np.minimum(half - away, rib),
        where,
        first,
        rng.uniform(0.6, 1.1),
        second=second,
        mix=t,
        bleed=10,
        ragged=2,
        lift=0.55,
    )


def _leaves(sheet: Sheet, count: int, rng: np.random.Generator, *, over: bool = False) -> None:
    """Scatter leaves; those painted `over` the flowers stay away from their middles."""
    t = np.linspace(0, 1, 300)[:, None]
    for _ in range(count):
        start, a, length = rng.uniform(-20, SIZE + 20, 2), rng.uniform(0, 2 * np.pi), rng.uniform(90, 230)
        if over and any(np.hypot(*(start - (x, y))) < radius + 0.4 * length for x, y, radius, *_ in FLOWERS):
            continue
        along, across = np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])
        path = start + length * (t * along + rng.uniform(-0.35, 0.35) * np.sin(np.pi * t) * across)
        _leaf(sheet, path, rng.uniform(16, 52), GREENS if rng.random() < 0.8 else BLUES, rng)


def _splashes(sheet: Sheet, rng: np.random.Generator) -> None:
    for _ in range(240):
        x, y = rng.uniform(0, SIZE, 2)
        radius = min(10.0, 1.6 + 2.0 * rng.pareto(1.6))
        where = sheet.window(x, y, radius + 12)
        if where is None:
            continue
        r = np.hypot(sheet.x[where] - x, (sheet.y[where] - y) * rng.uniform(0.8, 1.2))
        colors = (ROSES, VIOLETS, BLUES, GREENS, GOLDS)[rng.integers(0, 5)]
        sheet.wash(radius - r, where, colors[rng.integers(0, len(colors))], 0.6, bleed=4, ragged=0.8, fringe=1.2)


def draw() -> Image.Image:
    """Lay the washes in a painter's order: pale ground, leaves, petals, centers, splashes; transparent throughout.

    The sheet adds up optical densities, so overlapping washes darken like pigment on paper; light comes from the paper.
    """
    rng = np.random.default_rng(1775)
    sheet = Sheet(rng)
    _ground(sheet, rng)
    _leaves(sheet, 60, rng)
    for x, y, radius, petals, colors in FLOWERS:
        _flower(sheet, x, y, radius, petals, colors, rng)
    _leaves(sheet, 40, rng, over=True)
    _splashes(sheet, rng)
    paper = rgb("fbf7ec") * (1 + 0.022 * sheet.tooth)[..., None]
    return finished((paper * np.exp(-sheet.density)).astype(np.float32))
