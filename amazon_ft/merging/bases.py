"""Find the 16-bit weights that an adapter is merged into, here or on the Hub; never 4-bit ones."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amazon_ft import models
from amazon_ft.files import InputError, stale
from amazon_ft.hardware.machine import GIB
from amazon_ft.merging.weights import TORCH, Tensor, of_model, same
from amazon_ft.remote.snapshots import told

# Whose 16-bit weights the 4-bit ones of a recipe were made from, by unsloth/models/mapper.py (2026.10.9).
SIXTEEN_BIT: Mapping[str, str] = {
    "unsloth/Llama-3.2-1B-Instruct-bnb-4bit": "unsloth/Llama-3.2-1B-Instruct",
    "unsloth/tinyllama-chat-bnb-4bit": "unsloth/tinyllama-chat",
    "unsloth/Phi-3-mini-4k-instruct-bnb-4bit": "unsloth/Phi-3-mini-4k-instruct",
}
CONFIG = "config.json"
WANTED = (
    *("model*.safetensors", "model.safetensors.index.json", CONFIG, "generation_config.json", "chat_template*"),
    *("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "spiece.model"),
)
PACKED = ("U8", "I8", "F8_E4M3", "F8_E5M2", "F4")
UNITS = ((GIB, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
HEAD, TABLE = "lm_head.weight", "embed_tokens.weight"


@dataclass(frozen=True)
class Base:
    """Hold a base model as its files tell it: folder, name, configuration, and its tensors in the files' order.

    `dtype` is the torch name of what most bytes are in; `tied` says that the head is the word table.
    """

    where: Path
    name: str
    config: Mapping[str, Any]
    dtype: str
    tensors: tuple[Tensor, ...]
    tied: bool

    @property
    def bytes(self) -> int:
        """Give the bytes of all weights."""
        return sum(tensor.bytes for tensor in self.tensors)

    @property
    def table(self) -> Tensor | None:
        """Give the word table; None where it goes by another name."""
        return next((tensor for tensor in self.tensors if tensor.name.endswith(TABLE)), None)

    def weight(self, name: str) -> Tensor | None:
        """Give the tensor that holds a weight, which for a tied head is the word table; None if there is none."""
        if self.tied and name == HEAD:
            return self.table
        return next((tensor for tensor in self.tensors if tensor.name == name), None)


def usual(base_model: str) -> str:
    """Name the 16-bit model that a 4-bit one was made from; any other stands for itself."""
    return SIXTEEN_BIT.get(base_model, base_model)


def sixteen_bit(base_model: str, asked: str = "", into: Path | None = None) -> Base:
    """Find the 16-bit model of `base_model`, or the one `asked` for, a folder or a name on the Hub.

    What is not here is downloaded; before that, room is demanded for it and, at `into`, for a merged model of its size.
    Raises InputError if it cannot be had, or does not hold plain weights of 16 or 32 bits as safetensors.
    """
    name = asked or usual(base_model)
    where = Path(models.locate(name)).expanduser()
    return read(where if where.is_dir() else _downloaded(name, into), name)


def read(folder: Path, name: str = "") -> Base:
    """Read from configuration and headers what base model a folder holds.

    Raises InputError if the weights are packed, missing, torn, or not safetensors.
    """
    config = _config(folder, name or str(folder))
    tensors = of_model(folder)
    if any(tensor.dtype in PACKED for tensor in tensors):
        raise InputError(_packed(name or str(folder), "4-bit or 8-bit"))
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        sizes[tensor.dtype] += tensor.bytes
    dtype = max(TORCH.keys() & sizes.keys(), key=lambda dtype: sizes[dtype], default="")
    if not dtype:
        raise InputError(f"{folder} holds no weights in floating point: name another model with --base.")
    tied = _tied(config, tensors)
    kept = tuple(tensor for tensor in tensors if not (tied and tensor.name == HEAD))
    return Base(folder, name or str(folder), config, TORCH[dtype], kept, tied)


def need_room(what: str, demands: Mapping[Path, int]) -> None:
    """Refuse what the disks do not hold: bytes demanded by path; demands on one disk are added up.

    Raises InputError with both sizes and a folder to look for room in.
    """
    disks: dict[int, list[Path]] = {}
    for path in demands:
        disks.setdefault(os.stat(_existing(path)).st_dev, []).append(path)
    for paths in disks.values():
        needed, free = sum(demands[path] for path in paths), free_room(paths[0])
        if needed > free:
            raise InputError(
                f"{what} needs {size(needed)} on the disk of {paths[0]}, and {size(free)} are free there: delete what "
                f"you no longer need, for instance in {_to_free(paths[0])}, or choose a folder on another disk."
            )


def free_room(path: Path) -> int:
    """Count the bytes that may be written at `path`, those that killed processes left in its way included."""
    left = [file for folder in stale(path) for file in [folder, *folder.rglob("*")] if file.is_file()]
    return shutil.disk_usage(_existing(path)).free + sum(file.stat().st_size for file in left)


def size(number: int) -> str:
    """Write a number of bytes in the unit that suits it."""
    unit, name = next(pair for pair in UNITS if number >= pair[0] / 10 or pair == UNITS[-1])
    return f"{number / unit:,.1f} {name}"


def _config(folder: Path, name: str) -> dict[str, Any]:
    try:
        config = dict(json.loads((folder / CONFIG).read_text("utf-8")))
    except FileNotFoundError as error:
        raise InputError(f"{folder} has no {CONFIG}: name the folder of a whole model with --base.") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{folder / CONFIG} is torn ({error}): download the model again.") from error
    if packed := config.get("quantization_config"):
        four = isinstance(packed, dict) and packed.get("load_in_4bit")
        raise InputError(_packed(name, "4-bit" if four else "packed"))
    return config


def _packed(name: str, kind: str) -> str:
    return (
        f"{name} holds {kind} weights, into which merging would lose what was learnt: name the 16-bit model that "
        "they were made from with --base."
    )


def _tied(config: Mapping[str, Any], tensors: tuple[Tensor, ...]) -> bool:
    """Tell whether the head is the word table, as Transformers decides it: two that differ are not tied."""
    head = next((tensor for tensor in tensors if tensor.name == HEAD), None)
    table = next((tensor for tensor in tensors if tensor.name.endswith(TABLE)), None)
    if table is None or not config.get("tie_word_embeddings", head is None):
        return False
    return head is None or same(head, table)


def _downloaded(name: str, into: Path | None) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import DryRunError

    with told(name):
        # A packed model is refused before its gigabytes come.
        _config(Path(snapshot_download(name, allow_patterns=[CONFIG])), name)
        try:
            files = snapshot_download(name, allow_patterns=list(WANTED), dry_run=True)
        except DryRunError:
            files = []  # no network: what is in the cache has to do
        weights = sum(file.file_size or 0 for file in files if file.filename.endswith(".safetensors"))
        coming = sum(file.file_size or 0 for file in files if file.will_download)
        if coming:
            print(f"{name}: {size(coming)} to download")
        merged = {into: weights} if into and coming else {}
        need_room(f"downloading {name}", {Path(constants.HF_HUB_CACHE): coming, **merged})
        return Path(snapshot_download(name, allow_patterns=list(WANTED)))


def _existing(path: Path) -> Path:
    return next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())


def _to_free(path: Path) -> Path:
    """Name a folder on the disk of `path` where gigabytes may lie that can be made or downloaded again."""
    from huggingface_hub import constants

    disk = os.stat(_existing(path)).st_dev
    there = [folder for folder in (path, Path(constants.HF_HUB_CACHE)) if folder.exists()]
    return next((folder for folder in there if os.stat(folder).st_dev == disk), _existing(path))
