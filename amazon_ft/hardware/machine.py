"""Measure the machine and decide the precision from what was found, with the reason."""

from __future__ import annotations

import os
from dataclasses import dataclass

GIB = 2**30
SEGMENTS = "expandable_segments:True"
UNSLOTH_CAPABILITY = (7, 0)  # bitsandbytes is content with 6.0
BF16_CAPABILITY = (8, 0)  # torch.cuda.is_bf16_supported() also says True where bfloat16 is only emulated


@dataclass(frozen=True)
class Machine:
    """Hold what was measured; capability is None and memory 0 without a CUDA GPU."""

    device: str
    name: str
    capability: tuple[int, int] | None
    memory: int = 0  # bytes that this process may use, of all that the GPU has
    free: int = 0  # bytes of them that nobody uses yet


@dataclass(frozen=True)
class Precision:
    """Hold the dtype to compute in, by its torch name, and the reason."""

    dtype: str
    reason: str

    @property
    def fp16(self) -> bool:
        """Tell whether training needs fp16 mixed precision."""
        return self.dtype == "float16"

    @property
    def bf16(self) -> bool:
        """Tell whether training uses bfloat16."""
        return self.dtype == "bfloat16"


def measure() -> Machine:
    """Measure this machine; a cap on this process's share of the GPU's memory counts.

    Whatever is allocated from now on comes in segments that can grow: rows of all lengths leave no holes.
    """
    import torch

    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", SEGMENTS)  # read when CUDA is looked at for the first time

    if not torch.cuda.is_available():
        return Machine("cpu", f"CPU, {os.cpu_count()} cores, no CUDA GPU", None)
    free, total = torch.cuda.mem_get_info()
    ours = torch.cuda.memory_reserved()
    allowed = int(torch.cuda.get_per_process_memory_fraction() * total)
    left = min(free + ours, allowed) - torch.cuda.memory_allocated()
    return Machine("cuda", torch.cuda.get_device_name(), torch.cuda.get_device_capability(), allowed, left)


def precision(machine: Machine) -> Precision:
    """Choose the dtype by compute capability: bfloat16 needs 8.0."""
    if machine.capability is None:
        return Precision("float32", f"{machine.name}: half precision is slow and coarse on a CPU")
    card = f"{machine.name} is sm_{machine.capability[0]}{machine.capability[1]}"
    if machine.capability >= BF16_CAPABILITY:
        return Precision("bfloat16", f"{card}: bfloat16 in hardware")
    return Precision("float16", f"{card}; bfloat16 needs sm_80")


def optimizer(asked: str, machine: Machine) -> str:
    """Give the optimiser asked for, or its full-precision twin where 8-bit states need a GPU that is not there."""
    return asked if machine.device == "cuda" else asked.replace("adamw_8bit", "adamw_torch")
