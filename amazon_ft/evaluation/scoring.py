"""Score answers against true descriptions, for each set and each system apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, log
from typing import Any

from amazon_ft.evaluation.measures import GENERAL, MEASURES, systems
from amazon_ft.files import InputError

PRODUCT_SETS = ("seen", "variant", "unseen")
SETS = (*PRODUCT_SETS, GENERAL)  # what a user typed is shown and never scored
PERPLEXITY = "perplexity"  # the exponential of the loss
HIGHEST = log(1e300)  # of a loss: a perplexity above that is no number
SCORES = (*MEASURES, PERPLEXITY)
SIMILARITY = "similarity"  # beside SCORES where it was measured


def score_table(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Score every system on every set of measured rows, sets never mixed.

    A score is the sum of its numerators divided by that of its denominators, None where nothing can be counted. Raises
    InputError if an answer was not measured.
    """
    table = {}
    for set_ in SETS:
        own = [row for row in rows if row["set"] == set_]
        if own or set_ in PRODUCT_SETS:
            shown = own if set_ == GENERAL else [row for row in rows if row["set"] in PRODUCT_SETS]
            named = dict.fromkeys(system for row in shown for system in systems(row))
            table[set_] = {system: _scored([row for row in own if system in systems(row)], system) for system in named}
    return table


def measures_of(row: Mapping[str, Any], system: str) -> Mapping[str, Sequence[float]]:
    """Give the measures of one answer.

    Raises InputError if it was not measured.
    """
    measures: Mapping[str, Sequence[float]] | None = row[system].get("measures")
    if measures is None:
        raise InputError(f"the answer of {system} about {row['source']!r} has no measures: give measured(rows).")
    return measures


def metrics(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Name the scores of measured rows: SCORES, and the similarity where it was measured."""
    told = any(SIMILARITY in measures_of(row, system) for row in rows for system in systems(row))
    return (*SCORES, SIMILARITY) if told else SCORES


def _scored(rows: Sequence[Mapping[str, Any]], system: str) -> dict[str, Any]:
    measures = [measures_of(row, system) for row in rows]
    scores = {metric: _ratio([each.get(metric, (0, 0)) for each in measures]) for metric in metrics(rows)}
    loss = scores["loss"]
    scores[PERPLEXITY] = None if loss is None or loss > HIGHEST else exp(loss)
    return {"n": len(rows)} | {metric: None if score is None else round(score, 4) for metric, score in scores.items()}


def _ratio(parts: Sequence[Sequence[float]]) -> float | None:
    below = sum(part[1] for part in parts)
    return sum(part[0] for part in parts) / below if below else None
