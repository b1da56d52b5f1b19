"""How much freed memory a process keeps, measured in child processes, and how many processes fit."""

import subprocess
import sys

import pytest
import torch
from tests.api.conftest import QUICK

from impasto.api import hardware, plan_job, processes_that_fit, read_inputs, usable_cores
from impasto.api.job import picture_metadata
from impasto.recipe import Recipe

_RESIDENT = """
import os, sys, torch
from impasto.api import hardware

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def measure(word):
    if word != "leave":
        hardware.keep_memory()
    if word == "scarce":
        hardware.free_memory = lambda: 1e9
        assert not hardware.return_memory_if_scarce(10**5)
        assert hardware.return_memory_if_scarce(10**6)
    before = resident()
    maps = torch.ones(64, 2**20)
    del maps
    print(word, resident() - before, flush=True)

for word in sys.argv[1:]:
    child = os.fork()
    if not child:
        measure(word)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
"""Loads torch once and measures each setting in a child process of its own."""


@pytest.fixture(scope="module")
def left_over() -> dict[str, int]:
    """How many of 256 MiB that were freed the process still has, by setting."""
    words = [sys.executable, "-c", _RESIDENT, "keep", "leave", "scarce"]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {word: int(number) for word, number in map(str.split, done.splitlines())}


def test_keep_memory_keeps_freed_memory(left_over):
    assert left_over["keep"] > 200 * 2**20
    assert left_over["leave"] < 50 * 2**20


def test_freed_memory_is_returned_if_memory_is_scarce(left_over):
    assert left_over["scarce"] < 50 * 2**20


def test_only_a_picture_that_might_not_fit_gets_a_limit_of_what_is_free_less_a_reserve(monkeypatch):
    monkeypatch.setattr(hardware, "free_memory", lambda: 10e9)
    recipe = Recipe(device="cpu", precision="bf16")
    assert hardware.limit_memory(recipe, 10**6) == recipe
    assert hardware.limit_memory(recipe, 10**7).hardware.memory_limit == pytest.approx(8.5e9)
    assert hardware.limit_memory(recipe.with_changes(max_memory="3GB"), 10**7).hardware.max_memory == "3GB"


def test_a_limit_of_memory_does_not_leave_this_machine(photo):
    recipe = Recipe(**QUICK, max_memory="3GB")
    job = plan_job(recipe, read_inputs(photo, "night", recipe))
    assert job.recipe.hardware.max_memory == "3GB"
    assert "max_memory" not in picture_metadata(job.recipe, job.sources)["recipe"]["hardware"]


@pytest.mark.parametrize(
    ("gigabytes", "cores", "settings", "expected"),
    [
        (1_000, 8, {}, 8),
        (float("inf"), 8, {}, 8),
        (1_000, 1, {}, 1),
        (4, 8, {}, 2),  # three of 1.2 GB would leave too little for others
        (4, 8, {"precision": "fp32"}, 1),
        (4, 8, {"size": 256}, 4),
        (4, 8, {"size": 1024}, 1),
        (4, 8, {"size": 256, "style_size": 1024}, 1),
        (16, 8, {"size": "photo"}, 1),
        (16, 8, {"size": "photo", "max_megapixels": 1}, 3),
        (0.1, 8, {}, 1),
        (1_000, 8, {"threads": 4}, 1),
    ],
)
def test_as_many_processes_paint_as_there_are_cores_and_memory(monkeypatch, gigabytes, cores, settings, expected):
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores)
    monkeypatch.setattr(hardware, "free_memory", lambda: gigabytes * 1e9)
    recipe = Recipe(**{"size": 512, "device": "cpu", "precision": "bf16"} | settings)
    assert processes_that_fit(recipe) == expected


@pytest.mark.parametrize(
    ("limit", "expected"), [("250000 100000", 2), ("50000 100000", 1), ("max 100000", 8), (None, 8)]
)
def test_a_container_has_as_many_cores_as_its_processor_time_allows(monkeypatch, tmp_path, limit, expected):
    if limit:
        (tmp_path / "cpu.max").write_text(f"{limit}\n")
    monkeypatch.setattr(hardware, "_CGROUP", tmp_path)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    assert usable_cores() == expected
