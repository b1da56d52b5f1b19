"""Sessions: networks and style targets are reused, and the pictures are those that are painted without a session."""

import gc
import weakref
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.conftest import QUICK
from tests.conftest import waves

import impasto
from impasto.api import Region, Style, plan_job, read_inputs, region_settings
from impasto.api import optimize as optimize_module
from impasto.losses import STYLE_LOSSES, GramLoss
from impasto.painting import level as level_module
from impasto.recipe import Recipe

LEFT = np.repeat((np.arange(64) < 32)[None, :, None], 48, axis=0).astype(np.float32).repeat(3, axis=2)


@pytest.fixture
def calls(monkeypatch) -> Counter:
    """How many networks were loaded and how many style images were measured."""
    counts = Counter()

    def count(module, name):
        function = getattr(module, name)

        def counted(*args, **options):
            counts[name] += 1
            return function(*args, **options)

        monkeypatch.setattr(module, name, counted)

    count(optimize_module, "load_weights")
    count(level_module, "measure_style")
    return counts


def test_the_second_picture_loads_no_network_and_measures_no_style(calls, photo, painting):
    session = impasto.Session(painting, **QUICK)
    session.stylize(photo)
    session.stylize(photo[::-1].copy(), content_weight=2.0, tv_weight=1.0, steps=1)
    assert calls == {"load_weights": 1, "measure_style": 1}


def test_other_layers_use_the_weights_that_are_loaded(calls, photo, painting):
    session = impasto.Session(painting, **QUICK)
    for layers in ("conv1_1", "conv2_1", "conv1_1,conv2_1", "conv1_1"):
        session.stylize(photo, style_layers=layers)
    assert calls["load_weights"] == 1


def test_a_style_image_is_known_by_its_content(calls, photo, tmp_path):
    recolored = impasto.recolor(photo, "night")
    paths = [recolored.save(tmp_path / name) for name in ("a.png", "b.png")]
    session = impasto.Session(**QUICK)
    for style in (*paths, paths[0].read_bytes()):
        session.stylize(photo, style)
    assert calls["measure_style"] == 1


@pytest.mark.parametrize(
    "changes", [{"color": "match"}, {"backbone": "alexnet", "style_layers": (), "content_layers": ()}]
)
def test_statistics_that_depend_on_the_photo_are_measured_again(calls, photo, painting, changes):
    changes = {name: value for name, value in {**QUICK, **changes}.items() if value != ()}
    session = impasto.Session(painting, **changes)
    other = photo[::-1].copy()
    session.stylize(photo)
    found = session.stylize(other)
    assert calls["measure_style"] == 2
    assert np.array_equal(found.pixels, impasto.stylize(other, painting, **changes).pixels)


def test_a_session_paints_the_same_picture_as_a_call_without_session(photo, painting):
    session = impasto.Session(painting, **QUICK)
    session.stylize(photo[::-1].copy())
    again = session.stylize(photo)
    alone = impasto.stylize(photo, painting, **QUICK)
    assert np.array_equal(again.pixels, alone.pixels)
    assert again.losses == alone.losses


MASK = np.repeat((np.arange(56) < 30)[None, :, None], 64, axis=0).astype(np.float32).repeat(3, axis=2)
CHOICES = {
    "size": (48, 64),
    "style_losses": ("gram", "mean_std", "wasserstein", "sliced"),
    "style_layers": ("conv1_1", "conv1_1,conv2_1"),
    "content_layers": ("conv1_2", "conv2_1"),
    "style_margin": (0.0, 0.2),
    "style_size": (None, 60, 61),
    "style_crop": ((), (5, 5, 40, 40)),
    "style_rotation": ((), 90, 10),
    "style_scale": ((), 0.9),
    "seed": (0, 1),
    "samples": (50, 100),
    "pooling": ("max", "l2"),
    "padding": ("zeros", "reflect"),
    "color": ("style", "luminance", "match"),
}


@st.composite
def jobs(draw):
    """Draw a style, a region and settings that concern the statistics of a style."""
    style = waves(64, 56, seed=draw(st.sampled_from([2, 3])))
    style = Style(style, MASK) if draw(st.booleans()) else style
    regions = [Region(LEFT, "keep")] if draw(st.booleans()) else []
    return style, regions, {name: draw(st.sampled_from(values)) for name, values in CHOICES.items()}


@settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(drawn=st.lists(jobs(), min_size=3, max_size=4))
def test_targets_of_different_jobs_are_not_mixed_up(photo, drawn):
    session = impasto.Session()

    def first_loss(session, style, regions, changes):
        recipe = Recipe(**{**QUICK, **changes}, regions=region_settings(regions))
        painter = session.painter(plan_job(recipe, read_inputs(photo, style, recipe, regions)))
        return painter.current.loss_of(painter.picture())

    for job in (*drawn, *drawn):
        assert first_loss(session, *job) == first_loss(impasto.Session(), *job)


def test_a_margin_that_leaves_the_same_size_is_another_target(calls, photo, painting):
    # 98 px minus 39 px on each side and 100 px minus 40 px are 20 px alike.
    session = impasto.Session(painting[:56, :56].copy(), **QUICK, style_margin=0.4)
    losses = [session.stylize(photo, style_size=size).losses["style"][0] for size in (98, 100)]
    assert calls["measure_style"] == 2
    assert losses[0] != losses[1]


def test_the_memory_of_targets_is_bounded(calls, photo, painting, monkeypatch):
    targets, measure = [], level_module.measure_style

    def remember(*args):
        target = measure(*args)
        targets.append(weakref.ref(target))
        return target

    monkeypatch.setattr(level_module, "measure_style", remember)
    # The Gram matrices of two layers take 4 * (64**2 + 128**2) bytes: 82 kB.
    session = impasto.Session(**QUICK, cache_megabytes=0.1)
    for style in (painting, painting[::-1].copy(), painting):
        session.stylize(photo, style)
    gc.collect()
    assert len(targets) == 3
    assert [target() is None for target in targets] == [True, True, False]


def test_a_target_that_is_too_large_to_be_kept_pushes_out_no_other(calls, photo, painting):
    # The Gram matrix of conv1_1 takes 16 kB, that of conv2_1 64 kB.
    session = impasto.Session(painting, **QUICK, cache_megabytes=0.05)
    for layer in ("conv1_1", "conv2_1", "conv1_1"):
        session.stylize(photo, style_layers=layer)
    assert calls["measure_style"] == 2


def test_a_loss_that_is_registered_anew_is_measured_anew(calls, photo, painting, monkeypatch):
    session = impasto.Session(painting, **QUICK)
    session.stylize(photo)
    monkeypatch.setitem(STYLE_LOSSES, "gram", type("Other", (GramLoss,), {}))
    session.stylize(photo)
    assert calls["measure_style"] == 2


def test_what_a_run_needed_is_released_at_its_end_without_garbage_collection(photo, painting, monkeypatch):
    painters, make = [], optimize_module.Painter

    def remember(*args, **options):
        painter = make(*args, **options)
        painters.append(weakref.ref(painter))
        return painter

    monkeypatch.setattr(optimize_module, "Painter", remember)
    gc.disable()
    try:
        impasto.stylize(photo, painting, **QUICK)
        assert painters[0]() is None
    finally:
        gc.enable()


def test_two_threads_share_a_session(calls, photo, painting):
    session = impasto.Session(painting, **QUICK)
    photos = [photo, photo[::-1].copy()]
    runs = [session.start(one) for one in photos]
    for run, one in zip(runs, photos, strict=True):
        assert np.array_equal(run.wait().pixels, impasto.stylize(one, painting, **QUICK).pixels)
    assert calls["load_weights"] == 1 + len(photos)


def test_arguments_of_a_call_override_those_of_the_session(photo, painting):
    session = impasto.Session(painting, "draft", regions=[Region(LEFT, "keep")], **QUICK)
    for changes in ({}, {"styles": painting[::-1].copy()}, {"recipe": Recipe(**QUICK)}):
        assert len(session.stylize(photo, steps=1, **changes).recipe.regions) == 1
    result = session.stylize(photo, painting[::-1].copy(), Recipe(**QUICK), regions=[])
    assert result.recipe.with_changes(device="cpu", precision="fp32") == Recipe(**QUICK)


def test_planning_a_job_loads_no_weights(photo, painting, monkeypatch):
    for module in ("impasto.backbones.weights", "impasto.backbones", "impasto.api.optimize"):
        monkeypatch.setattr(f"{module}.load_weights", lambda *_: pytest.fail("weights are loaded"))
    recipe = Recipe(**{**QUICK, "size": 60, "levels": 2, "level_ratio": 1.1})
    job = plan_job(recipe, read_inputs(photo, painting, recipe))
    assert job.size == (60, 45)
    assert [(level.width, level.steps) for level in job.levels] == [(55, 2), (60, 2)]
    assert job.recipe.hardware.device == "cpu"
