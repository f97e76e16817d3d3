"""Measure how surprised a model is by the true answers: the loss on their tokens, base and tuned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

from amazon_ft.generation.batches import Budget, batches
from amazon_ft.models import Loaded, adapter_off, answering
from amazon_ft.prompts import IGNORED, Example, Tokens, tokenize
from amazon_ft.recipes import Recipe, Training

TOKENS = 2_048  # of a batch: each has a logit for every word of the vocabulary
Loss = tuple[float, int]  # nats over all response tokens, and how many they are


def losses(loaded: Loaded, recipe: Recipe, examples: Sequence[Example]) -> dict[str, list[Loss]]:
    """Sum the loss on the response tokens of each example, the end of the answer among them, for both systems."""
    longest = recipe.training.max_length if isinstance(recipe.training, Training) else TOKENS
    rows = [tokenize(example, recipe.template, loaded.tokenizer, longest) for example in examples]
    answering(loaded)
    measured = {}
    for system in ("base", "tuned"):
        with adapter_off(loaded) if system == "base" else nullcontext():
            sums = dict(_sums(loaded, rows))
        measured[system] = [sums[place] for place in range(len(rows))]
    return measured


def _sums(loaded: Loaded, rows: Sequence[Tokens]) -> Iterator[tuple[int, Loss]]:
    import torch

    for places in batches([len(row.input_ids) for row in rows], 0, Budget(TOKENS, TOKENS)):
        some = [rows[place] for place in places]
        inputs = loaded.tokenizer.pad(
            {"input_ids": [row.input_ids for row in some]}, padding_side="right", return_tensors="pt"
        )
        with torch.inference_mode():
            logits = loaded.model(**inputs.to(loaded.model.device), use_cache=False).logits
        yield from ((place, _loss(own, row)) for place, own, row in zip(places, logits, some, strict=True))


def _loss(logits: Any, row: Tokens) -> Loss:
    import torch

    labels = torch.tensor(row.labels, device=logits.device)[1:]
    said = labels != IGNORED
    own = logits[: len(labels)][said].float()
    nats = torch.nn.functional.cross_entropy(own, labels[said], reduction="sum")
    return round(nats.item(), 4), int(said.sum())
