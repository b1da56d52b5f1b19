"""The same call gives the same picture, whatever else is painted at the same time or was painted before."""

import threading

import numpy as np
import pytest
import torch

import impasto

BASE = {"size": 48, "steps": 2, "levels": 1, "device": "cpu", "precision": "fp32"}
BASE |= {"content_layers": "conv2_1", "style_layers": "conv1_1,conv2_1"}
CALLS = [
    {"style_losses": "wasserstein", "strength": 70},
    {"init": "noise", "seed": 3, "style_losses": "sliced=1,nearest=0.5", "samples": 64, "directions": 8},
    {"style_losses": "gram", "optimizer": "adam"},
    {"color": "luminance", "content_losses": "features=1,self_similarity=1", "samples": 64},
]


def paint(photo, painting, call, **more) -> np.ndarray:
    return impasto.stylize(photo, painting, **BASE | call, **more).pixels


@pytest.fixture(scope="module")
def alone(photo, painting) -> list[np.ndarray]:
    """The pictures of the calls, painted one after the other."""
    return [paint(photo, painting, call) for call in CALLS]


@pytest.mark.parametrize("shared", [False, True], ids=["without a session", "in one session"])
def test_calls_beside_each_other_give_the_pictures_that_they_give_alone(photo, painting, alone, shared):
    session = impasto.Session() if shared else None
    ready, found = threading.Barrier(len(CALLS)), {}

    def together(index: int) -> None:
        ready.wait()
        found[index] = paint(photo, painting, CALLS[index], session=session)

    threads = [threading.Thread(target=together, args=(index,)) for index in range(len(CALLS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [np.array_equal(found[index], picture) for index, picture in enumerate(alone)] == [True] * len(CALLS)


def test_a_run_takes_no_number_of_threads_from_a_run_beside_it_or_before_it(photo, painting):
    own = torch.get_num_threads()
    inside, counts = threading.Event(), []
    done = threading.Event()

    def wait(_: object) -> None:
        inside.set()
        done.wait()

    other = impasto.start(photo, painting, threads=own + 1, on_event=wait, **BASE)
    inside.wait()
    paint(photo, painting, CALLS[0], on_event=lambda _: counts.append(torch.get_num_threads()))
    done.set()
    other.wait()
    paint(photo, painting, CALLS[0], on_event=lambda _: counts.append(torch.get_num_threads()))
    assert set(counts) == {own}
    assert torch.get_num_threads() == own
