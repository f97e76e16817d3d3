"""Plan a merge: which tensors go into which shard, and what disk, GPU and memory will have to hold. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.hardware import Machine
from amazon_ft.merging.bases import HEAD, Base, free_room, size
from amazon_ft.merging.sums import Change, changes, stays_tied
from amazon_ft.merging.weights import SIZES, TORCH, Tensor

LARGEST = 2 * 2**30  # bytes of a shard, and about what merging takes of host memory
WRITTEN = {"float16": "F16", "bfloat16": "BF16"}
# Bytes that torch gives cuBLAS to work in, from Hopper on and before it (aten/src/ATen/cuda/CublasHandlePool.cpp).
HOPPER, HOPPER_WORKSPACE, WORKSPACE = (9, 0), 4096 * 8 * 1024, 4096 * 2 * 1024 + 16 * 8 * 1024


@dataclass(frozen=True)
class Part:
    """Hold one tensor of the merged model: where its values come from, what is done to them, how they are written."""

    name: str
    source: Tensor
    change: Change | None
    dtype: str  # by the format's name

    @property
    def numbers(self) -> int:
        """Count its numbers."""
        return self.source.bytes // SIZES[self.source.dtype]

    @property
    def bytes(self) -> int:
        """Give its bytes as it is written."""
        return self.numbers * SIZES[self.dtype]

    @property
    def made(self) -> int:
        """Give the bytes that are made anew in memory: none for a tensor that is copied as it is."""
        return self.bytes if self.change or self.dtype != self.source.dtype else 0

    @property
    def added(self) -> int:
        """Give the bytes of the sum in float32 and of its two factors; none where nothing is added."""
        factors = self.change.factors if self.change else ()
        return 4 * (self.numbers + sum(factor.bytes // SIZES[factor.dtype] for factor in factors)) if factors else 0


@dataclass(frozen=True)
class Plan:
    """Hold how a merge will go: shards, bytes on disk, peaks in bytes, and in sentences why.

    `device_peak` is what it takes of the GPU's memory beside what is in use, 0 on the CPU; `host_peak` what the
    process's own memory grows by, in which files that are only mapped do not count.
    """

    dtype: str
    device: str
    shards: tuple[tuple[Part, ...], ...]
    config: Mapping[str, Any]
    bytes: int
    free: int
    device_peak: int
    host_peak: int
    reasons: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Name the shards' files."""
        return _names(len(self.shards))

    @property
    def index(self) -> dict[str, Any] | None:
        """Give what says which tensor lies in which file; None for a single file."""
        return _index(self.shards)


def plan(adapter: Path, base: Base, folder: Path, machine: Machine, dtype: str = "") -> Plan:
    """Plan to merge the adapter into `base` and to write to `folder`, as float16 or bfloat16 if not as the base is.

    Raises InputError if the adapter is no sum with this base.
    """
    if dtype and dtype not in WRITTEN:
        raise InputError(f"a merged model is not written as {dtype}: choose one of {', '.join(WRITTEN)}.")
    written = dtype or (base.dtype if base.dtype in WRITTEN else "float16")
    changed = changes(adapter, base)
    tied = stays_tied(changed, base)
    shards = _shards(_parts(base, changed, tied, written))
    config = _config(base, written, tied)
    device, device_peak, reason = _device(shards, machine)
    host_peak, needed, free = _host_peak(shards, device), _bytes(shards, config), free_room(folder)
    reasons = (
        _dtype_reason(base, written),
        *_change_reasons(base, changed, tied),
        reason,
        f"{size(needed)} in {folder}, where {size(free)} are free, and {size(host_peak)} of memory meanwhile",
    )
    return Plan(written, device, shards, config, needed, free, device_peak, host_peak, reasons)


def _parts(base: Base, changed: Mapping[str, Change], tied: bool, dtype: str) -> Iterable[Part]:
    """Give every tensor of the merged model; what is not in the base's main dtype keeps its own."""

    def written(tensor: Tensor) -> str:
        return WRITTEN[dtype] if TORCH.get(tensor.dtype) == base.dtype else tensor.dtype

    for tensor in base.tensors:
        yield Part(tensor.name, tensor, changed.get(tensor.name), written(tensor))
    if base.tied and base.table and not tied:
        yield Part(HEAD, base.table, changed.get(HEAD), written(base.table))


def _shards(parts: Iterable[Part]) -> tuple[tuple[Part, ...], ...]:
    shards: list[list[Part]] = [[]]
    for part in parts:
        if shards[-1] and sum(other.bytes for other in shards[-1]) + part.bytes > LARGEST:
            shards.append([])
        shards[-1].append(part)
    return tuple(map(tuple, shards))


def _config(base: Base, dtype: str, tied: bool) -> dict[str, Any]:
    """Give the merged model's configuration: it asks for no code of others, and says truly how it is written."""
    kept = {key: value for key, value in base.config.items() if key not in ("torch_dtype", "auto_map", "_name_or_path")}
    return {**kept, "dtype": dtype, "tie_word_embeddings": tied}


def _device(shards: tuple[tuple[Part, ...], ...], machine: Machine) -> tuple[str, int, str]:
    """Choose where to add, with the bytes that it takes of a GPU and the reason."""
    if machine.device != "cuda":
        return "cpu", 0, f"added on the {machine.name}"
    # A weight comes in 16 bits and becomes 32, or is 32 and becomes 16: both are there at once.
    sums = [part.added + 2 * part.numbers for shard in shards for part in shard if part.added]
    workspace = HOPPER_WORKSPACE if machine.capability and machine.capability >= HOPPER else WORKSPACE
    peak = max(sums, default=0) + (workspace if sums else 0)
    if peak > machine.free:
        return "cpu", 0, f"added on the CPU: {size(peak)} are needed of {machine.name}, and {size(machine.free)} free"
    return "cuda", peak, f"added on {machine.name}, a weight at a time: {size(peak)} of the {size(machine.free)} free"


def _host_peak(shards: tuple[tuple[Part, ...], ...], device: str) -> int:
    """Predict what is in memory at most: the tensors made for a shard, and on the CPU the sum that is being made."""
    peak = 0
    for shard in shards:
        made = 0
        for part in shard:
            made += part.made
            peak = max(peak, made + (4 * part.numbers if part.added and device == "cpu" else 0))
    return peak


def _bytes(shards: tuple[tuple[Part, ...], ...], config: Mapping[str, Any]) -> int:
    index = _index(shards)
    texts = [json.dumps(value, indent=2, ensure_ascii=False) for value in (config, index) if value is not None]
    files = sum(len(text.encode()) + 1 for text in texts)
    return files + sum(_header(shard) + sum(part.bytes for part in shard) for shard in shards)


def _header(shard: tuple[Part, ...]) -> int:
    """Count the bytes before the weights: their length, then what they are as JSON, filled up to a multiple of 8."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for part in sorted(shard, key=lambda part: (-SIZES[part.dtype], part.name)):
        places = [end, end := end + part.bytes]
        header[part.name] = {"dtype": part.dtype, "shape": part.source.shape, "data_offsets": places}
    return 8 + -(-len(json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()) // 8) * 8


def _names(count: int) -> list[str]:
    if count == 1:
        return ["model.safetensors"]
    return [f"model-{place:05}-of-{count:05}.safetensors" for place in range(1, count + 1)]


def _index(shards: tuple[tuple[Part, ...], ...]) -> dict[str, Any] | None:
    if len(shards) == 1:
        return None
    placed = {part.name: name for name, shard in zip(_names(len(shards)), shards, strict=True) for part in shard}
    return {"metadata": {"total_size": sum(part.bytes for shard in shards for part in shard)}, "weight_map": placed}


def _dtype_reason(base: Base, written: str) -> str:
    return f"written as {written}, {'as' if base.dtype == written else f'in {base.dtype} as'} {base.name} is"


def _change_reasons(base: Base, changed: Mapping[str, Change], tied: bool) -> list[str]:
    added = sum(bool(change.factors) for change in changed.values())
    replaced = sum(change.instead is not None and not change.factors for change in changed.values())
    said = [f"{added} weights get scale * B @ A added, {replaced} are replaced, all others stay as they are"]
    if base.tied and not tied:
        said.append("the adapter changes the word table and the head apart, so they are two from now on")
    return said
