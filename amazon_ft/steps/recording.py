"""Put a question and its answers into the one row that page, panel, pictures and tables show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from amazon_ft import prompts
from amazon_ft.evaluation import measured
from amazon_ft.retrieval.answers import Reply, Sourced
from amazon_ft.retrieval.matching import Match
from amazon_ft.steps.questions import Posed

OWN = "own"  # the set of what a user typed


def row(posed: Posed, match: Match | None, cells: Mapping[str, Sourced]) -> dict[str, Any]:
    """Make the row of a question that was posed, not measured yet."""
    product = posed.product
    about = {
        "set": posed.set,
        "source": product.uid if product else "",
        "title": product.title if product else "",
        "question": posed.question,
        "reference": prompts.neutral(posed.example.output),
        "cluster": posed.cluster,
        "content": product.content if product else "",
        "retrieval": _retrieval(match),
    }
    accepted = {"accepted": list(posed.accepted)} if posed.accepted else {}
    return about | accepted | {cell: asdict(answer) for cell, answer in cells.items()}


def own(reply: Reply) -> dict[str, Any]:
    """Make the row of a question that a user typed, measured against the entry that was found, if one was."""
    product = reply.source.product if reply.source else None
    about = {
        "set": OWN,
        "source": product.uid if product else "",
        "title": product.title if product else "",
        "question": reply.question,
        "reference": product.content if product else "",
        "cluster": product.uid if product else reply.question,
        "content": product.content if product else "",
        "retrieval": _retrieval(reply.match),
    }
    [made] = measured([about | {cell: asdict(answer) for cell, answer in reply.answers.items()}])
    return made


def _retrieval(match: Match | None) -> dict[str, Any]:
    best = match.candidates[0].score if match and match.candidates else 0.0
    return {"kind": match.kind if match else "absent", "score": round(best, 4)}
