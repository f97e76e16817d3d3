"""Ask a model: many prompts at once, each until its stop token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm.auto import tqdm

from amazon_ft.models import Loaded, adapter_off, answering, in_precision
from amazon_ft.prompts import Example, prompt_ids, stop_token_id
from amazon_ft.recipes import Generation, Recipe

BATCH_SIZE = 32


@dataclass(frozen=True)
class Answer:
    """Hold an answer, its length in tokens, and whether the model ended it by itself."""

    text: str
    tokens: int
    stopped: bool


def base_and_tuned(loaded: Loaded, recipe: Recipe, examples: Sequence[Example]) -> dict[str, list[Answer]]:
    """Ask the tuned model and, with its adapter switched off, the base model the same prompts."""
    prompts = [prompt_ids(example, recipe.template, loaded.tokenizer) for example in examples]
    stop = stop_token_id(recipe.template, loaded.tokenizer)
    with tqdm(total=2 * len(prompts), desc="ask", unit="answer", disable=len(prompts) == 1) as bar:
        tuned = generate(loaded, prompts, recipe.generation, stop, bar.update)
        with adapter_off(loaded):
            base = generate(loaded, prompts, recipe.generation, stop, bar.update)
    return {"base": base, "tuned": tuned}


def generate(
    loaded: Loaded,
    prompts: Sequence[list[int]],
    generation: Generation,
    stop: int,
    progress: Callable[[int], object] = lambda number: None,
) -> list[Answer]:
    """Answer tokenized prompts, in their order, each until the token `stop`; neighbours in length share a batch.

    `progress` is called with the number of answers after every batch.
    """
    from transformers import set_seed

    set_seed(generation.seed)
    answering(loaded)
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    answers: dict[int, Answer] = {}
    for start in range(0, len(order), BATCH_SIZE):
        places = order[start : start + BATCH_SIZE]
        batch = _generate([prompts[place] for place in places], loaded, generation, stop)
        answers.update(zip(places, batch, strict=True))
        progress(len(places))
    return [answers[place] for place in range(len(prompts))]


def _generate(prompts: list[list[int]], loaded: Loaded, generation: Generation, stop: int) -> list[Answer]:
    inputs = loaded.tokenizer.pad({"input_ids": prompts}, padding_side="left", return_tensors="pt")
    sampling: dict[str, Any] = {"do_sample": generation.temperature > 0}
    if generation.temperature > 0:
        sampling["temperature"] = generation.temperature
    with in_precision(loaded):
        outputs = loaded.model.generate(
            **inputs.to(loaded.model.device),
            max_new_tokens=generation.max_new_tokens,
            eos_token_id=stop,
            pad_token_id=loaded.tokenizer.pad_token_id,
            **sampling,
        )
    width = inputs["input_ids"].shape[1]
    return [_answer(ids[width:].tolist(), loaded.tokenizer, stop) for ids in outputs]


def _answer(ids: list[int], tokenizer: Any, stop: int) -> Answer:
    stopped = stop in ids
    kept = ids[: ids.index(stop)] if stopped else ids
    return Answer(tokenizer.decode(kept, skip_special_tokens=True).strip(), len(kept), stopped)
