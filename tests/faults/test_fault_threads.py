"""The number of threads changes no bit of a picture, and what does is said when a picture is repeated."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data

import impasto
from impasto.backbones import average, repetition_notice, total
from impasto.recipe import PRESETS

PAINT = """
import sys, impasto, torch
for precision in ("bf16", "fp32"):
    for preset in sys.argv[2:]:
        picture = impasto.stylize(sys.argv[1], "night", preset=preset, size=80, steps=4, levels=2, precision=precision)
        print(preset, precision, hash(picture.pixels.tobytes()), picture.losses["total"])
print("threads", torch.get_num_threads(), file=sys.stderr)
"""


def painted(threads: int, *words: str, environment, first: str = "impasto") -> tuple[str, str]:
    variables = environment | {"OMP_NUM_THREADS": str(threads), "PYTHONHASHSEED": "0"}
    ended = subprocess.run(
        [sys.executable, "-c", f"import {first}{PAINT}", *words],
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout, ended.stderr


OPTIMIZING = tuple(name for name, recipe in PRESETS.items() if recipe.method == "optimize")


@pytest.mark.parametrize(
    "presets", [("default",), pytest.param(OPTIMIZING, marks=pytest.mark.long)], ids=["default", "all"]
)
def test_a_preset_paints_the_same_picture_with_one_thread_and_with_two(tmp_path, presets):
    Image.fromarray(data.astronaut()[:400]).save(tmp_path / "photo.png")
    one, two = (painted(n, str(tmp_path / "photo.png"), *presets, environment=dict(os.environ)) for n in (1, 2))
    assert (one[1], two[1]) == ("threads 1\n", "threads 2\n")
    assert one[0] == two[0]
    assert one[0].count("\n") == 2 * len(presets)


def test_regions_give_the_same_picture_for_any_number_of_threads_and_again():
    photo = data.astronaut()[:448:2, :448:2]
    mask = np.zeros(photo.shape[:2], dtype=np.float32)
    mask[:, :100] = 1
    session, hashes = impasto.Session(), set()
    for threads in (2, 2, 1):
        regions = [impasto.Region(mask, "night"), impasto.Region(1 - mask, "mosaic")]
        picture = session.stylize(photo, regions=regions, size=224, steps=5, precision="fp32", threads=threads)
        hashes.add(hashlib.sha256(picture.pixels.tobytes()).hexdigest())
    assert len(hashes) == 1


@pytest.mark.parametrize("first", [pytest.param("impasto", marks=pytest.mark.long), "torch"])
def test_the_surroundings_of_a_process_change_no_bit_though_openmp_may_give_fewer_threads(tmp_path, first):
    Image.fromarray(data.astronaut()[:400]).save(tmp_path / "photo.png")
    usual = painted(1, str(tmp_path / "photo.png"), "draft", environment=os.environ)[0]
    others = {"OMP_SCHEDULE": "dynamic,1", "OMP_PROC_BIND": "true", "VIPS_CONCURRENCY": "5", "COLUMNS": "7"}
    for odd, threads in [({"OMP_THREAD_LIMIT": "1"}, 1 if first == "impasto" else 2), ({"OMP_DYNAMIC": " TRUE "}, 2)]:
        environment = os.environ | others | {"LC_ALL": "tr_TR.UTF-8", "PYTHONOPTIMIZE": "2"} | odd
        again = painted(2, str(tmp_path / "photo.png"), "draft", first=first, environment=environment)
        assert again == (usual, f"threads {threads}\n")


@given(
    size=st.integers(1, 300_000),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    shape=st.sampled_from(["line", "rows", "channels last"]),
)
def test_a_total_is_the_exact_sum_within_rounding_for_any_number_of_threads(size, dtype, shape):
    line = torch.randn(size, generator=torch.Generator().manual_seed(size), dtype=dtype)
    values = {
        "line": line,
        "rows": line[: size // 3 * 3].reshape(3, -1),
        "channels last": line[: size // 4 * 4].reshape(1, -1, 2, 2).contiguous(memory_format=torch.channels_last),
    }[shape]
    found, own = [], torch.get_num_threads()
    for threads in (1, 2, 3, 7):
        torch.set_num_threads(threads)
        found.append(total(values))
    torch.set_num_threads(own)
    assert all(torch.equal(one, found[0]) for one in found)
    exact = values.double().numpy().sum()
    rounding = torch.finfo(dtype).eps * np.sqrt(size) * float(values.abs().sum() + 1)
    assert float(found[0]) == pytest.approx(exact, abs=rounding)


def test_the_gradient_of_a_total_and_of_an_average_is_that_of_sum_and_mean():
    values = torch.randn(2, 3, 41, 43, requires_grad=True, dtype=torch.float64)
    for own, known in ((total, torch.sum), (average, torch.mean)):
        ours, theirs = (torch.autograd.grad(sum_(values.square()), values)[0] for sum_ in (own, known))
        torch.testing.assert_close(ours, theirs)


NOW = {"version": "1.0", "computed": {"torch": "2.1", "processor": "A B"}}


@pytest.mark.parametrize(
    ("then", "said"),
    [
        (NOW, None),
        ({}, None),
        ({"version": "1.0"}, None),
        (NOW | {"version": "0.9"}, "painted with impasto 0.9, here is impasto 1.0: "),
        (NOW | {"computed": {"torch": "2.0", "processor": "A"}}, "painted with torch 2.0, A, here is torch 2.1, A B: "),
    ],
)
def test_a_notice_names_what_differs(then, said):
    notice = repetition_notice(then, NOW)
    assert notice == (said and said + "the picture will look the same, but may not be equal bit for bit")
