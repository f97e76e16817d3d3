"""Decide over a whole ledger which reasoning rows are let through, whatever order they were written in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from amazon_ft.products import Product, hash_of, normalised
from amazon_ft.reasoning.authors import FIELDS, Decision
from amazon_ft.reasoning.faults import faults, first_fault
from amazon_ft.reasoning.leading import leading
from amazon_ft.recipes import Reasoning

__all__ = ["LEADING", "REFUSED", "REPEATED", "UNKNOWN", "Sifted", "faults", "sift"]

REFUSED = "rejected in review"
UNKNOWN = "the product is not in the catalogue"
REPEATED = "a repeat of another row"
LEADING = "a leading yes/no question"
FULL = 8  # words of an answer, the title's aside, from which on it is the same as another by no chance
ROUNDING = 1e-9  # a share of 0.1 lets one of ten rows through

Row = dict[str, Any]
Line = TypeVar("Line", bound=Mapping[str, Any])


@dataclass(frozen=True)
class Sifted:
    """Hold the rows that are kept, those that are rejected and the products that have none, the last two with why."""

    kept: list[Row]
    rejected: list[Row]
    failed: list[Row]

    @property
    def counts(self) -> dict[str, Any]:
        """Count what was kept, and the rest by reason, the commonest first."""
        reasons = {name: Counter(row["reason"] for row in getattr(self, name)) for name in ("rejected", "failed")}
        return {"kept": len(self.kept)} | {name: dict(counted.most_common()) for name, counted in reasons.items()}


@dataclass(frozen=True)
class Candidate:
    """Hold a row that no rule for single rows rejects, its product, and whether a person accepted or edited it."""

    row: Row
    product: Product
    accepted: bool


def sift(
    lines: Iterable[Mapping[str, Any]],
    products: Mapping[str, Product],
    reasoning: Reasoning,
    decisions: Mapping[str, Decision] | None = None,
) -> Sifted:
    """Sift the lines of a ledger: each product ends in exactly one of kept, rejected, failed.

    Rows are held against each other in the order of a hash of their uid, those that a person accepted or edited first:
    no rule for a set of rows rejects these. The rules for single rows hold for them too, as a person may overlook what
    a rule sees; who disagrees edits the row. Of a product with several lines one counts, a written one if there is any.
    """
    rejected: list[Row] = []
    candidates: list[Candidate] = []
    chosen = _one_each(lines)
    failed = [_row(line) | {"reason": line["reason"]} for line in chosen if line["outcome"] != "written"]
    for line in (line for line in chosen if line["outcome"] == "written"):
        decision = (decisions or {}).get(line["key"])
        row, product = _decided(_row(line), decision), products.get(line["uid"])
        if reason := _why(row, product, reasoning, decision):
            rejected.append(row | {"reason": reason})
        elif product:
            candidates.append(Candidate(row, product, decision is not None))
    candidates.sort(key=lambda each: not each.accepted)  # the order of the hash stays
    kept, repeats = _without_repeats(candidates)
    kept, led = _without_leading(kept, reasoning)
    rejected += [each.row | {"reason": why} for some, why in ((repeats, REPEATED), (led, LEADING)) for each in some]
    return Sifted(_ordered([each.row for each in kept]), _ordered(rejected), failed)


def _one_each(lines: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Choose the line of each product, the last one of a key, in the order of a hash of the uid."""
    last = {line["key"]: line for line in lines}
    best: dict[str, Mapping[str, Any]] = {}
    for line in sorted(last.values(), key=lambda line: (line["outcome"] != "written", line["key"])):
        best.setdefault(line["uid"], line)
    return _ordered(list(best.values()))


def _ordered(rows: Sequence[Line]) -> list[Line]:
    return sorted(rows, key=lambda row: (hash_of(row["uid"]), row["uid"]))


def _row(line: Mapping[str, Any]) -> Row:
    return {name: line[name] for name in ("uid", *FIELDS, "key")}


def _decided(row: Row, decision: Decision | None) -> Row:
    """Put in a person's own texts, if any."""
    if decision is None or decision.decision != "edit":
        return row
    return row | dict(zip(FIELDS, (decision.question, decision.reasoning, decision.response), strict=True))


def _why(row: Row, product: Product | None, reasoning: Reasoning, decision: Decision | None) -> str:
    if decision and decision.decision == "reject":
        return REFUSED
    return first_fault(row, product, reasoning) if product else UNKNOWN


def _without_repeats(candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """Take out what asks the same as a row before it or, the title's words aside, thinks or answers at length the same.

    A short answer, as "Nylon.", may be right of many products, to questions that differ by the title alone.
    """
    known, kept, repeats = set[tuple[str, str]](), list[Candidate](), list[Candidate]()
    for each in candidates:
        marks = _marks(each)
        again = not each.accepted and not known.isdisjoint(marks)
        (repeats if again else kept).append(each)
        known.update(() if again else marks)
    return kept, repeats


def _marks(candidate: Candidate) -> set[tuple[str, str]]:
    title = set(normalised(candidate.product.title).split())
    texts = [normalised(candidate.row[field]) for field in FIELDS]
    question, reasoning, response = (" ".join(word for word in text.split() if word not in title) for text in texts)
    marks = {("question", texts[0]), ("reasoning", reasoning or texts[1])}
    return marks | ({("pair", f"{question} | {response}")} if response.count(" ") >= FULL - 1 else set())


def _without_leading(rows: Sequence[Candidate], reasoning: Reasoning) -> tuple[list[Candidate], list[Candidate]]:
    """Take out the leading questions that would be more than their share of all kept rows, the last ones first."""
    led = [each for each in rows if _leads(each, reasoning.language)]
    others, share = len(rows) - len(led), reasoning.most_leading
    room = len(led) if share == 1 else int(share / (1 - share) * others + ROUNDING)
    over = {id(each) for each in led[room:] if not each.accepted}
    return [each for each in rows if id(each) not in over], [each for each in led if id(each) in over]


def _leads(candidate: Candidate, language: str) -> bool:
    question, _, response = (candidate.row[field] for field in FIELDS)
    return leading(question, response, candidate.product.title, language)
