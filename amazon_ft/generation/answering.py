"""Ask a model: many prompts at once, each until its stop token, and heard as they come if somebody listens."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

from tqdm.auto import tqdm

from amazon_ft import hardware
from amazon_ft.generation.batches import batches, budget
from amazon_ft.generation.store import Answer, Store, asked
from amazon_ft.models import Loaded, adapter_off, answering, shape
from amazon_ft.prompts import Example, prompt_ids, stop_token_id
from amazon_ft.recipes import Generation, Recipe, Training

SILENT = 4  # answers that need no bar
WINDOW = 2048  # tokens
# A cache that grows has new memory mapped for every token of the first batch: 12 seconds instead of 4 on an H200.
PREALLOCATED = {"cache_implementation": "static", "disable_compile": True}


@dataclass(frozen=True)
class Listener:
    """Hear answers as they come; `heard` gets the system, the place of the question, text and tokens so far."""

    heard: Callable[[str, int, str, int], object]
    enough: Event = field(default_factory=Event)  # set it, from any thread, to end what is being answered


@dataclass(frozen=True)
class Manner:
    """Hold how questions are asked: decoding if not the recipe's, what is known already, and who listens."""

    generation: Generation | None = None
    store: Store | None = None
    listener: Listener | None = None


PLAIN = Manner()


def answers(
    loaded: Loaded, recipe: Recipe, questions: Mapping[str, Sequence[Example]], manner: Manner = PLAIN
) -> dict[str, list[Answer]]:
    """Ask the tuned model its questions and, with the adapter switched off, the base model its own.

    What the store has is not asked again, and what is answered is put there at once. After a listener had enough no
    other system is asked.
    """
    generation = manner.generation or recipe.generation
    given, number = dict[str, list[Answer]](), sum(map(len, questions.values()))
    stop = stop_token_id(recipe.template, loaded.tokenizer)
    with tqdm(total=number, desc="ask", unit="answer", smoothing=0, disable=number <= SILENT) as bar:
        for system, examples in questions.items():
            if manner.listener and manner.listener.enough.is_set():
                break
            prompts = [prompt_ids(example, recipe.template, loaded.tokenizer) for example in examples]
            keys = [asked(prompt, generation, stop) for prompt in prompts]
            known = _known(loaded, system, keys, manner, bar.update)
            missing = [place for place in range(len(prompts)) if place not in known]
            with adapter_off(loaded) if system == "base" else nullcontext():
                hear = _hear(manner.listener, system, missing)
                for batch in generate(loaded, [prompts[place] for place in missing], generation, stop, hear):
                    fresh = {missing[at]: replace(one, asked=keys[missing[at]]) for at, one in batch.items()}
                    known |= fresh
                    _keep(loaded, system, list(fresh.values()), manner)
                    bar.update(len(fresh))
            given[system] = [known[place] for place in range(len(prompts))]
    return given


def room(loaded: Loaded, recipe: Recipe, example: Example, generation: Generation | None = None) -> int:
    """Count the tokens that are left for more context in the prompt of `example`.

    A prompt and its answer fit into what the model can read, and into what it was trained to read or 2,048 tokens;
    below 0, this one does not.
    """
    trained = recipe.training.max_length if isinstance(recipe.training, Training) else 0
    window = min(loaded.model.config.get_text_config().max_position_embeddings, max(WINDOW, trained))
    prompt = len(prompt_ids(example, recipe.template, loaded.tokenizer))
    return int(window - (generation or recipe.generation).max_new_tokens - prompt)


def tokens(loaded: Loaded, text: str) -> int:
    """Count the tokens of a text."""
    return len(loaded.tokenizer(text, add_special_tokens=False)["input_ids"])


Hear = Callable[[int, str, int], bool]  # the place of a prompt, its answer and tokens so far; true: enough


def generate(
    loaded: Loaded, prompts: Sequence[list[int]], generation: Generation, stop: int, hear: Hear | None = None
) -> Iterator[dict[int, Answer]]:
    """Answer tokenized prompts, each until the token `stop`, and yield the answers of each batch by their places.

    The longest come first. Where memory runs out, what is left is asked again in smaller batches.
    """
    from torch import OutOfMemoryError
    from transformers import set_seed

    set_seed(generation.seed)
    answering(loaded)
    lengths, new = [len(prompt) for prompt in prompts], generation.max_new_tokens
    within = budget(hardware.measure(), shape(loaded), loaded.backend)
    left = deque(batches(lengths, new, within))
    while left:
        places = left.popleft()
        try:
            batch = _generate([prompts[at] for at in places], loaded, generation, stop, _of(places, hear))
        except OutOfMemoryError:
            if len(places) == 1:
                raise
            within, waiting = within.halved(), [at for some in (places, *left) for at in some]
            again = batches([lengths[at] for at in waiting], new, within)
            left = deque([waiting[at] for at in some] for some in again)
            continue
        yield dict(zip(places, batch, strict=True))


def _known(
    loaded: Loaded, system: str, keys: Sequence[str], manner: Manner, progress: Callable[[int], object]
) -> dict[int, Answer]:
    model = _identity(loaded, system)
    found = ((place, manner.store.get(model, key)) for place, key in enumerate(keys) if manner.store)
    known = {place: answer for place, answer in found if answer}
    if manner.listener:
        for place, answer in known.items():
            manner.listener.heard(system, place, answer.text, answer.tokens)
    progress(len(known))
    return known


def _keep(loaded: Loaded, system: str, fresh: Sequence[Answer], manner: Manner) -> None:
    if manner.store and not (manner.listener and manner.listener.enough.is_set()):  # what was broken off is no answer
        manner.store.put(_identity(loaded, system), fresh)


def _identity(loaded: Loaded, system: str) -> str:
    """Name all that decides an answer beside what is asked: weights, how they are packed and computed with, adapter."""
    packed = "4-bit" if loaded.four_bit else "whole"
    adapter = "" if system == "base" else loaded.adapter
    return f"{loaded.weights} {packed} {loaded.precision.dtype} {adapter}".strip()


def _hear(listener: Listener | None, system: str, places: Sequence[int]) -> Hear | None:
    if listener is None:
        return None

    def hear(place: int, text: str, tokens: int) -> bool:
        listener.heard(system, places[place], text, tokens)
        return listener.enough.is_set()

    return hear


def _of(places: Sequence[int], hear: Hear | None) -> Hear | None:
    return hear and (lambda at, text, tokens: hear(places[at], text, tokens))


def _generate(
    prompts: list[list[int]], loaded: Loaded, generation: Generation, stop: int, hear: Hear | None
) -> list[Answer]:
    started = time.perf_counter()
    inputs = loaded.tokenizer.pad({"input_ids": prompts}, padding_side="left", return_tensors="pt")
    sampling: dict[str, Any] = {"do_sample": generation.temperature > 0}
    if generation.temperature > 0:
        sampling |= {"temperature": generation.temperature, "top_p": generation.top_p, "top_k": 0}
    if loaded.backend == "transformers" and loaded.model.device.type == "cuda":
        sampling |= PREALLOCATED
    width = inputs["input_ids"].shape[1]
    outputs = loaded.model.generate(
        **inputs.to(loaded.model.device),
        max_new_tokens=generation.max_new_tokens,
        eos_token_id=stop,
        pad_token_id=loaded.tokenizer.pad_token_id,
        stopping_criteria=_criteria(loaded.tokenizer, width, stop, hear) if hear else None,
        **sampling,
    )
    share = (time.perf_counter() - started) / len(prompts)
    return [_answer(ids[width:].tolist(), loaded.tokenizer, stop, share, generation) for ids in outputs]


def _criteria(tokenizer: Any, width: int, stop: int, hear: Hear) -> list[Callable[..., Any]]:
    """Hear every row of a batch after each token, and end all of them when there was enough."""
    import torch

    def after_each_token(input_ids: Any, scores: Any, **_: Any) -> Any:
        said = [_text(ids[width:].tolist(), tokenizer, stop) for ids in input_ids]
        enough = [hear(at, text, len(kept)) for at, (text, kept) in enumerate(said)]
        return torch.full((len(input_ids),), any(enough), device=input_ids.device)

    return [after_each_token]


def _answer(ids: list[int], tokenizer: Any, stop: int, seconds: float, generation: Generation) -> Answer:
    text, kept = _text(ids, tokenizer, stop)
    return Answer(text, len(kept), stop in ids, round(seconds, 3), max_new_tokens=generation.max_new_tokens)


def _text(ids: list[int], tokenizer: Any, stop: int) -> tuple[str, list[int]]:
    kept = ids[: ids.index(stop)] if stop in ids else ids
    return tokenizer.decode(kept, skip_special_tokens=True).strip(), kept
