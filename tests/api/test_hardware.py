"""What the process is told about its memory, seen from outside: in processes of their own."""

import subprocess
import sys

import pytest

_RESIDENT = """
import os, sys, torch
from impasto.api import hardware

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def tell(word):
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
        tell(word)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
"""Loads torch once and asks each question in a process that nothing was asked in before."""


@pytest.fixture(scope="module")
def left_over() -> dict[str, int]:
    """How many bytes of 256 MiB that were freed are still held, by what was asked for."""
    words = [sys.executable, "-c", _RESIDENT, "keep", "leave", "scarce"]
    told = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {word: int(number) for word, number in map(str.split, told.splitlines())}


def test_what_is_freed_is_kept_for_the_next_step_if_asked_for(left_over):
    assert left_over["keep"] > 200 * 2**20
    assert left_over["leave"] < 50 * 2**20


def test_what_is_freed_is_given_back_where_memory_is_scarce(left_over):
    assert left_over["scarce"] < 50 * 2**20
