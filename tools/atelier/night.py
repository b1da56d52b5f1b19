"""Night over a lake: thick oil strokes that follow a flow of whirls around stars and a moon."""

import numpy as np
from PIL import Image

from atelier.kit import SIZE, Array, Canvas, at, finished, mesh, noise, palette, rgb, scattered, smooth, trace

SKY = palette("0a1540 10246b 173a94 1f55b4 2f78c4 4f9bcb 86c0cf c3dccb")
WATER = palette("081238 0c2158 11407a 17628a 2b8797")
SHORE = palette("05121f 0b2233 123a3d 1d5146 0d1a45")
GLOW = palette("fff8d8 fdeea0 fbdc5c f6c338 eda02b b9cf8e 8fc3b2 5fa3c4")
HORIZON = 700
GUESTS = palette("4f9f94 6f62b8 c9cf9e 8fb7a0 b9a7c9")
# spacing, width, length and lift of tone of each coat of the sky, broad and dark before narrow and light
COATS = ((26, 38, 170, -0.10), (22, 27, 135, 0.0), (23, 20, 112, 0.07), (36, 11, 135, 0.20), (46, 9, 130, -0.32))
# x, y, radius of the glow; the first is the moon.
LIGHTS = ((838, 158, 88), (150, 120, 52), (352, 82, 36), (585, 118, 46), (80, 372, 40), (940, 420, 44), (300, 575, 36),
          (690, 560, 32), (500, 500, 24), (985, 300, 24), (216, 268, 24))  # fmt: skip
# x, y, radius, strength (its sign is the sense of rotation)
WHIRLS = ((405, 335, 165, 2.3), (655, 345, 120, -2.0), (180, 500, 90, -1.1), (850, 520, 80, 1.1))


def _sky_directions(x: Array, y: Array, wander: Array) -> Array:
    vx = 0.55 + 0.25 * np.cos(y / 140)
    vy = 0.45 * np.sin(x / 150 + y / 210) + 0.18 * wander
    rings = [(cx, cy, r * 1.25, 2.6) for cx, cy, r in LIGHTS]
    for cx, cy, radius, strength in [*WHIRLS, *rings]:
        dx, dy = (x - cx) / radius, (y - cy) / radius
        pull = strength * np.exp(-(dx * dx + dy * dy) / 1.1) / np.sqrt(dx * dx + dy * dy + 0.02)
        vx, vy = vx - pull * dy, vy + pull * dx
    return np.arctan2(vy, vx)


def _sky_tone(x: Array, y: Array, rng: np.random.Generator) -> Array:
    """Return where in the sky's palette each point lies: light arms in whirls, halos, a pale band over the hills."""
    tone = 0.30 + 0.10 * noise(rng, 170, 3) + 0.16 * smooth(480, HORIZON, y)
    for cx, cy, radius, strength in WHIRLS:
        dx, dy = x - cx, y - cy
        r = np.hypot(dx, dy) / radius
        arms = np.cos(2 * np.arctan2(dy, dx) - np.sign(strength) * 6.5 * r)
        tone += np.exp(-(r**2) / 1.3) * (0.10 + 0.30 * arms)
    for cx, cy, radius in LIGHTS:
        tone += 0.42 * np.exp(-((np.hypot(x - cx, y - cy) / (1.5 * radius)) ** 2))
    return tone


def _pick(colors: Array, tone: float, rng: np.random.Generator, spread: float = 0.07) -> Array:
    k = np.clip((tone + spread * rng.standard_normal()) * (len(colors) - 1), 0, len(colors) - 1)
    return colors[round(float(k))]


def _paint_sky(canvas: Canvas, rng: np.random.Generator) -> None:
    x, y = mesh()
    angle = _sky_directions(x, y, noise(rng, 260, 2))
    tone = _sky_tone(x, y, rng)
    for spacing, width, length, lift in COATS:
        points = scattered(rng, spacing, 30)
        points = points[points[:, 1] < HORIZON + 20]
        paths = trace(angle, points, length * rng.uniform(0.6, 1.25, len(points)))
        for p, path in zip(points, paths, strict=True):
            level = float(at(tone, *p)) + lift
            main = _pick(SKY, level, rng)
            second = _pick(SKY, level + rng.choice([-0.25, 0.25]), rng)
            if rng.random() < 0.06:
                second = GUESTS[rng.integers(0, len(GUESTS))]
            canvas.stroke(path, width * rng.uniform(0.7, 1.2), main, rng, second=second, relief=rng.uniform(0.7, 1.5))


def _paint_lights(canvas: Canvas, rng: np.random.Generator) -> None:
    """Rings of short curved strokes, cream in the middle, then yellow, orange and a pale green halo."""
    for k, (cx, cy, radius) in enumerate(LIGHTS):
        for _ in range(int(1.7 * radius)):
            r = radius * 1.5 * rng.random() ** 0.62 + 3
            start, sweep = rng.uniform(0, 2 * np.pi), min(2.6, rng.uniform(30, 62) / r)
            turn = start + np.linspace(0, sweep, 12)
            path = np.stack([cx + r * np.cos(turn), cy + r * np.sin(turn)], axis=1)
            place = r / radius / 1.45 + 0.13 * rng.standard_normal()
            color = _pick(GLOW, place, rng, 0.05)
            if place > 0.65 and rng.random() < 0.45:
                continue
            canvas.stroke(
                path, rng.uniform(12, 20), color, rng, second=_pick(GLOW, place - 0.2, rng), relief=1.5, dry=0.2
            )
        for _ in range(int(radius / 5)):
            a, r = rng.uniform(0, 2 * np.pi), 0.36 * radius * np.sqrt(rng.random())
            p = np.array([cx + r * np.cos(a), cy + r * np.sin(a)])
            d = 9 * np.array([np.cos(a + 1.5), np.sin(a + 1.5)])
            canvas.stroke(
                [p - d, p, p + d], rng.uniform(13, 18), GLOW[rng.integers(0, 2 + (k == 0))], rng, relief=1.8, dry=0
            )


def _ridge(x: float | Array, k: int) -> float | Array:
    base = (HORIZON - 84, HORIZON - 40, HORIZON + 4)[k]
    return base + 34 * np.sin(x / (118 + 30 * k) + 1.9 * k) + 15 * np.sin(x / 47 + k)


def _paint_hills(canvas: Canvas, rng: np.random.Generator) -> None:
    for k, colors in enumerate((palette("1b3f86 24559a 2d6f9e 1a2f6e"), palette("123a5e 1b5a68 2c7a6c 14305e"), SHORE)):
        for p in rng.uniform((-20, HORIZON - 150), (SIZE + 20, HORIZON + 60), (900, 2)):
            top = float(_ridge(p[0], k))
            if not top < p[1] < top + (70 if k < 2 else 62):
                continue
            xs = p[0] + np.linspace(-44, 44, 12) * rng.uniform(0.6, 1.1)
            ys = _ridge(xs, k) + (p[1] - top) + 0.12 * (p[1] - top) * np.sin(xs / 20)
            light = int(rng.integers(0, len(colors)))
            canvas.stroke(np.stack([xs, ys], axis=1), rng.uniform(15, 25), colors[light], rng, second=colors[light - 1])
    for _ in range(34):
        cx = rng.uniform(20, SIZE - 20)
        cy = float(_ridge(cx, 2)) + rng.uniform(8, 34)
        warm = palette("fbd65c f4a934 ef7f2d ffeeb0")[rng.integers(0, 4)]
        canvas.stroke([(cx, cy - 6), (cx, cy + 8)], rng.uniform(10, 15), warm, rng, relief=1.6, dry=0)


def _paint_water(canvas: Canvas, rng: np.random.Generator) -> None:
    """Horizontal, slightly waved strokes; below each light a broken path of gold."""
    xs = np.linspace(-1, 1, 14)
    for spacing, width, length in ((24, 30, 150), (21, 20, 115), (34, 9, 110)):
        for p in sorted(scattered(rng, spacing, 30), key=lambda q: q[1]):
            if p[1] < HORIZON + 34:
                continue
            depth = (p[1] - HORIZON) / (SIZE - HORIZON)
            tone = 0.62 - 0.45 * depth + 0.28 * np.sin(p[1] / 21 + 1.6 * np.sin(p[0] / 130))
            path = np.stack([p[0] + xs * length / 2, p[1] + (3 + 6 * depth) * np.sin(xs * 2.2 + p[0] / 60)], axis=1)
            second = _pick(WATER if rng.random() < 0.7 else SKY, tone + 0.2, rng)
            canvas.stroke(path, width * rng.uniform(0.7, 1.2), _pick(WATER, tone, rng, 0.12), rng, second=second)
    for cx, _, radius in LIGHTS[:8]:
        for _ in range(int(radius * 0.75)):
            fall = rng.random() ** 0.8
            cy = HORIZON + 48 + fall * (SIZE - HORIZON - 40)
            px = cx + rng.normal() * radius * (0.28 + 0.4 * fall)
            reach = rng.uniform(16, 38) * (0.7 + 0.6 * fall)
            path = np.stack([px + xs * reach, cy + 5 * np.sin(xs * 2 + px / 30)], axis=1)
            shade = 0.05 + 0.9 * rng.random() * (0.5 + 0.5 * fall)
            second = _pick(WATER, rng.uniform(0.4, 1), rng)
            canvas.stroke(path, rng.uniform(9, 18), _pick(GLOW, shade, rng), rng, second=second, relief=1.5, dry=0.5)


def draw() -> Image.Image:
    """Paint sky, lights, hills and water in this order, wet over dry, and light the relief from the upper left.

    The sky's directions are a steady drift plus whirls and rings around the lights; three coats of strokes, from broad
    and dark to narrow and light, follow them, each stroke carrying two neighboring blues.
    """
    rng = np.random.default_rng(1889)
    canvas = Canvas(rgb("0d1b52"))
    _paint_sky(canvas, rng)
    _paint_lights(canvas, rng)
    _paint_hills(canvas, rng)
    _paint_water(canvas, rng)
    return finished(canvas.lit())
