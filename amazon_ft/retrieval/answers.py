"""Hold an answer with its source, and a reply: what was found, every answer to it, and which of them to give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from amazon_ft.products import Product
from amazon_ft.retrieval.grounding import entry
from amazon_ft.retrieval.matching import Match
from amazon_ft.retrieval.passages import Passages, fit
from amazon_ft.retrieval.quoting import ANSWERS, Fact, Quote, bare, extract, facts, quoted, says, unsaid
from amazon_ft.retrieval.wording import Reading

CLOSED_BOOK = ("base", "tuned")
WITH_SOURCE = {"base_with_source": "base", "tuned_with_source": "tuned"}  # cell -> which weights
EXTRACTIVE = "extractive"  # no model: the words of the catalogue alone
CELLS = (*CLOSED_BOOK, *WITH_SOURCE, EXTRACTIVE)
OPEN, CLOSE = "<think>", "</think>"


@dataclass(frozen=True)
class Source:
    """Hold the product that answers are checked against, how well it fits, what answers, and what is read of it."""

    product: Product
    score: float
    quote: Quote | None
    passages: Passages

    @property
    def context(self) -> str:
        """Give what a model reads."""
        return entry(self.product.uid, self.product.title, self.passages.text)

    @property
    def text(self) -> str:
        """Give all that an answer may rest on: uid, title and the whole description."""
        return f"{self.product.uid}\n{self.product.title}\n{self.product.content}"


@dataclass(frozen=True)
class Sourced:
    """Hold an answer: its cell, its text, the product it was checked against, and what of it stands there."""

    cell: str
    text: str
    uid: str
    title: str
    score: float  # of the retrieval; 0 where no product was found
    quote: Quote | None  # verbatim in the description
    facts: tuple[Fact, ...]  # numbers and codes of the answer
    whole: bool  # the description was read whole, not in passages
    tokens: int
    seconds: float
    stopped: bool
    asked: str = ""  # hash of prompt and decoding; systems with the same one were asked the same
    max_new_tokens: int = 0
    reasoning: str = ""  # what a model that thinks said before its answer

    @property
    def holds(self) -> bool:
        """Tell whether the answer quotes its source, or says that it is silent, and invents no number and no code."""
        silent = bare(self.text) in {wording.unsaid for wording in ANSWERS.values()}
        return bool(self.uid) and (silent or self.quote is not None) and not self.invented

    @property
    def invented(self) -> list[str]:
        """List the numbers and codes of the answer that stand nowhere in the source."""
        return [fact.text for fact in self.facts if not fact.in_source]


@dataclass(frozen=True)
class Reply:
    """Hold a question, what it was found to be about, the source, and the answers by cell."""

    question: str
    match: Match
    source: Source | None
    answers: Mapping[str, Sourced]

    @property
    def answer(self) -> Sourced | None:
        """Give the tuned model's answer from the source if that holds, else the catalogue's own words."""
        tuned = self.answers.get("tuned_with_source")
        return tuned if tuned and tuned.holds else self.answers.get(EXTRACTIVE)

    def as_dict(self) -> dict[str, Any]:
        """Give the reply as plain data."""
        given = self.answer
        return {
            "question": self.question,
            "kind": self.match.kind,
            "candidates": [asdict(each.entry) | {"score": round(each.score, 4)} for each in self.match.candidates],
            "answer": given and given.cell,
            "answers": {cell: asdict(answer) for cell, answer in self.answers.items()},
        }

    def table(self) -> list[dict[str, object]]:
        """Give one row for each answer: who gave it, its text, what of it is quoted, what of it is invented."""
        return [
            {
                "who": cell.replace("_", " "),
                "answer": f"{answer.text}{'' if answer.stopped else ' [cut]'}",
                "quoted": answer.quote.text if answer.quote else "",
                "not in the source": ", ".join(answer.invented) if self.source else "",
            }
            for cell, answer in self.answers.items()
        ]

    def __str__(self) -> str:
        """Say the answer, its quote and its source; or what else the catalogue has."""
        wording = ANSWERS[self.match.reading.language]
        if self.answer is None and self.source:
            return f"{self.source.product.title} [{self.source.product.uid}]"
        if self.answer is None:
            head = wording.several if self.match.kind == "ambiguous" else wording.absent
            near = [f"  {number}. {each}" for number, each in enumerate(self.match.candidates, 1)]
            return "\n".join([head, *([wording.nearest] if near and self.match.kind == "absent" else []), *near])
        return "\n".join([self.answer.text, *_said(self.answer), *self._set_aside()])

    def _set_aside(self) -> list[str]:
        tuned = self.answers.get("tuned_with_source")
        if tuned is None or tuned.holds:
            return []
        why = f"{', '.join(tuned.invented)} not in the source" if tuned.invented else "it quotes nothing"
        return [f"  set aside: the tuned model's answer ({why}): {tuned.text}"]


def read(product: Product, score: float, reading: Reading, limit: int, length: Callable[[str], int] = len) -> Source:
    """Read a product for a question: what in it answers, and passages of at most `limit` by `length` around that."""
    quote = extract(product.content, reading.facet, reading.about)
    evident = quote is not None and quote.text != product.content.strip()
    return Source(product, score, quote, fit(product.content, quote.text if evident and quote else "", limit, length))


def checked(
    cell: str,
    source: Source | None,
    text: str,
    tokens: int = 0,
    stopped: bool = True,
    seconds: float = 0.0,
    asked: str = "",
    max_new_tokens: int = 0,
    *,
    thinks: bool = False,
) -> Sourced:
    """Check an answer against its source, by search alone: what it quotes, which numbers and codes stand there.

    The reasoning of a model that thinks is taken off first.
    """
    reasoning, text = apart(text, thinks)
    how = (tokens, seconds, stopped, asked, max_new_tokens, reasoning)
    if source is None:
        return Sourced(cell, text, "", "", 0.0, None, facts(text, ""), True, *how)
    product, whole = source.product, cell not in WITH_SOURCE or source.passages.whole
    quote, told = quoted(text, product.content), facts(text, source.text)
    return Sourced(cell, text, product.uid, product.title, source.score, quote, told, whole, *how)


def apart(text: str, thinks: bool) -> tuple[str, str]:
    """Take reasoning and answer apart; the opening tag may be missing, and so may both.

    Of a model that thinks, a text that never closes its reasoning is no answer yet.
    """
    before, closed, after = text.partition(CLOSE)
    if not closed and not (thinks or text.startswith(OPEN)):
        return "", text
    return before.strip().removeprefix(OPEN).strip(), after.strip()


def extractive(source: Source, language: str) -> Sourced:
    """Answer in the words of the catalogue alone."""
    uid = source.product.uid
    text = says(source.quote.text, uid, language) if source.quote else unsaid(uid, language)
    return checked(EXTRACTIVE, source, text)


def _said(answer: Sourced) -> list[str]:
    place = f" (characters {answer.quote.start} to {answer.quote.end})" if answer.quote else ""
    passages = "" if answer.whole else "; the model read passages of it, not all"
    return [f"  source: {answer.title} [{answer.uid}], score {answer.score:.2f}{place}{passages}"]
