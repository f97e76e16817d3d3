"""Read what tensors a safetensors file or a model's folder holds from the files' headers: no weights are read. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError

# Bytes of an element, by the name that the format gives its dtype.
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
SIZES |= {"U64": 8, "U32": 4, "U16": 2, "F8_E4M3": 1, "F8_E5M2": 1}
TORCH = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
LONGEST_HEADER = 100_000_000  # bytes; the format's own limit
BLOCK = 2**20  # bytes compared at a time


@dataclass(frozen=True)
class Tensor:
    """Hold where a tensor lies in a safetensors file, its shape, and its dtype by the format's name, such as BF16."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    start: int
    bytes: int


def tensors(file: Path) -> tuple[Tensor, ...]:
    """List the tensors of a safetensors file in the order of their bytes.

    Raises InputError if it is torn, or no safetensors file at all.
    """
    try:
        header, start = _header(file)
        found = [_tensor(name, about, file, start) for name, about in header.items() if name != "__metadata__"]
        end = max((tensor.start + tensor.bytes for tensor in found), default=start)
        if end != file.stat().st_size:
            raise ValueError(f"{file.stat().st_size:,} bytes and not {end:,}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{file} is no whole safetensors file ({error}): delete it, and download or save it again."
        ) from error
    return tuple(sorted(found, key=lambda tensor: tensor.start))


def of_model(folder: Path) -> tuple[Tensor, ...]:
    """List the tensors of a model's folder, shard by shard.

    Raises InputError if there is no safetensors file, a shard is missing or torn, or an index is wrong.
    """
    index = folder / INDEX
    if not index.is_file():
        if (folder / SINGLE).is_file():
            return tensors(folder / SINGLE)
        raise InputError(_nothing(folder))
    placed = _index(index)
    names = sorted(set(placed.values()))
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise InputError(
            f"{folder} lacks {', '.join(missing)}, which its {INDEX} names: download the model again, or choose "
            "another one with --base."
        )
    found = tuple(tensor for name in names for tensor in tensors(folder / name) if placed.get(tensor.name) == name)
    if lost := sorted(placed.keys() - {tensor.name for tensor in found}):
        raise InputError(f"{index} names {lost[0]}, which is not in {placed[lost[0]]}: download the model again.")
    return found


def same(one: Tensor, other: Tensor) -> bool:
    """Tell whether two tensors are equal, byte by byte."""
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    return all(left == right for left, right in zip(_blocks(one), _blocks(other), strict=True))


def _header(file: Path) -> tuple[dict[str, Any], int]:
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > LONGEST_HEADER:
            raise ValueError(f"a header of {length:,} bytes")
        text = stream.read(length)
        if len(text) < length:
            raise ValueError(f"a header of {len(text):,} bytes and not {length:,}")
    return dict(json.loads(text)), 8 + length


def _tensor(name: str, about: dict[str, Any], file: Path, start: int) -> Tensor:
    begin, end = map(int, about["data_offsets"])
    dtype, shape = str(about["dtype"]), tuple(map(int, about["shape"]))
    size = SIZES.get(dtype)
    if begin < 0 or end < begin or (size and math.prod(shape) * size != end - begin):
        raise ValueError(f"{name} of {shape} in {end - begin:,} bytes")
    return Tensor(name, dtype, shape, file, start + begin, end - begin)


def _index(index: Path) -> dict[str, str]:
    """Read which tensor lies in which file beside the index."""
    try:
        placed = {str(name): str(file) for name, file in json.loads(index.read_text("utf-8"))["weight_map"].items()}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{index} is torn ({error}): download the model again.") from error
    if outside := [file for file in placed.values() if Path(file).name != file]:
        raise InputError(f"{index} names {outside[0]!r}, which is not beside it: choose another model with --base.")
    return placed


def _nothing(folder: Path) -> str:
    if any(folder.glob("adapter_model.*")):
        return f"{folder} holds an adapter, not a model: name the model that it was trained on with --base."
    if any(folder.glob("*.bin")) or any(folder.glob("*.pt*")):
        return (
            f"{folder} holds weights as pickles only, which can run code and are never loaded: name a model with "
            "safetensors with --base."
        )
    return f"{folder} holds neither {SINGLE} nor {INDEX}: name another model with --base, or download it again."


def _blocks(tensor: Tensor) -> Iterator[bytes]:
    with tensor.file.open("rb") as stream:
        stream.seek(tensor.start)
        for left in range(tensor.bytes, 0, -BLOCK):
            yield stream.read(min(BLOCK, left))
