"""Content losses against SciPy, scikit-image, formulas written out and finite differences."""

import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_inputs import content_loss, random_map, random_picture, rows_of, seeded
from scipy.spatial.distance import cdist
from skimage.measure import block_reduce

from impasto.losses import CONTENT_LOSSES
from impasto.losses.content import MAX_VECTORS, laplacian_loss, self_similarity_loss
from impasto.losses.sampling import hypercolumns, layer_scales, sample_positions

NORMALIZATIONS = ("relative", "size_free", "paper")


def features_loss(maps, photo, normalization="relative", saliency=None):
    loss = content_loss("features", normalization=normalization)
    return loss.loss(maps, loss.prepare(photo, saliency))


def laplacian(picture: np.ndarray) -> np.ndarray:
    """Sum SciPy's Laplacian over the channels of a 3 x h x w picture."""
    return sum(scipy.ndimage.laplace(channel, mode="nearest") for channel in picture)


# -- features ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_the_features_loss_is_the_formula_of_its_normalization(normalization):
    f, p = random_map(3, 4, 5, 1), random_map(3, 4, 5, 2)
    squares = torch.einsum("bcyx,bcyx->", f - p, f - p)
    divisors = {"relative": torch.einsum("bcyx,bcyx->", p, p), "size_free": 3 * 4 * 5, "paper": 2}
    assert features_loss(f, p, normalization).item() == pytest.approx((squares / divisors[normalization]).item())


def test_the_papers_content_gradient_is_the_difference_of_features():
    f, p = random_map(2, 3, 4, 1).requires_grad_(), random_map(2, 3, 4, 2)
    (gradient,) = torch.autograd.grad(features_loss(f, p, "paper"), f)
    torch.testing.assert_close(gradient, (f - p).detach())


def test_the_relative_loss_weighted_by_saliency_is_its_formula():
    f, p, w = random_map(3, 4, 5, 1), random_map(3, 4, 5, 2), random_picture(4, 5)[:, :1]
    error = torch.einsum("byx,bcyx,bcyx->", w[0], f - p, f - p)
    expected = error / torch.einsum("byx,bcyx,bcyx->", w[0], p, p)
    assert features_loss(f, p, saliency=w).item() == pytest.approx(expected.item())


def test_a_position_without_saliency_has_no_gradient():
    f, p, w = random_map(3, 4, 5, 1).requires_grad_(), random_map(3, 4, 5, 2), random_picture(4, 5)[:, :1]
    w[..., 2, 3] = 0
    features_loss(f, p, saliency=w).backward()
    assert torch.equal(f.grad.abs().sum(dim=1)[0] > 0, w[0, 0] > 0)


@settings(max_examples=20, deadline=None)
@given(across=st.integers(1, 4), down=st.integers(1, 4), normalization=st.sampled_from(["relative", "size_free"]))
def test_the_features_loss_does_not_grow_with_the_area(across, down, normalization):
    f, p = random_map(2, 3, 4, 1), random_map(2, 3, 4, 2)
    larger = features_loss(f.repeat(1, 1, down, across), p.repeat(1, 1, down, across), normalization)
    torch.testing.assert_close(larger, features_loss(f, p, normalization))


def test_the_relative_loss_is_1_for_zeros_and_finite_for_a_target_of_zeros():
    p = random_map(2, 3, 4)
    assert features_loss(torch.zeros_like(p), p).item() == pytest.approx(1)
    assert torch.isfinite(features_loss(p, torch.zeros_like(p)))


@pytest.mark.parametrize("normalization", ["relative", "size_free"])
@pytest.mark.parametrize("size", [(4, 5), (33, 50)])
def test_half_precision_features_are_compared_in_fp32(normalization, size):
    f, p = (random_map(3, *size, seed).bfloat16() for seed in (1, 2))
    loss = features_loss(f, p, normalization)
    assert loss.dtype == torch.float32
    squares = (f.double() - p.double()).square()
    expected = squares.mean() if normalization == "size_free" else squares.sum() / p.double().square().sum()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


# -- self-similarity ---------------------------------------------------------------------------------------------------


def test_self_similarity_compares_columns_of_distances_that_sum_to_1():
    a, b = (rows_of(random_map(4, 1, 7, seed)) for seed in (1, 2))
    shares = []
    for vectors in (a.numpy(), b.numpy()):
        distances = cdist(vectors, vectors, "cosine")
        shares.append(distances / distances.sum(axis=0, keepdims=True))
    expected = np.abs(shares[0] - shares[1]).sum(axis=0).mean()
    assert self_similarity_loss(a, b).item() == pytest.approx(expected, rel=1e-3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(2, 12), scale=st.floats(0.1, 10))
def test_self_similarity_is_blind_to_rotation_and_scale_of_the_features(seed, count, scale):
    a, b = (torch.rand(count, 4, generator=seeded(seed + n), dtype=torch.float64) for n in (0, 1))
    rotation, _ = torch.linalg.qr(torch.randn(4, 4, generator=seeded(seed), dtype=torch.float64))
    value = self_similarity_loss(a, b).item()
    assert 0 <= value <= 2
    assert self_similarity_loss(a @ rotation * scale, b).item() == pytest.approx(value, abs=1e-9)
    assert self_similarity_loss(b @ rotation * scale, b).item() == pytest.approx(0, abs=1e-9)


def test_self_similarity_is_1_where_all_places_are_alike():
    b = rows_of(random_map(4, 3, 3))
    assert self_similarity_loss(b[:1].expand(9, 4), b).item() == pytest.approx(1, rel=1e-3)


def test_too_many_vectors_are_refused_before_memory_is_allocated():
    many = torch.zeros(MAX_VECTORS + 1, 1)
    with pytest.raises(ValueError, match="sample at most"):
        self_similarity_loss(many, many)


# -- Laplacian ---------------------------------------------------------------------------------------------------------


def test_laplacian_loss_is_its_formula_by_scipy_and_scikit_image():
    x, t = random_picture(32, 48, 1), random_picture(32, 48, 2)
    expected = []
    for p in (4, 16):
        edges, target = (laplacian(block_reduce(a.numpy()[0], (1, p, p), np.mean)) for a in (x, t))
        expected.append(((edges - target) ** 2).mean() / ((target**2).mean() + (1 / 255) ** 2))
    assert laplacian_loss(x, t).item() == pytest.approx(np.mean(expected))


def test_laplacian_loss_leaves_hue_and_brightness_free():
    t = random_picture(16, 16)
    assert laplacian_loss(t.flip(1) + 0.2, t, pooling=(2,)).item() == pytest.approx(0, abs=1e-12)
    assert laplacian_loss(torch.full_like(t, 0.5), t, pooling=(2,)).item() == pytest.approx(1, rel=1e-3)


# -- every content loss ------------------------------------------------------------------------------------------------


def bound(name, photo, normalization="relative"):
    loss = content_loss(name, normalization=normalization)
    if loss.inputs == "hypercolumns":
        photo = photo.flatten(2)[..., None]
    saliency = (
        None if loss.inputs != "layer" else torch.linspace(0.5, 1.5, photo.shape[3]).expand(1, 1, *photo.shape[2:])
    )
    target = loss.prepare(photo, None if saliency is None else saliency.to(photo))
    return lambda maps: loss.loss(maps.flatten(2)[..., None] if loss.inputs == "hypercolumns" else maps, target)


@pytest.mark.parametrize(
    ("name", "normalization"),
    [*(("features", how) for how in NORMALIZATIONS), ("self_similarity", "relative"), ("laplacian", "relative")],
)
def test_gradients_agree_with_finite_differences(name, normalization):
    x, t = random_picture(5, 6, 1).requires_grad_(), random_picture(5, 6, 2)
    assert torch.autograd.gradcheck(bound(name, t, normalization), x)


@pytest.mark.parametrize("name", CONTENT_LOSSES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), height=st.integers(1, 20), width=st.integers(1, 20))
def test_a_content_loss_is_exactly_0_at_the_target_of_any_size(name, seed, height, width):
    t = random_picture(height, width, seed)
    assert bound(name, t)(t.clone()).item() == 0


@pytest.mark.parametrize("name", CONTENT_LOSSES)
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("target", [0.0, 0.7, None])
def test_constant_pictures_have_a_finite_loss_and_gradient(name, value, target):
    t = random_picture(8, 9, dtype=torch.float32) if target is None else torch.full((1, 3, 8, 9), target)
    x = torch.full((1, 3, 8, 9), value).requires_grad_()
    loss = bound(name, t)(x)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("name", CONTENT_LOSSES)
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_input_that_is_not_finite_gives_a_loss_that_is_not(name, wrong):
    x, t = random_picture(8, 9, 1), random_picture(8, 9, 2)
    x[0, 1, 2, 3] = wrong
    assert not torch.isfinite(bound(name, t)(x))


# -- through a network -------------------------------------------------------------------------------------------------


def test_features_are_compared_in_weighted_layers(content_term, encode, canvas, content):
    expected = 0.0
    for layer, weight in (("conv2_1", 0.5), ("conv3_1", 2.0)):
        expected += weight * float(features_loss(encode(canvas).features[layer], encode(content).features[layer]))
    found = content_term("features", content_layers=("conv2_1=0.5", "conv3_1=2.0"))(canvas)
    assert float(found) == pytest.approx(expected)


def test_self_similarity_compares_the_same_random_places_of_canvas_and_photo(content_term, encode, canvas, content):
    layers, places = ("conv2_1", "conv3_1"), sample_positions(24, 32, 100, seeded())
    target = {layer: encode(content).features[layer] for layer in layers}
    shares = []
    for maps in ({layer: encode(canvas).features[layer] for layer in layers}, target):
        vectors = hypercolumns(maps, places, scales=layer_scales(target)).numpy()
        distances = cdist(vectors, vectors, "cosine")
        shares.append(distances / distances.sum(axis=0))
    expected = np.abs(shares[0] - shares[1]).sum() / len(places)
    assert content_term("self_similarity")(canvas).item() == pytest.approx(expected, rel=2e-3)


def test_saliency_weights_a_defect_by_its_position(content_term):
    photo = torch.full((1, 3, 32, 64), 0.4, dtype=torch.float64)
    saliency = torch.ones(1, 1, 32, 64, dtype=torch.float64)
    saliency[..., :32], saliency[..., 32:] = 1.8, 0.2
    term = content_term("features", photo=photo, saliency=saliency)
    losses = []
    for left in (12, 44):
        defect = photo.clone()
        defect[..., 12:20, left : left + 8] += 0.3
        losses.append(term(defect).item())
    assert losses[0] == pytest.approx(9 * losses[1], rel=1e-6)
