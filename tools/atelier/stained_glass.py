"""A rose window: streaked, glowing glass of strong colors held by lead cames."""

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree

from atelier.kit import GRID, SCALE, SIZE, Array, Canvas, finished, mesh, noise, palette, rgb, scattered, smooth, spread

GLASS = {
    "ruby": palette("c4122f e8303a 8f0a2c"),
    "flame": palette("f2542d f98a2b d4301f"),
    "amber": palette("fdb827 ffd75e f08a1c"),
    "cobalt": palette("1b3fb5 2f66e0 12207f"),
    "azure": palette("2f8fe0 6cc5f0 1f5fc4"),
    "emerald": palette("118a55 3fbf6a 0a5f4a"),
    "lime": palette("8cc63f c9e265 4f9f3a"),
    "violet": palette("6a2fb0 9a5fd8 431a86"),
    "rose": palette("e0559a f59ac0 b02f7a"),
    "pearl": palette("f4ead0 fff8e8 d8e4e8"),
}
NAMES = tuple(GLASS)


class Panes:
    """Which pane lies at every canvas point, and the glass of each pane."""

    def __init__(self) -> None:
        self.pane: Array = np.zeros((GRID, GRID), dtype=np.int64)
        self.glass: dict[int, str] = {}

    def cut(self, mask: Array, index: Array | int, names: tuple[str, ...]) -> None:
        """Cut new panes where the mask holds, one for each value of index; names take turns."""
        index = np.broadcast_to(index, mask.shape)
        first = len(self.glass) and max(self.glass) + 1
        values = np.unique(index[mask])
        self.pane[mask] = first + np.searchsorted(values, index[mask])
        for k, value in enumerate(values):
            self.glass[first + k] = names[int(value) % len(names)]


def _sector(turn: Array, count: int, shift: float = 0.0) -> tuple[Array, Array]:
    """Divide the circle; return the sector's number and the angle from its middle, in sectors (-0.5 .. 0.5)."""
    t = turn / (2 * np.pi) * count + shift
    number = np.floor(t)
    return (number % count).astype(int), t - number - 0.5


def _corners(panes: Panes, x: Array, y: Array, rng: np.random.Generator) -> None:
    """Fill the sheet with irregular panes, mostly blue, and a quarter of a flower in each corner."""
    sites = spread(scattered(rng, 62, 60), 5)
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    own = cKDTree(sites).query(points)[1].reshape(x.shape)
    everywhere = np.ones(x.shape, dtype=bool)
    panes.cut(
        everywhere, own, ("cobalt", "azure", "violet", "cobalt", "emerald", "azure", "cobalt", "rose", "azure", "lime")
    )
    for cx, cy in ((40, 40), (SIZE - 40, 40), (40, SIZE - 40), (SIZE - 40, SIZE - 40)):
        r, turn = np.hypot(x - cx, y - cy), np.arctan2(y - cy, x - cx)
        number, off = _sector(turn, 10)
        panes.cut(r < 150 * np.sqrt(np.clip(np.cos(np.pi * off), 0.3, 1)), number, ("emerald", "lime"))
        panes.cut(r < 112 * np.sqrt(np.clip(np.cos(np.pi * off), 0.2, 1)), number, ("rose", "ruby"))
        panes.cut(r < 56, number, ("amber", "flame"))
        panes.cut(r < 26, 0, ("pearl",))


def _rose(panes: Panes, r: Array, turn: Array) -> None:
    """Cut the window from its outer ring inwards: beads, medallions, lancets, petals, heart."""
    panes.cut(r < 492, _sector(turn, 48)[0], ("amber", "ruby", "pearl", "ruby"))
    number, off = _sector(turn, 12)
    panes.cut(r < 466, number * 2 + (off > 0), ("emerald", "emerald", "violet", "violet"))
    panes.cut((r < 466) & (r < 352 + 90 * np.abs(off) ** 1.0), number, ("cobalt", "azure"))
    mx, my = (r * np.cos(off * np.pi / 6) - 396), r * np.sin(off * np.pi / 6)
    mr, mturn = np.hypot(mx, my), np.arctan2(my, mx)
    panes.cut(mr < 62, number, ("pearl", "amber"))
    leaf, loff = _sector(mturn, 6)
    panes.cut(
        mr < 54 * np.clip(np.cos(np.pi * loff), 0, 1) ** 0.5 + 2,
        number * 6 + leaf,
        ("ruby", "ruby", "rose", "rose", "flame", "flame"),
    )
    panes.cut(mr < 18, number, ("amber", "pearl"))
    panes.cut(r < 318, _sector(turn, 36)[0], ("flame", "pearl", "cobalt"))
    number, off = _sector(turn, 12, 0.5)
    panes.cut(r < 298, number * 2 + (off > 0), ("violet", "violet", "cobalt", "cobalt"))
    rise = np.clip((r - 128) / 160, 0, 1)
    width = 0.44 * np.clip(np.sin(np.pi * rise**0.8), 0, 1) ** 0.7
    panes.cut(
        (r < 290) & (r > 128) & (np.abs(off) < width), number * 2 + (rise > 0.56), ("flame", "ruby", "amber", "flame")
    )
    panes.cut((r < 262) & (r > 150) & (np.abs(off) < 0.5 * width - 0.02), number, ("amber", "pearl"))
    panes.cut(
        (np.hypot(r * np.cos(off * np.pi / 6) - 274, r * np.sin(off * np.pi / 6)) < 15), number, ("lime", "azure")
    )
    panes.cut(r < 140, _sector(turn, 24)[0], ("azure", "cobalt"))
    number, off = _sector(turn, 12)
    panes.cut(r < 120, number, ("emerald", "lime"))
    panes.cut(r < 112 * np.clip(np.cos(np.pi * off), 0, 1) ** 0.45, number, ("rose", "violet"))
    panes.cut(r < 64 * np.clip(np.cos(np.pi * off), 0.1, 1) ** 0.3, number, ("amber", "flame"))
    panes.cut(r < 30, 0, ("pearl",))


def _light(panes: Panes, x: Array, y: Array, rng: np.random.Generator) -> Array:
    """Return the light through the glass: every pane runs from one tone to another, with streaks, ripples and seeds."""
    count = max(panes.glass) + 1
    area = np.maximum(np.bincount(panes.pane.ravel(), minlength=count), 1)
    middle = [np.bincount(panes.pane.ravel(), v.ravel(), count) / area for v in (x, y)]
    reach = np.sqrt(area) / SCALE
    tones = np.stack([GLASS[panes.glass.get(k, "cobalt")] for k in range(count)])
    tones = np.clip(tones * rng.uniform(0.88, 1.12, (count, 1, 1)) + rng.normal(0, 0.018, (count, 1, 3)), 0, 1)
    lean = rng.uniform(0, 2 * np.pi, count)
    pane = panes.pane
    run = ((x - middle[0][pane]) * np.cos(lean)[pane] + (y - middle[1][pane]) * np.sin(lean)[pane]) / reach[pane]
    shift = rng.integers(0, GRID, (2,))
    streak = np.where(pane % 2 == 0, noise(rng, 90, 4, (1, 0.25)), np.roll(noise(rng, 90, 4, (0.25, 1)), shift, (0, 1)))
    level = 0.9 * run + 0.42 * streak
    bright, deep = smooth(0.0, 1.1, level)[..., None], smooth(-0.1, -1.1, level)[..., None]
    base = tones[pane, 0]
    light = base + bright * (tones[pane, 1] - base) + deep * (tones[pane, 2] - base)
    ripple = ndimage.gaussian_filter(noise(rng, 14, 2, (1.8, 0.8)), 1)
    gy, gx = np.gradient(ripple)
    light = light * (1 + 0.9 * (gx + gy) + 0.05 * ripple)[..., None]
    seeds = smooth(2.3, 2.9, noise(rng, 7))[..., None]
    return np.asarray(light + seeds * 0.35 * (1 - light), dtype=np.float32)


def draw() -> Image.Image:
    """Cut the panes in polar coordinates, slightly bent as by hand, shine light through them and lay the lead on top.

    Near the lead the glass is darker, as painters shade it; bright panes glow over the edges of their cames.
    """
    rng = np.random.default_rng(1250)
    x, y = mesh()
    bx, by = x + 4.5 * noise(rng, 150, 2), y + 4.5 * noise(rng, 150, 2)
    r, turn = np.hypot(bx - SIZE / 2, by - SIZE / 2), np.arctan2(by - SIZE / 2, bx - SIZE / 2)
    panes = Panes()
    _corners(panes, bx, by, rng)
    _rose(panes, r, turn)
    light = _light(panes, x, y, rng)
    same = ndimage.maximum_filter(panes.pane, 3) == ndimage.minimum_filter(panes.pane, 3)
    away = ndimage.distance_transform_edt(same) / SCALE + 0.5 * noise(rng, 24, 2)
    width = 4.6 + 1.8 * (np.abs(r - 492) < 9) + 1.2 * (np.abs(r - 466) < 8) + 1.2 * (np.abs(r - 318) < 8)
    light = light * (1 - 0.55 * np.exp(-np.clip(away - width, 0, None) / 5.5))[..., None]
    halo = np.stack([ndimage.gaussian_filter(light[..., k] ** 2, 16) for k in range(3)], axis=-1)
    light = 1 - (1 - np.clip(light * 1.12, 0, 1)) * (1 - 0.30 * halo)
    lead = smooth(0.6, -0.6, away - width)
    round_ = np.sqrt(np.clip(1 - (away / (width + 0.8)) ** 2, 0, 1))
    metal = rgb("23252b") * (1 + 0.22 * noise(rng, 9, 2))[..., None] + 0.10 * halo
    canvas = Canvas(rgb("000000"))
    canvas.color = (light + lead[..., None] * (metal - light)).astype(np.float32)
    canvas.height = (3.4 * round_ * lead).astype(np.float32)
    return finished(canvas.lit(depth=0.24, gloss=0.30, blur=1.2))
