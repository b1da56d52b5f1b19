"""The instant networks compute what onnxruntime computes with the graphs that their weights come from."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import impasto.instant.weights as weights_module
from impasto.errors import InputError
from impasto.instant import InstantNetworks, describe_networks, load_networks

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "instant.npz")
"""Written by tools/instant_weights.py."""


def picture(width: int, height: int) -> torch.Tensor:
    """The waves of color of tools/instant_weights.py."""
    y, x = np.mgrid[:height, :width] / 256
    waves = [np.sin(9 * x + 5 * y * y), np.sin(40 * x * y + 1), np.cos(25 * (x - 0.4) ** 2 + 60 * y)]
    return torch.tensor(np.stack([0.5 + 0.5 * wave for wave in waves])[None], dtype=torch.float32)


@pytest.fixture(scope="module")
def networks() -> InstantNetworks:
    return load_networks()


@pytest.fixture(scope="module")
def numbers() -> torch.Tensor:
    return torch.tensor(GOLDEN["numbers"])[None]


def test_the_predictor_returns_the_numbers_of_onnxruntime(networks, numbers):
    torch.testing.assert_close(networks.predictor(picture(256, 256)), numbers, atol=1e-4, rtol=0)


def test_the_transformer_paints_the_picture_of_onnxruntime(networks, numbers):
    painted = networks.transformer(picture(96, 64).flip(3), numbers)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(255 * painted, GOLDEN["painted"], atol=0.51)


def test_rounding_to_8_bits_as_in_the_package_changes_the_picture_visibly(networks, numbers):
    # Why the graphs run in float here.
    assert np.abs(GOLDEN["rounded"].astype(float) - GOLDEN["painted"]).mean() > 10


@pytest.mark.parametrize(("width", "height"), [(16, 16), (17, 30), (43, 22)])
def test_any_size_is_painted_as_the_top_left_of_a_mirrored_larger_one(networks, numbers, width, height):
    photo = picture(width, height)
    mirrored = np.pad(photo.numpy(), ((0, 0), (0, 0), (0, -height % 4), (0, -width % 4)), mode="reflect")
    expected = networks.transformer(torch.tensor(mirrored), numbers)[:, :, :height, :width]
    torch.testing.assert_close(networks.transformer(photo, numbers), expected)


def test_photos_of_a_batch_do_not_influence_each_other(networks, numbers):
    photos = torch.cat([picture(32, 24), picture(32, 24).flip(2)])
    styles = torch.cat([numbers, numbers.flip(1)])
    together = networks.transformer(photos, styles)
    apart = [networks.transformer(photos[i : i + 1], styles[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(together, torch.cat(apart), atol=1e-4, rtol=0)


def test_the_gradient_of_the_numbers_is_a_finite_difference():
    networks = load_networks().double()
    photo, numbers = picture(24, 20).double(), torch.tensor(GOLDEN["numbers"])[None].double()
    direction = torch.linspace(-1, 1, 100, dtype=torch.float64)[None]

    def brightness(step: float) -> torch.Tensor:
        return networks.transformer(photo, numbers + step * direction).square().sum()

    wanted = (brightness(1e-5) - brightness(-1e-5)) / 2e-5
    numbers.requires_grad_()
    (gradient,) = torch.autograd.grad(networks.transformer(photo, numbers).square().sum(), numbers)
    torch.testing.assert_close((gradient * direction).sum(), wanted.detach(), rtol=1e-4, atol=1e-6)


def test_only_the_white_part_of_a_style_counts(networks):
    left, right = picture(256, 256), picture(256, 256).flip(1).roll(1, 1)
    mask = torch.zeros(1, 1, 256, 512)
    mask[..., :128] = 1
    both = torch.cat([left, right], dim=3)
    other = torch.cat([left, 1 - right], dim=3)
    # The part that counts is farther from the other picture than the network sees from the middle of a map.
    masked = [networks.predictor(style, mask) for style in (both, other)]
    unmasked = [networks.predictor(style) for style in (both, other)]
    change, whole = ((a - b).norm() for a, b in (masked, unmasked))
    assert change < 0.35 * whole


def test_a_mask_that_is_white_everywhere_changes_nothing(networks):
    style = picture(200, 150)
    torch.testing.assert_close(networks.predictor(style, torch.ones(1, 1, 150, 200)), networks.predictor(style))


def test_the_weights_are_described_with_their_license():
    described = describe_networks()
    assert described["size"] == Path(described["path"]).stat().st_size
    assert "Apache-2.0" in described["license"]


@pytest.mark.parametrize("harm", ["missing", "cut", "changed"])
def test_damaged_weights_are_refused_in_one_line(harm, tmp_path, monkeypatch):
    path = tmp_path / "magenta.safetensors"
    data = Path(describe_networks()["path"]).read_bytes()
    if harm == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif harm == "changed":
        tensors = load_file(describe_networks()["path"])
        save_file(tensors | {"transformer.contract.0.bias": torch.zeros(8)}, path)
    monkeypatch.setattr(weights_module, "_FILE", path)
    with pytest.raises(InputError, match="damaged: install impasto again"):
        load_networks()
