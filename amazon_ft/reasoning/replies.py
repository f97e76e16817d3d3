"""Read what a model replied: a question, a reasoning and a response, or why it is none. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from amazon_ft.reasoning.authors import FIELDS, Trouble
from amazon_ft.retrieval.answers import apart

BRACES = 64  # places at which an object is looked for
SHOWN = 120  # characters of a reply that a detail quotes
FORBIDS_MORE: dict[str, Any] = {"additionalProperties": False}  # asked of the model, not demanded of what came


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    text.encode()  # half a character, which JSON can spell, raises ValueError too: no file could hold it
    return text.strip()


# A length in the schema itself is refused by some servers in strict mode.
Text = Annotated[str, AfterValidator(_filled)]


class OnlyQuestion(BaseModel):
    """Hold what the first of two calls asks for."""

    model_config = ConfigDict(json_schema_extra=FORBIDS_MORE)
    Question: Text = Field(description="one question that a customer could ask about the product, naming it")


class Thought(BaseModel):
    """Hold a question, the reasoning that leads to its answer, and the answer; keys that are not asked for are left."""

    model_config = ConfigDict(json_schema_extra=FORBIDS_MORE)
    Question: Text = Field(description="one question that a customer could ask about the product, naming it")
    Complex_CoT: Text = Field(description="the reasoning, step by step, that leads from the question to the answer")
    Response: Text = Field(description="the answer alone, in whole sentences, without the reasoning")


SCHEMA = Thought.model_json_schema()
QUESTION_SCHEMA = OnlyQuestion.model_json_schema()
Shape = TypeVar("Shape", OnlyQuestion, Thought)


def thought(content: str, thinking: str = "") -> Thought:
    """Read the reply of one call: JSON, alone, in a fence, after a <think> that need not be opened, or amid words.

    Raises Trouble if there is none. A row whose reasoning came empty while the model thought beside it is none
    either: those thoughts are about writing the JSON and about the entry that it read, and no row should hold them.
    """
    inline, text = _said(content)
    found = _object(text, thinking or inline)
    reasoning = found.get("Complex_CoT")
    if (thinking or inline) and (reasoning is None or (isinstance(reasoning, str) and not reasoning.strip())):
        raise Trouble("the model thought beside the JSON", "Ask in two calls for this model.", again="otherwise")
    return _shaped(Thought, found)


def question(content: str, thinking: str = "") -> str:
    """Read the reply of the first of two calls.

    Raises Trouble if there is no question in it.
    """
    inline, text = _said(content)
    return _shaped(OnlyQuestion, _object(text, thinking or inline)).Question


def answered(question: str, content: str, thinking: str = "") -> Thought:
    """Read the reply of the second of two calls: what was thought is the reasoning, what was said the response.

    Raises Trouble if either is missing.
    """
    inline, text = _said(content)
    reasoning = (thinking or inline).strip()
    if not text.strip():
        raise Trouble("nothing but thinking" if reasoning else "empty answer", again="otherwise")
    if not reasoning:
        raise Trouble("no thinking", "The model answered without thinking: ask in one call.", again="otherwise")
    return _shaped(Thought, dict(zip(FIELDS, (question, reasoning, text), strict=True)))


def _said(content: str) -> tuple[str, str]:
    """Take inline thinking off; a </think> inside of the JSON is text like any other."""
    text = content.strip()
    if text.startswith("{") and next(_objects(text), None) is not None:
        return "", text
    return apart(text, thinks=False)


def _object(text: str, thinking: str) -> dict[str, Any]:
    """Find the object that has one of the fields."""
    if not text:
        raise Trouble("nothing but thinking" if thinking.strip() else "empty answer", again="otherwise")
    found = next((each for each in _objects(text) if not each.keys().isdisjoint(FIELDS)), None)
    if found is None:
        raise Trouble("invalid JSON", f"The reply begins with {text[:SHOWN]!r}.", again="otherwise")
    return found


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder(strict=False)  # models write line ends into strings
    place = text.find("{")
    for _ in range(BRACES):
        if place < 0:
            return
        try:
            found, end = decoder.raw_decode(text, place)
            yield found
        except (ValueError, RecursionError):
            end = place + 1
        place = text.find("{", end)


def _shaped(shape: type[Shape], found: dict[str, Any]) -> Shape:
    try:
        return shape.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        detail = f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}."
        raise Trouble("wrong fields", detail, again="otherwise") from None
