"""Words, facts and sentence shapes of the invented catalogue, as data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from string import digits
from typing import Any

# Titles write these with capitals, sentences without.
COMMON = ("noun", "colour", "material", "topic", "skill", "oil", "pieces", "ordinal")


@dataclass(frozen=True)
class Category:
    """Hold the facts a kind of product may have, and the (title, description) shapes that name them."""

    name: str
    fields: Mapping[str, tuple[str, ...]]
    shapes: tuple[tuple[str, str], ...]


@cache
def words() -> dict[str, Any]:
    """Read the word lists that lie beside this module."""
    text = files("amazon_ft.sample").joinpath("words.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def categories() -> tuple[Category, ...]:
    """Give every category, books first, in the order of the file."""
    return tuple(_category(name, kind) for name, kind in words()["categories"].items())


def values(spec: Any) -> tuple[str, ...]:
    """Give every value a fact may take, from a list or from {"form", "range", "over"}."""
    if isinstance(spec, list):
        return tuple(spec)
    over = spec.get("over", 1)
    return tuple(spec["form"].format(f"{number / over:g}") for number in range(*spec["range"]))


def names(shape: str) -> list[str]:
    """List the facts that a shape names, in its order."""
    return re.findall(r"\{(\w+)\}", shape)


def draw(fields: Mapping[str, tuple[str, ...]], wanted: list[str], rng: Random) -> dict[str, str]:
    """Draw a value for each of the facts `wanted`."""
    return {name: rng.choice(fields[name]) for name in dict.fromkeys(wanted)}


def sentence(shape: str, facts: Mapping[str, str]) -> str:
    """Fill a shape as running text: common words in small letters, the first letter of the text a capital."""
    small = {name: fact.lower() if name.rstrip(digits) in COMMON else fact for name, fact in facts.items()}
    text = shape.format_map(small)
    return text[0].upper() + text[1:]


def _category(name: str, kind: dict[str, Any]) -> Category:
    shared = words()["shared"]
    fields = {key: values(spec) for key, spec in (shared["fields"] | kind["fields"]).items()}
    common = [shape for shape in shared["contents"] if fields.keys() >= set(names(shape))]
    shapes = [
        (title, content)
        for group in kind["shapes"]
        for title in group["titles"]
        for content in [*group["contents"], *common]
    ]
    return Category(name, fields, tuple(shapes))
