import errno
import json
import os
import resource
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from impasto.errors import InputError, RunError
from impasto.runs import checkpoint as module
from impasto.runs.checkpoint import CheckpointFiles

NEWEST = "checkpoint.safetensors"
PREVIOUS = "checkpoint.previous.safetensors"

DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def bits(tensor: Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(
        (left[name].dtype, left[name].shape, bits(left[name]))
        == (right[name].dtype, right[name].shape, bits(right[name]))
        for name in left
    )


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """A tensor of any bits: NaNs with payloads and subnormal numbers too."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    count = int(torch.Size(shape).numel())
    if dtype == torch.bool:
        return torch.tensor(draw(st.lists(st.booleans(), min_size=count, max_size=count)), dtype=dtype).reshape(shape)
    size = count * torch.empty(0, dtype=dtype).element_size()
    raw = draw(st.binary(min_size=size, max_size=size))
    return torch.frombuffer(bytearray(raw), dtype=dtype).reshape(shape) if raw else torch.empty(shape, dtype=dtype)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    state=st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), tensors(), max_size=4),
    scalars=st.dictionaries(st.text(), VALUES, max_size=4),
)
def test_a_checkpoint_comes_back_bit_for_bit(tmp_path: Path, state: dict[str, Tensor], scalars: dict[str, Any]) -> None:
    CheckpointFiles(tmp_path).save(state, scalars)
    loaded = CheckpointFiles(tmp_path).load()
    assert loaded is not None
    assert not loaded.previous
    assert same(loaded.tensors, state)
    assert repr(loaded.scalars) == repr(scalars)


def test_floats_that_json_does_not_have_come_back_too(tmp_path: Path) -> None:
    CheckpointFiles(tmp_path).save({}, {"best": float("inf"), "last": float("nan")})
    loaded = CheckpointFiles(tmp_path).load()
    assert loaded is not None
    assert repr(loaded.scalars) == "{'best': inf, 'last': nan}"


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert CheckpointFiles(tmp_path).load() is None


def test_views_of_one_memory_and_other_layouts_are_saved_as_they_look(tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(2, 3, 2, 2)
    state = {
        "whole": base,
        "half": base[1:],
        "turned": base.transpose(0, 1),
        "last": base.to(memory_format=torch.channels_last),
        "wide": torch.ones(1).expand(5),
        "graph": torch.ones(3, requires_grad=True),
    }
    CheckpointFiles(tmp_path).save(state, {})
    loaded = CheckpointFiles(tmp_path).load()
    assert loaded is not None
    for name, tensor in state.items():
        assert torch.equal(loaded.tensors[name], tensor)
        assert loaded.tensors[name].is_contiguous()
        assert not loaded.tensors[name].requires_grad


def test_loaded_tensors_own_their_memory(tmp_path: Path) -> None:
    files = CheckpointFiles(tmp_path)
    files.save({"canvas": torch.full((1000,), 1.0)}, {})
    loaded = files.load()
    assert loaded is not None
    raw = bytearray((tmp_path / NEWEST).read_bytes())
    raw[-4000:] = bytes(4000)
    with (tmp_path / NEWEST).open("rb+") as file:
        file.write(raw)
    assert loaded.tensors["canvas"].eq(1.0).all()
    assert loaded.tensors["canvas"].add_(1).eq(2.0).all()
    assert loaded.tensors["canvas"].data_ptr() % 64 == 0


def test_the_file_is_laid_out_as_safetensors_says(tmp_path: Path) -> None:
    CheckpointFiles(tmp_path).save({"canvas": torch.tensor([1.5, -2.0])}, {"step": 7})
    raw = (tmp_path / NEWEST).read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    assert header["canvas"] == {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    assert json.loads(header["__metadata__"]["scalars"]) == {"step": 7}
    assert struct.unpack("<2f", raw[8 + length :]) == (1.5, -2.0)


def test_the_file_may_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    CheckpointFiles(tmp_path).save({}, {})
    (tmp_path / "ordinary").touch()
    assert (tmp_path / NEWEST).stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_two_checkpoints_are_kept_and_nothing_else(tmp_path: Path) -> None:
    files = CheckpointFiles(tmp_path)
    for step in (1, 2, 3):
        files.save({"canvas": torch.tensor([float(step)])}, {"step": step})
    assert {path.name for path in tmp_path.iterdir()} == {NEWEST, PREVIOUS}
    (tmp_path / NEWEST).unlink()
    loaded = files.load()
    assert loaded is not None
    assert (loaded.scalars["step"], loaded.previous) == (2, True)


def saved_twice(folder: Path) -> CheckpointFiles:
    files = CheckpointFiles(folder)
    for step in (1, 2):
        files.save({"canvas": torch.full((8,), float(step)), "noise": torch.arange(5)}, {"step": step})
    return files


def test_a_checkpoint_cut_at_any_byte_gives_the_one_before(tmp_path: Path) -> None:
    saved_twice(tmp_path)
    whole = (tmp_path / NEWEST).read_bytes()
    for length in range(len(whole)):
        (tmp_path / NEWEST).write_bytes(whole[:length])
        loaded = CheckpointFiles(tmp_path).load()
        assert loaded is not None
        assert (loaded.scalars["step"], loaded.previous) == (1, True)


def test_a_flipped_bit_anywhere_in_tensors_or_values_is_seen(tmp_path: Path) -> None:
    saved_twice(tmp_path)
    whole = (tmp_path / NEWEST).read_bytes()
    for place in [*range(len(whole) - 72, len(whole)), whole.index(b"step"), whole.index(b"F32"), 0, 9]:
        damaged = bytearray(whole)
        damaged[place] ^= 1
        (tmp_path / NEWEST).write_bytes(damaged)
        loaded = CheckpointFiles(tmp_path).load()
        assert loaded is not None
        assert loaded.scalars["step"] == 1, place


def test_only_damaged_checkpoints_are_an_error_of_one_line(tmp_path: Path) -> None:
    saved_twice(tmp_path)
    (tmp_path / NEWEST).write_bytes(b"no checkpoint at all")
    (tmp_path / PREVIOUS).write_bytes(b"")
    with pytest.raises(InputError, match=r"checkpoint\.safetensors is damaged .*start the run again") as caught:
        CheckpointFiles(tmp_path).load()
    assert "\n" not in str(caught.value)


def test_a_damaged_checkpoint_never_takes_the_place_of_the_good_one_before(tmp_path: Path) -> None:
    saved_twice(tmp_path)
    (tmp_path / NEWEST).write_bytes(b"damaged")
    CheckpointFiles(tmp_path).save({}, {"step": 3})
    (tmp_path / NEWEST).unlink()
    loaded = CheckpointFiles(tmp_path).load()
    assert loaded is not None
    assert loaded.scalars["step"] == 1


def no_space(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("failing", ["save_file", "flush_file", "os.replace", "shutil.copymode"])
def test_a_full_disk_leaves_both_checkpoints_and_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    files = saved_twice(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(f"{module.__name__}.{failing}", no_space)
        with pytest.raises(RunError, match=r"cannot save .*: No space left on device; .*impasto resume") as caught:
            files.save({"canvas": torch.zeros(8)}, {"step": 3})
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    files.save({}, {"step": 4})
    loaded = files.load()
    assert loaded is not None
    assert loaded.scalars["step"] == 4


def test_a_file_system_that_takes_no_more_bytes_is_told_in_one_line(tmp_path: Path) -> None:
    files = saved_twice(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(RunError, match=r"cannot save .*: File too large; what was saved before is kept") as caught:
            files.save({"canvas": torch.zeros(100_000)}, {"step": 3})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_save_that_fails_between_its_two_renames_leaves_the_newest_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = saved_twice(tmp_path)
    real, calls = os.replace, iter([True, False])

    def once(source: Path, target: Path) -> None:
        real(source, target) if next(calls) else no_space()

    with monkeypatch.context() as patch:
        patch.setattr(f"{module.__name__}.os.replace", once)
        with pytest.raises(RunError):
            files.save({}, {"step": 3})
    loaded = CheckpointFiles(tmp_path).load()
    assert loaded is not None
    assert loaded.scalars["step"] == 2


def test_values_that_json_cannot_hold_are_refused_before_anything_is_touched(tmp_path: Path) -> None:
    files = saved_twice(tmp_path)
    with pytest.raises(TypeError):
        files.save({}, {"step": torch.tensor(3)})
    loaded = files.load()
    assert loaded is not None
    assert loaded.scalars["step"] == 2
