"""Merge an adapter into the 16-bit weights of its base model, one tensor at a time, shard by shard."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from amazon_ft.files import InputError, replacing, write_json
from amazon_ft.merging.bases import CONFIG, Base, need_room, size
from amazon_ft.merging.planning import Part, Plan, plan
from amazon_ft.merging.sums import Change
from amazon_ft.merging.weights import INDEX, TORCH, Tensor

if TYPE_CHECKING:
    from torch import Tensor as Weight

__all__ = ["Merged", "Plan", "merge", "plan"]

STATUS = Path("/proc/self/status")
BROKEN = "the adapter or the base model holds infinity or no number, so train the adapter again"


@dataclass(frozen=True)
class Merged:
    """Hold what a merge took: bytes on disk, seconds, and peaks in bytes; None for what cannot be measured here.

    The files that `finish` added do not count.
    """

    bytes: int
    seconds: float
    device_peak: int | None
    host_peak: int | None


class _NoNumber(Exception):
    """Say which weight is no finite number as it is to be written, and what to do."""


class _Watch:
    """Sample what the process's own memory and the GPU's have grown by."""

    def __init__(self, device: str) -> None:
        import torch

        self.device, self.cuda = device, torch.cuda
        if device == "cuda":
            self.cuda.reset_peak_memory_stats()
            self.used = self.cuda.memory_allocated()
            some = torch.ones(16, 16, device=device)
            some.addmm_(some, some)  # CUDA's libraries take memory of their own once
        self.samples = [_anonymous()]

    def look(self) -> None:
        self.samples.append(_anonymous())

    @property
    def host_peak(self) -> int | None:
        known = [sample for sample in self.samples if sample is not None]
        return max(known) - known[0] if known else None

    @property
    def device_peak(self) -> int | None:
        return int(self.cuda.max_memory_allocated()) - self.used if self.device == "cuda" else None


def merge(
    adapter: Path, base: Base, folder: Path, plan: Plan, finish: Callable[[Path], object] = lambda folder: None
) -> Merged:
    """Write the merged model to `folder` as planned; `finish` adds files to the folder before it appears.

    Raises InputError before anything is written if the disk does not hold it; whenever it fails, what was in `folder`
    before stays.
    """
    need_room(f"the merged model in {folder}", {folder: plan.bytes})
    started, watch = time.monotonic(), _Watch(plan.device)
    with _told(adapter, base, folder), _exactly(), replacing(folder) as temporary:
        temporary.mkdir()
        for name, parts in zip(plan.names, plan.shards, strict=True):
            _write_shard(temporary / name, parts, plan.device, watch)
            print(f"{name}: {size((temporary / name).stat().st_size)}")
        write_json(temporary / CONFIG, plan.config)
        if plan.index:
            write_json(temporary / INDEX, plan.index)
        written = sum(file.stat().st_size for file in temporary.iterdir())
        finish(temporary)
    return Merged(written, round(time.monotonic() - started, 1), watch.device_peak, watch.host_peak)


def _write_shard(file: Path, parts: tuple[Part, ...], device: str, watch: _Watch) -> None:
    from safetensors.torch import save_file

    made = {part.name: _made(part, device, watch) for part in parts}
    watch.look()
    save_file(made, file, metadata={"format": "pt"})


def _made(part: Part, device: str, watch: _Watch) -> Weight:
    """Make one tensor as it is to be written; one that stays as it is is only mapped."""
    import torch

    weight = _read((part.change and part.change.instead) or part.source)
    if not part.made:
        return weight
    total = _sum(part.change, weight, device) if part.change and part.change.factors else weight
    made = total.to(getattr(torch, TORCH[part.dtype]))
    watch.look()
    if not _finite(made):
        advice = 'merge into bfloat16 (dtype="bfloat16"), which holds larger ones' if _finite(total) else BROKEN
        raise _NoNumber(f"{part.name} has numbers that {part.dtype} cannot hold: {advice}")
    return made.cpu()


def _finite(weight: Weight) -> bool:
    return not weight.numel() or all(math.isfinite(end.item()) for end in weight.aminmax())


def _sum(change: Change, weight: Weight, device: str) -> Weight:
    """Add scale * (b @ a) in float32."""
    a, b = (_read(factor).to(device).float() for factor in change.factors)
    left, right = (a.T, b.T) if change.turned else (b, a)
    total = weight.to(device).float()
    if total is weight:
        total = weight.clone()  # its memory is the file's
    return total.addmm_(left, right, alpha=change.scale)


def _read(tensor: Tensor) -> Weight:
    """Map a tensor of a file into memory."""
    from safetensors import safe_open

    with safe_open(tensor.file, framework="pt") as opened:
        return opened.get_tensor(tensor.name)


@contextmanager
def _exactly() -> Iterator[None]:
    """Multiply float32 as float32, whatever was allowed to be faster and coarser before."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def _told(adapter: Path, base: Base, folder: Path) -> Iterator[None]:
    """Say in one sentence why a merge failed."""
    from safetensors import SafetensorError

    try:
        yield
    except _NoNumber as error:
        raise InputError(f"{adapter} cannot be merged into {base.name}: {error}.") from error
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"the merged model could not be written to {folder} ({error}): make room or choose another folder, and run "
            "this again; what was there before has stayed."
        ) from error


def _anonymous() -> int | None:
    """Read how many bytes of memory are the process's own, and no mapped file's; None where nothing tells."""
    try:
        found = re.search(r"^RssAnon:\s+(\d+) kB$", STATUS.read_text("utf-8"), re.MULTILINE)
    except OSError:
        return None  # only Linux has this file
    return int(found[1]) * 1024 if found else None
