"""Score answers against true descriptions, for each set and each system apart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from amazon_ft.retrieval.quoting import NUMBER, bare, cites

SETS = ("seen", "unseen")
SCORES = ("exact", "rouge_l", "rouge_1", "chrf", "number_precision", "invented_numbers", "cites", "stopped")


@dataclass(frozen=True)
class Pair:
    """Hold an answer with the true one, the product's uid, and how much of it stands nowhere in its source."""

    answer: str
    reference: str
    stopped: bool
    uid: str = ""
    invented: int = 0  # numbers and codes


def score_table(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Score every system on every set of a table of answers, sets never mixed."""
    systems = (
        [name for name, value in rows[0].items() if isinstance(value, Mapping) and "stopped" in value] if rows else []
    )
    return {
        set_: {system: score([_pair(row, row[system]) for row in rows if row["set"] == set_]) for system in systems}
        for set_ in SETS
    }


def score(pairs: Sequence[Pair]) -> dict[str, float | int | None]:
    """Score one system on one set, whatever its answers wear of lead, quotation marks and citation.

    Shares and ROUGE F-measures run from 0 to 1, chrF++ from 0 to 100, invented_numbers is the mean number of numbers
    and codes of an answer that stand nowhere in its source; a score is None where nothing can be counted.
    """
    if not pairs:
        return {"n": 0} | dict.fromkeys(SCORES)
    plain = [replace(pair, answer=bare(pair.answer), reference=bare(pair.reference)) for pair in pairs]
    rouge = [_rouge(pair) for pair in plain]
    return {
        "n": len(pairs),
        "exact": _mean([_words(pair.answer) == _words(pair.reference) for pair in plain]),
        "rouge_l": _mean([scores["rougeL"] for scores in rouge]),
        "rouge_1": _mean([scores["rouge1"] for scores in rouge]),
        "chrf": chrf(plain),
        "number_precision": number_precision(plain),
        "invented_numbers": _mean([pair.invented for pair in pairs]),
        "cites": _mean([cites(pair.answer, pair.uid) for pair in pairs]),
        "stopped": _mean([pair.stopped for pair in pairs]),
    }


def chrf(pairs: Sequence[Pair]) -> float:
    """Compute corpus chrF++ (sacrebleu, word order 2), 0 to 100."""
    from sacrebleu.metrics import CHRF

    metric = CHRF(word_order=2)
    return round(float(metric.corpus_score([p.answer for p in pairs], [[p.reference for p in pairs]]).score), 2)


def number_precision(pairs: Sequence[Pair]) -> float | None:
    """Compute the share of the answers' numbers that stand in the true description; None if there are none."""
    stand = [number in NUMBER.findall(pair.reference) for pair in pairs for number in NUMBER.findall(pair.answer)]
    return _mean(stand) if stand else None


def _pair(row: Mapping[str, Any], answer: Mapping[str, Any]) -> Pair:
    invented = sum(not fact["in_source"] for fact in answer.get("facts", ()))
    return Pair(answer["text"], row["reference"], answer["stopped"], row["source"], invented)


def _rouge(pair: Pair) -> dict[str, float]:
    return {name: value.fmeasure for name, value in _rouge_scorer().score(pair.reference, pair.answer).items()}


@lru_cache(maxsize=1)
def _rouge_scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rouge1", "rougeL"], tokenizer=_Words())


class _Words:
    """Split into lower-case words of any alphabet; rouge-score's own drops every accented letter."""

    def tokenize(self, text: str) -> list[str]:
        """Split `text`."""
        return re.findall(r"\w+", text.lower())


def _words(text: str) -> str:
    return " ".join(text.split())


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)
