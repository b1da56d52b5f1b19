import errno
import json
import os
import resource
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from impasto.errors import InputError
from impasto.runs.checkpoint import Checkpoint, CheckpointFiles

NEWEST = "checkpoint.safetensors"
PREVIOUS = "checkpoint.previous.safetensors"

FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
DTYPES = [*FLOATS, torch.int64, torch.int32, torch.uint8, torch.bool]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def bits(tensor: Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def described(state: dict[str, Tensor]) -> dict[str, Any]:
    return {name: (tensor.dtype, tensor.shape, bits(tensor)) for name, tensor in state.items()}


def loaded(folder: Path) -> Checkpoint:
    checkpoint = CheckpointFiles(folder).load()
    assert checkpoint is not None
    return checkpoint


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """A tensor of any bits, with NaN payloads and subnormal numbers."""
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
def test_a_checkpoint_is_restored_bit_for_bit(
    tmp_path: Path, state: dict[str, Tensor], scalars: dict[str, Any]
) -> None:
    CheckpointFiles(tmp_path).save(state, scalars)
    checkpoint = loaded(tmp_path)
    assert described(checkpoint.tensors) == described(state)
    assert repr(checkpoint.scalars) == repr(scalars)


def test_floats_that_json_does_not_have_are_restored(tmp_path: Path) -> None:
    CheckpointFiles(tmp_path).save({}, {"best": float("inf"), "last": float("nan")})
    assert repr(loaded(tmp_path).scalars) == "{'best': inf, 'last': nan}"


def test_views_of_one_memory_and_other_layouts_are_saved_by_value(tmp_path: Path) -> None:
    base = torch.arange(24.0).reshape(2, 3, 2, 2)
    state = {
        "whole": base,
        "half": base[1:],
        "transposed": base.transpose(0, 1),
        "channels_last": base.to(memory_format=torch.channels_last),
        "expanded": torch.ones(1).expand(5),
        "graph": torch.ones(3, requires_grad=True),
    }
    CheckpointFiles(tmp_path).save(state, {})
    restored = loaded(tmp_path).tensors
    for name, tensor in state.items():
        assert torch.equal(restored[name], tensor)
        assert restored[name].is_contiguous()
        assert not restored[name].requires_grad


def test_loaded_tensors_own_their_memory(tmp_path: Path) -> None:
    CheckpointFiles(tmp_path).save({"canvas": torch.full((1000,), 1.0)}, {})
    canvas = loaded(tmp_path).tensors["canvas"]
    with (tmp_path / NEWEST).open("rb+") as file:
        file.seek(-4000, os.SEEK_END)
        file.write(bytes(4000))
    assert canvas.eq(1.0).all()
    assert canvas.add_(1).eq(2.0).all()
    assert canvas.data_ptr() % 64 == 0


def test_the_file_has_the_layout_of_safetensors(tmp_path: Path) -> None:
    CheckpointFiles(tmp_path).save({"canvas": torch.tensor([1.5, -2.0])}, {"step": 7})
    raw = (tmp_path / NEWEST).read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    assert header["canvas"] == {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    assert json.loads(header["__metadata__"]["scalars"]) == {"step": 7}
    assert struct.unpack("<2f", raw[8 + length :]) == (1.5, -2.0)


def test_the_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    CheckpointFiles(tmp_path).save({}, {})
    (tmp_path / "ordinary").touch()
    assert (tmp_path / NEWEST).stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def saved_twice(folder: Path) -> CheckpointFiles:
    files = CheckpointFiles(folder)
    for step in (1, 2):
        files.save({"canvas": torch.full((8,), float(step)), "noise": torch.arange(5)}, {"step": step})
    return files


def test_only_the_two_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    saved_twice(tmp_path).save({}, {"step": 3})
    assert {path.name for path in tmp_path.iterdir()} == {NEWEST, PREVIOUS}
    assert loaded(tmp_path).scalars["step"] == 3
    (tmp_path / NEWEST).unlink()
    assert loaded(tmp_path).scalars["step"] == 2


def test_if_the_newest_file_is_truncated_anywhere_the_previous_one_is_loaded(tmp_path: Path) -> None:
    saved_twice(tmp_path)
    whole = (tmp_path / NEWEST).read_bytes()
    for length in range(len(whole)):
        (tmp_path / NEWEST).write_bytes(whole[:length])
        assert loaded(tmp_path).scalars["step"] == 1


def test_a_flipped_bit_in_tensors_or_values_is_detected(tmp_path: Path) -> None:
    saved_twice(tmp_path)
    whole = (tmp_path / NEWEST).read_bytes()
    for place in [*range(len(whole) - 72, len(whole)), whole.index(b"step"), whole.index(b"F32"), 0, 9]:
        damaged = bytearray(whole)
        damaged[place] ^= 1
        (tmp_path / NEWEST).write_bytes(damaged)
        assert loaded(tmp_path).scalars["step"] == 1, place


def test_two_damaged_checkpoints_are_an_error_of_one_line(tmp_path: Path) -> None:
    saved_twice(tmp_path)
    (tmp_path / NEWEST).write_bytes(b"no checkpoint at all")
    (tmp_path / PREVIOUS).write_bytes(b"")
    with pytest.raises(InputError, match=r"checkpoint\.safetensors cannot be used .*start the run again") as caught:
        CheckpointFiles(tmp_path).load()
    assert "\n" not in str(caught.value)


def test_a_damaged_checkpoint_never_replaces_the_good_previous_one(tmp_path: Path) -> None:
    saved_twice(tmp_path)
    (tmp_path / NEWEST).write_bytes(b"damaged")
    CheckpointFiles(tmp_path).save({}, {"step": 3})
    (tmp_path / NEWEST).unlink()
    assert loaded(tmp_path).scalars["step"] == 1


@pytest.mark.parametrize("failing", ["impasto.runs.checkpoint.save_file", "os.fsync", "os.replace", "shutil.copymode"])
def test_a_save_that_fails_changes_no_file_and_does_not_prevent_the_next(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_space: Callable[[str], None],
    files_in: Callable[[Path], dict[str, bytes]],
    failing: str,
) -> None:
    files = saved_twice(tmp_path)
    before = files_in(tmp_path)
    no_space(failing)
    with pytest.raises(OSError, match="No space left on device"):
        files.save({"canvas": torch.zeros(8)}, {"step": 3})
    monkeypatch.undo()
    assert files_in(tmp_path) == before
    files.save({}, {"step": 4})
    assert loaded(tmp_path).scalars["step"] == 4


def test_a_file_system_that_refuses_more_bytes_is_reported_with_its_reason(
    tmp_path: Path, files_in: Callable[[Path], dict[str, bytes]]
) -> None:
    files = saved_twice(tmp_path)
    before = files_in(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            files.save({"canvas": torch.zeros(100_000)}, {"step": 3})
        assert caught.value.errno == errno.EFBIG
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files_in(tmp_path) == before


def test_a_save_that_fails_between_its_two_renames_leaves_the_newest_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = saved_twice(tmp_path)
    real, calls = os.replace, iter([True, False])

    def once(source: Path, target: Path) -> None:
        if not next(calls):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr("os.replace", once)
    with pytest.raises(OSError, match="No space left"):
        files.save({}, {"step": 3})
    assert loaded(tmp_path).scalars["step"] == 2


def test_values_that_json_cannot_hold_are_refused_before_any_file_is_changed(tmp_path: Path) -> None:
    files = saved_twice(tmp_path)
    with pytest.raises(TypeError):
        files.save({}, {"step": torch.tensor(3)})
    assert loaded(tmp_path).scalars["step"] == 2
