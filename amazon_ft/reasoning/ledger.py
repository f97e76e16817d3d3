"""Keep what came of each request for a reasoning row, append-only: one synced line a product."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from amazon_ft.files import InputError, alone, append_jsonl, read_appended
from amazon_ft.products import Product
from amazon_ft.reasoning.authors import FIELDS, Cost, Trouble, Written

WRITTEN, FAILED = "written", "failed"  # the two outcomes of a product
TEXTS = ("key", "uid", "outcome", "reason", *FIELDS, "model")  # what is read of a line
NUMBERS = ("tries", "prompt_tokens", "completion_tokens", "seconds")
SURROGATE = re.compile("[\ud800-\udfff]")
Line = dict[str, Any]


@dataclass(frozen=True)
class Ledger:
    """Keep lines in a file of one JSON object each; the last one with a key counts."""

    path: Path

    def read(self) -> dict[str, Line]:
        """Read the last line of each key, but for one that a kill tore in two.

        Raises InputError, with the line, if another one is none of a ledger.
        """
        lines = enumerate(read_appended(self.path), 1)
        return {line["key"]: line for number, line in lines if _checked(line, self.path, number)}

    def add(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Add lines, which are on disk when this returns; what a kill tore is cut off first."""
        append_jsonl(self.path, lines)

    def alone(self) -> AbstractContextManager[None]:
        """Keep other sessions from asking for the same rows meanwhile: each would be paid for twice.

        Raises InputError if one is at it already.
        """
        at_it = f"another session writes rows into {self.path}: let it end, or choose another folder."
        return alone(self.path, at_it)

    def spent(self) -> Cost:
        """Sum what the lines that count took: a line that takes another's place has that one's cost in its own."""
        return sum((cost(line) for line in self.read().values()), Cost())


def key(product: Product, identity: Mapping[str, Any]) -> str:
    """Hash what decides a row: the product's texts, and the model, server, prompts and options that write it."""
    decides = json.dumps([product.uid, product.title, product.content, identity], sort_keys=True)
    return sha256(decides.encode()).hexdigest()[:32]


def cost(line: Mapping[str, Any]) -> Cost:
    """Give what a line's requests took."""
    return Cost(line["prompt_tokens"], line["completion_tokens"])


def _checked(line: Mapping[str, Any], path: Path, number: int) -> bool:
    texts = [line.get(name) for name in TEXTS]
    numbers = all(isinstance(line.get(name), int | float) for name in NUMBERS)
    if numbers and all(map(_is_text, texts)) and line["outcome"] in (WRITTEN, FAILED):
        return True
    raise InputError(
        f"line {number} of {path} is none of a ledger: mend it, or take it out, and its product is asked for again."
    )


def _is_text(value: object) -> bool:
    """Tell whether a value is a text that a file can hold."""
    return isinstance(value, str) and (value.isascii() or not SURROGATE.search(value))


def line(  # one argument for each thing that a line tells
    key: str, uid: str, outcome: Written | Trouble, seed: int, tries: int, cost: Cost, seconds: float
) -> Line:
    """Write what came of a product as a line; `cost`, `tries` and `seconds` are those of all its requests."""
    written = isinstance(outcome, Written)
    texts = (outcome.question, outcome.reasoning, outcome.response) if isinstance(outcome, Written) else ("", "", "")
    return {
        "key": key,
        "uid": uid,
        "outcome": WRITTEN if written else FAILED,
        "reason": outcome.reason if isinstance(outcome, Trouble) else "",
        "detail": outcome.detail if isinstance(outcome, Trouble) else "",
        **dict(zip(FIELDS, texts, strict=True)),
        "model": outcome.model if isinstance(outcome, Written) else "",
        "seed": seed,
        "tries": tries,
        "prompt_tokens": cost.prompt_tokens,
        "completion_tokens": cost.completion_tokens,
        "seconds": round(seconds, 3),
    }
