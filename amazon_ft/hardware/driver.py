"""Ask NVIDIA's driver which GPU a training would use: an answer in a moment, where torch takes seconds to import."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from amazon_ft.hardware import Machine

PATIENCE = 10.0  # seconds
CSV = "--format=csv,noheader,nounits"
GPUS = ("--query-gpu=name,compute_cap,memory.total,memory.free,driver_version", CSV)
PROCESSES = ("--query-compute-apps=process_name,pid,used_memory", CSV)


@dataclass(frozen=True)
class Trouble:
    """Hold why there is no GPU to use; `broken` says that something here should have answered and did not."""

    said: str
    remedy: str
    broken: bool = True


@dataclass(frozen=True)
class Gpu:
    """Hold what the driver says of the GPU to use, one of `number`; with a trouble, the machine is the CPU."""

    machine: Machine
    driver: str = ""
    cuda: str = ""  # the newest version that the driver runs
    index: int = 0
    number: int = 0
    trouble: Trouble | None = None


def seen_gpu() -> Gpu:
    """Give the first GPU that CUDA_VISIBLE_DEVICES leaves, with 0 bytes or no capability where none is told."""
    try:
        with ThreadPoolExecutor() as both:
            listed, shown = both.map(_ask, (GPUS, ()))
    except FileNotFoundError:
        return _none("no GPU seen: there is no nvidia-smi", "use a machine with an NVIDIA GPU, or Colab", broken=False)
    except OSError as error:
        return _none(f"nvidia-smi cannot be run: {error.strerror}", "install the NVIDIA driver again")
    except subprocess.TimeoutExpired:
        return _none(f"nvidia-smi gave no answer in {PATIENCE:g} s", "restart the machine: its NVIDIA driver hangs")
    rows = [row for line in listed.splitlines() if (row := _row(line))]
    if not rows:
        first = next(filter(None, map(str.strip, listed.splitlines())), "nothing")
        return _none(f"nvidia-smi says: {first[:200]}", "update or mend the NVIDIA driver until nvidia-smi lists a GPU")
    index = _first_visible(len(rows))
    if index is None:
        said = "every GPU is hidden by CUDA_VISIBLE_DEVICES"
        return replace(_none(said, "unset CUDA_VISIBLE_DEVICES to use it", broken=False), number=len(rows))
    name, capability, total, free, driver = rows[index]
    version = re.fullmatch(r"(\d+)\.(\d+)", capability)
    machine = Machine("cuda", name, version and (int(version[1]), int(version[2])), _bytes(total), _bytes(free))
    cuda = re.search(r"CUDA (?:\w+ )?Version *: *([\d.]+)", shown)
    return Gpu(machine, driver, cuda[1] if cuda else "", index, len(rows))


def processes() -> list[str]:
    """Name the programs that hold GPU memory; a container does not see those outside it."""
    try:
        rows = [[cell.strip() for cell in line.split(",")] for line in _ask(PROCESSES).splitlines()]
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"a program that nvidia-smi does not name ({error})"]
    return [f"{row[0]} (process {row[1]})" for row in rows if len(row) == 3 and row[1].isdecimal()]


def _ask(arguments: Sequence[str]) -> str:
    process = subprocess.Popen(
        ["nvidia-smi", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        return process.communicate(timeout=PATIENCE)[0]
    except subprocess.TimeoutExpired:
        process.kill()  # and not waited for: what hangs inside a driver does not die
        raise


def _row(line: str) -> list[str] | None:
    cells = [cell.strip() for cell in line.split(",")]
    return cells if len(cells) == 5 and all(re.fullmatch(r"[\d.]+|\[.*\]", cell) for cell in cells[1:]) else None


def _bytes(mebibytes: str) -> int:
    return int(mebibytes) * 2**20 if mebibytes.isdecimal() else 0


def _first_visible(number: int) -> int | None:
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    if first.startswith(("GPU-", "MIG-")):
        return 0  # a name, which the list does not hold
    return int(first) if first.isdecimal() and int(first) < number else None


def _none(said: str, remedy: str, broken: bool = True) -> Gpu:
    return Gpu(Machine("cpu", f"CPU, {os.cpu_count()} cores, no CUDA GPU", None), trouble=Trouble(said, remedy, broken))
