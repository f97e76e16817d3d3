"""The one record of a question with its answer, and its one rendering as text, for training and for asking alike."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypedDict
from zlib import crc32

from amazon_ft.files import InputError
from amazon_ft.products import Product

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


def reasoned(example: Example, row: Mapping[str, str], context: str = "") -> Example:
    """Put a reasoning row (Question, Complex_CoT, Response) into an example, and what may be read for it."""
    return replace(
        example, input=row["Question"], reasoning=row["Complex_CoT"], output=row["Response"], context=context
    )


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
