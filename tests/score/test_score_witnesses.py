"""Every measure against its authors' code, scikit-image, SciPy, or its formula written out by NumPy."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from skimage.metrics import structural_similarity
from specimens import specimen

from impasto.images import resize
from impasto.score import content, style
from impasto.score.colors import to_oklab
from impasto.score.networks import judged_layers, see
from impasto.score.weights import load_judge

# What the code of stlpips_pytorch 0.0.2 itself says: LPIPS(net=..., variant="shift_tolerant")(a, b, normalize=True).
OF_THE_PACKAGE = {"vgg16": (0.06894920766, 0.00664311089), "alexnet": (0.0380403474, 0.00297242054)}


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))


@pytest.mark.parametrize("network", OF_THE_PACKAGE)
def test_st_lpips_is_what_the_package_of_its_authors_computes(network):
    g = torch.Generator().manual_seed(3)
    a, b = (torch.rand(1, 3, 64, 80, generator=g) for _ in range(2))
    near = (a + 0.1 * torch.randn(1, 3, 64, 80, generator=g)).clamp(0, 1)
    weights = load_judge(network)
    seen = [
        list(see(weights, picture[0].permute(1, 2, 0).numpy(), judged_layers(weights)).values())
        for picture in (a, b, near)
    ]
    distances = [content.perceptual_distance(seen[0], other, weights.importance) for other in seen[1:]]
    assert distances == pytest.approx(OF_THE_PACKAGE[network], rel=1e-4)


def ssim(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the mean of scikit-image's SSIM where the window fits, and of its contrast and structure.

    With black moved far up, the luminance of both pictures is alike and what is left is contrast and structure.
    """
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    full, rest = (
        structural_similarity(x + lift, y + lift, full=True, **options)[1][5:-5, 5:-5].mean() for lift in (0, 1e3)
    )
    return full, rest


def halved(x: np.ndarray) -> np.ndarray:
    height, width = x.shape[0] // 2, x.shape[1] // 2
    return x[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))


@pytest.mark.parametrize(("side", "scales"), [(20, 1), (40, 2), (96, 4), (200, 5)])
def test_ms_ssim_is_the_product_of_what_scikit_image_finds_on_each_scale(side, scales):
    photo = specimen("coffee", 300)[:side, :side]
    other = np.clip(0.8 * photo + 0.2 * specimen("night", side)[:side, :side] + 0.05, 0, 1).astype(np.float32)
    x, y = (picture.astype(np.float64) @ [0.299, 0.587, 0.114] for picture in (photo, other))
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:scales])
    expected = 1.0
    for scale, weight in enumerate(weights / weights.sum()):
        full, structure = ssim(x, y)
        expected *= (full if scale == scales - 1 else structure) ** weight
        x, y = halved(x), halved(y)
    assert content.multiscale_similarity(tensor(photo), tensor(other)) == pytest.approx(expected, abs=2e-4)


def random_map(channels: int, height: int, width: int, seed: int) -> torch.Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(seed))


def test_self_similarity_halves_the_difference_of_all_cosine_distances():
    a, b = random_map(5, 6, 7, 1), random_map(5, 6, 7, 2)
    shares = []
    for maps in (a, b):
        vectors = maps[0].flatten(1).T.numpy().astype(np.float64)
        distances = cdist(vectors, vectors, "cosine")
        shares.append(distances / distances.sum(axis=0))
    expected = np.abs(shares[0] - shares[1]).sum() / len(distances) / 2
    assert content.self_similarity_distance(a, b) == pytest.approx(expected, rel=1e-3)


def test_content_fidelity_is_the_mean_cosine_of_whole_maps():
    a, b = ({name: random_map(4, 3, 5, seed + k) for k, name in enumerate("xy")} for seed in (1, 10))
    cosines = [1 - cdist(a[k].reshape(1, -1).numpy(), b[k].reshape(1, -1).numpy(), "cosine").item() for k in "xy"]
    assert content.content_fidelity(a, b) == pytest.approx(np.mean(cosines), rel=1e-5)


def test_sliced_wasserstein_compares_the_quantiles_along_every_direction():
    a, b = random_map(6, 9, 8, 1), 2 * random_map(6, 5, 4, 2) - 1
    along = style.directions(6, 6)
    assert along.T @ along == pytest.approx(np.eye(6), abs=1e-5)
    at = (np.arange(72) + 0.5) / 72
    rows = [(along.T @ maps[0].flatten(1).numpy()).astype(np.float64) for maps in (a, b)]
    one, other = (np.quantile(row, at, axis=1, method="hazen") for row in rows)
    expected = np.sqrt(np.square(one - other).mean() / rows[1].var(axis=1).mean())
    assert style.sliced_wasserstein(style.projections(a), style.projections(b)) == pytest.approx(expected, rel=1e-4)


def test_a_palette_that_is_moved_as_a_whole_is_as_far_away_as_it_was_moved():
    lab = to_oklab(specimen("chelsea", 64))
    moved = lab + np.array([0.03, -0.04, 0.12], np.float32)
    distance = style.color_distance(style.color_projections(lab), style.color_projections(moved))
    assert distance == pytest.approx(0.13, rel=1e-3)


def test_the_distance_of_black_and_white_is_1():
    black, white = (style.color_projections(to_oklab(np.full((5, n, 3), v, np.float32))) for n, v in ((4, 0), (7, 1)))
    assert style.color_distance(black, white) == pytest.approx(1, abs=1e-4)


def test_oklab_has_its_published_values():
    colors = np.array([[[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]], np.float32)
    published = [
        [1, 0, 0],
        [0.62796, 0.22486, 0.12585],
        [0.86644, -0.23389, 0.17950],
        [0.45201, -0.03246, -0.31153],
        [0, 0, 0],
    ]
    assert to_oklab(colors)[0] == pytest.approx(np.array(published), abs=2e-5)


def test_global_effects_are_half_the_cosine_of_gram_matrices_and_half_that_of_histograms():
    pictures = specimen("coffee", 48), resize(specimen("night", 48), 40, 30)
    maps = random_map(4, 5, 6, 1), random_map(4, 3, 7, 2)
    grams = [np.einsum("chw,dhw->cd", m[0], m[0]) / m[0, 0].numel() for m in maps]
    textures = (grams[0] * grams[1]).sum() / np.sqrt((grams[0] ** 2).sum() * (grams[1] ** 2).sum())
    colors = []
    for channel in range(3):
        h, g = (np.histogram(np.round(p[..., channel] * 255), bins=256, range=(-0.5, 255.5))[0] for p in pictures)
        colors.append((h @ g) / np.sqrt((h @ h) * float(g @ g)))
    found = style.global_effects(
        tuple({"x": torch.from_numpy(gram)} for gram in grams), tuple(style.histogram(p) for p in pictures)
    )
    assert found == pytest.approx((textures + np.mean(colors)) / 2, rel=1e-4)


def test_local_patterns_are_nearest_patches_of_3_x_3():
    a, b = random_map(3, 6, 7, 1), random_map(3, 8, 5, 2)

    def by_hand(maps: torch.Tensor) -> np.ndarray:
        m = maps[0].numpy()
        rows = [m[:, y : y + 3, x : x + 3].ravel() for y in range(m.shape[1] - 2) for x in range(m.shape[2] - 2)]
        return np.array(rows)

    ours, theirs = by_hand(a), by_hand(b)
    cosine = 1 - cdist(ours, theirs, "cosine")
    most = len(set((1 - cdist(theirs, theirs, "cosine")).argmax(axis=1)))
    expected = (cosine.max(axis=1).mean() + len(set(cosine.argmax(axis=1))) / most) / 2
    taught = style.patches(b)
    assert style.distinct(taught) == most
    assert style.local_patterns(style.patches(a), taught, most) == pytest.approx(expected, rel=1e-5)
