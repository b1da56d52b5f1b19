"""A harbor town at sunset, laid on with the palette knife: slabs of red, orange and plum with ridged edges."""

import numpy as np
from PIL import Image

from atelier.kit import SIZE, Array, Canvas, at, finished, mesh, noise, palette, rgb, scattered, smooth

SKY = palette("7a1430 b3161f d93a1e f0641f f7962f fbc25a fce6b0")
TOWN = palette("1c0a1e 3a0f2e 5f1230 8c1a2b b8321f 4a1f4f")
WATER = palette("2a0c26 5a0f2a 96162a cf3020 ee6a24 f8a53c")
ACCENTS = palette("1f7f86 36a39a f4d9a8 f7eedb 2b2f6b e98a9a")
HORIZON = 560
GLOW = (600, 500)


def _slab(
    canvas: Canvas, middle: Array, angle: float, length: float, width: float, colors: Array, rng: np.random.Generator
) -> None:
    """Press and drag the knife once: straight, blunt, two colors half mixed, torn where paint runs out."""
    t = np.linspace(-0.5, 0.5, 9)
    bow = rng.normal(0, 0.03) * length * (4 * t * t - 0.5)
    path = middle + np.stack(
        [t * length * np.cos(angle) - bow * np.sin(angle), t * length * np.sin(angle) + bow * np.cos(angle)], axis=1
    )
    first, second = colors
    dry = rng.choice([0.0, 0.25, 0.6], p=(0.45, 0.3, 0.25))
    canvas.stroke(
        path, width, first, rng, second=second, uneven=0.05, relief=rng.uniform(0.9, 1.9), tips=(0.04, 0.06), dry=dry
    )


def _near(colors: Array, level: float, rng: np.random.Generator, spread: float = 0.12) -> Array:
    """Return two neighboring colors of a row around a level from 0 to 1."""
    k = np.clip((level + spread * rng.standard_normal(2)) * (len(colors) - 1), 0, len(colors) - 1).round().astype(int)
    pair = colors[k].copy()
    if rng.random() < 0.10:
        pair[1] = ACCENTS[rng.integers(0, len(ACCENTS))]
    return pair


def _sky(canvas: Canvas, rng: np.random.Generator) -> None:
    x, y = mesh()
    glow = np.exp(-(((x - GLOW[0]) / 420) ** 2) - ((y - GLOW[1]) / 300) ** 2)
    level = 0.12 + 0.75 * glow + 0.13 * noise(rng, 210, 3, (1.8, 0.8))
    lean = -0.45 + 0.5 * noise(rng, 330, 2)
    for spacing, width, length in ((52, 64, 190), (38, 44, 130), (35, 29, 96), (52, 16, 74)):
        for p in scattered(rng, spacing, 40):
            if p[1] < HORIZON + 10:
                angle = float(at(lean, *p)) + rng.normal(0, 0.18)
                scale = rng.uniform(0.6, 1.2)
                _slab(
                    canvas,
                    p,
                    angle,
                    length * scale,
                    width * rng.uniform(0.7, 1.2),
                    _near(SKY, float(at(level, *p)), rng),
                    rng,
                )
    for _ in range(26):
        p = np.array(GLOW) + rng.normal(0, (46, 30)) - (0, 26)
        _slab(
            canvas,
            p,
            rng.normal(-0.2, 0.3),
            rng.uniform(34, 90),
            rng.uniform(16, 34),
            SKY[[6, rng.integers(4, 7)]],
            rng,
        )


def _town(canvas: Canvas, rng: np.random.Generator) -> None:
    """Upright slabs for houses and towers, dark against the light, with lit faces, roofs and windows."""
    for x in rng.permutation(np.arange(-10, SIZE + 20, 27)):
        open_ = np.exp(-(((x - GLOW[0]) / 120) ** 2))
        tall = (rng.uniform(90, 210) + (120 if rng.random() < 0.16 else 0)) * (1 - 0.72 * open_)
        wide = rng.uniform(26, 54)
        foot = HORIZON + rng.uniform(10, 44)
        level = rng.uniform(0, 1)
        _slab(
            canvas,
            np.array([x, foot - tall / 2]),
            np.pi / 2 + rng.normal(0, 0.025),
            tall,
            wide,
            _near(TOWN, level, rng),
            rng,
        )
        side = 1 if x < GLOW[0] else -1
        if rng.random() < 0.75:
            lit = _near(SKY, rng.uniform(0.35, 0.8), rng)
            _slab(
                canvas,
                np.array([x + side * wide * 0.38, foot - tall * 0.48]),
                np.pi / 2,
                tall * 0.8,
                wide * 0.3,
                lit,
                rng,
            )
        if rng.random() < 0.7:
            roof = _near(TOWN, rng.uniform(0.3, 0.9), rng)
            _slab(
                canvas,
                np.array([x, foot - tall]),
                rng.choice([-0.5, 0.5, 0.0]) + rng.normal(0, 0.1),
                wide * 1.2,
                rng.uniform(14, 22),
                roof,
                rng,
            )
        for _ in range(int(rng.integers(1, 6))):
            p = np.array([x + rng.uniform(-0.3, 0.3) * wide, foot - rng.uniform(0.1, 0.85) * tall])
            shine = np.stack([rgb("fbd98a"), ACCENTS[rng.integers(0, len(ACCENTS))]])[rng.permutation(2)]
            _slab(canvas, p, np.pi / 2 + rng.normal(0, 0.06), rng.uniform(10, 18), rng.uniform(6, 10), shine, rng)


def _water(canvas: Canvas, rng: np.random.Generator) -> None:
    x, y = mesh()
    path = np.exp(-(((x - GLOW[0] - 20 * np.sin(y / 40)) / (90 + 0.25 * (y - HORIZON))) ** 2))
    level = 0.22 + 0.62 * path + 0.14 * noise(rng, 150, 3, (2.6, 0.6))
    for spacing, width, length in ((46, 52, 170), (36, 34, 125), (32, 22, 92), (46, 13, 76)):
        for p in scattered(rng, spacing, 40):
            if p[1] > HORIZON + 34:
                upright = rng.random() < 0.10
                angle = np.pi / 2 + rng.normal(0, 0.05) if upright else rng.normal(0, 0.10)
                reach = length * rng.uniform(0.5, 1.2)
                _slab(
                    canvas, p, angle, reach, width * rng.uniform(0.7, 1.2), _near(WATER, float(at(level, *p)), rng), rng
                )
    for cx, foot, tall in ((235, 742, 190), (800, 702, 150), (424, 664, 84), (880, 880, 240), (80, 890, 170)):
        _boat(canvas, cx, foot, tall, rng)


def _boat(canvas: Canvas, cx: float, foot: float, tall: float, rng: np.random.Generator) -> None:
    """A hull, two sails of upright slabs that shorten away from the mast, and their broken reflection."""
    hull = np.stack([rgb("14203f"), rgb("1f7f86")])
    _slab(canvas, np.array([cx, foot + 0.05 * tall]), rng.normal(0, 0.04), 0.66 * tall, 0.13 * tall, hull, rng)
    light, shade = palette("f7eedb f4d9a8"), palette("f3b27a e98a6a")
    for side, reach, height, colors in ((1, 0.42, 1.0, light), (-1, 0.26, 0.8, shade)):
        for j in range(5):
            long = height * tall * (1 - j / 5.2) ** 0.9
            p = np.array([cx + side * tall * (0.06 + reach * j / 5), foot - 0.03 * tall - long / 2])
            _slab(canvas, p, np.pi / 2 - side * 0.07, long, reach / 5 * tall * 1.25, colors[rng.permutation(2)], rng)
    canvas.stroke(
        [(cx, foot), (cx, foot - 0.5 * tall), (cx, foot - 1.08 * tall)], 5, TOWN[0], rng, tips=(0.5, 2), dry=0
    )
    for _ in range(7):
        q = np.array([cx + rng.normal(0.06, 0.16) * tall, foot + rng.uniform(0.18, 0.75) * tall])
        colors = (light, shade, ACCENTS[rng.integers(0, 6, 2)])[rng.integers(0, 3)]
        _slab(canvas, q, rng.normal(0, 0.06), rng.uniform(0.16, 0.34) * tall, rng.uniform(8, 14), colors, rng)


def _edges(canvas: Canvas, rng: np.random.Generator) -> None:
    """Thin lines printed with the edge of the knife: masts, rigging, glints."""
    for _ in range(46):
        p = rng.uniform((0, 330), (SIZE, SIZE))
        upright = rng.random() < 0.45
        color = (TOWN[0], ACCENTS[3], ACCENTS[1], SKY[5])[rng.integers(0, 4)]
        angle = np.pi / 2 + rng.normal(0, 0.06) if upright else rng.normal(-0.1, 0.25)
        half = rng.uniform(20, 70) * np.array([np.cos(angle), np.sin(angle)])
        canvas.stroke([p - half, p, p + half], rng.uniform(3, 5.5), color, rng, relief=1.6, tips=(0.5, 2), dry=0.4)


def draw() -> Image.Image:
    """Lay sky, town and water in four coats of slabs each, from 64 px wide down to 12, then print lines with the edge.

    Every slab carries two colors of its place's row, drawn by the light that falls from the gap between the houses.
    """
    rng = np.random.default_rng(1905)
    canvas = Canvas(rgb("6d1226"))
    _sky(canvas, rng)
    _town(canvas, rng)
    _water(canvas, rng)
    _edges(canvas, rng)
    canvas.height += (0.10 * smooth(-1, 1, noise(rng, 3.2))).astype(np.float32)
    return finished(canvas.lit(depth=0.17, gloss=0.16))
