"""Ask a model: many prompts at once, each until its stop token."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from tqdm.auto import tqdm

from amazon_ft.models import Loaded, adapter_off, answering, in_precision
from amazon_ft.prompts import Example, prompt_ids, stop_token_id
from amazon_ft.recipes import Generation, Recipe, Training

BATCH_SIZE = 32
SILENT = 4  # answers that need no bar
WINDOW = 2048  # tokens


@dataclass(frozen=True)
class Answer:
    """Hold an answer, its length in tokens, whether the model ended it by itself, and its share of the time."""

    text: str
    tokens: int
    stopped: bool
    seconds: float = field(compare=False)


def answers(loaded: Loaded, recipe: Recipe, asked: Mapping[str, Sequence[Example]]) -> dict[str, list[Answer]]:
    """Ask the tuned model its questions and, with the adapter switched off, the base model its own."""
    stop = stop_token_id(recipe.template, loaded.tokenizer)
    given, number = {}, sum(map(len, asked.values()))
    with tqdm(total=number, desc="ask", unit="answer", disable=number <= SILENT) as bar:
        for system, examples in asked.items():
            prompts = [prompt_ids(example, recipe.template, loaded.tokenizer) for example in examples]
            with adapter_off(loaded) if system == "base" else nullcontext():
                given[system] = generate(loaded, prompts, recipe.generation, stop, bar.update)
    return given


def room(loaded: Loaded, recipe: Recipe, example: Example) -> int:
    """Count the tokens that are left for more context in the prompt of `example`.

    A prompt and its answer fit into what the model can read, and into what it was trained to read or 2,048 tokens;
    below 0, this one does not.
    """
    trained = recipe.training.max_length if isinstance(recipe.training, Training) else 0
    window = min(loaded.model.config.get_text_config().max_position_embeddings, max(WINDOW, trained))
    prompt = len(prompt_ids(example, recipe.template, loaded.tokenizer))
    return int(window - recipe.generation.max_new_tokens - prompt)


def tokens(loaded: Loaded, text: str) -> int:
    """Count the tokens of a text."""
    return len(loaded.tokenizer(text, add_special_tokens=False)["input_ids"])


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
    started = time.perf_counter()
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
    width, share = inputs["input_ids"].shape[1], (time.perf_counter() - started) / len(prompts)
    return [_answer(ids[width:].tolist(), loaded.tokenizer, stop, share) for ids in outputs]


def _answer(ids: list[int], tokenizer: Any, stop: int, seconds: float) -> Answer:
    stopped = stop in ids
    kept = ids[: ids.index(stop)] if stopped else ids
    return Answer(tokenizer.decode(kept, skip_special_tokens=True).strip(), len(kept), stopped, round(seconds, 3))
