"""Measure what the recipe `grounded` teaches: to read an entry, quote it and name it, or to say that it is silent.

    python benchmarks/grounded.py [--quick]

No published model is at hand, so a Llama of 25 million parameters is first pre-trained on the shop talk of
amazon_ft.sample, as the demo's tiny one is, which never sees a description with its title; then `grounded` trains its
adapter on 20,000 invented products. Held-out products are asked closed book and with their entry. The last line is
JSON, and a full run, which needs a CUDA GPU, writes it to benchmarks/results/grounded.json. --quick shows in a minute,
with a smaller model and fewer steps, that the benchmark works, and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, set_seed

from amazon_ft import steps
from amazon_ft.cleaning.whole import Choices
from amazon_ft.files import write_json, write_text
from amazon_ft.recipes import Generation, Lora, Recipe, Training, named
from amazon_ft.runs import Run, manifest
from amazon_ft.sample import catalogue, tiny_model
from amazon_ft.sample.shop_talk import conversations

RESULT = Path(__file__).with_name("results") / "grounded.json"


@dataclass(frozen=True)
class Size:
    """Hold how much is done."""

    layers: int
    hidden: int
    conversations: int
    pretraining_steps: int
    batch: int  # blocks of BLOCK tokens
    products: int
    training_steps: int
    questions: int


BLOCK = 512
FULL = Size(8, 512, 60_000, 3_000, 64, 30_000, 1_500, 256)
QUICK = Size(2, 64, 500, 4, 2, 300, 2, 4)


def pretrain(size: Size, folder: Path) -> None:
    """Train tokenizer and model on shop talk alone, and save both."""
    set_seed(tiny_model.SEED)
    talk = list(conversations(size.conversations, tiny_model.SEED))
    tokenizer = tiny_model._tokenizer(talk)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = LlamaForCausalLM(_config(size, tokenizer)).to(device)
    texts = [
        f"{tiny_model.USER}{asked}{tiny_model.END}{tiny_model.ASSISTANT}{said}{tiny_model.END}" for asked, said in talk
    ]
    ids = torch.tensor([id_ for row in tokenizer(texts)["input_ids"] for id_ in row])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, size.pretraining_steps, pct_start=0.1)
    random = torch.Generator().manual_seed(tiny_model.SEED)
    for _ in range(size.pretraining_steps):
        starts = torch.randint(len(ids) - BLOCK, (size.batch,), generator=random)
        batch = torch.stack([ids[start : start + BLOCK] for start in starts.tolist()]).to(device)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    print(f"pre-trained {sum(map(torch.numel, model.parameters())):,} parameters, loss {loss.item():.3f}", flush=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _config(size: Size, tokenizer: Any) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.hidden,
        intermediate_size=size.hidden * 11 // 4,
        num_hidden_layers=size.layers,
        num_attention_heads=size.hidden // 64 or 1,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def recipe_for(size: Size, base_model: Path) -> Recipe:
    """Give `grounded` the small base model, and the steps that one needs."""
    training = Training(
        effective_batch_size=64,
        learning_rate=1e-3,
        warmup_steps=min(50, size.training_steps - 1),
        max_steps=size.training_steps,
        optim="adamw_torch",
        max_length=1024,
    )
    return replace(
        named("grounded"),
        base_model=str(base_model),
        lora=Lora(r=64, lora_alpha=128),
        load_in_4bit=False,
        training=training,
        generation=Generation(max_new_tokens=160),
        rows=size.products,
        held_out_rows=2 * size.questions,
    )


def measure(size: Size, folder: Path) -> dict[str, Any]:
    """Walk the road and give the scores and the seconds of each part."""
    started = time.monotonic()
    pretrain(size, folder / "base")
    pretrained = time.monotonic()
    write_text(folder / "trn.json", "".join(catalogue.lines(size.products)))
    run, recipe = Run(folder / "run"), recipe_for(size, folder / "base")
    steps.clean(run, folder / "trn.json", Choices(near_duplicates=False))  # shapes alike are its nature
    steps.format_rows(run, recipe)
    steps.train(run, recipe)
    scores = steps.compare(run, recipe, size.questions)
    done = manifest(run)["steps"]
    return {
        "pretraining_seconds": round(pretrained - started, 1),
        **{f"{step}_seconds": done[step]["seconds"] for step in ("format", "train", "compare")},
        "scores": scores,
        "ratio": round(_rouge(scores, "tuned_with_source") / max(_rouge(scores, "base"), 1e-4), 1),
        "versions": done["compare"]["versions"],
    }


def _rouge(scores: dict[str, Any], system: str) -> float:
    return float(scores["unseen"][system]["rouge_l"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    if not quick and not torch.cuda.is_available():
        parser.error("a full run needs a CUDA GPU: --quick runs anywhere.")
    with tempfile.TemporaryDirectory() as folder:
        result = {"benchmark": "grounded", **measure(QUICK if quick else FULL, Path(folder))}
    gpu = torch.cuda.is_available()
    result["device"] = torch.cuda.get_device_name() if gpu else "cpu"
    result["peak_memory_mb"] = torch.cuda.max_memory_allocated() // 2**20 if gpu else None
    if not quick:
        write_json(RESULT, result)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
