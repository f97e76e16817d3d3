"""Read from an adapter's configuration and headers what it adds to which weight, and refuse what is no plain sum."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.merging.bases import HEAD, Base
from amazon_ft.merging.weights import TORCH, Tensor, same, tensors

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
FACTOR = re.compile(r"(?P<module>.+)\.lora_(?P<table>embedding_)?(?P<side>[AB])(?:\.weight)?")
# What of PEFT's configuration the sum is made of, or what does not change it. All else has to be off.
READ = {"peft_type", "r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern", "init_lora_weights", "bias"}
HARMLESS = {
    *("task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode"),
    *("target_modules", "exclude_modules", "modules_to_save", "layers_to_transform", "layers_pattern"),
    *("lora_dropout", "megatron_core", "qalora_group_size", "runtime_config", "eva_config", "ensure_weight_tying"),
}
KEEPS_THE_BASE = (True, False, None, "gaussian", "eva", "orthogonal")  # all other beginnings change its weights


@dataclass(frozen=True)
class Change:
    """Hold what an adapter does to one weight: put `instead` in its place, then add scale * (b @ a).

    A word table's factors lie the other way round: `turned`, scale * (b @ a) transposed is added.
    """

    instead: Tensor | None = None
    a: Tensor | None = None
    b: Tensor | None = None
    scale: float = 0.0
    turned: bool = False

    @property
    def factors(self) -> tuple[Tensor, ...]:
        """Give a and b; nothing where nothing is added."""
        return (self.a, self.b) if self.a and self.b else ()

    def equals(self, other: Change) -> bool:
        """Tell whether both put the very same values in a weight's place."""
        if self.factors or other.factors or not (self.instead and other.instead):
            return False
        return same(self.instead, other.instead)


def changes(adapter: Path, base: Base) -> dict[str, Change]:
    """Give what the adapter in a folder does, by the name of the base model's weight.

    Raises InputError if it does more than add and replace, is torn, or was not trained on this model.
    """
    config = _config(adapter)
    _refuse(config, adapter)
    found: dict[str, Change] = {}
    for tensor in _tensors(adapter):
        name = tensor.name.removeprefix(PREFIX)
        if tensor.dtype not in TORCH:
            raise InputError(
                f"{adapter}'s {name} is in {tensor.dtype}, and no floating point: train the adapter again."
            )
        factor = FACTOR.fullmatch(name)
        if "lora_" in name and not factor:
            raise InputError(f"{adapter} holds {name}, which is no factor of a sum: publish the adapter as it is.")
        weight = f"{factor['module']}.weight" if factor else name.replace(".base_layer.", ".")
        found[weight] = _with(found.get(weight, Change()), tensor, factor)
    if not found:
        raise InputError(f"{adapter} holds no weights: train it again.")
    return {weight: _checked(weight, change, config, base, adapter) for weight, change in found.items()}


def stays_tied(changes: Mapping[str, Change], base: Base) -> bool:
    """Tell whether one tensor still serves as word table and head once the changes are made."""
    table = base.table
    if not base.tied or table is None:
        return False
    head, words = changes.get(HEAD), changes.get(table.name)
    return head is words is None or bool(head and words and head.equals(words))


def _config(adapter: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((adapter / CONFIG).read_text("utf-8")))
    except FileNotFoundError as error:
        raise InputError(f"{adapter} has no {CONFIG}: give the folder of a trained adapter.") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{adapter / CONFIG} is torn ({error}): train the adapter again.") from error


def _refuse(config: Mapping[str, Any], adapter: Path) -> None:
    """Refuse an adapter that is more than a sum with the base model's own weights."""
    start = config.get("init_lora_weights", True)
    others = {key: value for key, value in config.items() if key not in READ | HARMLESS and value}
    if config.get("peft_type") != "LORA":
        others["peft_type"] = config.get("peft_type")
    if config.get("bias", "none") != "none":
        others["bias"] = config["bias"]
    if not any(start is known or start == known for known in KEEPS_THE_BASE):
        others["init_lora_weights"] = start
    if others:
        key, value = next(iter(others.items()))
        raise InputError(
            f"{adapter} cannot be merged, because its {CONFIG} says {key} = {json.dumps(value)}, which is more than a "
            "sum with the base model's weights: publish the adapter as it is."
        )


def _tensors(adapter: Path) -> tuple[Tensor, ...]:
    if (adapter / WEIGHTS).is_file():
        return tensors(adapter / WEIGHTS)
    pickled = ": the pickle there can run code and is never loaded" if (adapter / "adapter_model.bin").exists() else ""
    raise InputError(f"{adapter} has no {WEIGHTS}{pickled}; save the adapter as safetensors.")


def _with(change: Change, tensor: Tensor, factor: re.Match[str] | None) -> Change:
    if factor is None:
        return replace(change, instead=tensor)
    side = replace(change, a=tensor) if factor["side"] == "A" else replace(change, b=tensor)
    return replace(side, turned=bool(factor["table"]))


def _checked(weight: str, change: Change, config: Mapping[str, Any], base: Base, adapter: Path) -> Change:
    """Check shapes and work the scale out."""
    there = base.weight(weight)
    if there is None or there.dtype not in TORCH:
        raise InputError(
            f"{adapter} changes {weight}, which {base.name} does not have: name the model that it was trained on "
            "with --base."
        )
    if change.instead and change.instead.shape != there.shape:
        raise InputError(_other(weight, change.instead.shape, there.shape, base, adapter))
    if not (change.a or change.b):
        return change
    if not (change.a and change.b) or not len(change.a.shape) == len(change.b.shape) == 2:
        raise InputError(f"{adapter} holds no two matrices for {weight}: it is torn; train it again.")
    sides = (change.b.shape[0], change.a.shape[1])
    if (sides[::-1] if change.turned else sides) != there.shape:
        raise InputError(_other(weight, sides[::-1] if change.turned else sides, there.shape, base, adapter))
    rank = change.a.shape[0]
    if not rank == change.b.shape[1] == _patterned(weight, "r", "rank_pattern", config, adapter):
        raise InputError(f"{adapter}'s {CONFIG} gives {weight} another rank than its matrices have: train it again.")
    alpha = _patterned(weight, "lora_alpha", "alpha_pattern", config, adapter)
    return replace(change, scale=alpha / (math.sqrt(rank) if config.get("use_rslora") else rank))


def _other(weight: str, own: tuple[int, ...], there: tuple[int, ...], base: Base, adapter: Path) -> str:
    mine, its = (" x ".join(map(str, shape)) for shape in (own, there))
    return (
        f"{adapter} was trained on a {weight} of {mine}, and that of {base.name} is {its}: name the model that it was "
        "trained on with --base."
    )


def _patterned(weight: str, key: str, pattern: str, config: Mapping[str, Any], adapter: Path) -> float:
    """Look a layer's own value up as PEFT does: the first pattern that its name ends with, else the common value."""
    module = weight.removesuffix(".weight")
    try:
        own = (config.get(pattern) or {}).items()
        value = next((own for name, own in own if re.match(rf"(.*\.)?({name})$", module)), config[key])
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{value} is no size")
        return float(value)
    except (re.error, LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{adapter / CONFIG} holds no usable {key} or {pattern} ({error}): train the adapter again."
        ) from error
