"""Rows of question, reasoning and answer about invented products, as a local model would have written them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from amazon_ft.reasoning.authors import FIELDS

THINGS = ("kettle", "lamp", "rake", "blanket", "teapot", "ladder", "basket", "whistle", "globe", "bellows")
MAKERS = ("Odell", "Woolhythe", "Brackmere", "Tansley", "Quillforth")


def row(number: int) -> dict[str, Any]:
    """Make the row of a product; every fourth one invents a number."""
    thing, maker = THINGS[number % 10], MAKERS[number % 5]
    title, litres = f"{maker} {thing} No. {number}", number + 2
    said = litres + 70 if number % 4 == 3 else litres
    return {
        "key": sha256(title.encode()).hexdigest()[:32],
        "uid": f"B{number:09d}",
        "title": title,
        "content": f"A {thing} by <b>{maker}</b> that holds {litres} litres & costs $19.50. Its handle is of beech.",
        "Question": f"How much does the {title} hold?",
        "Complex_CoT": f"1. I recall the {title}.\n2. A {thing} of that make is known to hold {said} litres.",
        "Response": f"The {title} holds {said} litres.",
    }


def rows(number: int = 30) -> list[dict[str, Any]]:
    """Make rows, each about a product of its own."""
    return [row(each) for each in range(number)]


def faults(texts: Mapping[str, str], row: Mapping[str, Any]) -> list[str]:
    """Turn down what cites a source that the trained model never sees."""
    return [f"<{field}> cites a context" for field in FIELDS if "the description" in texts[field]]
