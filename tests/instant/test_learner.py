"""Learning one style: the network starts as the one for any style, the loss falls, and states continue."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import impasto.instant.learned as learned_module
import impasto.instant.learning as learning
from impasto.backbones import load_weights
from impasto.images import quantize, read_picture
from impasto.instant import Learner, OneStyleTransformer, grid_energy, learning_recipe, load_networks
from impasto.instant import network as network_module
from impasto.instant.learned import encode_learned, learned_file, learned_network
from impasto.losses import gradient_energy, make_extractor
from impasto.recipe import Recipe

RANDOM = np.random.default_rng(0)
PHOTO = RANDOM.random((10, 8, 3), dtype=np.float32).repeat(8, 0).repeat(8, 1)
STYLE = RANDOM.random((20, 24, 3), dtype=np.float32).repeat(4, 0).repeat(4, 1)


def make_learner(steps: int = 60) -> Learner:
    recipe = learning_recipe(Recipe(precision="fp32"))
    extractor = make_extractor(load_weights(), recipe, precision="fp32", device=torch.device("cpu"))
    return Learner(load_networks(), extractor, recipe, style=STYLE, photos=[quantize(PHOTO)], steps=steps)


@pytest.fixture(autouse=True)
def small_crops(monkeypatch):
    monkeypatch.setattr(learning, "CROPS", ((0.0, 32), (0.9, 48)))


def test_without_noise_and_interpolation_it_begins_as_the_network_for_any_style(monkeypatch):
    networks, photo = load_networks(), torch.tensor(PHOTO).permute(2, 0, 1)[None, :, :46, :42]
    numbers = networks.predictor(torch.tensor(STYLE).permute(2, 0, 1)[None])
    wide = OneStyleTransformer()
    wide.start_from(networks.transformer, numbers, seed=3)
    torch.nn.init.zeros_(wide.noise.weight)
    interpolate = torch.nn.functional.interpolate
    monkeypatch.setattr(
        network_module.functional,
        "interpolate",
        lambda maps, **given: interpolate(maps, **{**given, "mode": "nearest"}),
    )
    with torch.no_grad():
        torch.testing.assert_close(wide(photo), networks.transformer(photo, numbers), atol=1e-3, rtol=0)


def test_the_grid_energy_is_that_of_the_four_columns_and_rows():
    picture = torch.rand(1, 3, 17, 21, dtype=torch.float64)
    expected = []
    for steps in (picture.diff(dim=3), picture.diff(dim=2).transpose(2, 3)):
        squares = (255 * steps) ** 2
        energies = [1 + squares[..., phase::4].mean(dim=(0, 1, 2)).mean() for phase in range(4)]
        mean = sum(energies) / 4
        expected.append(sum((torch.log(energy / mean) / 2) ** 2 for energy in energies) / 4)
    torch.testing.assert_close(grid_energy(picture), (expected[0] + expected[1]) / 2)


def test_repeated_pixels_have_a_grid_and_noise_has_none():
    noise = torch.rand(1, 3, 128, 128)
    repeated = noise[..., :64, :64].repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert grid_energy(noise) < 1e-3
    assert grid_energy(repeated) > 1


def test_learning_lowers_the_loss():
    learner = make_learner(24)
    losses = [sum(learner.advance().values()) for _ in range(20)]
    assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:4])


def test_a_state_continues_bit_for_bit():
    torch.set_num_threads(1)
    whole, first, second = make_learner(5), make_learner(5), make_learner(5)
    for _ in range(3):
        first.advance()
    second.load_state(*first.state())
    for _ in range(2):
        second.advance()
    for _ in range(5):
        whole.advance()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name


def test_noise_depends_on_the_seed_alone():
    network, photo = OneStyleTransformer(), torch.rand(1, 3, 20, 24)
    with torch.no_grad():
        assert torch.equal(network(photo, 1), network(photo, 1))
        assert not torch.allclose(network(photo, 1), network(photo, 2))


def test_a_file_holds_the_network_in_half_precision():
    network = OneStyleTransformer()
    data = encode_learned(network, b"picture", {})
    assert len(data) < 1_000_000
    loaded = learned_network(data)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], value.half().float(), rtol=0, atol=0)


def test_the_name_of_a_kept_input_is_no_path(tmp_path, monkeypatch):
    """The name is free text in a run folder of a stranger; a learned style elsewhere must not even be read."""
    monkeypatch.setattr(learned_module, "_FOLDER", tmp_path / "data")
    (tmp_path / "data").mkdir()
    picture = read_picture(STYLE)
    (tmp_path / "elsewhere.safetensors").write_bytes(
        encode_learned(OneStyleTransformer(), picture.encoded, {"sha256": picture.sha256})
    )
    assert learned_file(replace(picture, name="../elsewhere", suffix="")) is None


def test_the_contrasts_of_a_smaller_picture_count_where_a_mask_shows_the_style():
    style = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(1, 1, 32, 48)
    mask[..., :24] = 1
    whole = learning._coarse_energy(style[..., :24], None, 2)
    torch.testing.assert_close(whole, gradient_energy(torch.nn.functional.avg_pool2d(style[..., :24], 2)))
    # A difference across the mask's border counts by half.
    torch.testing.assert_close(learning._coarse_energy(style, mask, 2), whole, rtol=0.1, atol=0)
    lines = style.clone()
    lines[:, 2, ::8], lines[:, 2, 1::8] = 1, 1
    assert learning._coarse_energy(lines, None, 2)[1] > 1.5 * learning._coarse_energy(style, None, 2)[1]
