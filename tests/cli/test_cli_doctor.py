"""`impasto doctor`: what it finds, and what it says of an installation in which something is wrong."""

import json
import subprocess
import sys
from importlib.metadata import version
from types import SimpleNamespace

import pytest
import torch

import impasto.cli.checkup as checkup
from impasto.errors import InputError


@pytest.fixture
def only(monkeypatch):
    """Return a function that lets the doctor make only the checks with these names."""

    def choose(*names: str) -> None:
        monkeypatch.setattr(checkup, "_CHECKS", tuple(getattr(checkup, name) for name in names))

    return choose


def test_a_sound_installation_is_described_and_nothing_is_wrong(impasto):
    outcome = impasto("doctor", "--json")
    report = json.loads(outcome.out)
    found = {finding["name"]: finding["value"] for finding in report["findings"]}
    assert (outcome.code, report["problems"]) == (0, 0), report
    assert (found["torch"], found["numpy"]) == (torch.__version__, version("numpy"))
    assert found["device"].split(",")[0] in ("cpu", "cuda", "mps")
    assert found["precision"].split()[0] in ("bf16", "fp32")
    assert {"memory", "threads", "cache", "weights", "extra studio", "Chromium", "FFmpeg", "trial"} <= set(found)
    assert "extra dev" not in found


def test_people_read_one_line_for_each_finding(impasto, only):
    only("_versions", "_programs")
    outcome = impasto("doctor")
    assert (outcome.code, outcome.err) == (0, "")
    *lines, empty, last = outcome.out.splitlines()
    assert (empty, last) == ("", "nothing is wrong")
    assert {line.split()[0] for line in lines} >= {"impasto", "python", "torch", "pyvips", "Chromium"}


def test_a_library_that_cannot_be_loaded_is_named_with_the_command_that_repairs_it(impasto, only, monkeypatch):
    only("_versions")
    monkeypatch.setitem(sys.modules, "pyvips", None)
    outcome = impasto("doctor")
    assert outcome.code == 1
    last = outcome.out.splitlines()[-1]
    assert last.startswith("! pyvips: ")
    assert "install --force-reinstall pyvips" in last


def test_a_folder_that_cannot_be_written_and_a_full_disk_are_named(impasto, only, folder, monkeypatch):
    only("_disk")
    (folder / "file").touch()
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(folder / "file" / "impasto"))
    last = impasto("doctor").out.splitlines()[-1]
    assert last.startswith("! cache: ")
    assert "XDG_CACHE_HOME" in last
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(folder))
    monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=1e6))
    assert "almost full" in impasto("doctor").out


def test_damaged_weights_are_wrong_and_weights_that_nobody_asked_for_are_not(impasto, only, monkeypatch):
    only("_weights")

    def describe(which: str) -> None:
        raise InputError(f"the weights of {which} are not here")

    monkeypatch.setattr("impasto.backbones.describe_weights", describe)
    outcome = impasto("doctor")
    assert outcome.code == 1
    assert [line for line in outcome.out.splitlines() if line.startswith("!")][1:] == [
        "! weights: the weights of embedded are not here"
    ]


def test_a_card_that_this_torch_cannot_use_is_wrong(impasto, only, monkeypatch):
    only("_device")
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr("torch.version.cuda", None)
    outcome = impasto("doctor")
    assert outcome.code == 1
    assert "was built for processors" in outcome.out


def test_little_memory_is_wrong(impasto, only, monkeypatch):
    only("_memory")
    monkeypatch.setattr("impasto.api.hardware.free_memory", lambda: 0.4e9)
    monkeypatch.setattr("impasto.api.free_memory", lambda: 0.4e9)
    assert "--size 256" in impasto("doctor").out


def test_without_torch_the_doctor_still_answers(folder):
    program = "import sys; sys.modules['torch'] = None; from impasto.cli import main; sys.exit(main(['doctor']))"
    ended = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "! torch: " in ended.stdout
    assert "  Chromium " in ended.stdout
