"""Which rows to look at, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amazon_ft.comparison.names import SETS, in_order
from amazon_ft.evaluation import failures, why
from amazon_ft.files import InputError
from amazon_ft.products import unaccented

Row = Mapping[str, Any]

EVERY = ""  # instead of a set
WORST = "tuned"  # whose failures come first
SHORT = 70  # characters of a title in a list


def sets(rows: Sequence[Row]) -> dict[str, int]:
    """Count the rows of each set, in the order for readers."""
    names = [row["set"] for row in rows]
    return {name: names.count(name) for name in in_order(names, SETS)}


def of_set(rows: Sequence[Row], name: str = EVERY) -> list[int]:
    """Give the places of the rows of a set, or of all."""
    return [place for place, row in enumerate(rows) if name in (EVERY, row["set"])]


def worst(rows: Sequence[Row], language: str, system: str = WORST) -> dict[int, list[str]]:
    """Give the places of the rows in which a system failed, worst first, each with what is wrong in words."""
    found = failures(rows, system, len(rows))
    return {failure.place: [why(reason, language) for reason in failure.reasons] for failure in found}


def worst_first(places: Sequence[int], failed: Mapping[int, Any]) -> list[int]:
    """Put the places that failed before those that did not."""
    return [*(place for place in failed if place in set(places)), *(place for place in places if place not in failed)]


def name(row: Row) -> str:
    """Name a row in one line: its product, or its question where there is none."""
    text = " ".join((row["title"] or row["question"]).split())
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"


def find(rows: Sequence[Row], wanted: str | int) -> Row:
    """Find a row by its number, from 1 on, or by words of its title, its question or its uid, accents aside.

    Raises InputError where there is none.
    """
    if isinstance(wanted, int):
        if not 1 <= wanted <= len(rows):
            raise InputError(f"there is no row {wanted}: choose a number from 1 to {len(rows)}.")
        return rows[wanted - 1]
    words = unaccented(wanted.casefold()).split()
    for row in rows:
        text = unaccented(f"{row['title']} {row['question']} {row['source']}".casefold())
        if words and all(word in text for word in words):
            return row
    raise InputError(f"no row holds the words {wanted!r}: try fewer of them, or a number from 1 to {len(rows)}.")
