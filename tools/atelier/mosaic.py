"""Two fish and a sun: stone tesserae whose rows follow the outlines, set in dark grout."""

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree

from atelier.kit import GRID, SCALE, SIZE, Array, Canvas, finished, mesh, noise, palette, rgb, smooth

NEIGHBORS = 9
FOREIGN = 4.0
"""How many times farther a site of another region counts, which makes tiles end at outlines."""

STONES = {
    "sea0": palette("0e4a56 12606a 0b3b4c 17707a"),
    "sea1": palette("1f8a8f 2b9d9b 187a86 3aaba2"),
    "sea2": palette("0a2f45 0f3f58 143a63 0c4a5a"),
    "sea3": palette("6cc4b4 8fd3c0 55b3ab a9dcc6"),
    "sun": palette("f4c04a f0a934 f8d77a e8942c"),
    "ray": palette("d9622b c44f26 e67a38 b8431f"),
    "halo": palette("f3e3bd ead2a0 f7edd2 dfc08c"),
    "back": palette("b5391f c9482a a02d1c d75f33"),
    "scales": palette("e98a3b f0a24c d9722f f4b866"),
    "belly": palette("f6e6c4 eed3a3 f9f0dc e4bf88"),
    "fin": palette("7d1f1a 94291d 5f1517 b03a22"),
    "eye": palette("111318 1a1c22 0c1a2a 20202a"),
    "line": palette("2a1512 3a1b14 1d1013 451d12"),
    "sand0": palette("c96a3d b85a34 d98150 a94c2c"),
    "sand1": palette("ecd3a2 e0bf86 f3e2bf d6ab70"),
    "sand2": palette("8a3b27 9c462c 75301f a9532f"),
}
NAMES = tuple(STONES)
GOLDEN = {"back": "ray", "scales": "sun", "fin": "back", "stripe": "sea2"}


def _fish(label: Array, x: Array, y: Array, spine: Array, thick: float, stones: dict[str, str]) -> None:
    """Write one fish into the label map: `spine` from the mouth to the root of the tail, `stones` renames its parts."""
    run = np.linspace(0, 1, 400)
    k = np.linspace(0, 1, len(spine))
    line = np.stack([np.interp(run, k, spine[:, i]) for i in (0, 1)], axis=1)
    line = ndimage.gaussian_filter1d(line, 22, axis=0, mode="nearest")
    step = np.gradient(line, axis=0)
    _, near = cKDTree(line).query(np.stack([x.ravel(), y.ravel()], axis=1))
    off = np.stack([x.ravel(), y.ravel()], axis=1) - line[near]
    tangent = step[near] / np.hypot(*step[near].T)[:, None]
    side = (tangent[:, 0] * off[:, 1] - tangent[:, 1] * off[:, 0]).reshape(x.shape)
    ahead = (tangent * off).sum(axis=1).reshape(x.shape)
    t = run[near].reshape(x.shape) + ahead / (np.hypot(*np.diff(line, axis=0).T).sum())
    side = side * np.sign(line[0, 0] - line[-1, 0]) * -1  # positive is the belly's side
    half = thick * np.where(
        t < 0, 0, np.clip(np.sin(np.pi * np.clip(t, 0, 1) ** 0.74), 0, 1) ** 0.82 + 0.12 * smooth(0.5, 0.9, t) * (t < 1)
    )
    tail_half = thick * (0.12 + 0.95 * np.clip((t - 0.94) / 0.26, 0, 1) ** 0.8)
    tail = (
        (t > 0.94)
        & (t < 1.26 - 0.13 * np.cos(np.clip(side / (thick + 1), -1, 1) * np.pi / 2))
        & (np.abs(side) < tail_half)
    )
    rise = thick * 0.75 * np.clip(np.sin(np.pi * np.clip((t - 0.22) / 0.55, 0, 1)), 0, 1) ** 0.7
    fins = (t > 0.2) & (t < 0.8) & (np.abs(side) < half + np.where(side < 0, rise, 0.6 * rise * (t > 0.42)))
    body = np.abs(side) < half

    def put(mask: Array, name: str) -> None:
        label[mask] = NAMES.index(stones.get(name, name))

    put(tail | fins, "fin")
    put(tail & (np.abs(side) < 0.5 * tail_half), "scales")
    put((np.abs(side) < half + 12) & (t > -0.03) & (t < 1.02), "line")
    put(body, "scales")
    put(body & (side < -0.3 * half), "back")
    put(body & (side > 0.42 * half), "belly")
    bend = t + 0.05 * np.cos(side / thick * 1.5)
    for k in (0.48, 0.62, 0.76):
        put(body & (np.abs(bend - k) < 0.034 * (1.3 - k)) & (side < 0.42 * half), "stripe")
    put(body & (np.abs(bend - 0.34) < 0.019), "line")
    put(body & (bend < 0.32) & (side < 0.42 * half), "back")
    eye = np.hypot((t - 0.17) * 420, side + 0.12 * thick)
    put(eye < 26, "belly")
    put(eye < 12, "eye")
    put(body & (t < 0.13) & (np.abs(side - 0.2 * half) < 5), "line")


def _labels() -> Array:
    """Return the region of every plate pixel as an index into NAMES."""
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    wave = y + 30 * np.sin(x / 118 + y / 260) + 16 * np.sin(x / 61 - y / 90)
    band = np.floor(wave / 62).astype(int)
    label = np.choose(band % 4, [0, 1, 2, 3]).astype(int)
    floor = y + 26 * np.sin(x / 92 + 0.6) - 850
    for k, name in enumerate(("sand1", "sand0", "sand2", "sand1", "sand0")):
        label[floor > 40 * k] = NAMES.index(name)
    r, turn = np.hypot(x - 800, y - 150), np.arctan2(y - 150, x - 800)
    label[r < 236 + 42 * np.cos(12 * turn)] = NAMES.index("ray")
    label[r < 182] = NAMES.index("halo")
    label[r < 146] = NAMES.index("sun")
    label[r < 84] = NAMES.index("ray")
    label[r < 50] = NAMES.index("halo")
    _fish(label, x, y, np.array([(688, 398), (560, 350), (430, 390), (300, 470), (190, 450)]), 118, {"stripe": "sea1"})
    _fish(label, x, y, np.array([(330, 705), (450, 640), (590, 660), (720, 735), (850, 700)]), 98, GOLDEN)
    return label


def _directions(label: Array) -> Array:
    """Return the angle of the rows of tiles at every plate pixel: across the slope of the distance to the outlines."""
    edge = np.zeros(label.shape, dtype=bool)
    edge[:, 1:] |= label[:, 1:] != label[:, :-1]
    edge[1:] |= label[1:] != label[:-1]
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(~edge), 1.5)
    gy, gx = np.gradient(distance)
    # Twice the angle, because opposite slopes on the two sides of an outline mean the same row.
    c, s = (ndimage.gaussian_filter(v, 9) for v in (gx * gx - gy * gy, 2 * gx * gy))
    return np.arctan2(s, c) / 2


def _nearest(
    points: Array, tree: cKDTree, sites: Array, frame: Array, home: Array, size: Array, label: Array
) -> tuple[Array, Array]:
    """Return for every point the two nearest sites in the tiles' own square metric, and the distances (n, 2)."""
    _, near = tree.query(points, k=NEIGHBORS)
    d = points[:, None] - sites[near]
    c, s = np.cos(frame[near]), np.sin(frame[near])
    square = np.maximum(np.abs(c * d[..., 0] + s * d[..., 1]), np.abs(c * d[..., 1] - s * d[..., 0])) / size[near]
    square = square + FOREIGN * (home[near] != label[:, None])
    order = np.argsort(square, axis=1)[:, :2]
    return np.take_along_axis(near, order, 1), np.take_along_axis(square, order, 1)


def _set_tiles(label: Array, angle: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Spread sites until their square cells fill every region evenly (Lloyd's iterations); return sites and sizes."""
    small = np.isin(label, [NAMES.index(n) for n in ("line", "eye", "belly", "back", "scales", "fin")])
    wanted = ndimage.gaussian_filter(np.where(small, 17.0, 22.0), 8)
    line = np.arange(0, SIZE, 15.0)
    sites = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2) + rng.uniform(0, 15, (len(line) ** 2, 2))
    i, j = np.clip(sites[:, 1], 0, SIZE - 1).astype(int), np.clip(sites[:, 0], 0, SIZE - 1).astype(int)
    sites = sites[rng.random(len(sites)) < 15**2 / wanted[i, j] ** 2 * 1.06]
    probe = (np.stack(np.meshgrid(np.arange(0, SIZE, 3.0), np.arange(0, SIZE, 3.0)), axis=-1) + 0.5).reshape(-1, 2)
    probe_label = label[probe[:, 1].astype(int), probe[:, 0].astype(int)]
    for _ in range(36):
        i, j = np.clip(sites[:, 1], 0, SIZE - 1).astype(int), np.clip(sites[:, 0], 0, SIZE - 1).astype(int)
        near, _ = _nearest(probe, cKDTree(sites), sites, angle[i, j], label[i, j], wanted[i, j], probe_label)
        own = near[:, 0]
        count = np.maximum(np.bincount(own, minlength=len(sites)), 1)
        mean = np.stack([np.bincount(own, probe[:, k], len(sites)) / count for k in (0, 1)], axis=1)
        sites = np.where(count[:, None] > 1, mean, sites)
    return sites, wanted


def _cells(sites: Array, wanted: Array, label: Array, angle: Array, rough: Array) -> tuple[Array, Array]:
    """Return for every canvas point its tile and how deep inside it lies (0 at the grout, in plate pixels)."""
    i, j = np.clip(sites[:, 1], 0, SIZE - 1).astype(int), np.clip(sites[:, 0], 0, SIZE - 1).astype(int)
    frame, home, size = angle[i, j], label[i, j], wanted[i, j]
    tree = cKDTree(sites)
    tile, depth = np.zeros((GRID, GRID), dtype=int), np.zeros((GRID, GRID), dtype=np.float32)
    x, y = mesh()
    for top in range(0, GRID, 128):
        rows = slice(top, top + 128)
        points = np.stack([x[rows].ravel(), y[rows].ravel()], axis=1)
        here = label[points[:, 1].astype(int), points[:, 0].astype(int)]
        near, square = _nearest(points, tree, sites, frame, home, size, here)
        own = size[near[:, 0]]
        gap = np.minimum((square[:, 1] - square[:, 0]) * own * 0.5, (0.66 - square[:, 0]) * own)
        tile[rows] = near[:, 0].reshape(-1, GRID)
        depth[rows] = gap.reshape(-1, GRID)
    return tile, depth + 0.5 * rough


def draw() -> Image.Image:
    """Divide the picture into regions, lay square tiles along their outlines, color each tile and light its edges.

    The tiles are cells of a centroidal diagram in a metric whose squares turn with the nearest outline (after Hausner,
    "Simulating decorative mosaics", 2001). Each tile has its own stone, tilt and chipped edge.
    """
    rng = np.random.default_rng(547)
    label = _labels()
    angle = _directions(label)
    sites, wanted = _set_tiles(label, angle, rng)
    tile, depth = _cells(sites, wanted, label, angle, noise(rng, 7, 2))
    hard = np.kron(label, np.ones((SCALE, SCALE), dtype=int))
    edges = ndimage.distance_transform_edt(ndimage.maximum_filter(hard, 3) == ndimage.minimum_filter(hard, 3))
    depth = np.minimum(depth, edges / SCALE + 0.5)
    stone = np.zeros((len(sites), 3), dtype=np.float32)
    for k, (x, y) in enumerate(sites):
        colors = STONES[NAMES[label[int(np.clip(y, 0, SIZE - 1)), int(np.clip(x, 0, SIZE - 1))]]]
        stone[k] = colors[rng.choice(4, p=(0.4, 0.3, 0.2, 0.1))] * rng.uniform(0.8, 1.17) + rng.normal(0, 0.015, 3)
    x, y = mesh()
    tilt = rng.normal(0, 0.05, (len(sites), 2))
    lean = tilt[tile, 0] * (x - sites[tile, 0]) + tilt[tile, 1] * (y - sites[tile, 1])
    grain = noise(rng, 9, 3)
    face = stone[tile] * (1 + 0.16 * lean + 0.07 * grain)[..., None]
    grout = rgb("2b2320") * (1 + 0.18 * noise(rng, 4, 2))[..., None]
    inside = smooth(0.9, 1.9, depth)[..., None]
    canvas = Canvas(rgb("000000"))
    canvas.color = (grout + inside * (face - grout)).astype(np.float32)
    canvas.height = (1.6 * smooth(0.6, 3.2, depth) + 0.25 * lean * inside[..., 0] + 0.12 * grain).astype(np.float32)
    return finished(canvas.lit(depth=0.22, gloss=0.2, blur=1.1))
