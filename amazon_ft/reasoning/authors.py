"""Hold what an author of reasoning rows gives: a row, or trouble; and what a person decides about a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from amazon_ft.products import Product

FIELDS = ("Question", "Complex_CoT", "Response")  # as in the published data set that R1 was fine-tuned on

Heard = Callable[[int], object]  # called with the number of tokens that just came


@dataclass(frozen=True)
class Cost:
    """Count what a request took."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens)


@dataclass(frozen=True)
class Written:
    """Hold a row that was written, what it took, and the name of the model that the server gave."""

    question: str
    reasoning: str
    response: str
    cost: Cost
    model: str


class Trouble(Exception):
    """Say why there is no row, what the attempt took, and whether to ask again.

    `again` is "later" (the server is busy, away, too slow: the same request after a while, `wait` seconds if it said
    so), "otherwise" (what came is no row: with another seed) or "never" (no attempt would help).
    """

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        again: str = "never",
        wait: float | None = None,
        cost: Cost | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason, self.detail, self.again, self.wait, self.cost = reason, detail, again, wait, cost or Cost()


class Author(Protocol):
    """Name what writes rows: a model behind a server, or rules."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """Give, as plain data, all that decides a row beside the product: model, digest, server, prompts, options."""

    @property
    def told(self) -> Mapping[str, Any]:
        """Give what is recorded of an author beside what decides its rows, as plain data; it may change midway."""

    async def write(self, product: Product, seed: int, heard: Heard) -> Written:
        """Write the row of a product.

        Raises Trouble if there is none this time.
        """

    async def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True)
class Decision:
    """Hold what a person decided about a row: "accept", "reject", or "edit" with the three texts as they shall be."""

    key: str
    decision: str
    question: str = ""
    reasoning: str = ""
    response: str = ""
