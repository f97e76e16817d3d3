"""Small models of random weights, and random adapters on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, Phi3Config
from transformers.utils import logging

logging.disable_progress_bar()

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
SIZES |= {"num_key_value_heads": 2, "vocab_size": 96, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def model(folder: Path, dtype: str = "bfloat16", shards: int = 1, phi: bool = False, **values: Any) -> Path:
    """Save a model of about so many shards."""
    torch.manual_seed(0)
    config = (Phi3Config if phi else LlamaConfig)(**SIZES | values)
    built = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
    for weight in built.parameters():
        torch.nn.init.normal_(weight, std=0.3 if weight.ndim == 1 else 0.1)
    total = sum(weight.numel() * weight.element_size() for weight in built.parameters())
    built.save_pretrained(folder, max_shard_size=total // shards + 4096 if shards > 1 else total * 2)
    return folder


def adapter(folder: Path, base: Path, target_modules: Any = ALL, **values: Any) -> Path:
    """Save an adapter whose factors, and whatever else it trains, are random."""
    torch.manual_seed(1)
    values = {"r": 4, "lora_alpha": 6, "target_modules": target_modules} | values
    adapted = get_peft_model(plain(base), LoraConfig(task_type="CAUSAL_LM", **values))
    for name, weight in adapted.named_parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, std=0.1 if "lora" in name else 0.2)
    adapted.save_pretrained(folder)
    return folder


def plain(base: Path) -> Any:
    """Load a model in float32."""
    return AutoModelForCausalLM.from_pretrained(base, dtype="float32")


def adapted(base: Path, adapter: Path) -> Any:
    """Load a model in float32 with its adapter."""
    return PeftModel.from_pretrained(plain(base), str(adapter)).eval()


def say(adapter: Path, **values: Any) -> Path:
    """Change an adapter's configuration."""
    config = adapter / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | values))
    return adapter


def change(adapter: Path, renamed: dict[str, str] | None = None, **tensors: Any) -> Path:
    """Rename an adapter's tensors by parts of their names, or put others in place of those whose names end so."""
    file = adapter / "adapter_model.safetensors"
    found = load_file(file)
    for old, new in (renamed or {}).items():
        found = {name.replace(old, new): tensor for name, tensor in found.items()}
    for end, tensor in tensors.items():
        [name] = [name for name in found if name.endswith(end.replace("__", "."))]
        if tensor is None:
            found.pop(name)
        else:
            found[name] = tensor(found[name])
    save_file(found, file, metadata={"format": "pt"})
    return adapter
