"""Keep what models answered, by model, prompt and decoding: a second look costs nothing, a broken run keeps all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

from amazon_ft.files import append_jsonl, read_appended
from amazon_ft.recipes import Generation


@dataclass(frozen=True)
class Answer:
    """Hold an answer, its length in tokens, whether the model ended it by itself, and its share of the time."""

    text: str
    tokens: int
    stopped: bool
    seconds: float = field(compare=False)
    asked: str = ""  # hash of prompt and decoding: two systems with the same one were asked the same
    max_new_tokens: int = 0


@dataclass(frozen=True)
class Store:
    """Keep answers in a file of one JSON object a line."""

    path: Path

    def get(self, model: str, asked: str) -> Answer | None:
        """Give the answer of a model to what it was asked, if it is there."""
        return self._known.get((model, asked))

    def put(self, model: str, answers: Sequence[Answer]) -> None:
        """Add the answers of a model, synced."""
        append_jsonl(self.path, [{"model": model, **asdict(answer)} for answer in answers])
        self._known.update({(model, answer.asked): answer for answer in answers})

    @cached_property
    def _known(self) -> dict[tuple[str, str], Answer]:
        return {(row.pop("model"), row["asked"]): Answer(**row) for row in read_appended(self.path)}


def asked(prompt: Sequence[int], generation: Generation, stop: int) -> str:
    """Hash what decides an answer beside the model: the prompt's tokens, the decoding, the token that ends it."""
    decoding: Mapping[str, object] = asdict(generation)
    if not generation.temperature:
        decoding = {"max_new_tokens": generation.max_new_tokens}  # the rest changes nothing
    return hashlib.sha256(json.dumps([list(prompt), decoding, stop]).encode()).hexdigest()[:32]
