"""Read what tensors files hold from their headers, and refuse files that lie about themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from amazon_ft.files import InputError
from amazon_ft.merging import weights
from amazon_ft.merging.weights import of_model, same, tensors


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    table = torch.arange(6, dtype=torch.bfloat16).view(2, 3)
    save_file({"table": table, "b": torch.ones(4), "head": table.clone(), "ids": torch.arange(3)}, path)
    return path


def _write(path: Path, header: object, body: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)
    return path


def _shards(folder: Path) -> Path:
    save_file({"a": torch.ones(2)}, folder / "model-00001-of-00002.safetensors")
    save_file({"b": torch.ones(3), "more": torch.ones(1)}, folder / "model-00002-of-00002.safetensors")
    placed = {"b": "model-00002-of-00002.safetensors", "a": "model-00001-of-00002.safetensors"}
    (folder / weights.INDEX).write_text(json.dumps({"weight_map": placed}))
    return folder


def test_the_header_tells_what_safetensors_finds(file: Path) -> None:
    found = tensors(file)
    with safe_open(file, framework="pt") as opened:
        assert {tensor.name for tensor in found} == set(opened.keys())
        for tensor in found:
            there = opened.get_tensor(tensor.name)
            assert (tensor.shape, tensor.bytes) == (tuple(there.shape), there.nbytes)
            start = file.read_bytes()[tensor.start : tensor.start + tensor.bytes]
            assert start == bytes(there.contiguous().view(torch.uint8).flatten().tolist())
    assert {tensor.dtype for tensor in found} == {"BF16", "F32", "I64"}


def test_two_tensors_are_the_same_byte_by_byte(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "BLOCK", 5)
    found = {tensor.name: tensor for tensor in tensors(file)}
    assert same(found["table"], found["head"])
    assert not same(found["table"], found["b"])
    whole = bytearray(file.read_bytes())
    whole[found["head"].start + 11] ^= 1
    file.write_bytes(whole)
    assert not same(found["table"], found["head"])


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b"", b""),
        (b"{", b""),
        (b"[1, 2]", b""),
        (b"\xff\xfe", b""),
        (b"[" * 100_000, b""),
        ({"a": ONE}, b"1234567"),
        ({"a": ONE}, b"123456789"),
        ({"a": {**ONE, "shape": [3]}}, b"12345678"),
        ({"a": {**ONE, "shape": "two"}}, b"12345678"),
        ({"a": {**ONE, "data_offsets": [0]}}, b"12345678"),
        ({"a": {**ONE, "data_offsets": [-4, 4]}}, b"12345678"),
        ({"a": {**ONE, "data_offsets": [8, 0]}}, b"12345678"),
        ({"a": {"dtype": "F32"}}, b"12345678"),
        ({"a": None}, b""),
    ],
    ids=str,
)
def test_a_torn_file_is_named(header: object, body: bytes, tmp_path: Path) -> None:
    file = _write(tmp_path / "model.safetensors", header, body)
    with pytest.raises(InputError, match=r"model\.safetensors is no whole safetensors file"):
        tensors(file)


def test_a_header_that_claims_gigabytes_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    with pytest.raises(InputError, match="a header of 4,611,686,018,427,387,904 bytes"):
        tensors(file)
    file.write_bytes((99).to_bytes(8, "little") + b"{}")
    with pytest.raises(InputError, match="a header of 2 bytes and not 99"):
        tensors(file)


def test_a_model_is_read_shard_by_shard_as_its_index_says(tmp_path: Path) -> None:
    assert [tensor.name for tensor in of_model(_shards(tmp_path))] == ["a", "b"]


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    (_shards(tmp_path) / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError, match=r"lacks model-00002-of-00002\.safetensors, which its model\.safetensors"):
        of_model(tmp_path)


@pytest.mark.parametrize(
    ("index", "told"),
    [
        ("{", "is torn"),
        ("[]", "is torn"),
        ('{"weight_map": 3}', "is torn"),
        ('{"weight_map": {"a": "../elsewhere.safetensors"}}', "which is not beside it"),
        ('{"weight_map": {"lost": "model-00001-of-00002.safetensors"}}', "names lost, which is not in model-00001"),
    ],
)
def test_a_wrong_index_is_refused(index: str, told: str, tmp_path: Path) -> None:
    (_shards(tmp_path) / weights.INDEX).write_text(index)
    with pytest.raises(InputError, match=told):
        of_model(tmp_path)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("pytorch_model.bin", "as pickles only, which can run code and are never loaded"),
        ("adapter_model.safetensors", "holds an adapter, not a model"),
        ("model-00001-of-00002.safetensors", "holds neither model.safetensors nor model.safetensors.index.json"),
    ],
)
def test_a_folder_without_a_model_is_refused(name: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=told):
        of_model(tmp_path)
