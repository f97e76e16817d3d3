"""Ask hosted models, base and tuned, as models in this machine's memory are asked."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from tqdm.auto import tqdm

from amazon_ft.generation.answering import PLAIN, SILENT, Manner
from amazon_ft.generation.losses import Loss
from amazon_ft.generation.store import Answer
from amazon_ft.openai_jobs import export, tokens
from amazon_ft.openai_jobs.wire import Door
from amazon_ft.prompts import Example, Message
from amazon_ft.recipes import Generation, Recipe

WINDOW = 8_192  # tokens of a prompt with its answer: hosted models read more, and each of them is paid


@dataclass(frozen=True)
class Hosted:
    """Answer with two models of a provider, a few questions at once."""

    door: Callable[[], Door]  # opened for the first question that was not answered before
    base: str
    tuned: str
    workers: int = 8

    @cached_property
    def _door(self) -> Door:
        return self.door()

    @cached_property
    def _counter(self) -> tokens.Counter:
        return tokens.counter(self.base)

    def room(self, recipe: Recipe, example: Example) -> int:
        """Count, as well as it can be counted here, what is left of the window."""
        asked = tokens.of_chat(_messages(example, recipe), self._counter)
        return WINDOW - recipe.generation.max_new_tokens - asked.tokens

    def tokens(self, text: str) -> int:
        """Count the tokens of a text, as well as they can be counted here."""
        return self._counter.count(text).tokens

    def losses(self, recipe: Recipe, examples: Sequence[Example]) -> dict[str, list[Loss]]:
        """Give none: a provider does not tell how surprised its models are by a text."""
        return {}

    def answers(
        self, recipe: Recipe, questions: Mapping[str, Sequence[Example]], manner: Manner = PLAIN
    ) -> dict[str, list[Answer]]:
        """Ask each model its own questions; what the store has is not asked, and paid, again.

        Raises InputError if the provider refuses, or fails more often than patience allows; answers that came stay.
        """
        generation, number = manner.generation or recipe.generation, sum(map(len, questions.values()))
        given = dict[str, list[Answer]]()
        with tqdm(total=number, desc="ask", unit="answer", smoothing=0, disable=number <= SILENT) as bar:
            for system, examples in questions.items():
                if manner.listener and manner.listener.enough.is_set():
                    break
                answers = dict[int, Answer]()
                for place, answer in self._answers(
                    system, [_messages(one, recipe) for one in examples], generation, manner
                ):
                    answers[place] = answer
                    if manner.listener:
                        manner.listener.heard(system, place, answer.text, answer.tokens)
                    bar.update()
                given[system] = [answers[place] for place in range(len(examples))]
        return given

    def _answers(
        self, system: str, asked: Sequence[list[Message]], generation: Generation, manner: Manner
    ) -> Iterator[tuple[int, Answer]]:
        """Give answers with the places of their questions, as they come; each is kept first."""
        model, store = self.base if system == "base" else self.tuned, manner.store
        keys = [_key(messages, generation) for messages in asked]
        known = {place: answer for place, key in enumerate(keys) if store and (answer := store.get(model, key))}
        yield from known.items()
        pool = ThreadPoolExecutor(self.workers)
        try:
            coming = {
                pool.submit(self._ask, model, messages, keys[place], generation): place
                for place, messages in enumerate(asked)
                if place not in known
            }
            for future in as_completed(coming):
                answer = future.result()
                if store:
                    store.put(model, [answer])
                yield coming[future], answer
        finally:
            pool.shutdown(cancel_futures=True)

    def _ask(self, model: str, messages: list[Message], key: str, generation: Generation) -> Answer:
        decoding = {"max_tokens": generation.max_new_tokens, "temperature": generation.temperature}
        decoding |= {"top_p": generation.top_p, "seed": generation.seed}
        started = time.perf_counter()
        told: Any = self._door.ask(
            "answer a question",
            lambda client: client.chat.completions.create(model=model, messages=messages, **decoding),  # type: ignore[call-overload]
        )
        choice, seconds = told.choices[0], round(time.perf_counter() - started, 3)
        text = (choice.message.content or "").strip()
        used = told.usage.completion_tokens if told.usage else self.tokens(text)
        return Answer(text, used, choice.finish_reason == "stop", seconds, key, generation.max_new_tokens)


def _messages(example: Example, recipe: Recipe) -> list[Message]:
    return export.chat(example, recipe)[:-1]


def _key(messages: Sequence[Message], generation: Generation) -> str:
    """Hash what decides an answer beside the model."""
    return hashlib.sha256(json.dumps([list(messages), asdict(generation)]).encode()).hexdigest()[:32]
