"""Batches on a real cluster of Ray with two nodes on this machine: the same pictures, and nothing lost."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from tests.api.conftest import QUICK
from tests.batch.conftest import RECIPE, make_batch, pictures, same

from impasto.batch import MANIFEST, Painter, on_ray

pytestmark = pytest.mark.long

SLOW = RECIPE.with_changes(steps=40)
_MEMORY = 100 * 2**20

for _name, _value in {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # it listens on this machine only
}.items():
    os.environ.setdefault(_name, _value)


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two nodes with one processor each, to which this process is connected."""
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster()
    for _ in range(2):
        made.add_node(num_cpus=1, object_store_memory=_MEMORY, include_dashboard=False)
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


def wait_until(condition, seconds: float = 300.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def statuses(out: str) -> list[str]:
    lines = map(json.loads, Path(out, MANIFEST).read_text().splitlines())
    return [line["status"] for line in lines if line["type"] == "PictureDone"]


def in_work(out: str) -> list[Path]:
    """Return the run folders whose first checkpoint is written."""
    return [path.parent for path in Path(out).glob(".impasto/runs/*/checkpoint.safetensors")]


def test_pictures_are_the_same_as_in_one_process_bit_for_bit(cluster, paint, paint_alone):
    batch = paint(out="there", engine=on_ray)
    assert dict(batch.counts) == {"painted": 3}
    assert same(paint_alone(out="here", recipe=RECIPE), pictures("there"))
    assert dict(paint(out="there", engine=partial(on_ray, count=1)).counts) == {"skipped": 3}


def test_a_painter_works_in_a_pipeline_of_ray_data(cluster, paint_alone):
    import ray

    paint_alone("photos/a.png", out="here", recipe=RECIPE)
    photos = ray.data.read_binary_files(str(Path("photos/a.png").resolve()), include_paths=True)
    painted = photos.map_batches(
        Painter,
        fn_constructor_kwargs={"styles": str(Path("style.png").resolve())} | QUICK | {"steps": 2},
        compute=ray.data.ActorPoolStrategy(size=1),
        batch_size=1,
        num_cpus=1,
    )
    (row,) = painted.iter_rows()
    assert (row["status"], row["path"].endswith("photos/a.png")) == ("painted", True)
    assert row["picture"] == Path("here/a_style.png").read_bytes()


def test_a_worker_that_is_killed_loses_nothing(cluster, paint, paint_alone):
    logs = []

    def kill():
        run = wait_until(lambda: in_work("painted"))[0]
        os.kill(int((run / "run.lock").read_text()), signal.SIGKILL)
        with contextlib.suppress(FileNotFoundError):
            wait_until(lambda: '"Resumed"' in (run / "events.jsonl").read_text())
            logs.append(run)

    killer = threading.Thread(target=kill)
    killer.start()
    batch = paint(recipe=SLOW, engine=on_ray)
    killer.join()
    assert dict(batch.counts) == {"painted": 3}
    assert len(logs) == 1
    assert same(paint_alone(recipe=SLOW, out="here"), pictures("painted"))


def test_a_node_that_is_removed_loses_nothing(cluster, paint):
    node = cluster.add_node(num_cpus=1, object_store_memory=_MEMORY)
    raylet = node.all_processes["raylet"][0].process.pid

    def is_there(run: Path) -> bool:
        with contextlib.suppress(FileNotFoundError, ValueError):
            status = Path("/proc", (run / "run.lock").read_text().strip(), "stat").read_text()
            return int(status.rpartition(")")[2].split()[1]) == raylet
        return False

    def remove():
        wait_until(lambda: any(map(is_there, in_work("painted"))))
        cluster.remove_node(node, allow_graceful=False)
        removed.append(node)

    removed = []
    remover = threading.Thread(target=remove)
    remover.start()
    work = {"recipe": SLOW, "styles": ("style.png", "night", "mosaic")}
    batch = paint(engine=on_ray, **work)
    remover.join()
    assert removed
    assert dict(batch.counts) == {"painted": 9}
    paint(out="here", **work)
    assert same(pictures("here"), pictures("painted"))


def test_a_driver_that_is_killed_goes_on_when_it_is_started_again(cluster, folder, paint_alone):
    Path("recipe.toml").write_text(SLOW.as_toml())
    words = ["photos", "--style", "style.png", "-o", "painted", "--recipe", "recipe.toml"]
    words += ["--engine", "ray", "--address", cluster.address]
    driver = subprocess.Popen([sys.executable, "-m", "impasto", "batch", *words], stderr=subprocess.PIPE)
    wait_until(lambda: driver.poll() is not None or (Path("painted", MANIFEST).exists() and statuses("painted")))
    assert driver.poll() is None, driver.stderr.read()
    driver.kill()
    driver.communicate()
    # Its actors end with it, and leave their locks.
    done = len(statuses("painted"))
    batch = make_batch(recipe=SLOW)
    batch.paint(on_ray)
    assert batch.counts["skipped"] >= done >= 1
    assert batch.counts["skipped"] + batch.counts["painted"] == 3
    assert same(paint_alone(recipe=SLOW, out="here"), pictures("painted"))


def test_ctrl_c_leaves_checkpoints_on_every_node(cluster, folder):
    batch = make_batch(recipe=RECIPE.with_changes(steps=100_000))
    stopper = threading.Thread(target=lambda: (wait_until(lambda: len(in_work("painted")) == 2), batch.stop()))
    stopper.start()
    batch.paint(on_ray)
    stopper.join()
    assert dict(batch.counts) == {}
    assert len(in_work("painted")) == 2
