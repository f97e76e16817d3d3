"""Measure the machine, decide precision and batch from what was found, and say why."""

from __future__ import annotations

import os
from dataclasses import dataclass

BF16_CAPABILITY = (8, 0)  # torch.cuda.is_bf16_supported() also says True where bfloat16 is only emulated
LARGEST_MICRO_BATCH = 16


@dataclass(frozen=True)
class Machine:
    """Hold what was measured; capability is None without a CUDA GPU."""

    device: str
    name: str
    capability: tuple[int, int] | None


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


@dataclass(frozen=True)
class BatchPlan:
    """Hold how one optimiser step is cut into micro-batches; their product is the recipe's effective batch."""

    per_device_train_batch_size: int
    gradient_accumulation_steps: int


def measure() -> Machine:
    """Measure this machine."""
    import torch

    if not torch.cuda.is_available():
        return Machine("cpu", f"CPU, {os.cpu_count()} cores, no CUDA GPU", None)
    return Machine("cuda", torch.cuda.get_device_name(), torch.cuda.get_device_capability())


def precision(machine: Machine) -> Precision:
    """Choose the dtype by compute capability: bfloat16 needs 8.0."""
    if machine.capability is None:
        return Precision("float32", f"{machine.name}: half precision is slow and coarse on a CPU")
    card = f"{machine.name} is sm_{machine.capability[0]}{machine.capability[1]}"
    if machine.capability >= BF16_CAPABILITY:
        return Precision("bfloat16", f"{card}: bfloat16 in hardware")
    return Precision("float16", f"{card}; bfloat16 needs sm_80")


def batch_plan(effective_batch_size: int) -> BatchPlan:
    """Cut the effective batch into the fewest equal micro-batches of at most LARGEST_MICRO_BATCH rows."""
    size = max(size for size in range(1, LARGEST_MICRO_BATCH + 1) if effective_batch_size % size == 0)
    return BatchPlan(size, effective_batch_size // size)


def optimizer(asked: str, machine: Machine) -> str:
    """Give the optimiser asked for, or its full-precision twin where 8-bit states need a GPU that is not there."""
    return asked if machine.device == "cuda" else asked.replace("adamw_8bit", "adamw_torch")
