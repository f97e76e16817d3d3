"""Turn an example into the very tokens that a model is trained on, or asked with."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Protocol

from amazon_ft.files import InputError
from amazon_ft.prompts.records import CONTROL, Example, Message, Row, Template, TextTemplate, render

IGNORED = -100  # the label that carries no loss in PyTorch and TRL
DATE = "26 Jul 2024"  # Llama 3 writes the day into its prompt, which would differ between training and asking
WORD = re.compile(r"\S+")
SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*(?=\s)|\S(?=\s*\n)")


class Tokenizer(Hashable, Protocol):
    """Name the part of a Transformers tokenizer that rendering needs."""

    eos_token_id: int
    added_tokens_decoder: dict[int, Any]

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> Any:
        """Tokenize a text."""

    def apply_chat_template(
        self, conversation: list[Message], *, tokenize: bool, add_generation_prompt: bool = False, **variables: str
    ) -> Any:
        """Frame messages as the model was taught to read them."""


@dataclass(frozen=True)
class Tokens:
    """Hold one training row: ids, labels (IGNORED over the prompt), and how many tokens of its two parts were cut."""

    input_ids: list[int]
    labels: list[int]
    cut: int  # of the answer
    shortened: int = 0  # of the reasoning before it


def as_text(row: Row, tokenizer: Tokenizer) -> tuple[str, str]:
    """Give the exact characters of prompt and completion; a chat completion includes the end of its turn."""
    prompt, completion = row["prompt"], row["completion"]
    if isinstance(prompt, str) or isinstance(completion, str):
        return str(prompt), str(completion)
    day: dict[str, Any] = {"date_string": DATE}
    asked = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True, **day)
    whole = tokenizer.apply_chat_template([*prompt, *completion], tokenize=False, **day)
    if not whole.startswith(asked):
        raise InputError("this chat template changes the prompt once it is answered: use a text template instead.")
    return asked, whole[len(asked) :]


def prompt_ids(example: Example, template: Template, tokenizer: Tokenizer) -> list[int]:
    """Tokenize the prompt alone, exactly as training does."""
    prompt, _ = as_text(render(example, template), tokenizer)
    return _ids(prompt, tokenizer, add_special_tokens=isinstance(template, TextTemplate))


def stop_token_id(template: Template, tokenizer: Tokenizer) -> int:
    """Find the token that ends an answer: the end of the assistant's turn, else the end of sequence."""
    return (*_turn_end(template, tokenizer), tokenizer.eos_token_id)[0]


def tokenize(example: Example, template: Template, tokenizer: Tokenizer, max_length: int) -> Tokens:
    """Tokenize one training row of at most `max_length` tokens; a cut answer still ends with the stop token.

    Reasoning is cut first, where a sentence ends if it can be: what closes it and the answer stay whole.
    Raises InputError if the prompt leaves no room, or if a text in it became a control token after all.
    """
    prompt, answer = _parts(example, template, tokenizer)
    room, whole = max_length - len(prompt) - 1, len(answer)
    if room < 1:
        raise InputError(
            f"the prompt for {example.source or 'this question'} takes {len(prompt)} of max_length {max_length} "
            "tokens and leaves no room for an answer: raise max_length or shorten the context."
        )
    _refuse_forged(example, template, tokenizer, [*prompt, *answer])
    if whole > room and example.reasoning:
        answer = _answer_within(example, template, tokenizer, room)
    trained = [*answer[:room], stop_token_id(template, tokenizer)]
    labels = [IGNORED] * len(prompt) + trained
    return Tokens([*prompt, *trained], labels, max(0, len(answer) - room), whole - len(answer))


def _answer_within(example: Example, template: Template, tokenizer: Tokenizer, room: int) -> list[int]:
    """Tokenize the answer with as much of its reasoning as there is room for, or with none."""

    def answer(reasoning: str) -> list[int]:
        return _parts(replace(example, reasoning=reasoning), template, tokenizer)[1]

    return answer(_first_words(example.reasoning, lambda text: len(answer(text)) <= room))


def _first_words(text: str, fits: Callable[[str], bool]) -> str:
    """Give as many first words of a text as fit, up to the end of a sentence where that costs less than half."""
    ends = [match.end() for match in WORD.finditer(text)]
    number = bisect_left(ends, True, key=lambda end: not fits(text[:end]))
    kept = text[: ends[number - 1]] if number else ""
    sentence = max((match.end() for match in SENTENCE_END.finditer(text, 0, len(kept) + 1)), default=0)
    return kept[:sentence] if 2 * sentence > len(kept) and fits(kept[:sentence]) else kept


def _parts(example: Example, template: Template, tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    _, completion = as_text(render(example, template), tokenizer)
    answer = _ids(completion, tokenizer)
    last = len(answer) - len(_turn_end(template, tokenizer))
    return prompt_ids(example, template, tokenizer), answer[:last]


@lru_cache(maxsize=64)
def _turn_end(template: Template, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Give the stop token and what a chat template puts after it, such as a new line or the end of sequence."""
    if isinstance(template, TextTemplate):
        return ()
    answer = "An answer."
    _, completion = as_text(render(Example("x", "x", answer), template), tokenizer)
    end = _ids(completion.rpartition(answer)[2], tokenizer)
    stop = next((place for place, id_ in enumerate(end) if id_ in _control_ids(tokenizer)), len(end))
    return tuple(end[stop:])


def _refuse_forged(example: Example, template: Template, tokenizer: Tokenizer, ids: list[int]) -> None:
    filled = tuple(bool(getattr(example, part.name)) for part in fields(example))
    control = _control_ids(tokenizer)
    if sum(id_ in control for id_ in ids) != _own_controls(template, tokenizer, filled):
        raise InputError(f"a text of {example.source or 'this question'} became a control token: leave that row out.")


@lru_cache(maxsize=64)
def _own_controls(template: Template, tokenizer: Tokenizer, filled: tuple[bool, ...]) -> int:
    blank = Example("", "", "")
    for part, is_filled in zip(fields(blank), filled, strict=True):
        blank = replace(blank, **{part.name: "x" if is_filled else ""})
    prompt, answer = _parts(blank, template, tokenizer)
    return sum(id_ in _control_ids(tokenizer) for id_ in [*prompt, *answer])


@lru_cache(maxsize=8)
def _control_ids(tokenizer: Tokenizer) -> frozenset[int]:
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(id_ for id_, token in added if token.special or CONTROL.search(token.content))


def _ids(text: str, tokenizer: Tokenizer, *, add_special_tokens: bool = False) -> list[int]:
    return list(tokenizer(text, add_special_tokens=add_special_tokens)["input_ids"])
