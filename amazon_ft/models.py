"""The door to loading: base model, tokenizer and adapter, the same for a tiny model and a large one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from amazon_ft import hardware
from amazon_ft.files import InputError, digest
from amazon_ft.hardware import Precision
from amazon_ft.recipes import TINY_LLAMA, Lora


@dataclass(frozen=True)
class Loaded:
    """Hold a model with its tokenizer and the precision that it computes in."""

    model: Any
    tokenizer: Any
    precision: Precision


def locate(base_model: str) -> str:
    """Give the folder of a bundled base model, built if need be; any other name or path stays as it is."""
    if base_model != TINY_LLAMA:
        return base_model
    from amazon_ft.sample import tiny_model

    return str(tiny_model.cached())


def load(base_model: str, *, adapter: Path | None = None) -> Loaded:
    """Load a base model and its tokenizer from a folder or a hub name, with a trained adapter if one is given.

    The dtype is what this machine computes in, printed with the reason.
    Raises InputError if there is no such model here and no hub to ask.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    where, machine = locate(base_model), hardware.measure()
    precision = hardware.precision(machine)
    if Path(where).is_dir():
        logging.disable_progress_bar()  # nothing to wait for
    print(f"{base_model} in {precision.dtype}: {precision.reason}")
    try:
        tokenizer = AutoTokenizer.from_pretrained(where)
        model = AutoModelForCausalLM.from_pretrained(
            where, dtype=precision.dtype, use_safetensors=True, device_map=machine.device
        )
    except OSError as error:
        raise InputError(
            f"the base model {base_model!r} is neither a folder here nor to be had from the hub: "
            "check the name, the network and, for a gated model, your token."
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Loaded(model if adapter is None else _with_trained(model, adapter), tokenizer, precision)


def add_adapter(loaded: Loaded, lora: Lora, seed: int) -> Loaded:
    """Put a fresh adapter on the model; until it is trained the model answers as before."""
    from peft import LoraConfig, get_peft_model
    from transformers import set_seed

    values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(lora).items()}
    set_seed(seed)
    config = LoraConfig(task_type="CAUSAL_LM", **{**values, "modules_to_save": values["modules_to_save"] or None})
    model = get_peft_model(loaded.model, config)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()  # a gradient scaler refuses half-precision weights
    return replace(loaded, model=model)


def fingerprint(base_model: str) -> str:
    """Identify the weights: the hash of a local folder's file, the name of a model on the hub."""
    weights = Path(locate(base_model)) / "model.safetensors"
    return digest(weights) if weights.exists() else base_model


@contextmanager
def adapter_off(loaded: Loaded) -> Iterator[None]:
    """Answer as the base model within the block, from the same weights."""
    with loaded.model.disable_adapter():
        yield


@contextmanager
def in_precision(loaded: Loaded) -> Iterator[None]:
    """Compute in the model's precision within the block, though the adapter's own weights are float32."""
    import torch

    dtype = getattr(torch, loaded.precision.dtype)
    with torch.autocast(loaded.model.device.type, dtype=dtype, enabled=dtype != torch.float32):
        yield


def save(loaded: Loaded, folder: Path) -> None:
    """Save the adapter as safetensors, with its tokenizer and chat template."""
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)


def _with_trained(model: Any, adapter: Path) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(model, str(adapter))
