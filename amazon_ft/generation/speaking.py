"""What answers, whether it stands in this machine's memory or behind an address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from amazon_ft.generation import answering
from amazon_ft.generation.answering import PLAIN, Manner
from amazon_ft.generation.losses import Loss, losses
from amazon_ft.generation.store import Answer
from amazon_ft.models import Loaded
from amazon_ft.prompts import Example
from amazon_ft.recipes import Recipe


class Speaker(Protocol):
    """Name what answers questions as base and as tuned."""

    def room(self, recipe: Recipe, example: Example) -> int:
        """Count the tokens that are left for more context in the prompt of `example`; below 0, it does not fit."""

    def tokens(self, text: str) -> int:
        """Count the tokens of a text."""

    def answers(
        self, recipe: Recipe, questions: Mapping[str, Sequence[Example]], manner: Manner = PLAIN
    ) -> dict[str, list[Answer]]:
        """Ask each system, base or tuned, its own questions."""

    def losses(self, recipe: Recipe, examples: Sequence[Example]) -> dict[str, list[Loss]]:
        """Sum the loss on the true answers for each system, where it can be known."""


@dataclass(frozen=True)
class Local:
    """Answer with a model in this machine's memory."""

    loaded: Loaded

    def room(self, recipe: Recipe, example: Example) -> int:
        """Count what is left of what the model can read and was trained to read."""
        return answering.room(self.loaded, recipe, example)

    def tokens(self, text: str) -> int:
        """Count the tokens of a text."""
        return answering.tokens(self.loaded, text)

    def answers(
        self, recipe: Recipe, questions: Mapping[str, Sequence[Example]], manner: Manner = PLAIN
    ) -> dict[str, list[Answer]]:
        """Ask each system its own questions; base is the adapter switched off."""
        return answering.answers(self.loaded, recipe, questions, manner)

    def losses(self, recipe: Recipe, examples: Sequence[Example]) -> dict[str, list[Loss]]:
        """Sum the loss on the response tokens of each example for both systems."""
        return losses(self.loaded, recipe, examples)
