"""A river bank at evening: pure colors set side by side as dots, in layers of three sizes."""

import numpy as np
from PIL import Image
from scipy.spatial import Voronoi, cKDTree

from atelier.kit import (
    GRID,
    SCALE,
    SIZE,
    Array,
    Canvas,
    at,
    finished,
    mesh,
    noise,
    palette,
    rgb,
    scattered,
    smooth,
    spread,
)

PIGMENTS = palette(
    "f7e04b f9b233 f07c2a e0452b d8336d ec8fb0 8b4ba3 4b3f9f 2f62c0 4aa3dc 8fd0e0 "
    "2e9e8f 3f9e4a 8cc04b d4dc6a fbf3dc 1f4f52 26235f c3b1e1 fbe9a0 f7c9a8"
)
"""Pure colors of the wheel plus white, three tints and two darks; nothing is mixed on the palette."""


def _scene(rng: np.random.Generator) -> Array:
    """Return the colors that the eye should see, smooth, before they are divided into pigments."""
    x, y = mesh()
    scene = np.zeros((GRID, GRID, 3), dtype=np.float32)

    def wash(mask: Array, color: Array) -> None:
        scene[...] += np.asarray(mask)[..., None] * (color - scene)

    sky = palette("6f9fe0 a9c4ec f3c9cf fbd98a f8a95c f07f5a")
    level = np.clip((y + 24 * noise(rng, 240, 3, (3, 1))) / 470, 0, 0.999) * 5
    k = level.astype(int)
    scene[...] = sky[k] + (level - k)[..., None] * (sky[k + 1] - sky[k])
    cloud = smooth(0.5, 1.5, noise(rng, 170, 4, (2.6, 1)) + 0.4 * np.sin(y / 46)) * smooth(430, 200, y)
    wash(0.8 * cloud, rgb("fbe3d2"))
    wash(0.8 * smooth(0.2, 0.8, cloud) * smooth(0.2, -0.6, noise(rng, 60, 2, (2, 1))), rgb("b9a5dc"))
    wash(smooth(60, 40, np.hypot(x - 640, y - 392)), rgb("fff3a8"))
    wash(0.6 * smooth(190, 50, np.hypot(x - 640, y - 392)), rgb("fde06a"))
    far = y - (418 + 22 * np.sin(x / 105) + 12 * np.sin(x / 41 + 1))
    wash(smooth(-3, 3, far), rgb("8f83c9"))
    nearer = y - (452 + 14 * np.sin(x / 83 + 2) + 8 * np.sin(x / 30))
    wash(smooth(-3, 3, nearer), rgb("5a8f86"))
    water = smooth(-2, 2, y - 482)
    ripple = np.sin(np.clip(y - 470, 0, None) ** 0.9 / 3.1 + 1.7 * noise(rng, 120, 2, (4, 1)))
    wash(water, rgb("5b94cf"))
    wash(water * smooth(0.1, 0.9, ripple), rgb("f3b59a"))
    glint = np.exp(-(((x - 640) / (34 + 0.16 * (y - 480))) ** 2)) * water
    wash(0.9 * glint * smooth(-0.5, 0.5, ripple), rgb("ffe487"))
    bank = y - (742 + 0.15 * (x - 512) + 34 * np.sin(x / 150 + 4) + 10 * np.sin(x / 37))
    wash(smooth(-3, 3, bank), rgb("7fb64a"))
    wash(smooth(0.0, 1.0, noise(rng, 90, 2, (2.2, 1))) * smooth(0, 20, bank), rgb("3f8f5a"))
    wash(0.9 * smooth(0.7, 1.5, noise(rng, 64, 2, (1.6, 1))) * smooth(16, 40, bank), rgb("f4d23f"))
    wash(0.9 * smooth(1.0, 1.6, noise(rng, 44, 2)) * smooth(30, 50, bank), rgb("e2456b"))
    _trees(scene, x, y, rng)
    _sail(scene, x, y)
    return scene


def _trees(scene: Array, x: Array, y: Array, rng: np.random.Generator) -> None:
    ragged = 26 * noise(rng, 60, 3)
    for cx, cy, wide, tall, foot in ((128, 290, 165, 215, 800), (915, 372, 118, 180, 790), (318, 452, 44, 58, 520)):
        bend = cx + 16 * np.sin(y / 90 + cx)
        trunk = smooth(3, -3, np.abs(x - bend) - (wide / 15 + 0.02 * np.clip(y - cy, 0, None))) * smooth(
            foot, foot - 8, y
        )
        trunk = trunk * smooth(cy, cy + 40, y)
        scene += trunk[..., None] * (rgb("5a3270") - scene)
        crown = smooth(4, -4, (np.hypot((x - cx) / wide, (y - cy) / tall) - 1) * wide + ragged * wide / 130)
        light = np.clip(
            0.5 + (x - cx) / wide * (0.5 if cx < 640 else -0.5) - 0.25 * (y - cy) / tall + 0.2 * ragged / 26, 0, 1
        )
        shade = rgb("26507a") + light[..., None] * (rgb("a8c63e") - rgb("26507a"))
        warm = smooth(0.68, 0.95, light)[..., None]
        shade = shade + warm * (rgb("f5b83d") - shade)
        scene += crown[..., None] * (shade - scene)
        cast = smooth(1.15, 0.7, np.hypot((x - cx - 40) / (1.3 * wide), (y - foot) / 52)) * smooth(foot - 40, foot, y)
        scene += 0.8 * cast[..., None] * (rgb("43408f") - scene)


def _sail(scene: Array, x: Array, y: Array) -> None:
    for cx, foot, tall, color in ((540, 628, 235, "fffaf0"), (752, 556, 112, "fdeedd"), (440, 546, 84, "fdeedd")):
        t = np.clip((foot - y) / tall, 0, 1)
        up = smooth(-2, 2, foot - y) * smooth(tall + 2, tall - 2, foot - y)
        sail = up * smooth(-2, 2, x - cx - 0.02 * tall) * smooth(2, -2, x - cx - (1 - t) ** 0.8 * 0.52 * tall)
        jib = up * smooth(2, -2, x - cx + 0.02 * tall) * smooth(-2, 2, x - cx + (0.86 - t) * 0.34 * tall)
        hull = smooth(0.07 * tall, 0.05 * tall, np.abs(y - foot - 0.08 * tall)) * smooth(
            0.55 * tall, 0.5 * tall, np.abs(x - cx - 0.08 * tall)
        )
        for mask, tone in ((sail, rgb(color)), (jib, rgb("f08a4a")), (hull, rgb("8a1f4a"))):
            scene += mask[..., None] * (tone - scene)
        mirror = (
            smooth(0, 4, y - foot - 0.16 * tall)
            * smooth(tall, 0, y - foot)
            * smooth(0.4 * tall, 0.1 * tall, np.abs(x - cx - 0.1 * tall))
        )
        scene += 0.45 * mirror[..., None] * (rgb(color) - scene)


def _divided(wanted: Array, rng: np.random.Generator, looseness: float) -> Array:
    """Return a pigment for every wanted color: near it by chance, and sometimes its complement."""

    def away(colors: Array) -> Array:
        return (((colors[:, None] - PIGMENTS) * (0.9, 1.2, 0.8)) ** 2).sum(axis=-1)

    # Gumbel noise turns the minimum into a draw with probability exp(-away / looseness).
    chosen = np.argmin(away(wanted) / looseness + np.log(-np.log(rng.random((len(wanted), len(PIGMENTS))))), axis=1)
    counter = np.argmin(away(wanted.max(axis=1, keepdims=True) + wanted.min(axis=1, keepdims=True) - wanted), axis=1)
    return PIGMENTS[np.where(rng.random(len(wanted)) < 0.07, counter, chosen)]


def _dot(canvas: Canvas, x: float, y: float, radius: float, color: Array, rng: np.random.Generator) -> None:
    """Press one dab of paint: slightly oblong, its rim raised, its edge soft over one canvas point."""
    reach = int(np.ceil((radius * 1.3 + 1) * SCALE))
    i0, j0 = int(y * SCALE), int(x * SCALE)
    rows, cols = (
        slice(max(0, i0 - reach), min(GRID, i0 + reach + 1)),
        slice(max(0, j0 - reach), min(GRID, j0 + reach + 1)),
    )
    if rows.start >= rows.stop or cols.start >= cols.stop:
        return
    dy = (np.arange(rows.start, rows.stop)[:, None] + 0.5) / SCALE - y
    dx = (np.arange(cols.start, cols.stop)[None] + 0.5) / SCALE - x
    turn, squash = rng.uniform(-0.6, 0.6), rng.uniform(0.76, 1.0)
    u, v = dx * np.cos(turn) + dy * np.sin(turn), (dy * np.cos(turn) - dx * np.sin(turn)) / squash
    wobble = 1 + 0.07 * np.sin(3 * np.arctan2(v, u) + rng.uniform(0, 6.3))
    r = np.hypot(u, v) / (radius * wobble)
    a = np.clip((1 - r) * radius * SCALE / 1.2, 0, 1).astype(np.float32)
    body = 0.7 + 0.5 * np.exp(-(((r - 0.72) / 0.2) ** 2)) + 0.25 * u / radius
    canvas.color[rows, cols] += a[..., None] * (color - canvas.color[rows, cols])
    canvas.height[rows, cols] += a * (0.3 * canvas.height[rows, cols] + body - canvas.height[rows, cols])


def _dots(rng: np.random.Generator) -> list[tuple[Array, Array, float]]:
    """Return the layers of dots as points, radii and looseness: a ground coat, a packing, its gaps, accents."""
    ground = scattered(rng, 13, 12)
    large = spread(scattered(rng, 20, 16), 7)
    reach = cKDTree(large).query(large, k=2)[0][:, 1] / 2
    gaps = Voronoi(large).vertices
    gaps = gaps[(np.abs(gaps - SIZE / 2) < SIZE / 2 + 10).all(axis=1)]
    room = cKDTree(large).query(gaps)[0] - 8.8
    gaps, room = gaps[room > 1.6], room[room > 1.6]
    accents = large + rng.normal(0, 4.5, large.shape)
    return [
        (ground, np.full(len(ground), 11.0), 0.012),
        (large, np.clip(reach * 1.03, 7.0, 10.8), 0.022),
        (gaps, np.clip(room * 1.15, 2.6, 6.5), 0.06),
        (accents[::3], rng.uniform(2.8, 4.6, len(accents[::3])), 0.07),
    ]


def draw() -> Image.Image:
    """Cover a cream ground with dabs, pack round dots over them, fill the gaps with smaller ones, set accents on top.

    Every dot takes one pure pigment, drawn by chance with a probability that falls with its distance from the scene's
    color, so that neighbors mix in the eye; one in fourteen is the complement.
    """
    rng = np.random.default_rng(1886)
    scene = _scene(rng)
    canvas = Canvas(rgb("efe2c8"))
    for k, (points, radii, looseness) in enumerate(_dots(rng)):
        wanted = at(scene, points[:, 0], points[:, 1])
        colors = _divided(wanted, rng, looseness) * rng.uniform(0.9, 1.08, (len(points), 1))
        if k == 0:
            colors = 0.74 * (0.4 * colors + 0.6 * wanted)
        for p, radius, color in zip(points, radii, colors, strict=True):
            _dot(canvas, p[0], p[1], radius, color.astype(np.float32), rng)
    return finished(canvas.lit(depth=0.10, gloss=0.08))
