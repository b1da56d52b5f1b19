"""What every plate is drawn with: a canvas with paint thickness, brush strokes, noise, colors, saving.

All lengths are in pixels of the finished plate (`SIZE` x `SIZE`); the canvas itself is `SCALE` times finer and is
averaged down at the end, so that every edge is smooth. Colors are sRGB triples in [0, 1].
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree

SIZE = 1024
SCALE = 2
GRID = SIZE * SCALE
MOST_BYTES = 296_000

Array = np.ndarray[Any, np.dtype[np.float32]]


def rgb(code: str) -> Array:
    """Return the color written as six hexadecimal digits."""
    return np.array([int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)], dtype=np.float32)


def palette(codes: str) -> Array:
    """Return the colors of a string of hexadecimal codes, one a row."""
    return np.stack([rgb(code) for code in codes.split()])


def smooth(low: float, high: float, x: Any) -> Any:
    """Return 0 below low, 1 above high and a soft step in between (high < low falls instead of rising)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mesh() -> tuple[Array, Array]:
    """Return x and y of every canvas point."""
    line = (np.arange(GRID, dtype=np.float32) + 0.5) / SCALE
    x, y = np.meshgrid(line, line)
    return x, y


def noise(rng: np.random.Generator, cell: float, octaves: int = 1, stretch: tuple[float, float] = (1, 1)) -> Array:
    """Return smooth noise over the canvas, zero mean and unit variance; `cell` is the size of its largest blobs.

    Every further octave has half the cell and 0.55 of the height; `stretch` lengthens the blobs in x and y. Opposite
    edges fit together, so that the noise may be shifted around.
    """
    total = np.zeros((GRID, GRID), dtype=np.float32)
    for k in range(octaves):
        nx, ny = (max(2, round(SIZE / (cell * s * 0.5**k))) for s in stretch)
        grains = np.pad(rng.standard_normal((ny, nx)).astype(np.float32), 3, mode="wrap")
        fine = Image.fromarray(grains).resize((GRID, GRID), Image.Resampling.BICUBIC, box=(3, 3, nx + 3, ny + 3))
        total += 0.55**k * np.asarray(fine)
    return (total - total.mean()) / total.std()


def at(field: Array, x: Any, y: Any) -> Any:
    """Return the field's values at points in plate pixels, those outside taken from the nearest edge."""
    j = np.clip(np.asarray(x) * SCALE, 0, GRID - 1).astype(int)
    i = np.clip(np.asarray(y) * SCALE, 0, GRID - 1).astype(int)
    return field[i, j]


def scattered(rng: np.random.Generator, spacing: float, margin: float = 0) -> Array:
    """Return points of a jittered grid in random order, one row (x, y) each."""
    line = np.arange(-margin, SIZE + margin, spacing)
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    points = points + rng.uniform(0, spacing, points.shape)
    return rng.permutation(points)


def spread(points: Array, rounds: int = 12) -> Array:
    """Push points apart until they lie evenly: each moves to the middle of its cell (Lloyd), `rounds` times."""
    line = np.arange(-20, SIZE + 20, 3.0)
    probe = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    for _ in range(rounds):
        _, own = cKDTree(points).query(probe)
        count = np.bincount(own, minlength=len(points))
        mean = (
            np.stack([np.bincount(own, probe[:, k], len(points)) for k in (0, 1)], axis=1)
            / np.maximum(count, 1)[:, None]
        )
        points = np.where(count[:, None] > 0, mean, points)
    return points


def trace(angle: Array, starts: Array, lengths: Array, steps: int = 32) -> Array:
    """Follow a field of directions (radians) from every start half its length both ways; return the paths."""
    starts = np.asarray(starts, dtype=float)
    stride = (np.asarray(lengths) / steps)[:, None]
    halves = []
    for sign in (-1, 1):
        p, points = starts, []
        for _ in range(steps // 2):
            a = at(angle, p[:, 0], p[:, 1])
            p = p + sign * stride * np.stack([np.cos(a), np.sin(a)], axis=1)
            points.append(p)
        halves.append(points)
    return np.stack([*halves[0][::-1], starts, *halves[1]], axis=1)


def _hats(samples: int, knots: int) -> Array:
    """Return the matrix that interpolates values at knots linearly to samples."""
    t = np.linspace(0, knots - 1, samples)[:, None]
    return np.clip(1 - np.abs(t - np.arange(knots)), 0, 1).astype(np.float32)


class _Band:
    """The surface that a brush sweeps: canvas points in rows along the path (`s`) and across it (`u`, -1 to 1)."""

    def __init__(self, path: Any, width: float, tips: tuple[float, float]) -> None:
        path = np.asarray(path, dtype=float) * SCALE
        width = width * SCALE
        run = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
        ns, nu = max(4, int(run[-1] / 0.7)), max(3, int(width / 0.7))
        self.length: float = run[-1]
        self.knots: int = max(4, int(width / SCALE / 1.7))
        self.s: Array = np.linspace(0, run[-1], ns)
        self.u: Array = np.linspace(-1, 1, nu)
        x, y = (np.interp(self.s, run, path[:, k]) for k in (0, 1))
        x, y = (ndimage.gaussian_filter1d(v, min(ns / 8, width * 0.4), mode="nearest") for v in (x, y))
        dx, dy = np.gradient(x), np.gradient(y)
        norm = np.hypot(dx, dy) + 1e-9
        first, last = (
            np.clip(v / (tip * width + 1e-6), 0, 1) for v, tip in zip((self.s, run[-1] - self.s), tips, strict=True)
        )
        self.half: Array = width / 2 * np.sqrt(1 - (1 - first) ** 2) * np.sqrt(1 - (1 - last) ** 2)
        self.x: Array = (x[:, None] - (dy / norm * self.half)[:, None] * self.u).round().astype(int)
        self.y: Array = (y[:, None] + (dx / norm * self.half)[:, None] * self.u).round().astype(int)

    def woven(self, rng: np.random.Generator, hairs: Array | float, spread: float) -> Array:
        """Return what the bristles carry: one value a bristle (`hairs`), changing by `spread` along the stroke."""
        along, across = _hats(len(self.s), max(2, int(self.length / 70) + 2)), _hats(len(self.u), self.knots)
        values = hairs + spread * rng.standard_normal((along.shape[1], self.knots))
        return np.asarray(along @ values.astype(np.float32) @ across.T)


class Canvas:
    """Color and thickness of the paint at every canvas point."""

    def __init__(self, ground: Array) -> None:
        self.color: Array = np.broadcast_to(ground, (GRID, GRID, 3)).astype(np.float32)
        self.height: Array = np.zeros((GRID, GRID), dtype=np.float32)

    def stroke(
        self,
        path: Any,
        width: float,
        color: Array,
        rng: np.random.Generator,
        *,
        second: Array | None = None,
        uneven: float = 0.07,
        relief: float = 1.0,
        tips: tuple[float, float] = (0.5, 1.0),
        dry: float = 0.3,
    ) -> None:
        """Draw one brush stroke along a path.

        The bristles leave streaks (`uneven`: their spread in lightness; `second`: a color that some of them carry) and
        ridges (`relief`); `tips` are the lengths in widths over which the stroke opens and closes; the last `dry` part
        of it breaks up.
        """
        if np.ptp(np.asarray(path), axis=0).max() * SCALE < 2:
            return
        band = _Band(path, width, tips)
        streaks = band.woven(rng, rng.standard_normal(band.knots), 0.5)
        t, u = (band.s / band.length)[:, None], np.abs(band.u)
        wet = streaks * 0.5 + 0.9 - smooth(1 - dry, 1.05, t) * 1.6 if dry > 0 else np.ones_like(streaks)
        alpha = np.clip(wet * 3, 0, 1) * np.clip((1 - u) * band.half[:, None] / 1.2, 0, 1)
        mixed = color + (uneven * streaks)[..., None]
        if second is not None:
            mixed = mixed + smooth(0.3, 1.1, band.woven(rng, 0.0, 1.0))[..., None] * (second - color)
        # Paint is pushed to both sides of the brush and heaps up where it is lifted.
        body = 0.55 + 0.3 * np.clip(streaks, -1.5, 1.5) + 0.5 * np.exp(-(((u - 0.82) / 0.13) ** 2))
        body = body + 0.35 * np.exp(-(((1 - t) * band.length / (width * SCALE) / 0.25) ** 2))

        keep = (band.x >= 0) & (band.x < GRID) & (band.y >= 0) & (band.y < GRID) & (alpha > 0.02)
        i, j, a = band.y[keep], band.x[keep], alpha[keep].astype(np.float32)
        self.color[i, j] += a[:, None] * (mixed[keep] - self.color[i, j])
        self.height[i, j] += a * (0.35 * self.height[i, j] + relief * body[keep] - self.height[i, j])

    def lit(self, depth: float = 0.16, gloss: float = 0.12, blur: float = 0.9) -> Array:
        """Return the colors under light from the upper left; `depth` shades slopes, `gloss` lets them shine."""
        thick = ndimage.gaussian_filter(self.height, blur)
        gy, gx = np.gradient(thick)
        slope = 0.8 * gx + 0.6 * gy
        shade = np.clip(1 + depth * 4 * slope, 0.45, 1.5)
        shine = gloss * np.clip(slope * 3 - 0.25, 0, 1) ** 1.5
        return np.clip(self.color * shade[..., None] + shine[..., None], 0, 1)


def finished(pixels: Array) -> Image.Image:
    """Average the canvas down to the plate and round it to 8 bits."""
    small = pixels.reshape(SIZE, SCALE, SIZE, SCALE, 3).mean(axis=(1, 3))
    return Image.fromarray((np.clip(small, 0, 1) * 255 + 0.5).astype(np.uint8))


def save(plate: Image.Image, path: Path) -> int:
    """Write the plate as WebP with the best quality that fits in `MOST_BYTES`; return that quality."""
    low, high, best = 30, 95, b""
    while low <= high:
        middle = (low + high) // 2
        buffer = io.BytesIO()
        plate.save(buffer, "WEBP", quality=middle, method=6)
        if buffer.tell() <= MOST_BYTES:
            best, low = buffer.getvalue(), middle + 1
        else:
            high = middle - 1
    path.write_bytes(best)
    return high
