"""How much freed memory a process keeps, measured in child processes."""

import subprocess
import sys

import pytest
from tests.api.conftest import QUICK

from impasto.api import hardware, plan_job, read_inputs
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
        hardware._free_memory = lambda: 1e9
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
    monkeypatch.setattr(hardware, "_free_memory", lambda: 10e9)
    recipe = Recipe(device="cpu", precision="bf16")
    assert hardware.limit_memory(recipe, 10**6) == recipe
    assert hardware.limit_memory(recipe, 10**7).hardware.memory_limit == pytest.approx(8.5e9)
    assert hardware.limit_memory(recipe.with_changes(max_memory="3GB"), 10**7).hardware.max_memory == "3GB"


def test_a_limit_of_memory_does_not_leave_this_machine(photo):
    recipe = Recipe(**QUICK, max_memory="3GB")
    job = plan_job(recipe, read_inputs(photo, "night", recipe))
    assert job.recipe.hardware.max_memory == "3GB"
    assert "max_memory" not in picture_metadata(job.recipe, job.sources)["recipe"]["hardware"]
