"""What the process is told about its memory, seen from outside: in a process of its own."""

import subprocess
import sys

_RESIDENT = """
import sys, torch
from impasto.api import hardware
if sys.argv[1] != "leave":
    hardware.keep_memory()
if sys.argv[1] == "scarce":
    hardware._free_memory = lambda: 1e9
    assert not hardware.return_memory_if_scarce(10**5)
    assert hardware.return_memory_if_scarce(10**6)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
before = resident()
maps = torch.ones(64, 2**20)
del maps
print(resident() - before)
"""


def left_over(word: str) -> int:
    ran = subprocess.run([sys.executable, "-c", _RESIDENT, word], check=True, capture_output=True, text=True)
    return int(ran.stdout)


def test_what_is_freed_is_kept_for_the_next_step_if_asked_for():
    assert left_over("keep") > 200 * 2**20
    assert left_over("leave") < 50 * 2**20


def test_what_is_freed_is_given_back_where_memory_is_scarce():
    assert left_over("scarce") < 50 * 2**20
