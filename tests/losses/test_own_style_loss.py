"""A style loss defined outside the package, that of the example, works wherever a loss of the package does."""

import runpy
import threading
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest
import torch
from loss_inputs import random_map, seeded

import impasto
from impasto import recipe as recipes
from impasto.images import resize
from impasto.losses import STYLE_LOSSES, Mean, PositionWeights, StyleTarget
from impasto.losses.picture import LuminanceRange
from impasto.losses.statistics import mixed
from impasto.recipe import LossSettings

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_style_loss.py"
SETTINGS = {"style_losses": "skewness=1", "style_matching": 0.0, "size": 48, "steps": 8, "levels": 1}
SETTINGS |= {"device": "cpu", "precision": "fp32"}


@pytest.fixture(autouse=True)
def skewness():
    """The loss of the example, registered for one test."""
    with mock.patch.dict(STYLE_LOSSES), mock.patch.dict(recipes.STYLE_LOSSES):
        yield runpy.run_path(str(EXAMPLE))["Skewness"](impasto.Recipe(), LossSettings(weight=1.0))


def test_its_statistic_is_the_mean_of_cubes_and_adds_up(skewness):
    maps, mask = random_map(3, 5, 6), torch.rand(30, generator=seeded(), dtype=torch.float64)
    cubes = maps.flatten(2)[0].numpy() ** 3
    whole = skewness.measure(maps).value
    np.testing.assert_allclose(whole, cubes.mean(axis=1), rtol=1e-5)
    parts = [skewness.measure(maps, PositionWeights(weights)) for weights in (mask, 1 - mask)]
    np.testing.assert_allclose(parts[0].value, np.average(cubes, axis=1, weights=mask), rtol=2e-3)
    torch.testing.assert_close((parts[0] + parts[1]).value, whole, rtol=2e-3, atol=0)
    torch.testing.assert_close(mixed([skewness.measure(maps)] * 2, [0.3, 0.7]).value, whole)


def test_it_is_reduced_by_painting(photo, painting):
    losses = impasto.stylize(photo, painting, **SETTINGS).losses["style"]
    assert losses[-1] < 0.5 * losses[0]


def test_two_styles_are_mixed(photo, painting):
    # Both are the same picture: their mixture is that picture.
    alone, mixture = (
        impasto.stylize(photo, styles, style_mix=mix, **SETTINGS)
        for styles, mix in ((painting, ()), ([painting, painting], (30, 70)))
    )
    assert mixture.losses["style"][0] == pytest.approx(alone.losses["style"][0], rel=1e-4)
    other = impasto.stylize(photo, [painting, painting * np.float32([1, 0.4, 0.1])], **SETTINGS)
    assert other.losses["style"][0] != pytest.approx(alone.losses["style"][0], rel=1e-2)


def test_a_region_is_painted_and_a_kept_part_is_not(photo, painting):
    mask = np.zeros(photo.shape[:2], dtype=np.float32)
    mask[:, :32] = 1
    kept = impasto.Region(1 - mask, "keep")
    small = resize(photo, 48, 36)
    moved = np.abs(impasto.stylize(photo, painting, regions=[kept], init="content", **SETTINGS).pixels - small).mean(
        axis=2
    )
    assert moved[:, :20].mean() > 0.01
    assert moved[:, 28:].max() < 0.01


def test_a_resumed_run_ends_with_the_picture_of_an_uninterrupted_one(photo, painting, tmp_path):
    has_run = threading.Event()

    def stop_early(event):
        has_run.wait()
        if isinstance(event, impasto.Step) and event.step == 3:
            run.stop()

    run = impasto.start(photo, painting, run=tmp_path / "run", on_event=stop_early, **SETTINGS)
    has_run.set()
    assert run.wait().steps < SETTINGS["steps"]
    resumed = impasto.resume(tmp_path / "run").wait()
    assert np.array_equal(resumed.pixels, impasto.stylize(photo, painting, **SETTINGS).pixels)


@pytest.mark.parametrize("name", ["Skew", "skew=1", "3d", "a,b", ""])
def test_a_name_that_a_recipe_cannot_write_is_refused(name, skewness):
    with pytest.raises(ValueError, match="lower case"):
        impasto.register_style_loss(name, type(skewness))


def test_the_memory_of_any_statistic_is_known():
    class Pair(NamedTuple):
        mean: torch.Tensor
        name: str

    statistics = {
        ("a", "x"): Pair(torch.zeros(3), "x"),
        ("b", "x"): torch.zeros(5),
        ("c", "x"): Mean(1.0, torch.zeros(2)),
    }
    edge = torch.zeros(1, 3, 1, 1)
    assert StyleTarget(statistics, {}, LuminanceRange(edge, edge)).nbytes == 4 * 10
