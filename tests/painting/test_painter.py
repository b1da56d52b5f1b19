"""The loop with the real network at small sizes: events and state."""

import sys

import numpy as np
import pytest
from tests.conftest import waves

from impasto.api import stylize
from impasto.color import recolor
from impasto.errors import InputError, RunError
from impasto.events import Finished, LevelStarted, Snapshot, Step
from impasto.losses import TERMS, Objective, needed_layers
from impasto.painting import CanvasRegion, Painter, Scene, StyleImage, plan_levels
from impasto.recipe import PRESETS, Recipe

SMALL = {"content_layers": ("conv3_1",), "style_layers": ("conv1_1", "conv2_1", "conv3_1")}

# The tests below do not depend on the defaults.
PLAIN = {
    "content_layers": ("conv4_2",),
    "content_losses": ("features",),
    "style_layers": ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"),
    "style_losses": ("gram",),
    "content_weight": 1.0,
    "style_weight": 20.0,
    "tv_weight": 0.0,
    "luminance_range_weight": 0.0,
    "style_margin": 0.0,
    "saliency_weight": 0.0,
    "style_matching": 0.0,
    "coarse_content": 1.5,
    "normalization": "relative",
    "pooling": "l2",
    "padding": "reflect",
    "canvas": "box",
    "optimizer": "lbfgs",
    "levels": 1,
    "steps": 6,
}


@pytest.fixture
def make_painter(make_extractor, photo, painting):
    def make(size=(64, 48), content=photo, style=painting, init=None, start="recolored", **changes):
        recipe = Recipe(**{**PLAIN, "init": start, **changes})
        options = {"pooling": recipe.network.pooling, "padding": recipe.network.padding}
        if recipe.hardware.precision == "bf16":
            options["precision"] = "bf16"
        extractor = make_extractor(needed_layers(recipe), **options)
        margin = 0.0 if recipe.style.crop else recipe.style.margin
        image = StyleImage(pixels=style, margin=margin, long_side=recipe.style.size)
        scene = Scene(content=content, regions=(CanvasRegion(styles=(image,)),), init=init)
        return Painter(recipe, scene, extractor, levels=plan_levels(recipe, *size))

    return make


def losses(events):
    return [event.loss for event in events if isinstance(event, Step)]


def test_painting_loads_nothing_for_symbolic_shapes(make_painter, monkeypatch):
    # Torch would load it, and with it SymPy, to check a gradient that it is given.
    monkeypatch.setitem(sys.modules, "torch.fx.experimental.symbolic_shapes", None)
    assert len(losses(make_painter(steps=2, **SMALL).paint())) == 2


def test_events_come_in_order_and_count_over_all_levels(make_painter):
    painter = make_painter(size=(128, 96), levels=2, steps=5, coarse_steps=1.5, snapshots=(2, 4), **SMALL)
    events = list(painter.paint())
    assert [type(event).__name__ for event in events] == [
        "LevelStarted", "Step", "Step", "Snapshot", "Step", "LevelStarted", "Step", "Snapshot", "Step", "Finished",
    ]  # fmt: skip
    assert [event.step for event in events if isinstance(event, Step)] == [1, 2, 3, 4, 5]
    started = [event for event in events if isinstance(event, LevelStarted)]
    assert [(e.level, e.levels, e.width, e.height, e.step) for e in started] == [(0, 2, 64, 48, 0), (1, 2, 128, 96, 3)]
    assert [e.image.shape for e in events if isinstance(e, Snapshot)] == 2 * [(96, 128, 3)]
    assert events[-1] == Finished(
        step=5,
        loss=events[-3].loss if isinstance(events[-3], Step) else events[-2].loss,
        saved_loss=events[-1].saved_loss,
        seconds=events[-1].seconds,
        reason="steps",
    )


@pytest.mark.parametrize("detail", [0.0, 1.0])
@pytest.mark.parametrize("color", ["style", "photo", "luminance"])
def test_the_full_size_picture_of_a_coarse_level_is_what_the_next_level_starts_from(make_painter, detail, color):
    painter = make_painter(size=(128, 96), levels=2, steps=4, residual_detail=detail, color=color, **SMALL)
    for event in painter.paint():
        if isinstance(event, LevelStarted) and event.level == 1:
            break
        assert painter.preview().shape == (48, 64, 3)
        enlarged = painter.picture()
    assert np.array_equal(painter.picture(), enlarged)
    assert np.array_equal(painter.preview(), enlarged)


def test_terms_sum_to_the_loss_and_the_loss_falls(make_painter):
    steps = [
        event
        for event in make_painter(tv_weight=1e-4, low_frequency_weight=0.1, **SMALL).paint()
        if isinstance(event, Step)
    ]
    for step in steps:
        assert step.loss == pytest.approx(sum(step.terms.values()), rel=1e-6)
        assert tuple(step.terms) == TERMS == ("content", "style", "low_frequency", "luminance_range", "tv", "temporal")
    assert steps[-1].loss < steps[0].loss


def test_the_reported_loss_is_the_loss_of_the_returned_picture(make_painter):
    painter = make_painter(**SMALL)
    *_, finished = painter.paint()
    assert painter.current.loss_of(painter.picture()) == pytest.approx(finished.loss, rel=1e-4)


def test_rounding_to_8_bits_changes_the_loss_by_less_than_2_percent_on_the_box_canvas(make_painter):
    *_, finished = make_painter(canvas="box", steps=30, style_weight=10, start="content").paint()
    assert finished.saved_loss == pytest.approx(finished.loss, rel=0.02)


def test_clipping_costs_the_free_canvas_more_than_the_box_canvas(make_painter):
    # Black and white stripes as style drive free pixels out of the range.
    stripes = np.repeat((np.arange(64) // 4 % 2).astype(np.float32), 64 * 3).reshape(64, 64, 3)
    gaps = {}
    for canvas in ("box", "free"):
        *_, end = make_painter(canvas=canvas, style=stripes, steps=30, content_weight=0, **SMALL).paint()
        gaps[canvas] = end.saved_loss / end.loss - 1
    assert gaps["free"] > 5 * abs(gaps["box"])


def test_a_seed_repeats_the_picture_bit_for_bit(make_painter):
    pictures = []
    for seed in (1, 1, 2):
        painter = make_painter(start="noise", seed=seed, **SMALL)
        list(painter.paint())
        pictures.append(painter.picture())
    assert np.array_equal(pictures[0], pictures[1])
    assert np.abs(pictures[0] - pictures[2]).mean() > 0.02


def test_a_plateau_ends_a_level_early(make_painter):
    events = list(make_painter(plateau=0.5, steps=200, size=(48, 32), **SMALL).paint())
    assert events[-1].reason == "plateau"
    seen = losses(events)
    assert 20 < len(seen) < 200
    assert seen[-1] > 0.5 * seen[-21]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_painter_that_continues_from_a_state_ends_with_the_same_picture(make_painter, optimizer):
    settings_ = {"size": (128, 96), "levels": 2, "steps": 8, "optimizer": optimizer, "keep_best": True, **SMALL}
    whole, states = make_painter(**settings_), {}
    for event in whole.paint():
        if isinstance(event, Step) and event.step in (2, 5, 7):
            tensors, values = whole.state()
            states[event.step] = {name: tensor.clone() for name, tensor in tensors.items()}, dict(values)
    for at, state in states.items():
        other = make_painter(**settings_)
        other.load_state(*state)
        later = [event.step for event in other.paint() if isinstance(event, Step)]
        assert later == list(range(at + 1, 9))
        assert np.array_equal(whole.picture(), other.picture()), at
    assert len(states) == 3


@pytest.mark.parametrize("planned", [{"levels": 1}, {"levels": 2, "level_ratio": 1.5}], ids=["fewer", "other sizes"])
def test_the_state_of_other_levels_is_refused(make_painter, planned):
    before = make_painter(size=(128, 96), levels=2, steps=8, **SMALL)
    for event in before.paint():
        if isinstance(event, Step) and event.step == 2:
            tensors, values = before.state()
            break
    values["level"] = 1 if planned["levels"] == 1 else 0
    with pytest.raises(InputError, match="another version of impasto"):
        make_painter(size=(128, 96), steps=8, **planned, **SMALL).load_state(tensors, values)


@pytest.mark.parametrize(("optimizer", "steps"), [("lbfgs", 50), ("adam", 50), ("lbfgs", 6)])
def test_losses_without_a_finite_value_end_the_run_with_the_last_good_picture(
    make_painter, monkeypatch, optimizer, steps
):
    painter = make_painter(steps=steps, optimizer=optimizer, **SMALL)
    events = painter.paint()
    for _ in range(4):
        next(events)
    good = painter.picture()
    monkeypatch.setattr(
        Objective,
        "value_and_grad",
        lambda _, picture, *__: (dict.fromkeys(TERMS, picture.sum() * float("nan")), picture),
    )
    monkeypatch.setattr(Objective, "terms", lambda _, picture: dict.fromkeys(TERMS, picture.sum() * float("nan")))
    with pytest.raises(RunError, match="no finite value"):
        list(events)
    assert np.array_equal(painter.picture(), good)


def test_keep_best_returns_the_picture_of_the_lowest_loss(make_painter):
    painter = make_painter(optimizer="adam", learning_rate=200.0, steps=10, keep_best=True, start="content", **SMALL)
    seen = losses(painter.paint())
    assert seen[-1] > min(seen)
    assert painter.current.loss_of(painter.picture()) == pytest.approx(min(seen), rel=1e-3)


@pytest.mark.long
def test_one_level_in_bf16_at_577_pixels_does_not_diverge(make_painter):
    """The setting in which plain L-BFGS without a line search was seen to explode."""
    painter = make_painter(
        size=(577, 433), content=waves(433, 577, seed=3), style=waves(512, 640, seed=4),
        steps=30, precision="bf16", start="content", style_weight=10,
    )  # fmt: skip
    seen = [event.loss for event in painter.paint() if isinstance(event, Step) and event.improved]
    assert seen[-1] < 0.9 * seen[0]
    assert max(seen) == seen[0]


def test_damage_in_a_salient_place_costs_more(make_painter, photo):
    # The same damage counts more on a patch than on the plain ground.
    plain = np.full_like(photo, 0.5)
    plain[16:32, 8:24] = photo[16:32, 8:24]
    settings_ = {"content": plain, "style_weight": 0.0, "start": "content", "content_layers": ("conv3_1",)}
    gains = []
    for left in (8, 40):
        damaged = plain.copy()
        damaged[20:28, left + 4 : left + 12] = 0.1
        even, salient = (
            make_painter(saliency_weight=weight, **settings_).current.loss_of(damaged) for weight in (0.0, 10.0)
        )
        gains.append(salient / even)
    assert gains[0] > 1.5 * gains[1]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_start_is_recolored_by_the_share_of_the_recipe(make_painter, photo, painting, share):
    begun = make_painter(recolor=share, style_size=64, **SMALL).picture()
    colored = recolor(photo, painting)
    np.testing.assert_allclose(begun, photo + share * (colored - photo), atol=1e-5)


@pytest.mark.parametrize("start", ["recolored", "style"])
def test_a_frame_in_the_margin_of_the_style_is_not_used(make_painter, painting, start):
    framed = painting.copy()
    framed[:4], framed[-4:], framed[:, :4], framed[:, -4:] = 1, 0, 0, 1
    height, width = painting.shape[:2]
    settings_ = {
        "style_size": max(height, width),
        "style_losses": ("gram", "wasserstein", "gradient_energy"),
        "start": start,
    }
    settings_ |= {"luminance_range_weight": 1.0, "low_frequency_weight": 1.0, **SMALL}

    def seen(style, margin, **more):
        painter = make_painter(style=style, style_margin=margin, **settings_, **more)
        return painter.picture(), painter.current.loss_of(painter.picture())

    margin = 4 / min(height, width)
    (clean, loss), (cut, framed_loss) = seen(painting, margin), seen(framed, margin)
    assert np.array_equal(clean, cut)
    assert loss == framed_loss
    assert seen(framed, 0.0)[1] != pytest.approx(loss, rel=1e-2)
    # A part that was chosen by hand has no margin.
    assert seen(framed, margin, style_crop=(0, 0, 9, 9))[1] == seen(framed, 0.0)[1]


def test_the_low_frequency_target_is_the_recolored_photo(make_painter, photo, painting):
    weights = {"content_weight": 1e-9, "style_weight": 0.0, "low_frequency_weight": 1.0}
    red = painting * np.array([1.0, 0.2, 0.1], dtype=np.float32)
    level = make_painter(style=red, style_size=64, **weights, **SMALL).current
    assert level.loss_of(recolor(photo, red)) < 1e-6
    assert level.loss_of(photo) > 1e-3


@pytest.mark.parametrize("preset", [name for name, recipe in PRESETS.items() if recipe.method == "optimize"])
def test_another_seed_paints_another_picture_in_every_preset(photo, painting, preset):
    fields = {"size": 64, "steps": 6, "precision": "fp32"}
    first, repeated, other = (stylize(photo, painting, preset, seed=seed, **fields).pixels for seed in (1, 1, 2))
    assert np.array_equal(first, repeated)
    assert np.abs(first - other).mean() > 4 / 255


@pytest.mark.parametrize("start", ["content", "recolored", "style"])
def test_a_seed_varies_the_start_smoothly_and_without_moving_its_mean(make_painter, start):
    plain, varied = (make_painter(size=(256, 192), start=start, canvas="free", seed=seed).picture() for seed in (0, 3))
    noise = varied - plain
    assert 0.03 < noise.std() < 0.07
    assert abs(noise.mean()) < 0.02
    # Neighbors differ by less than pixels further apart.
    assert np.diff(noise, axis=1).std() < 0.7 * (noise[:, 8:] - noise[:, :-8]).std()


def test_a_seed_varies_nothing_where_the_style_counts_nothing(make_painter):
    pictures = [make_painter(strength=0.0, seed=seed, **SMALL).picture() for seed in (0, 1)]
    assert np.array_equal(*pictures)
