"""What an answer must beat: the description of the nearest other title, and that of a wrong product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from amazon_ft import products
from amazon_ft.products import Product
from amazon_ft.retrieval import answers, matching
from amazon_ft.retrieval.answers import Source, Sourced
from amazon_ft.steps.asking import MOST_READ, Desk
from amazon_ft.steps.questions import Posed

NEAREST_TITLE, WRONG_PRODUCT = "nearest_title", "wrong_product"


def baseline_answers(desk: Desk, posed: Sequence[Posed], truths: Sequence[Source | None]) -> list[dict[str, Sourced]]:
    """Give the baselines' answers to each question that is about a product, checked against its own entry."""
    nearest = _nearest(desk, posed)
    wrong = {place: other for place in range(len(posed)) if (other := _wrong(posed, place))}
    return [
        {
            name: _taken(name, truths[place], others[place])
            for name, others in ((NEAREST_TITLE, nearest), (WRONG_PRODUCT, wrong))
            if place in others
        }
        for place in range(len(posed))
    ]


def _nearest(desk: Desk, posed: Sequence[Posed]) -> dict[int, Product]:
    rows: dict[int, int] = {}
    for place, own in ((place, one.product) for place, one in enumerate(posed) if one.product):
        candidates = matching.find(desk.titles, own.title).candidates
        others = [each.entry.row for each in candidates if each.entry.uid != own.uid]
        rows |= {place: others[0]} if others else {}
    return dict(zip(rows, products.at(desk.run.products, list(rows.values())), strict=True))


def _wrong(posed: Sequence[Posed], place: int) -> Product | None:
    """Take the next product of the same set, round the end, that is not nearly the same."""
    own = posed[place]
    line = (posed[at % len(posed)] for at in range(place + 1, place + len(posed)))
    fits = (one.product for one in line if one.set == own.set and one.cluster != own.cluster)
    return next(fits, None) if own.product else None


def _taken(name: str, truth: Source | None, other: Product) -> Sourced:
    return replace(answers.checked(name, truth, other.content[:MOST_READ]), uid=other.uid, title=other.title)
