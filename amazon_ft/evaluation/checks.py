"""Refuse a comparison that compares nothing: a leaked answer, a product from training, unequal prompts or budgets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.products import normalised
from amazon_ft.retrieval.answers import CLOSED_BOOK, WITH_SOURCE

RUN = 8  # words of an answer that no prompt holds by chance
SHORT = 4  # words: of a shorter description nothing can be told
HELD_OUT = ("variant", "unseen")
SAME = (CLOSED_BOOK, tuple(WITH_SOURCE))
EQUAL = {"asked": "prompt or decoding", "max_new_tokens": "budget"}  # what a row of both must share


class NotComparable(InputError):
    """Say in one sentence which product makes a comparison void, and why."""


def check_prompts(prompts: Iterable[Mapping[str, Any]]) -> None:
    """Refuse closed-book prompts that hold their answer: 8 words of it in a run, or all of a short one.

    Each has the "prompt" as a model reads it, and the source, title, question and reference of its row; what title or
    question say themselves is no leak. Raises NotComparable.
    """
    for row in prompts:
        held, *asked = (f" {normalised(row[part])} " for part in ("prompt", "title", "question"))
        leaked = (run for run in runs(row["reference"]) if run in held and not any(run in text for text in asked))
        for run in leaked:
            raise NotComparable(
                f"the closed-book prompt about {_named(row)} holds its answer, as in '{run.strip()}': "
                "ask with the title alone."
            )


def check_unseen(rows: Sequence[Mapping[str, Any]], trained: Iterable[Mapping[str, Any]]) -> None:
    """Refuse held-out products that were trained on: the same uid, title, description or near-duplicate cluster.

    `trained` are records with uid, title, content and cluster, read once; what is empty in them is not compared.
    Raises NotComparable.
    """
    held_out: dict[tuple[str, str], Mapping[str, Any]] = {}
    for one in rows:
        if one["set"] in HELD_OUT:
            content = one.get("content") or one["reference"]  # a reference may be a short answer out of it
            marks = _marks(one["source"], one["title"], content, one.get("cluster"))
            held_out |= dict.fromkeys(marks, one)
    for record in trained:
        for mark in _marks(record["uid"], record["title"], record["content"], record.get("cluster")):
            if mark in held_out:
                row = held_out[mark]
                raise NotComparable(
                    f"{_named(row)} of the set {row['set']} is in training: {record['uid']} there has the same "
                    f"{mark[0]}; split the products again and train again."
                )


def check_same(rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse rows in which base and tuned, closed book or with the source, got another prompt, decoding or budget.

    Where no product was found nobody was asked with a source. Raises NotComparable.
    """
    for row in rows:
        for base, tuned in SAME:
            if base in row and tuned in row and not _nobody_asked(row, base, tuned):
                _check_pair(row, base, tuned)


def runs(text: str) -> list[str]:
    """Give every run of 8 words of a text, or all of one that has 4 to 7, folded, with a space at each end."""
    words = normalised(text).split()
    if len(words) < RUN:
        return [f" {' '.join(words)} "] if len(words) >= SHORT else []
    return [f" {' '.join(words[place : place + RUN])} " for place in range(len(words) - RUN + 1)]


def _check_pair(row: Mapping[str, Any], base: str, tuned: str) -> None:
    for field, what in EQUAL.items():
        values = [row[system].get(field) for system in (base, tuned)]
        if not all(values):
            raise NotComparable(f"no {what} is recorded for {base} and {tuned} about {_named(row)}: ask them again.")
        if values[0] != values[1]:
            raise NotComparable(
                f"{base} and {tuned} got another {what} about {_named(row)} ({values[0]} and {values[1]}): "
                "ask both the same way."
            )


def _nobody_asked(row: Mapping[str, Any], base: str, tuned: str) -> bool:
    unfound = row.get("retrieval", {}).get("kind") == "absent" and base in WITH_SOURCE
    return unfound and row[base].get("asked") == row[tuned].get("asked") == ""


def _marks(uid: str, title: str, content: str, cluster: object) -> list[tuple[str, str]]:
    marks = {
        "uid": uid,
        "title": normalised(title),
        "description": normalised(content),
        "near-duplicate cluster": "" if cluster is None else str(cluster),
    }
    return [(kind, mark) for kind, mark in marks.items() if mark]


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['source'] or 'no product'} ({row['title'] or row['question']})"
