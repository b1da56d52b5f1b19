"""The benchmarks of busy machines and of GPUs, as far as a free machine without a GPU can run them."""

import itertools
import os

import pytest
import torch

import busy
import gpu
from impasto.losses import Objective


def test_busy_processes_run_during_the_measurement_and_end_with_it():
    with busy.busy_cores(2) as loops:
        assert [loop.poll() for loop in loops] == [None, None]
    assert None not in [loop.poll() for loop in loops]


def test_cases_take_turns_and_ratios_compare_with_the_free_machine(monkeypatch):
    seconds = itertools.count(1.0)
    monkeypatch.setattr(busy, "paint", lambda *_: next(seconds))
    rows = busy.measure([256], ["own", "300000"], turns=3)
    assert [(row["GOMP_SPINCOUNT"], row["busy cores"]) for row in rows] == list(
        itertools.product(["own", "300000"], (0, 1, 2))
    )
    assert [row["seconds"] for row in rows] == [7, 8, 9, 10, 11, 12]
    assert rows[2]["times a free machine"] == pytest.approx(9 / 7)
    assert (rows[0]["fastest"], rows[0]["slowest"]) == (1, 13)


@pytest.mark.parametrize(("spin", "seen"), [("own", None), ("300000", "300000")])
def test_the_spin_count_of_a_case_reaches_the_program(monkeypatch, spin, seen):
    environments = []
    monkeypatch.setenv("GOMP_SPINCOUNT", "5")
    monkeypatch.setattr(busy.subprocess, "run", lambda *_, env, **__: environments.append(env))
    busy.paint(64, spin)
    assert environments[0].get("GOMP_SPINCOUNT") == seen
    assert environments[0]["PATH"] == os.environ["PATH"]


def test_a_quick_run_stores_nothing(monkeypatch, capsys):
    monkeypatch.setattr(busy, "paint", lambda *_: 1.0)
    monkeypatch.setattr(busy, "store", lambda *_, **__: pytest.fail("stored"))
    busy.main(["--quick"])
    assert "| 64 | own | 2 | 1 |" in capsys.readouterr().out


def test_without_cuda_the_gpu_benchmark_reports_that_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main(["--sizes", "512", "--precisions", "bf16"]) == 2
    assert capsys.readouterr().out.count("\n") == 1


def test_every_objective_is_captured_once_and_afterwards_everything_is_as_before(monkeypatch):
    class Graph:
        def __init__(self, evaluate, picture):
            captured.append(evaluate(picture))

        def __call__(self, picture):
            return "replayed", picture

    captured, original = [], lambda self, picture: ("evaluated", picture)
    monkeypatch.setattr(gpu, "GraphedObjective", Graph)
    monkeypatch.setattr(Objective, "value_and_grad", original)
    first, second = (object.__new__(Objective) for _ in range(2))
    with gpu.graphed_objectives():
        results = [one.value_and_grad(picture) for picture in (1, 2) for one in (first, second)]
    assert results == [("replayed", 1), ("replayed", 1), ("replayed", 2), ("replayed", 2)]
    assert captured == [("evaluated", 1)] * 2
    assert Objective.value_and_grad is original


def test_cases_beyond_the_time_limit_are_left_out(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu, "OUT", tmp_path)
    monkeypatch.setattr(gpu, "paint", lambda *_, **__: pytest.fail("painted"))
    rows = gpu.measure([512], ["fp32"], seconds=0.0)
    assert [(row["CUDA graphs"], row["remark"]) for row in rows] == [
        ("no", "left out: out of time"),
        ("yes", "left out: out of time"),
    ]
