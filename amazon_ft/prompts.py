"""The one record of a question with its answer, and its one rendering, for training and for asking alike."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Protocol, TypedDict
from zlib import crc32

from amazon_ft.files import InputError
from amazon_ft.products import Product

IGNORED = -100  # the label that carries no loss in PyTorch and TRL

# Shapes that could pass for a control token or a heading of a template: <|im_end|>, </s>, </think>, [INST],
# <<SYS>>, "### Response:", and DeepSeek's full-width bars.
CONTROL = re.compile(r"(<(?=[|｜]|/?[A-Za-z_][\w-]*>)|\[(?=/?INST\])|#(?=#{1,5}\s*(?:\w|\Z)))")
PLACEHOLDER = re.compile(r"\{(\w+)\}")

Message = dict[str, str]


class Row(TypedDict):
    """Hold one row in TRL's prompt-completion format, as text or as messages."""

    prompt: str | list[Message]
    completion: str | list[Message]


@dataclass(frozen=True)
class Example:
    """Hold an Alpaca record, what the model may read beside it, the uid that says so, and its reasoning."""

    instruction: str
    input: str
    output: str
    context: str = ""
    source: str = ""
    reasoning: str = ""


@dataclass(frozen=True)
class Question:
    """Hold one way to ask for a product: patterns in which {title} stands for its title."""

    instruction: str = ""
    input: str = ""

    def __post_init__(self) -> None:
        if "{title}" not in self.instruction + self.input:
            raise ValueError("a question needs {title} in its instruction or its input")


@dataclass(frozen=True)
class TextTemplate:
    """Hold a template for plain text; the answer ends with the tokenizer's end-of-sequence token."""

    name: str
    prompt: str
    prompt_without_input: str = ""
    completion: str = "{output}"


@dataclass(frozen=True)
class ChatTemplate:
    """Hold what each turn says; the tokenizer's own chat template frames and ends the turns."""

    name: str = "chat"
    system: str = "{instruction}"
    user: str = "{input}"
    completion: str = "{output}"


Template = TextTemplate | ChatTemplate


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
    """Hold one training row: ids, labels (IGNORED over the prompt), and how many answer tokens were cut."""

    input_ids: list[int]
    labels: list[int]
    cut: int


def example(product: Product, asked: Sequence[Question]) -> Example:
    """Ask for `product` in one of the ways `asked`, chosen by its uid, and answer with its description."""
    question = asked[crc32(product.uid.encode("utf-8", "replace")) % len(asked)]
    title = {"title": product.title}
    return Example(
        instruction=fill(question.instruction, title),
        input=fill(question.input, title),
        output=product.content,
        source=product.uid,
    )


def reasoned(example: Example, row: Mapping[str, str]) -> Example:
    """Replace question and answer by those of a reasoning row: Question, Complex_CoT, Response."""
    return replace(example, input=row["Question"], reasoning=row["Complex_CoT"], output=row["Response"])


def free_question(text: str, asked: Sequence[Question]) -> Example:
    """Put a user's own words where the first way of asking has the title.

    Raises InputError if there are none.
    """
    if not text.strip():
        raise InputError("the question is empty: write what you want to know about a product.")
    question = asked[0]
    own = {part.name: text for part in fields(question) if "{title}" in getattr(question, part.name)}
    return Example(own.get("instruction", question.instruction), own.get("input", question.input), output="")


def fill(pattern: str, values: Mapping[str, str]) -> str:
    """Put values into a pattern in one pass, so that braces inside a value stay what they are."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), pattern)


def neutral(text: str) -> str:
    """Break whatever could pass for a control token or a heading of a template with a visible space."""
    return CONTROL.sub(r"\1 ", text)


def render(example: Example, template: Template) -> Row:
    """Render an example as TRL's prompt and completion; the prompt is the same for training and for asking."""
    values = {part.name: neutral(getattr(example, part.name)) for part in fields(example)}
    if example.context:
        values["input"] = f"{values['input']}\n\n{values['context']}".strip()
    if isinstance(template, ChatTemplate):
        turns = [("system", fill(template.system, values)), ("user", fill(template.user, values))]
        return {
            "prompt": [{"role": role, "content": text} for role, text in turns if text],
            "completion": [{"role": "assistant", "content": fill(template.completion, values)}],
        }
    without_input = template.prompt_without_input and not values["input"]
    return {
        "prompt": fill(template.prompt_without_input if without_input else template.prompt, values),
        "completion": fill(template.completion, values),
    }


def as_text(row: Row, tokenizer: Tokenizer) -> tuple[str, str]:
    """Give the exact characters of prompt and completion; a chat completion includes the end of its turn."""
    prompt, completion = row["prompt"], row["completion"]
    if isinstance(prompt, str) or isinstance(completion, str):
        return str(prompt), str(completion)
    # Llama 3's template writes the day into the prompt, which would differ between training and asking.
    day: dict[str, Any] = {"date_string": "26 Jul 2024"}
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

    Raises InputError if the prompt leaves no room, or if a text in it became a control token after all.
    """
    prompt, answer = _parts(example, template, tokenizer)
    room = max_length - len(prompt) - 1
    if room < 1:
        raise InputError(
            f"the prompt for {example.source or 'this question'} takes {len(prompt)} of max_length {max_length} "
            "tokens and leaves no room for an answer: raise max_length or shorten the context."
        )
    _refuse_forged(example, template, tokenizer, [*prompt, *answer])
    trained = [*answer[:room], stop_token_id(template, tokenizer)]
    return Tokens([*prompt, *trained], [IGNORED] * len(prompt) + trained, max(0, len(answer) - room))


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
