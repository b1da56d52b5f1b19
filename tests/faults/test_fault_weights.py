"""Weights from strangers: refused in one line by their declared size, their kind of tensors, and their values."""

import os
import pickle
import struct
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto.backbones import load_weights
from impasto.backbones.weight_formats import CONVOLUTIONS, kernel_shape, read_tensors
from impasto.errors import InputError


def state(value: float = 1.0) -> dict[str, Tensor]:
    """A VGG-19 of one value, a few kB on disk."""
    tensors = {}
    for name in CONVOLUTIONS:
        tensors[f"{name}.weight"] = torch.full((1,), value).expand(kernel_shape(name))
        tensors[f"{name}.bias"] = torch.zeros(kernel_shape(name)[0])
    return tensors


def save(path: Path, content: object, **options: bool) -> Path:
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize("compresslevel", [1, 9])
def test_an_archive_that_would_expand_is_refused_before_it_is_read(tmp_path, monkeypatch, compresslevel):
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was read"))
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=compresslevel) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(10_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="is damaged"):
        read_tensors(path)


def test_a_declared_size_that_is_a_lie_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was read"))
    data = bytearray(save(tmp_path / "lie.pth", {"a": torch.ones(3)}).read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<I", 2**31)
    (tmp_path / "lie.pth").write_bytes(data)
    with pytest.raises(InputError, match="is damaged"):
        read_tensors(tmp_path / "lie.pth")


ODD = {
    "sparse": torch.ones(3, 3).to_sparse(),
    "without values": torch.ones(3, device="meta"),
    "no tensor": "text",
    "nested": {"a": torch.ones(1)},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ODD)
def test_tensors_that_no_network_has_are_refused(tmp_path, kind):
    with pytest.raises(InputError) as caught:
        read_tensors(save(tmp_path / "odd.pth", {"conv1_1.weight": ODD[kind]}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), -float("inf")])
def test_weights_of_zeros_or_without_finite_values_are_refused(tmp_path, value, zipped):
    path = save(tmp_path / "odd.pth", state(value), _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match=r"conv1_1\.weight holds (only zeros|values that are not finite)"):
        load_weights(str(path))


def test_one_kernel_of_zeros_is_named(tmp_path):
    tensors = state() | {"conv3_2.weight": torch.zeros(1).expand(kernel_shape("conv3_2"))}
    with pytest.raises(InputError, match=r"conv3_2\.weight holds only zeros"):
        load_weights(str(save(tmp_path / "odd.pth", tensors)))


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_an_antialiased_network_of_odd_values_or_shapes_is_refused(tmp_path, value):
    tensors = {f"lin{block}.model.1.weight": torch.ones(1, 2, 1, 1) for block in range(5)}
    tensors |= {"scaling_layer.shift": torch.ones(1, 3, 1, 1), "scaling_layer.scale": torch.ones(1, 3, 1, 1)}
    for block, (number, inputs) in enumerate([(0, 3), (3, 2), (6, 2), (8, 2), (10, 2)], start=1):
        tensors[f"net.slice{block}.{number}.weight"] = torch.full((2, inputs, 3, 3), value)
        tensors[f"net.slice{block}.{number}.bias"] = torch.ones(2)
    with pytest.raises(InputError, match="conv1_1 holds"):
        load_weights(str(save(tmp_path / "odd.pth", tensors)), "alexnet")
    tensors["net.slice2.3.weight"] = torch.ones(2, 5, 3, 3)
    tensors["net.slice1.0.weight"] = torch.ones(2, 3, 3, 3)
    with pytest.raises(InputError, match="conv2_1 has another shape"):
        load_weights(str(save(tmp_path / "odd.pth", tensors)), "alexnet")


@pytest.mark.parametrize("network", ["vgg19", "vgg16"])
def test_weights_are_no_pipe_that_could_be_waited_for(tmp_path, network):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="it is not a file"):
        load_weights(str(tmp_path / "pipe"), network)


def test_what_torch_finds_odd_about_a_file_is_not_told(tmp_path):
    def load(*_: object, **__: object) -> dict[str, Tensor]:
        warnings.warn("TypedStorage is deprecated", UserWarning, stacklevel=1)
        return {"a": torch.ones(1)}

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("error")
        patch.setattr(torch, "load", load)
        read_tensors(save(tmp_path / "old.pth", {"a": torch.ones(1)}, _use_new_zipfile_serialization=False))


def pickles() -> list[bytes]:
    """Pickles that run no code but make readers fail in many ways."""
    cut = [b"}q\x00" + b"(" * 1000 + b".", b"]" * 5000 + b".", b"K", b"(t.", b"R.", b"\x95" + b"\xff" * 8]
    cut += [b"\x8e" + struct.pack("<Q", 2**40), b"B" + struct.pack("<I", 2**31)]
    return [
        *(b"\x80\x04" + each for each in cut),
        *(pickle.dumps(each, 2) for each in ({1: 2}, [], "x", None, 10**400)),
    ]


@pytest.mark.parametrize("data", pickles(), ids=range(len(pickles())))
def test_crafted_pickles_are_refused_in_one_line(tmp_path, data):
    (tmp_path / "odd.pth").write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_tensors(tmp_path / "odd.pth")
    assert "\n" not in str(caught.value)


def test_a_file_damaged_anywhere_is_read_or_refused_in_one_line(tmp_path):
    data = save(tmp_path / "whole.pth", {"a": torch.arange(6.0), "b": torch.ones(2, 2)}).read_bytes()
    for place in range(0, len(data), 7):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[place] ^= flip
            (tmp_path / "odd.pth").write_bytes(damaged)
            try:
                read_tensors(tmp_path / "odd.pth")
            except InputError as error:
                text = str(error)
            else:
                text = ""
            assert "\n" not in text
