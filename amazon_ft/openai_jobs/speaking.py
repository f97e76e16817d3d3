"""Ask hosted models, base and tuned, as models in this machine's memory are asked."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from threading import Event, Lock
from typing import Any

from tqdm.auto import tqdm

from amazon_ft.generation.answering import PLAIN, SILENT, Listener, Manner
from amazon_ft.generation.losses import Loss
from amazon_ft.generation.store import Answer
from amazon_ft.openai_jobs import export, tokens
from amazon_ft.openai_jobs.wire import Door, NoAnswer
from amazon_ft.prompts import Example, Message
from amazon_ft.recipes import Generation, Recipe

WINDOW = 8_192  # tokens of a prompt with its answer: hosted models read more, and each of them is paid
BLINK = 0.2  # seconds between two looks whether somebody had enough


@dataclass(frozen=True)
class Hosted:
    """Answer with two models of a provider, a few questions at once."""

    door: Callable[[], Door]  # opened for the first question that was not answered before
    base: str
    tuned: str
    provider: str = "openai"  # its answers are kept apart from those of another one to the same question
    workers: int = 8
    _keeping: Lock = field(default_factory=Lock, repr=False, compare=False)

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

        A system that a listener cut short is left out. Raises InputError if the provider refuses, or fails more often
        than patience allows; answers that came, or were on their way, stay.
        """
        generation, number = manner.generation or recipe.generation, sum(map(len, questions.values()))
        given = dict[str, list[Answer]]()
        with tqdm(total=number, desc="ask", unit="answer", smoothing=0, disable=number <= SILENT) as bar:
            for system, examples in questions.items():
                if manner.listener and manner.listener.enough.is_set():
                    break
                answers = dict[int, Answer]()
                asked = [_messages(one, recipe) for one in examples]
                with closing(self._answers(system, asked, generation, manner)) as coming:
                    for place, answer in coming:
                        answers[place] = answer
                        if manner.listener:
                            manner.listener.heard(system, place, answer.text, answer.tokens)
                        bar.update()
                if len(answers) == len(examples):
                    given[system] = [answers[place] for place in range(len(examples))]
        return given

    def _answers(
        self, system: str, asked: Sequence[list[Message]], generation: Generation, manner: Manner
    ) -> Generator[tuple[int, Answer], None, None]:
        """Give answers with the places of their questions, as they come; each is kept first, even if nobody waits."""
        model, store = self.base if system == "base" else self.tuned, manner.store
        keys = [_key(messages, generation) for messages in asked]
        name = f"{self.provider} {model}"
        known = {place: answer for place, key in enumerate(keys) if store and (answer := store.get(name, key))}
        yield from known.items()
        missing = [place for place in range(len(asked)) if place not in known]
        if not missing:
            return
        end = _End(manner.listener)
        door = _hurried(self._door, end)  # opened here, not by each worker: it may ask for the key

        def answered(place: int) -> Answer:
            answer = self._ask(door, end, model, asked[place], generation)
            answer = replace(answer, asked=keys[place])
            if store:
                with self._keeping:
                    store.put(name, [answer])
            return answer

        pool = ThreadPoolExecutor(self.workers)
        try:
            coming = {pool.submit(answered, place): place for place in missing}
            for future in as_completed(coming):
                if not isinstance(future.exception(), _Ended):
                    yield coming[future], future.result()
        finally:
            end.over.set()
            pool.shutdown(cancel_futures=True)  # what is on its way is paid, and worth a moment

    def _ask(self, door: Door, end: _End, model: str, messages: list[Message], generation: Generation) -> Answer:
        decoding = {"max_tokens": generation.max_new_tokens, "temperature": generation.temperature}
        decoding |= {"top_p": generation.top_p, "seed": generation.seed}

        def once(client: Any) -> tuple[Any, float]:
            if end.reached:
                raise _Ended
            started = time.perf_counter()  # not before the waits for a busy provider
            single = client.with_options(max_retries=0)  # its own waits cannot be ended
            told = single.chat.completions.create(model=model, messages=messages, **decoding)
            if not getattr(told, "choices", None) or told.choices[0].message is None:
                raise NoAnswer
            return told, round(time.perf_counter() - started, 3)

        told, seconds = door.ask("answer a question", once)
        choice = told.choices[0]
        text = export.mended(choice.message.content or "").strip()
        used = getattr(told.usage, "completion_tokens", None)
        length = self.tokens(text) if used is None else used
        return Answer(text, length, choice.finish_reason == "stop", seconds, max_new_tokens=generation.max_new_tokens)


class _Ended(Exception):
    """Say that a question was not asked, as nobody waits for its answer any more."""


@dataclass(frozen=True)
class _End:
    """Tell whether answers are still waited for."""

    listener: Listener | None
    over: Event = field(default_factory=Event)

    @property
    def reached(self) -> bool:
        return self.over.is_set() or bool(self.listener and self.listener.enough.is_set())

    def pause(self, seconds: float) -> None:
        """Sleep, but no longer than answers are waited for."""
        until = time.monotonic() + seconds
        while not self.reached and (left := until - time.monotonic()) > 0:
            self.over.wait(min(left, BLINK))


def _hurried(door: Door, end: _End) -> Door:
    return replace(door, patience=replace(door.patience, sleep=end.pause))


def _messages(example: Example, recipe: Recipe) -> list[Message]:
    """Render a question as its row was written to train on."""
    asked = export.chat(example, recipe)[:-1]
    return [{"role": each["role"], "content": export.mended(each["content"])} for each in asked]


def _key(messages: Sequence[Message], generation: Generation) -> str:
    """Hash what decides an answer beside the model."""
    return hashlib.sha256(json.dumps([list(messages), asdict(generation)]).encode()).hexdigest()[:32]
