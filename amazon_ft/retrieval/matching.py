"""From a question to a product: found, ambiguous, or not in the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import log

from amazon_ft.retrieval import index, wording
from amazon_ft.retrieval.fitting import Fit, fit, similarity
from amazon_ft.retrieval.index import Entry, Titles
from amazon_ft.retrieval.phrases import EITHER
from amazon_ft.retrieval.wording import Quoted, Reading

LOOKED_AT = 20  # titles that the engine gives
SEARCHED = 12  # words that the engine is given, the rarest, and common ones only where there are few others
SIGNS = " ?!.,;:"
SHOWN = 5  # candidates of a match
# Chosen on the validation questions of benchmarks/retrieval.py, which asks the test questions with them.
FOUND = 0.88  # score from which on a title is the one that was meant
POSSIBLE = 0.5  # score from which on the user is asked whether it is
MARGIN = 0.03  # lead over the next title below which the user is asked which of them it is


@dataclass(frozen=True)
class Candidate:
    """Hold a product that may be meant, and how well its title fits the question: 1 is word for word."""

    entry: Entry
    score: float

    def __str__(self) -> str:
        """Name the product as a user chooses it."""
        return f"{self.entry.title} [{self.entry.uid}]"


@dataclass(frozen=True)
class Match:
    """Hold what a question is about, best first, and what it asks; `kind` is found, ambiguous or absent."""

    kind: str
    reading: Reading
    candidates: tuple[Candidate, ...]


def find(titles: Titles, question: str) -> Match:
    """Find the product that a question in a user's own words is about: anywhere in it, else in its quotes."""
    everything = index.words(titles, question)
    entries = _entries(titles, everything)
    best, reading = list[Candidate](), wording.read(everything, ())
    for part in (Quoted("", question, ""), *wording.quotes(question)):
        if best and best[0].score >= FOUND:
            break
        asked = index.words(titles, part.text)
        before, after = (index.words(titles, text) if text.strip(SIGNS) else [] for text in (part.before, part.after))
        ranked = rank(titles, asked, entries)
        if ranked and (not best or ranked[0].score > best[0].score):
            best, place = ranked, _place(titles, asked, ranked[0].entry)
            reading = wording.read([*before, *asked[: place.begin]], [*asked[place.end :], *after])
    return Match(kind(best), reading, tuple(best[:SHOWN]))


def about(titles: Titles, question: str, entry: Entry) -> Match:
    """Read a question as one about `entry`, whatever it names."""
    asked = index.words(titles, question)
    place = _place(titles, asked, entry)
    reading = wording.read(asked[: place.begin], asked[place.end :])
    return Match("found", reading, (Candidate(entry, 1.0),))


def rank(titles: Titles, asked: Sequence[str], entries: Iterable[Entry]) -> list[Candidate]:
    """Rank entries by how well their titles fit the words of a question, best first."""
    weigh, ranked = cache(partial(weight, titles)), []
    for entry in entries:
        held = index.words(titles, entry.title)
        place = fit(asked, held, weigh)
        alike = similarity(asked[place.begin : place.end], held)
        ranked.append((place.score, alike, -entry.row, Candidate(entry, place.score)))
    return [candidate for *_, candidate in sorted(ranked, key=lambda item: item[:3], reverse=True)]


def kind(ranked: Sequence[Candidate]) -> str:
    """Decide between found, ambiguous and absent."""
    if not ranked or ranked[0].score < POSSIBLE:
        return "absent"
    alone = len(ranked) == 1 or ranked[0].score - ranked[1].score >= MARGIN
    return "found" if alone and ranked[0].score >= FOUND else "ambiguous"


def _place(titles: Titles, asked: Sequence[str], entry: Entry) -> Fit:
    return fit(asked, index.words(titles, entry.title), partial(weight, titles))


def _entries(titles: Titles, asked: Sequence[str]) -> list[Entry]:
    rare = sorted(dict.fromkeys(asked), key=lambda word: index.frequency(titles, word))
    telling = [word for word in rare if word not in EITHER][:SEARCHED]
    beside = [word for word in rare if word in EITHER][: SEARCHED - len(telling)]
    return index.search(titles, telling, beside, LOOKED_AT)


def weight(titles: Titles, word: str) -> float:
    """Give the inverse document frequency of a word, as a share of that of a word in no title."""
    known = index.frequency(titles, word)
    most = log(1 + (titles.number + 0.5) / 0.5)
    return log(1 + (titles.number - known + 0.5) / (known + 0.5)) / most
