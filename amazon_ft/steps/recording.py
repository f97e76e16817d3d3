"""Put a question and its answers into the one row that page, panel, pictures and tables show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from amazon_ft import prompts
from amazon_ft.evaluation import measured
from amazon_ft.files import read_appended
from amazon_ft.retrieval.answers import Reply, Sourced
from amazon_ft.retrieval.matching import Match
from amazon_ft.runs import Run, manifest
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


def own(reply: Reply, run: Run, *, ended: bool) -> dict[str, Any]:
    """Make the row of a question that a user typed, measured against the entry that was found, if one was.

    It names the adapter that answered, and is marked if the user ended it before its time.
    """
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
        "adapter": _adapter(run),
    } | ({"ended": True} if ended else {})
    [made] = measured([about | {cell: asdict(answer) for cell, answer in reply.answers.items()}])
    return made


def own_rows(run: Run) -> list[dict[str, Any]]:
    """Read the rows of a user's own questions that this run's adapter answered, and no earlier one."""
    return [row for row in read_appended(run.own_answers) if row["adapter"] == _adapter(run)]


def _adapter(run: Run) -> str:
    trained = manifest(run)["steps"].get("train")
    made = trained["outputs"] if trained else {}
    return str(made.get(run.adapter.name) or made.get(run.hosted_jobs.name) or "")


def _retrieval(match: Match | None) -> dict[str, Any]:
    best = match.candidates[0].score if match and match.candidates else 0.0
    return {"kind": match.kind if match else "absent", "score": round(best, 4)}
