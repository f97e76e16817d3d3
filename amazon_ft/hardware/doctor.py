"""Tell what this machine has, what a training needs, and what to do about each difference, before any heavy import."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from amazon_ft.hardware import Machine, precision
from amazon_ft.hardware.driver import Gpu, processes, seen_gpu
from amazon_ft.hardware.installed import PROJECT, Package, cuda_of_torch, packages, python, version
from amazon_ft.hardware.machine import GIB, UNSLOTH_CAPABILITY

GPU_MEMORY = 6 * GIB  # free, for the smallest recipe that needs a GPU
DISK = 2 * GIB  # free, for one run
DRIVERS = {12: 525, 13: 580}  # the oldest for each CUDA: docs.nvidia.com/deploy/cuda-compatibility
TOLD = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "huggingface_hub")  # others only if amiss
TRAPS = {("datasets", "4.0.0"): "Unsloth refuses the 4.0.0 that Colab brings; "}
OPTIONAL = ("xformers",)
COLAB_GPU = "Runtime > Change runtime type > T4 GPU; if it is one, Runtime > Disconnect and delete runtime"
DRIVE = Path("/content/drive")
MEMINFO = Path("/proc/meminfo")
MARKS = {True: "ok", False: "NO", None: "–"}
WIDTH = 100


@dataclass(frozen=True)
class Finding:
    """Hold one line of the table: what was looked at, what is here, what is needed, if that is enough, what to do."""

    what: str
    have: str
    need: str
    ok: bool | None  # None: good to know, nothing needed
    do: str = ""


def examine(folder: Path, gpu: Gpu | None = None) -> list[Finding]:
    """Look at all that a training with its run in `folder` needs; nothing heavy is imported for it."""
    gpu = gpu or seen_gpu()
    machine = [*_ram(), _disk(folder), *_drive(folder), _hugging_face(), _weights_and_biases()]
    return [*_gpu(gpu), *_software(gpu.trouble is None), *machine]


def table(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Give the findings as rows to show, with marks that need no colour."""
    return [
        {"": MARKS[line.ok], "what": line.what, "here": line.have, "needed": line.need, "what to do": line.do}
        for line in findings
    ]


def plain(rows: Sequence[Mapping[str, str]], below: str = "") -> str:
    """Lay rows of equal keys out in WIDTH columns of text, the cell named `below` under its row, the widest wrapped."""
    names = [name for name in (rows[0] if rows else ()) if name != below]
    widths = [max(len(name), *(len(row[name]) for row in rows)) for name in names]
    while sum(widths) + 2 * (len(widths) - 1) > WIDTH:
        widths[widths.index(max(widths))] -= 1
    lines = _aligned(names, widths)
    for row in rows:
        lines += _aligned([row[name] for name in names], widths)
        lines += _wrapped(row.get(below, ""), WIDTH - 7, "    -> ", " " * 7)
    return "\n".join(lines)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    columns = [_wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = zip_longest(*columns, fillvalue="")
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]


def _wrapped(cell: str, width: int, first: str = "", then: str = "") -> list[str]:
    lines = textwrap.wrap(cell, max(width, 1), break_on_hyphens=False)
    return [(then if number else first) + line for number, line in enumerate(lines)]


def _colab() -> bool:
    return "COLAB_RELEASE_TAG" in os.environ


def _gpu(gpu: Gpu) -> Iterator[Finding]:
    card, need = gpu.machine, "an NVIDIA GPU (the recipe demo: none)"
    if gpu.trouble:
        lent = _colab() and not gpu.number
        do = COLAB_GPU if lent else f"{gpu.trouble.remedy}; the recipe demo trains without a GPU"
        yield Finding("GPU", gpu.trouble.said, need, False if lent or gpu.trouble.broken else None, do)
    else:
        place = f" (number {gpu.index} of 0 to {gpu.number - 1}; a training uses one)" if gpu.number > 1 else ""
        yield Finding("GPU", card.name + place, need, True)
        yield _capability(card)
    if gpu.trouble or card.capability:
        chosen = precision(card)
        yield Finding("precision", chosen.dtype, "", None, chosen.reason)
    if not gpu.trouble:
        yield from (_gpu_memory(card), _driver(gpu))


def _capability(card: Machine) -> Finding:
    need = "{}.{} or more".format(*UNSLOTH_CAPABILITY)
    if card.capability is None:
        return Finding("compute capability", "not told by the driver", need, None)
    ok = card.capability >= UNSLOTH_CAPABILITY
    do = "this GPU is too old for Unsloth: use a newer one, or train demo with CUDA_VISIBLE_DEVICES=-1"
    return Finding("compute capability", "{}.{}".format(*card.capability), need, ok, "" if ok else do)


def _gpu_memory(card: Machine) -> Finding:
    need, held = f"{GPU_MEMORY / GIB:.0f} GiB free", card.memory - card.free
    if not card.memory:
        return Finding("GPU memory", "not told by the driver", need, None)
    do = ""
    if card.memory < GPU_MEMORY:
        do = "this GPU is small: the larger recipes need another one"
    elif card.free < GPU_MEMORY or held > card.memory / 2:
        holders = " and ".join(processes()) or "a program or notebook that still runs"
        do = f"{held / GIB:.1f} GiB are held by {holders}: " + ("Runtime > Restart session" if _colab() else "end it")
    have = f"{card.free / GIB:.1f} of {card.memory / GIB:.1f} GiB free"
    return Finding("GPU memory", have, need, card.free >= GPU_MEMORY, do)


def _driver(gpu: Gpu) -> Finding:
    have = gpu.driver + (f", runs CUDA up to {gpu.cuda}" if gpu.cuda else "")
    cuda, number = cuda_of_torch(), re.match(r"\d+", gpu.driver)
    if cuda not in DRIVERS or not number:
        return Finding("NVIDIA driver", have, "", None)
    ok = int(number[0]) >= DRIVERS[cuda]
    do = "update the driver, or install a torch built for an older CUDA: https://pytorch.org/get-started/locally"
    need = f"{DRIVERS[cuda]} or newer for the torch installed (CUDA {cuda})"
    return Finding("NVIDIA driver", have, need, ok, "" if ok else do)


def _software(gpu: bool) -> Iterator[Finding]:
    if not version(PROJECT):
        yield Finding(PROJECT, "not installed", "installed", False, _install(gpu))
        return
    this, newer = python(), "install one of these versions and make a new environment with it"
    yield Finding(this.name, this.have, this.need, this.fits, "" if this.fits else newer)
    needed = {package.name: package for package in [*packages(), *packages("train")]}
    told = [needed.pop(name) for name in TOLD if name in needed]
    told += [package for package in needed.values() if not package.fits or package.stale]
    again = False
    for package in [*told, *packages("gpu")] if gpu else told:
        yield (finding := _package(package, gpu, again))
        again = again or _install(gpu) in finding.do
    if not gpu:
        spare = [(package.name, package.have or "not installed") for package in packages("gpu")]
        yield from (Finding(name, have, "only with a GPU", None) for name, have in spare)


def _package(package: Package, gpu: bool, again: bool) -> Finding:
    name, need, have = package.name, package.need, package.have or "not installed"
    restart = "Runtime > Restart session" if _colab() else "restart Python"
    if gpu and name == "torch" and have.endswith("+cpu"):
        do = f'{"!" if _colab() else ""}pip uninstall -y torch && pip install "torch{need}"'
        return Finding(name, have, f"{need}, built for CUDA", False, do)
    if package.fits and package.stale:
        return Finding(name, f"{have}, but {package.loaded} is loaded", need, False, restart)
    if package.fits:
        return Finding(name, have, need, True)
    if name in OPTIONAL and not package.have:
        return Finding(name, have, f"{need} (optional)", None)
    do = "the same command" if again else _install(gpu)
    do += f", then {restart}" if package.loaded else ""
    return Finding(name, have, need, False, TRAPS.get((name, have), "") + do)


def _install(gpu: bool) -> str:
    if _colab():
        return "%pip install -q -r amazon-ft/requirements.txt ./amazon-ft"
    return f'pip install -e ".[{"train,gpu" if gpu else "train"}]" in the folder of the project'


def _ram() -> Iterator[Finding]:
    if not MEMINFO.exists():
        return
    told = dict(re.findall(r"^(\w+): +(\d+) kB", MEMINFO.read_text(), re.MULTILINE))
    if "MemTotal" in told and "MemAvailable" in told:
        total, free = (int(told[name]) * 1024 / GIB for name in ("MemTotal", "MemAvailable"))
        yield Finding("RAM", f"{free:.1f} of {total:.1f} GiB free", "", None)


def _disk(folder: Path) -> Finding:
    there = next(path for path in (folder.resolve(), *folder.resolve().parents) if os.path.exists(path))
    free = shutil.disk_usage(there).free
    do = "" if free >= DISK else "delete what you no longer need, or choose a run folder on another disk"
    return Finding("disk", f"{free / GIB:.1f} GiB free", f"{DISK / GIB:.0f} GiB for the run {folder}", free >= DISK, do)


def _drive(folder: Path) -> Iterator[Finding]:
    if not _colab():
        return
    need, home = "the run on it, to outlive this session", DRIVE / "MyDrive"
    if not os.path.exists(home):  # Path.exists raises where a mount has died
        do = f"from google.colab import drive; drive.mount('{DRIVE}')"
        yield Finding("Google Drive", "not mounted", need, False, do)
        return
    ok = folder.resolve().is_relative_to(DRIVE.resolve())
    do = "" if ok else f"choose a run folder such as {home / 'amazon-ft' / folder.name}: {folder} ends with the session"
    yield Finding("Google Drive", f"mounted, the run is {'on it' if ok else 'elsewhere'}", need, ok, do)


def _hugging_face() -> Finding:
    keys = [key for key in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") if os.environ.get(key, "").strip()]
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{caches}/huggingface"
    file = Path(os.environ.get("HF_TOKEN_PATH") or f"{home}/token").expanduser()
    kept = [file] if os.path.isfile(file) and os.path.getsize(file) else []
    do = "a Colab secret named HF_TOKEN serves too; this table does not look for it" if _colab() else ""
    return _token("Hugging Face token", "only to publish, or for a gated model", keys, kept, do)


def _weights_and_biases() -> Finding:
    keys = ["WANDB_API_KEY"] if os.environ.get("WANDB_API_KEY", "").strip() else []
    files = [Path(name).expanduser() for name in (os.environ.get("NETRC"), "~/.netrc", "~/_netrc") if name]
    readable = [file for file in files if os.path.isfile(file) and os.access(file, os.R_OK)]
    return _token("W&B token", "only to log to wandb.ai", keys, [file for file in readable if _names_wandb(file)])


def _names_wandb(file: Path) -> bool:
    return b"api.wandb.ai" in file.read_bytes()


def _token(what: str, need: str, keys: Sequence[str], files: Sequence[Path], do: str = "") -> Finding:
    places = [*(f"the environment, as {key}" for key in keys), *map(str, files)]
    return Finding(what, f"in {places[0]}" if places else "none seen", need, None, "" if places else do)
