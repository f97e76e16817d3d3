"""Judge an adapter by what it may hold: the plain values of a LoRA, the weights they describe, nothing else. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.merging.weights import Tensor, tensors

MOST_RANK = 1024  # of an adapter; the recipes' own have 16 and 32
MOST_ALPHA = 65_536
MOST_NAMES = 256  # layers that are named
LAYER = re.compile(r"[A-Za-z_]\w{0,63}(\.\w{1,64}){0,15}", re.ASCII)  # PEFT takes any other text for a pattern
WORD = re.compile(r"[\w.+@-]{1,80}", re.ASCII)
SHOWN = 80  # characters of a value

# PEFT's automatic classes import the module that auto_mapping names; Unsloth writes one of Transformers' there.
MAPPED = {
    "base_model_class": re.compile(r"[A-Za-z]\w{0,80}", re.ASCII),
    "parent_library": re.compile(r"transformers\.models\.[a-z0-9_]+\.modeling_[a-z0-9_]+", re.ASCII),
}

FLOATS = ("F32", "F16", "BF16")
TIED = ("embed_tokens", "lm_head")  # PEFT saves either with the other, where they are one
LORA = (".lora_A.weight", ".lora_B.weight", ".lora_embedding_A", ".lora_embedding_B")


def _number(low: float, high: float) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        return plain and low <= value <= high

    return fits


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _names(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= MOST_NAMES and all(map(_is_layer, value))


def _is_layer(value: Any) -> bool:
    return isinstance(value, str) and bool(LAYER.fullmatch(value))


def _pattern(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def each(value: Any) -> bool:
        plain = isinstance(value, dict) and len(value) <= MOST_NAMES
        return plain and all(_is_layer(name) and fits(number) for name, number in value.items())

    return each


def _is_mapped(value: Any) -> bool:
    return isinstance(value, dict) and all(
        bool(isinstance(own, str) and MAPPED[name].fullmatch(own)) if name in MAPPED else isinstance(own, bool)
        for name, own in value.items()
    )


def _bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is(text: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value == text


def _word(value: Any) -> bool:
    return isinstance(value, str) and bool(WORD.fullmatch(value))


RANK, ALPHA = _whole(1, MOST_RANK), _number(1e-3, MOST_ALPHA)
# What each key may hold beside nothing; any other key must hold nothing.
KNOWN: Mapping[str, Callable[[Any], bool]] = {
    "peft_type": _is("LORA"),
    "task_type": _is("CAUSAL_LM"),
    "base_model_name_or_path": lambda value: isinstance(value, str),
    "r": RANK,
    "lora_alpha": ALPHA,
    "lora_dropout": _number(0, 1),
    "target_modules": _names,
    "modules_to_save": _names,
    "rank_pattern": _pattern(RANK),
    "alpha_pattern": _pattern(ALPHA),
    "bias": _is("none"),
    "use_rslora": _bool,
    "ensure_weight_tying": _bool,
    "inference_mode": _bool,
    "init_lora_weights": lambda value: _bool(value) or value == "gaussian",  # others change the base model as they load
    "auto_mapping": _is_mapped,
    "megatron_core": _is("megatron.core"),  # a module that PEFT would import; this one is the usual value
    "qalora_group_size": _whole(1, MOST_RANK),
    "peft_version": _word,
    "revision": _is("main"),
}
PASSED_ON = (
    *("r", "lora_alpha", "target_modules", "modules_to_save", "rank_pattern", "alpha_pattern"),
    *("use_rslora", "ensure_weight_tying"),
)
NEEDED = ("peft_type", "base_model_name_or_path", "r", "lora_alpha", "target_modules")


def faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Say what in an adapter_config.json is no plain LoRA that is safe to load: a sentence a fault."""
    for name in NEEDED:
        if not config.get(name):
            yield f"adapter_config.json lacks {name}: take an adapter that PEFT saved whole."
    for name, value in config.items():
        if name in KNOWN and value is not None and not (_nothing(value) and name not in NEEDED):
            if not KNOWN[name](value):
                yield f"adapter_config.json sets {name} to {_short(value)}, which is not loaded: {_wanted(name)}."
        elif name not in KNOWN and not _nothing(value):
            yield (
                f"adapter_config.json sets {_short(name)} to {_short(value)}, which a plain LoRA does not have and "
                "amazon-ft does not load: take another adapter, or the merged model."
            )


def weight_faults(path: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """Say what a file of weights holds beside the adapter that a config without faults describes; no weights are read.

    Raises InputError if it is no whole safetensors file.
    """
    try:
        found = tensors(path)
    except RecursionError as error:
        raise InputError(f"the header of {path.name} is no list of tensors: get it anew.") from error
    ends = [one.start + one.bytes for one in found]
    if [one.start for one in found][1:] != ends[:-1] or not found:
        yield f"the tensors of {path.name} lie over or apart from one another: get it anew from who published it."
    for tensor in found:
        if not _fits(tensor, config):
            described = "the adapter that adapter_config.json describes"
            yield f"{path.name} holds {_short(tensor.name)}, which is no part of {described}: take one that is whole."
            return


def _fits(tensor: Tensor, config: Mapping[str, Any]) -> bool:
    if tensor.dtype not in FLOATS or not 1 <= len(tensor.shape) <= 2 or min(tensor.shape) < 1:
        return False
    name = tensor.name.removeprefix("base_model.model.")
    part = next((part for part in LORA if name.endswith(part)), "")
    layer = name.removesuffix(part) if part else name.rpartition(".")[0]
    saved = config.get("modules_to_save")
    listed = config["target_modules"] if part else [*saved, *TIED] if saved else ()
    if not any(layer == one or layer.endswith(f".{one}") for one in listed):
        return False
    return not part or (len(tensor.shape) == 2 and tensor.shape["B" in part] == rank(config, layer))


def passed_on(config: Mapping[str, Any]) -> dict[str, Any]:
    """Give the values of a config which has no faults that are needed to answer, and nothing else of it."""
    own = {name: config[name] for name in PASSED_ON if not _nothing(config.get(name))}
    return {"peft_type": "LORA", "task_type": "CAUSAL_LM", "inference_mode": True, **own}


def rank(config: Mapping[str, Any], layer: str) -> int:
    """Give the rank that a config which has no faults gives to a layer, by its full name, as PEFT finds it."""
    own = (number for name, number in (config.get("rank_pattern") or {}).items() if re.search(rf"(^|\.){name}$", layer))
    return int(next(own, config["r"]))


def _nothing(value: Any) -> bool:
    return value is None or value is False or value in ({}, [], "")


def _wanted(name: str) -> str:
    wanted = {
        "peft_type": "only adapters of type LORA are",
        "r": f"a rank is a whole number up to {MOST_RANK:,}",
        "target_modules": "the layers must be listed by their names",
        "modules_to_save": "the layers must be listed by their names",
        "auto_mapping": "it could name a module that is to be imported",
        "megatron_core": "it names a module that would be imported",
        "revision": "the base model must be the one that everybody gets",
    }
    return wanted.get(name, "take an adapter whose values are the usual ones")


def _short(value: Any) -> str:
    text = "".join(char if char.isprintable() else "?" for char in str(value))
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")
