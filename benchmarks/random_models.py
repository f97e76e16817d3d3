"""Save models with random weights in the shapes of the recipes' base models, and rows that look like theirs.

Speed and memory are those of the real models; what they say is noise.
"""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

from amazon_ft.hardware.memory import LLAMA_3_1B, LLAMA_3_8B, PHI_3_MINI, TINYLLAMA, Shape

NANO = Shape(128, 352, 4, 4, 4, 32, 8192)
SHAPES = {"nano": NANO, "llama-1b": LLAMA_3_1B, "llama-8b": LLAMA_3_8B, "tinyllama": TINYLLAMA, "phi-3": PHI_3_MINI}
FUSED = "phi-3-fused"  # Phi-3 as its makers publish it; Unsloth's copy on the hub has the projections apart
SYLLABLES = [
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "je",
    "ki",
    "lo",
    "mu",
    "na",
    "pe",
    "qui",
    "ro",
    "su",
    "ta",
    "ve",
    "wi",
    "xo",
    "zu",
    "stra",
    "ble",
    "cro",
    "dri",
    "fla",
    "gre",
]
MEDIAN, NINETIETH, LONGEST = 150, 450, 2048  # tokens of a row, as measured on rows of the real catalogue
HEAD = "### Instruction:\nDescribe the product\n\n### Input:\n"


def save(name: str, folder: Path, dtype: str = "bfloat16") -> Path:
    """Save the model `name` of random weights, with a tokenizer, once; return its folder."""
    place = folder / name
    if (place / "config.json").exists():
        return place
    import torch
    from transformers import GenerationConfig

    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        with torch.device(device):
            model = _class(name)(_config(name))
    finally:
        torch.set_default_dtype(torch.float32)
    model.generation_config = GenerationConfig(bos_token_id=0, eos_token_id=1, pad_token_id=2)
    tokenizer().save_pretrained(place)
    model.save_pretrained(place)
    return place


def tokenizer() -> Any:
    """Train a byte-level BPE on invented words: about four characters a token, as on real text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    control = ["<|bos|>", "<|eos|>", "<|pad|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=NANO.vocab_size,
        special_tokens=control,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    some = random.Random(1)
    backend.train_from_iterator((HEAD + _talk(some, 200) for _ in range(600)), trainer)
    backend.post_processor = processors.TemplateProcessing(single="<|bos|> $A", special_tokens=[("<|bos|>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=control[0], eos_token=control[1], pad_token=control[2]
    )


def texts(number: int, *, every_long: bool = False) -> list[str]:
    """Invent rows as text: lengths log-normal in tokens, or all of them longer than LONGEST."""
    some = random.Random(2)
    sigma = math.log(NINETIETH / MEDIAN) / 1.2816  # the 90th percentile of the normal distribution
    lengths = [min(LONGEST, max(60, round(MEDIAN * math.exp(some.gauss(0, sigma))))) for _ in range(number)]
    words = [2 * LONGEST] * number if every_long else [max(8, length - 30) for length in lengths]
    return [f"{HEAD}{_talk(some, 8)}\n\n### Response:\n{_talk(some, count)}" for count in words]


def _words() -> list[str]:
    some = random.Random(0)
    return sorted({"".join(some.choices(SYLLABLES, k=some.randint(2, 4))) for _ in range(5000)})


WORDS = _words()
WEIGHTS = [1 / (place + 10) for place in range(len(WORDS))]


def _talk(some: random.Random, words: int) -> str:
    return " ".join(some.choices(WORDS, WEIGHTS, k=words))


def _class(name: str) -> Any:
    from transformers import LlamaForCausalLM, MistralForCausalLM, Phi3ForCausalLM

    return {"phi-3": MistralForCausalLM, FUSED: Phi3ForCausalLM}.get(name, LlamaForCausalLM)


def _config(name: str) -> Any:
    from dataclasses import asdict

    values = asdict(SHAPES.get(name, PHI_3_MINI)) | {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    if name == FUSED:
        values.pop("head_dim")
    if name in ("llama-1b", "llama-8b"):
        values["rope_parameters"] = {
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 32.0 if name == "llama-1b" else 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        }
    longest = 131072 if name.startswith("llama") else 4096
    if name == "phi-3":
        values["sliding_window"] = 2048
    return _class(name).config_class(max_position_embeddings=longest, rms_norm_eps=1e-5, **values)
