"""Read what a question asks beside the title that it names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from amazon_ft.retrieval.facets import DESCRIPTION, FACETS, Facet
from amazon_ft.retrieval.fitting import mended
from amazon_ft.retrieval.phrases import ASKS, COMMON, EITHER

QUOTED = re.compile(
    r"“([^“”]+)”|«([^«»]+)»|\u2018([^\u2018]+?)’(?!\w)|(?<![\w\"'])\"(?=\S)(.{1,400}?)(?<![\d\s])\"(?!\w)"
)
SINGLE = re.compile(r"(?<![\w\"'])'(?=\S)(.{1,400}?)(?<=\S)'(?!\w)")
INCHES = re.compile(r"(?<![\w\"'])\"(?=\S)([^\"]+\d)\"(?!\w)")


@dataclass(frozen=True)
class Reading:
    """Hold what is asked about a product: a known facet, else the words beside its title, and the language."""

    facet: Facet | None
    about: str
    language: str


@dataclass(frozen=True)
class Quoted:
    """Hold what stands in quotes, and what before and behind it."""

    before: str
    text: str
    after: str


def quotes(question: str) -> list[Quoted]:
    """Find what stands in quotes; the sign for inches closes a quote only where nothing else does."""
    found = list(QUOTED.finditer(question)) or list(INCHES.finditer(question)) or list(SINGLE.finditer(question))
    return [
        Quoted(question[: quote.start()], next(filter(None, quote.groups())), question[quote.end() :])
        for quote in found
    ]


def read(before: Sequence[str], after: Sequence[str]) -> Reading:
    """Read the words before and after a title, folded as the index folds them."""
    asks = " ".join([*map(mended, before), "X", *map(mended, after)])
    hits = {facet: len(re.findall(ASKS[facet.name], asks)) for facet in FACETS}
    facet = max(hits, key=hits.__getitem__)
    around = asks.split()
    about = " ".join(word for word in around if word not in EITHER and word != "X")
    if hits[facet]:
        return Reading(facet, about, language(around))
    return Reading(None if about else DESCRIPTION, about, language(around))


def language(words: Iterable[str]) -> str:
    """Tell whether words are Portuguese ("pt") or English ("en", also where nothing tells)."""
    told = Counter(name for word in words for name, own in COMMON.items() if word in own)
    return "pt" if told["pt"] > told["en"] else "en"
