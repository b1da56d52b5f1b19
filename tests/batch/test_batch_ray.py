"""Batches on a real cluster of Ray with two nodes on this machine."""

import os
from functools import partial
from pathlib import Path

import pytest
from tests.api.conftest import QUICK
from tests.batch.conftest import RECIPE, pictures, same

from impasto.batch import Painter, on_ray

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
