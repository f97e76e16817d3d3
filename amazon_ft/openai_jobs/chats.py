"""Read a line as a row of chat messages, and say every rule that it breaks. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from amazon_ft.openai_jobs.findings import Trouble, quoted

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
ROW_KEYS = {"messages", "tools", "functions", "parallel_tool_calls"}
MESSAGE_KEYS = {"role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal"}
CALLS = ("tool_calls", "function_call", "refusal")  # an assistant that calls or refuses need not say anything

Message = Mapping[str, Any]


def parsed(line: bytes) -> tuple[Any, list[Trouble]]:
    """Read a line of JSON; None, and why, where it is none."""
    if not line.strip():
        return None, [("blank line", "the line is blank")]
    try:
        return json.loads(line.decode("utf-8"), parse_constant=_refuse), []
    except UnicodeDecodeError as error:
        return None, [("not UTF-8", f"byte {error.start + 1} of the line is not UTF-8")]
    except (ValueError, RecursionError) as error:
        return None, [("not JSON", f"the line is no JSON ({quoted(str(error))[1:-1]})")]


def messages(row: object) -> list[Message]:
    """Give those messages of a row that have a shape at all."""
    found = row.get("messages") if isinstance(row, dict) else None
    return [message for message in found if isinstance(message, dict)] if isinstance(found, list) else []


def said(some: list[Message], role: str) -> list[str]:
    """Give the texts of one role."""
    return [text for message in some if message.get("role") == role and isinstance(text := message.get("content"), str)]


def asked(some: list[Message]) -> str:
    """Give what a row asks: what the user says in all, or, where the user says nothing, the system message."""
    return "\n".join(said(some, "user") or said(some, "system"))


def troubles(row: object) -> Iterator[Trouble]:
    """Name every rule that a row breaks."""
    if not isinstance(row, dict):
        yield "not an object", f"the line is {_kind(row)}, not an object"
        return
    for key in row.keys() - ROW_KEYS:
        yield "unknown key", f"the row has an unknown key {quoted(key)}"
    some = row.get("messages")
    if not isinstance(some, list) or not some:
        yield "no messages", f'"messages" is {_kind(some)}, not a list of messages' if some != [] else "no messages"
        return
    for number, message in enumerate(some, 1):
        yield from _of_message(message, f"message {number}")
    yield from _of_order(messages(row))


def _of_message(message: object, name: str) -> Iterator[Trouble]:
    if not isinstance(message, dict):
        yield "no messages", f"{name} is {_kind(message)}, not an object"
        return
    for key in message.keys() - MESSAGE_KEYS:
        yield "unknown key", f"{name} has an unknown key {quoted(key)}"
    role = message.get("role")
    if role not in ROLES:
        yield "unknown role", f"the role of {name} is {quoted(role)}" if "role" in message else f"{name} has no role"
    yield from _of_content(message, name)
    if "weight" in message:
        yield from _of_weight(message["weight"], role, name)


def _of_content(message: Message, name: str) -> Iterator[Trouble]:
    content = message.get("content")
    if content is None and message.get("role") == "assistant" and any(message.get(key) for key in CALLS):
        return
    if not isinstance(content, str):
        yield "no content", f"the content of {name} is {_kind(content)}, not a text"
    elif not content.strip():
        yield "no content", f"the content of {name} is empty"
    elif not whole(content):
        yield "lone surrogate", f"the content of {name} has half of a character"


def _of_weight(weight: object, role: object, name: str) -> Iterator[Trouble]:
    if type(weight) is not int or weight not in (0, 1):
        yield "weight", f"the weight of {name} is {quoted(weight)}"
    elif role != "assistant":
        yield "weight", f"{name} has a weight, but is not the assistant's"


def _of_order(some: list[Message]) -> Iterator[Trouble]:
    roles = [message.get("role") for message in some]
    if "assistant" not in roles:
        yield "no assistant", "the row has no message of the assistant"
        return
    if roles[-1] != "assistant":
        yield "last message", f"the last message is {quoted(roles[-1])}, not the assistant's"
    if "user" not in roles:
        yield "no question", "the row has no message of the user"
    if all(message.get("weight", 1) == 0 for message in some if message.get("role") == "assistant"):
        yield "nothing trained", "every message of the assistant has the weight 0"


def whole(text: str) -> bool:
    """Tell whether a text can be written as UTF-8."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "missing or null"}
    return names.get(type(value), "a number")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
