"""A step of the default recipe on the GPU's code path reads no number on the host."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from impasto.losses import needed_layers, wasserstein
from impasto.painting import CanvasRegion, LevelOptimizer, Scene, StyleImage, optimizers, plan_levels
from impasto.painting import level as levels
from impasto.recipe import Recipe

READING = {"_local_scalar_dense", "nonzero", "_linalg_eigh", "is_nonzero", "equal", "masked_select", "_unique2"}
"""Operations for which a GPU makes the host wait."""


class NoReading(TorchDispatchMode):
    """Raises at any operation that reads a value of a tensor on the host."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.overloadpacket.__name__ not in READING, func
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_step_reads_no_number_on_the_host(make_extractor, monkeypatch, photo, painting, optimizer):
    # What a device of type cuda takes: no shortcut for small maps, roots by iteration instead of decomposition, and no
    # condition that decides in Python.
    for module in (optimizers, levels):
        monkeypatch.setattr(module, "choose", torch.where)
    monkeypatch.setattr(wasserstein, "has_few_positions", lambda maps: False)
    distance = wasserstein.bures_distance
    monkeypatch.setattr(wasserstein, "bures_distance", lambda *args, iterate: distance(*args, iterate=True))
    recipe = Recipe(size=64, levels=1, precision="fp32", optimizer=optimizer, keep_best=True, low_frequency_weight=1.0)
    (level,) = plan_levels(recipe, 64, 48)
    extractor = make_extractor(needed_layers(recipe))
    scene = Scene(content=photo, regions=(CanvasRegion(styles=(StyleImage(pixels=painting),)),))
    current = LevelOptimizer(recipe, scene.at(level), extractor, level)
    with NoReading():
        numbers = [current.advance() for _ in range(3)]
    assert numbers[2][:5].sum() < numbers[0][:5].sum()
