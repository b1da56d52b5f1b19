"""A red sun over mountains and a rough sea, cut in wood: black and red ink on cream paper."""

import numpy as np
from PIL import Image
from scipy import ndimage

from atelier.kit import SIZE, Array, Canvas, finished, mesh, noise, rgb, smooth

INK, PAPER, RED = rgb("000000"), rgb("ffffff"), rgb("ff0000")
"""While they are cut, the blocks have pure values; `_printed` gives them their inks."""
SUN = (660, 236, 112)
SHORE = 668
TUFTS = (
    (180, 400), (262, 452), (96, 470), (306, 540), (40, 560), (232, 572), (60, 668), (250, 660), (150, 500), (10, 460),
    (330, 620),
)  # fmt: skip


def _gouge(
    block: Canvas, path: Array, width: float, rng: np.random.Generator, color: Array = PAPER, taper: float = 3.0
) -> None:
    """Cut one groove that swells and runs out to a point at both ends; its edges tremble a little."""
    path = np.asarray(path, dtype=float)
    path = path + ndimage.gaussian_filter1d(rng.normal(0, 1.6, path.shape), 2, axis=0)
    block.stroke(
        path, width, color, rng, uneven=0, tips=(taper * rng.uniform(0.6, 1.2), taper * rng.uniform(1, 2)), dry=0
    )


def _line(start: tuple[float, float], angle: float, length: float, bend: float = 0.0) -> Array:
    """Return a path of 16 points from the start; `bend` is by how much its direction turns over the length."""
    turn = angle + np.linspace(0, bend, 16)
    steps = np.stack([np.cos(turn), np.sin(turn)], axis=1) * length / 16
    return np.array(start) + np.cumsum(steps, axis=0)


def _sky(block: Canvas, rng: np.random.Generator) -> None:
    """Grooves that stream outwards from the sun, crowded near it and rarer towards the corners."""
    x, y, radius = SUN
    for ring in range(16):
        inner = radius + 24 + 54 * ring
        count = int(2 * np.pi * inner / (15.5 + 0.75 * ring))
        phase = rng.random()
        for k in range(count):
            a = 2 * np.pi * (k + phase + rng.uniform(-0.2, 0.2)) / count
            r = inner + rng.uniform(-14, 14)
            start = (x + r * np.cos(a), y + r * np.sin(a))
            if start[1] < SHORE and -40 < start[0] < SIZE + 40 and start[1] > -60:
                color = RED if rng.random() < 0.46 - 0.05 * ring else PAPER
                _gouge(
                    block,
                    _line(start, a, rng.uniform(48, 92), rng.normal(0, 0.08)),
                    rng.uniform(8.5, 13) - 0.38 * ring,
                    rng,
                    color,
                )
    px, py = mesh()
    disc = np.hypot(px - x, py - y) + 1.2 * noise(rng, 40, 2)
    block.color[disc < radius + 15] = PAPER
    block.color[disc < radius] = RED
    for k in range(9):
        reach = 0.92 * np.sqrt(max(0.0, 1 - ((k - 1.5) / 7.4) ** 2)) * radius
        wave = np.linspace(-reach, reach, 24) * rng.uniform(0.7, 1)
        _gouge(
            block,
            np.stack([x + wave, y + 14 * (k - 1.5) + 4 * np.sin(wave / 22 + k)], axis=1),
            2.2 + 0.5 * k,
            rng,
            PAPER,
            8,
        )


def _cloud(block: Canvas, x: float, y: float, wide: float, rng: np.random.Generator) -> None:
    """A white cloud of arcs with black lines under each of them."""
    px, py = mesh()
    puffs = [
        (x + wide * t, y - 0.22 * wide * np.cos(2.6 * t) + rng.uniform(-8, 8), wide * (0.30 - 0.22 * abs(t)))
        for t in np.linspace(-0.85, 0.85, 7)
    ]
    under = np.full(px.shape, np.inf, dtype=np.float32)
    for cx, cy, r in puffs:
        under = np.minimum(under, np.hypot(px - cx, (py - cy) * 1.25) - r)
    block.color[under < 9] = INK
    block.color[under < 0] = PAPER
    for cx, cy, r in puffs:
        for k in range(int(r / 9)):
            rr = r - 7 - 9.5 * k
            turn = np.linspace(-0.15, 1.05 * np.pi, 16) - 0.25 * rng.random()
            _gouge(
                block,
                np.stack([cx + rr * np.cos(turn), cy + rr * np.sin(turn) / 1.25], axis=1),
                6.5 - 0.5 * k,
                rng,
                INK,
                6,
            )


def _ridge(x: Array, peaks: tuple[tuple[float, float, float], ...], floor: float) -> Array:
    heights = [tall - np.abs(x - cx) * steep for cx, tall, steep in peaks]
    return floor - np.maximum(np.max(heights, axis=0) + 7 * np.sin(x / 19) + 5 * np.sin(x / 8.3 + 1), 8)


def _range(
    block: Canvas, peaks: tuple[tuple[float, float, float], ...], floor: float, coat: Array, rng: np.random.Generator
) -> None:
    """One range of mountains: a solid block with a cut rim, hatched down the slopes; the side to the sun is lighter."""
    px, py = mesh()
    line = _ridge(px[0], peaks, floor)
    block.color[py > line - 11] = INK
    block.color[py > line - 5] = PAPER
    block.color[py > line + 3] = INK
    xs = np.arange(-10, SIZE + 10, 1.0)
    crest = _ridge(xs, peaks, floor)
    slope = np.gradient(ndimage.gaussian_filter1d(crest, 8))
    for x in np.arange(-10, SIZE + 10, 8.5):
        k = int(np.clip(x + 10, 0, len(xs) - 1))
        falls = np.sign(slope[k])
        facing = falls * np.sign(SUN[0] - x) > 0
        y = crest[k] + 14
        while y < floor:
            length = rng.uniform(34, 80)
            width = rng.uniform(6, 9.5) if facing else rng.uniform(3.4, 5.6)
            if rng.random() < (0.95 if facing else 0.8):
                angle = np.pi / 2 - falls * (0.62 - 0.25 * (y - crest[k]) / 200)
                color = coat if rng.random() < (0.75 if not facing else 0.22) else PAPER
                _gouge(block, _line((x, y), angle, length, falls * rng.uniform(0.05, 0.3)), width, rng, color, 4)
            y += length * rng.uniform(0.85, 1.15)


def _sea(block: Canvas, rng: np.random.Generator) -> None:
    """Rolling lines that widen towards the viewer; crests are cut white, troughs stay black, the sun leaves red."""
    block.color[mesh()[1] > SHORE] = INK
    y, row = SHORE + 8.0, 0
    while y < SIZE + 40:
        near = (y - SHORE) / (SIZE - SHORE)
        x = -60 + rng.uniform(0, 60)
        while x < SIZE + 40:
            length = rng.uniform(60, 150) * (0.8 + 0.7 * near)
            run = x + np.linspace(0, length, 24)
            swell = (5 + 22 * near) * np.sin(
                run / (44 + 52 * near) + 0.9 * row * (1 - 0.4 * near) + 1.3 * np.sin(run / 210)
            )
            lit = abs(x + length / 2 - SUN[0]) < 80 + 120 * near
            color = RED if rng.random() < (0.72 if lit else 0.14) else PAPER
            width = (4.5 + 7.5 * near) * rng.uniform(0.6, 1.15)
            _gouge(block, np.stack([run, y + swell], axis=1), width, rng, color, 5)
            x += length * rng.uniform(0.75, 1.0)
        y, row = y + 9.5 + 6.5 * near, row + 1


def _limb(trunk: Array, x: float, y: float) -> Array:
    """Return a limb that leaves the trunk a little below the tuft at x, y and bends up to it."""
    root = trunk[np.argmin(np.abs(trunk[:, 1] - y - 30 - 0.28 * abs(x - trunk[30, 0])))]
    t = np.linspace(0, 1, 12)[:, None]
    tip, knee = np.array([x, y]), np.array([(root[0] + x) / 2 + 0.25 * (x - root[0]), root[1] - 6])
    return np.asarray((1 - t) ** 2 * root + 2 * t * (1 - t) * knee + t**2 * tip)


def _trunk(block: Canvas, rng: np.random.Generator) -> Array:
    """Cut the trunk, black between two white lines, and its bark; return the line of its middle."""
    knots = np.array([(118, 1040), (132, 900), (104, 760), (142, 640), (190, 540), (180, 430)], dtype=float)
    run, at_knots = np.linspace(0, 1, 60), np.linspace(0, 1, len(knots))
    line = np.stack([np.interp(run, at_knots, knots[:, i]) for i in (0, 1)], axis=1)
    line = ndimage.gaussian_filter1d(line, 4, axis=0, mode="nearest")
    for k in range(59):
        for extra, color in ((8, PAPER), (0, INK)):
            piece, width = line[k : k + 2] + np.array([(0, 4), (0, -4)]), 60 - 40 * run[k] + extra
            block.stroke(piece, width, color, rng, uneven=0, tips=(0.01, 0.01), dry=0)
    block.stroke(line, 52, INK, rng, uneven=0, tips=(0.01, 3), dry=0)
    for _ in range(120):
        k = int(rng.integers(0, 50))
        off = rng.uniform(-0.42, 0.42) * (52 - 34 * run[k])
        piece = line[k : k + int(rng.integers(5, 10))] + np.array([off, 0])
        _gouge(block, piece, rng.uniform(2.5, 5), rng, PAPER if rng.random() < 0.8 else RED, 4)
    return line


def _pine(block: Canvas, rng: np.random.Generator) -> None:
    """A wind-bent pine on the left: trunk, limbs and fans of needles."""
    line = _trunk(block, rng)
    for cx, cy in TUFTS:
        _gouge(block, _limb(line, cx, cy), 19, rng, INK, 1)
    for cx, cy in TUFTS:
        for tone, count, width in ((INK, 46, 12), (PAPER, 30, 6), (INK, 16, 4)):
            for _ in range(count):
                a = rng.uniform(np.pi * 0.98, np.pi * 2.02)
                start = (cx + rng.uniform(-16, 16), cy + rng.uniform(-4, 10))
                needle = _line(start, a, rng.uniform(34, 74), rng.normal(0, 0.25))
                _gouge(block, needle, width * rng.uniform(0.7, 1), rng, tone, 3)


def _printed(block: Array, rng: np.random.Generator) -> Array:
    """Give the cut blocks their inks: cream paper, a red block printed slightly off, black with grain showing."""
    grain = noise(rng, 26, 3, (5, 0.35))
    speck = noise(rng, 5, 2)
    paper = rgb("f3e6c8") + (0.018 * noise(rng, 300, 3) + 0.015 * noise(rng, 4, 1, (3, 1)))[..., None]
    red = np.clip(block[..., 0] - block[..., 1], 0, 1)
    red = np.roll(red, (3, 4), axis=(0, 1)) * (0.93 - 0.16 * smooth(1.0, 2.2, speck) - 0.10 * smooth(0.6, 1.8, grain))
    black = np.clip(1 - block[..., 0], 0, 1) * (0.97 - 0.30 * smooth(1.9, 2.7, speck) - 0.10 * smooth(0.9, 2.2, grain))
    print_ = paper + red[..., None] * (rgb("c9301f") - paper)
    return np.asarray(print_ + black[..., None] * (rgb("15120f") - print_), dtype=np.float32)


def draw() -> Image.Image:
    """Start from solid black and cut: rays, clouds, ranges, sea and a pine, each by tapered grooves of its own width.

    Hatching follows the form and grows wider where light falls. Then the blocks are printed on cream paper.
    """
    rng = np.random.default_rng(1831)
    block = Canvas(INK)
    _sky(block, rng)
    for x, y, wide in ((905, 420, 150), (330, 130, 170), (470, 400, 96), (936, 92, 105)):
        _cloud(block, x, y, wide, rng)
    _range(block, ((560, 265, 0.95), (835, 215, 0.8), (330, 190, 0.7)), 660, RED, rng)
    _range(block, ((720, 128, 0.62), (985, 170, 0.7), (440, 118, 0.55), (150, 150, 0.6)), 690, PAPER, rng)
    _sea(block, rng)
    _pine(block, rng)
    return finished(_printed(block.color, rng))
