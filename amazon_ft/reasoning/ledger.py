"""Keep what came of each request for a reasoning row, append-only: one synced line a product."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from amazon_ft.files import append_jsonl, read_appended
from amazon_ft.products import Product
from amazon_ft.reasoning.authors import FIELDS, Cost, Trouble, Written

WRITTEN, FAILED = "written", "failed"  # the two outcomes of a product
Line = dict[str, Any]


@dataclass(frozen=True)
class Ledger:
    """Keep lines in a file of one JSON object each; the last one with a key counts."""

    path: Path

    def read(self) -> dict[str, Line]:
        """Read the last line of each key, but for one that a kill tore in two.

        Raises InputError, with the line, if another one is no JSON object.
        """
        return {line["key"]: line for line in read_appended(self.path)}

    def add(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Add lines, which are on disk when this returns; what a kill tore is cut off first."""
        append_jsonl(self.path, lines)

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
