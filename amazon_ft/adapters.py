"""The door to PEFT: put an adapter on a model, fresh or trained, through Unsloth where that runs the model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.recipes import Lora

FUSED = {"q_proj": "qkv_proj", "k_proj": "qkv_proj", "v_proj": "qkv_proj"}
FUSED |= {"gate_proj": "gate_up_proj", "up_proj": "gate_up_proj"}  # as in Phi-3


def fresh(model: Any, lora: Lora, backend: str, seed: int) -> Any:
    """Put an untrained adapter on the model; it answers as before.

    Raises InputError if the model has no layers of the names that `lora` trains.
    """
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(lora).items()}
    values |= {"target_modules": targets(model, lora), "modules_to_save": values["modules_to_save"] or None}
    if backend == "unsloth":
        from unsloth import FastLanguageModel

        values.pop("ensure_weight_tying")
        return FastLanguageModel.get_peft_model(
            model, bias="none", use_gradient_checkpointing="unsloth", random_state=seed, **values
        )
    from peft import LoraConfig, get_peft_model
    from transformers import set_seed

    set_seed(seed)
    return get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **values))


def trained(model: Any, folder: Path, dtype: str) -> Any:
    """Put the adapter that was saved in `folder` on the model, in the dtype, by its torch name, that it answers in.

    As float32, as it was trained, it would have every layer convert back and forth for each token.
    """
    import torch
    from peft import PeftModel

    adapted = PeftModel.from_pretrained(model, str(folder))
    for name, weight in adapted.named_parameters():
        if "lora_" in name or "modules_to_save" in name:
            weight.data = weight.data.to(getattr(torch, dtype))
    return adapted


def targets(model: Any, lora: Lora) -> list[str]:
    """Name the layers of this model that the adapter goes on; a fused layer stands for its parts.

    Raises InputError, with the names there are, if one is missing.
    """
    there = {name.rpartition(".")[2] for name, module in model.named_modules() if hasattr(module, "in_features")}
    found = {name: name if name in there else FUSED.get(name, name) for name in lora.target_modules}
    missing = [name for name, layer in found.items() if layer not in there]
    if missing:
        raise InputError(f"the base model has no layer {', '.join(missing)}: choose of {', '.join(sorted(there))}.")
    if fused := sorted({layer for name, layer in found.items() if layer != name}):
        print(
            f"this model fuses {' and '.join(name for name in found if found[name] in fused)} into {', '.join(fused)}"
        )
    return list(dict.fromkeys(found.values()))


def full_precision(model: Any) -> set[str]:
    """Make what is trained float32, which a gradient scaler needs, and name the dtypes that it had."""
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    found = {str(weight.dtype).removeprefix("torch.") for weight in trained}
    for weight in trained:
        weight.data = weight.data.float()
    return found


def decoder_layers(model: Any) -> list[Any]:
    """Make ready and find the layers that can be recomputed in the backward pass, in their order."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if layers and not hasattr(layers[0], "_gradient_checkpointing_func"):
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return layers
