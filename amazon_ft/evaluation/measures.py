"""Measure every answer of a comparison: each metric as a ratio, so that a score is a ratio of sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import isfinite
from typing import Any

from amazon_ft.evaluation import overlap
from amazon_ft.evaluation.claims import claims, unknown
from amazon_ft.evaluation.facts import SHARED, codes, names, precision, quantities, recall
from amazon_ft.evaluation.nearest import Descriptions, nearest, weighed
from amazon_ft.products import normalised
from amazon_ft.retrieval.answers import CLOSED_BOOK, EXTRACTIVE, WITH_SOURCE
from amazon_ft.retrieval.quoting import ANSWERS, bare, cites, facts

GENERAL, OWN = "general", "own"
BASELINES = ("nearest_title", "wrong_product")  # other products' descriptions, given as answers
WITHOUT_MODEL = (EXTRACTIVE, *BASELINES)
FROM_SOURCE = (*WITH_SOURCE, EXTRACTIVE)
ABSENT = tuple(wording.absent for wording in ANSWERS.values())

Ratio = tuple[float, float]
Similar = Callable[[Sequence[tuple[str, str]]], Sequence[float]]
NOTHING: Ratio = (0, 0)


@dataclass(frozen=True)
class Said:
    """Hold one answer with its row, and what several metrics read of both."""

    row: Mapping[str, Any]
    system: str
    nearest: Ratio
    thinks: bool  # the system reasons before some answer of the comparison

    @property
    def answer(self) -> Mapping[str, Any]:
        """Give what the system answered."""
        return dict(self.row[self.system])

    @cached_property
    def text(self) -> str:
        """Give the answer without lead, quotation marks and citation."""
        return bare(self.answer["text"])

    @property
    def reasoning(self) -> str:
        """Give what the system said before its answer."""
        return str(self.answer.get("reasoning", ""))

    @cached_property
    def truth(self) -> str:
        """Give the true description; "" where the question is about no product."""
        return "" if self.row["set"] == GENERAL else bare(self.row["reference"])

    @cached_property
    def source(self) -> str:
        """Give what the row's product is known by: uid, title, true description."""
        return "\n".join((self.row["source"], self.row.get("title", ""), self.truth))

    @cached_property
    def words(self) -> list[str]:
        """Give the answer's words."""
        return overlap.words(self.text)

    @cached_property
    def true_words(self) -> list[str]:
        """Give the true description's words."""
        return overlap.words(self.truth)

    @cached_property
    def runs(self) -> list[int]:
        """Give how far the description is copied from each word of the answer on, from its first MOST words."""
        return overlap.runs(self.words[: overlap.MOST], self.true_words)


def systems(row: Mapping[str, Any]) -> list[str]:
    """Name the systems that answered in a row, in its order."""
    return [name for name, value in row.items() if isinstance(value, dict) and "stopped" in value]


def measured(rows: Sequence[Mapping[str, Any]], similar: Similar | None = None) -> list[dict[str, Any]]:
    """Give the rows with "measures" in every system: metric -> [numerator, denominator], 0 where none makes sense.

    `similar` gives the similarity of pairs of texts, such as a Similarity; without it there is no such measure.
    """
    near = _recalled(rows)
    thinking = {name for row in rows for name in systems(row) if row[name].get("reasoning")}
    said = [
        Said(row, name, near.get((place, name), NOTHING), name in thinking)
        for place, row in enumerate(rows)
        for name in systems(row)
    ]
    measures = [{metric: list(measure(each)) for metric, measure in MEASURES.items()} for each in said]
    if similar:
        _add_similarity(said, measures, similar)
    found = iter(measures)
    return [dict(row) | {name: {**row[name], "measures": next(found)} for name in systems(row)} for row in rows]


def invented(row: Mapping[str, Any], system: str) -> list[str]:
    """List the numbers and codes of an answer that stand nowhere in the entry of the row's own product.

    Whatever product was found for a system to read, all are held against the one that the question is about.
    """
    nowhere = _nowhere("\n".join(row[name]["text"] for name in systems(row)), _entry(row))
    return [fact.text for fact in facts(row[system]["text"], "") if fact.text.casefold() in nowhere]


def _entry(row: Mapping[str, Any]) -> str:
    return "\n".join((row["source"], row["title"], row.get("content") or row["reference"]))


def signature() -> str:
    """Give sacrebleu's signature of the chrF++ that is measured."""
    metric = _chrf_against("a")
    metric.corpus_score(["a"], None)  # it knows the number of references only then
    return str(metric.get_signature())


def _when_true(measure: Callable[[Said], Ratio]) -> Callable[[Said], Ratio]:
    return lambda said: measure(said) if said.truth else NOTHING


def _exact(said: Said) -> Ratio:
    return int(said.text.split() == said.truth.split()), 1


def _chrf(said: Said) -> Ratio:
    return round(float(_chrf_against(said.truth).corpus_score([said.text], None).score), 4), 1


def _held(found: Mapping[str, bool]) -> Ratio:
    return sum(found.values()), len(found)


def _invented_numbers(said: Said) -> Ratio:
    unfound = said.system in FROM_SOURCE and said.text.startswith(ABSENT)  # it had nothing to be faithful to
    return (len(invented(said.row, said.system)), 1) if said.row["source"] and not unfound else NOTHING


def _cites(said: Said) -> Ratio:
    if said.system in BASELINES or not said.row["source"]:
        return NOTHING
    return int(cites(said.answer["text"], said.row["source"])), 1


def _stopped(said: Said) -> Ratio:
    return (int(said.answer["stopped"]), 1) if _asked(said) else NOTHING


def _asked(said: Said) -> bool:
    return said.system not in WITHOUT_MODEL and said.answer.get("asked") != ""


def _right(said: Said) -> Ratio:
    if said.row["set"] != GENERAL:
        return NOTHING
    words = f" {normalised(said.text)} "
    return int(any(f" {normalised(each)} " in words for each in said.row["accepted"] if normalised(each))), 1


def _loss(said: Said) -> Ratio:
    losses = said.row.get("loss", {})
    if said.system not in CLOSED_BOOK or not all(isfinite(nats) for nats, _ in losses.values()):
        return NOTHING  # of both systems where one overflowed, so that they are compared on the same answers
    nats, tokens = losses.get(said.system, NOTHING)
    return nats, tokens


def _reasoned(said: Said) -> Ratio:
    closed = bool(said.reasoning and said.answer["text"].strip())
    return (int(closed), 1) if said.thinks and _asked(said) else NOTHING


def _claims_source(said: Said) -> Ratio:
    return (int(bool(claims(said.reasoning))), 1) if said.reasoning and said.system in CLOSED_BOOK else NOTHING


def _reasoning_invented(said: Said) -> Ratio:
    known = said.reasoning and said.row["source"]
    return (len(unknown(said.reasoning, _entry(said.row))), 1) if known else NOTHING


MEASURES: Mapping[str, Callable[[Said], Ratio]] = {
    "exact": _when_true(_exact),
    "rouge_l": _when_true(lambda said: (round(overlap.rouge_l(said.words, said.true_words), 6), 1)),
    "rouge_1": _when_true(lambda said: (round(overlap.rouge_1(said.words, said.true_words), 6), 1)),
    "chrf": _when_true(_chrf),
    "number_precision": _when_true(lambda said: precision(quantities(said.text), quantities(said.truth))),
    "number_recall": _when_true(lambda said: recall(quantities(said.text), quantities(said.truth))),
    "code_precision": _when_true(lambda said: _held(codes(said.text, said.source))),
    "name_precision": _when_true(lambda said: _held(names(said.text, said.source))),
    "invented_numbers": _invented_numbers,
    "cites": _cites,
    "copied": _when_true(lambda said: (overlap.copied(said.runs), len(said.runs))),
    "longest_copied": _when_true(lambda said: (max(said.runs, default=0), 1)),
    "nearest": lambda said: said.nearest,
    "length_ratio": _when_true(lambda said: (len(said.words), len(said.true_words))),
    "repetition": lambda said: overlap.repeated(said.words),
    "stopped": _stopped,
    "right": _right,
    "loss": _loss,
    "reasoned": _reasoned,
    "claims_source": _claims_source,
    "reasoning_invented": _reasoning_invented,
}


def _recalled(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, str], Ratio]:
    """Tell of each answer whether the nearest of its set's descriptions is the true one."""
    truths: dict[str, dict[str, int]] = {}
    for row in rows:
        if row["set"] not in (GENERAL, OWN) and (truth := bare(row["reference"])):
            known = truths.setdefault(row["set"], {})
            known.setdefault(truth, len(known))
    found: dict[str, Descriptions] = {set_: weighed(list(known)) for set_, known in truths.items()}
    return {
        (place, name): (int(nearest(bare(row[name]["text"]), found[row["set"]]) == truths[row["set"]][truth]), 1)
        for place, row in enumerate(rows)
        if (truth := bare(row["reference"])) in truths.get(row["set"], {})
        for name in systems(row)
    }


def _add_similarity(said: Sequence[Said], measures: Sequence[dict[str, list[float]]], similar: Similar) -> None:
    told = [place for place, each in enumerate(said) if each.truth and each.text]
    cosines = similar([(said[place].text, said[place].truth) for place in told])
    for each, measure in zip(said, measures, strict=True):
        measure["similarity"] = [0, 1] if each.truth else [0, 0]  # an empty answer is like nothing
    for place, cosine in zip(told, cosines, strict=True):
        measures[place]["similarity"] = [round(float(cosine), 6), 1]


@lru_cache(maxsize=SHARED)
def _nowhere(answers: str, entry: str) -> frozenset[str]:
    """Find once for all answers in a row what stands nowhere in its entry."""
    return frozenset(fact.text.casefold() for fact in facts(answers, entry) if not fact.in_source)


@lru_cache(maxsize=SHARED)
def _chrf_against(truth: str) -> Any:
    """Count the n-grams of a description once for all answers: a corpus of one sentence scores as that sentence."""
    from sacrebleu.metrics import CHRF

    return CHRF(word_order=2, references=[[truth]])
