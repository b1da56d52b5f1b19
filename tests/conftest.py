"""Shared fixtures: the real weights, small pictures; the order of the tests, and the rule against skipped tests."""

import dataclasses
import os
import tempfile

# One thread a process, set before torch is loaded: the tests run in parallel, and threads that wait for each other
# on too few cores are many times slower. Child processes inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What this machine has measured or downloaded before has no part in the tests.
_CACHE = tempfile.TemporaryDirectory(prefix="impasto-cache-")
os.environ["XDG_CACHE_HOME"] = _CACHE.name

import impasto  # noqa: F401  # isort: skip  (before torch, so that it computes here as in a process of its own)

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch

import impasto.backbones.weights as weights_module
from impasto.backbones import FeatureExtractor, VGG19Weights, build_extractor, load_weights
from impasto.backbones.modules import probe_shapes
from impasto.backbones.weight_formats import CONVOLUTIONS

hypothesis.settings.register_profile("impasto", deadline=None)
hypothesis.settings.load_profile("impasto")

LONGEST = (
    "tests/studio/test_page",
    "tests/studio/",
    "tests/test_docs.py",
    "tests/test_site.py",
    "tests/score/test_quality.py",
    "tests/study/",
    "tests/batch/",
    "tests/cli/",
    "tests/api/",
    "tests/painting/",
)
"""The slowest test files, slowest first: started last, one of them would run alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest files first; the order inside a file is kept."""
    items.sort(key=lambda item: next((n for n, start in enumerate(LONGEST) if item.nodeid.startswith(start)), 99))


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Give whole files to the processes of `pytest -n`, in their order.

    What the tests of a file share (a studio that is served, a browser, a study) is made in one process then, not in
    each. Any other way of `--dist` than the usual one is left to pytest-xdist.
    """
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # pytest-xdist would begin with the files of the most tests
    return LoadFileScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With IMPASTO_NO_SKIPS set, a skipped test fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("IMPASTO_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line("skipped tests fail this run (IMPASTO_NO_SKIPS is set)", red=True)


@pytest.fixture(scope="session")
def weights() -> VGG19Weights:
    """The real VGG-19, decoded."""
    loaded = load_weights("embedded")
    return dataclasses.replace(loaded, layers=dict(loaded.layers))


@pytest.fixture(scope="module", autouse=True)
def decoded_once(weights):
    """Read the embedded weights once per process; their digest is still checked for every picture."""

    def writes() -> list[int]:
        return [values._version for layer in weights.layers.values() for values in layer]

    before = writes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights_module, "EmbeddedLayers", lambda path: weights.layers)
        yield
    assert writes() == before, "a test has written into the weights that all tests share"


@pytest.fixture(scope="session")
def make_extractor(weights):
    """Return a function that builds an extractor with the real weights."""

    def make(layers=("conv4_2", "conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"), **options) -> FeatureExtractor:
        return build_extractor(weights, layers=layers, device=torch.device("cpu"), **options)

    return make


@pytest.fixture
def small_weights() -> VGG19Weights:
    """A VGG-19 in float64 with random weights and three filters in every layer."""
    chance = torch.Generator().manual_seed(1)
    layers = {
        name: (
            torch.randn(3, 3, 3, 3, generator=chance, dtype=torch.float64) / 3,
            torch.rand(3, generator=chance, dtype=torch.float64),
        )
        for name in CONVOLUTIONS
    }
    return VGG19Weights(layers=layers, mean=(0.5, 0.4, 0.3), scale=(1.0, 2.0, 3.0), name="small", sha256="")


@pytest.fixture
def torchvision_standin(monkeypatch) -> None:
    """Provide a small package as torchvision: networks of its structure, with few channels and random weights."""
    probe_shapes.cache_clear()
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "torchvision"}
    monkeypatch.syspath_prepend(Path(__file__).parent / "standins")
    torch.manual_seed(5)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    sys.modules.update(before)
    probe_shapes.cache_clear()


@pytest.fixture
def no_torchvision(monkeypatch) -> None:
    """Make torchvision unavailable."""
    probe_shapes.cache_clear()
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.models", None)


def waves(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    """Draw a smooth colorful picture with edges, h x w x 3 in [0, 1]: a stand-in for a photo or a painting."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    channels = []
    for _ in range(3):
        fx, fy, phase = generator.uniform(2, 12, size=3)
        channels.append(np.sin(fx * x * 3 + phase) * np.cos(fy * y * 3 - phase) + 0.7 * (np.sin(9 * (x + fy * y)) > 0))
    picture = np.stack(channels, axis=-1)
    return ((picture - picture.min()) / np.ptp(picture)).astype(np.float32)


@pytest.fixture
def plain_charts(monkeypatch) -> None:
    """Make charts empty, because they take half of a small study's time."""
    monkeypatch.setattr("impasto.study.charts._to_svg", lambda _: "<svg></svg>")


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """A small photo-like picture, 48 x 64 x 3."""
    return waves(48, 64, seed=1)


@pytest.fixture(scope="session")
def painting() -> np.ndarray:
    """A small painting-like picture of another shape, 64 x 56 x 3."""
    return waves(64, 56, seed=2)


@pytest.fixture
def check_gradient():
    """Return a function that compares an extractor's gradient in float64 with a finite difference."""

    def check(extractor, picture, chance):
        pulls = {
            layer: torch.randn(maps.shape, generator=chance, dtype=torch.float64)
            for layer, maps in extractor(picture).items()
        }

        def loss(shown):
            seen = extractor(shown)
            return sum((seen[layer] * pull).sum() for layer, pull in pulls.items())

        leaf = picture.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(leaf), leaf)
        direction = torch.randn(picture.shape, generator=chance, dtype=torch.float64)
        step = 1e-7
        slope = (loss(picture + step * direction) - loss(picture - step * direction)) / (2 * step)
        assert float((gradient * direction).sum()) == pytest.approx(float(slope), rel=1e-4)

    return check


@pytest.fixture(scope="module")
def browser_flags():
    """Flags with which the browser of a module is started, besides the usual ones."""
    return ()


@pytest.fixture(scope="module")
def browser(browser_flags):
    """A headless browser; its driver holds the event loop of this thread, so that no other module should see it."""
    driver = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    with driver.sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", *browser_flags],
        )
        yield launched
        launched.close()


@pytest.fixture
def threads():
    """Compute with 1, 2, 3 and 5 threads, check that the tensors are equal bit for bit, and return one of them."""

    def same(compute: Callable[[], torch.Tensor]) -> torch.Tensor:
        found, own = [], torch.get_num_threads()
        try:
            for count in (1, 2, 3, 5):
                torch.set_num_threads(count)
                found.append(compute())
        finally:
            torch.set_num_threads(own)
        assert all(torch.equal(one, found[0]) for one in found[1:])
        return found[0]

    return same
