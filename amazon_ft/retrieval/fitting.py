"""Lay a title over a question: where it stands, what of it is missing, what else is named. The door to rapidfuzz."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from math import prod

from amazon_ft.retrieval.index import DIGIT, MOST_EDITS, forgiven
from amazon_ft.retrieval.phrases import EITHER, GLUE

# Chosen on the validation questions of benchmarks/retrieval.py, which asks its test questions with them.
WRONG = 0.9  # what a telling word that the title lacks takes of the score, in or next to it
TELLING = 0.57  # weight of a word from which on it tells products apart; the weight of a word in no title is 1
BEYOND = 0.01  # what such a word takes where people's own words stand between: is it available in blue?
ASIDE = 0.005  # what one of people's own words takes beside the title
MOSTLY = 0.6  # share of a title's weight below which what stands beyond it names another one
NEARLY, EVIDENCE = 0.8, 1.0  # share of a title's weight, and weight, that do not stand together by chance
WHOLE = 0.65  # what is left at least of the score of a title of which so much does, whatever stands beside it
LACKING = 0.25  # exponent of the share of a title's words that the question has: leaving words out is human
NUMBER = 0.85  # factor for a title with a number that the question lacks: Vol. 2 may not be meant
SHORTEST = 5  # letters of a common word from which on a misspelling of it is forgiven
EDIT = 0.12  # share of a word's weight that each of its misspelt letters costs


@dataclass(frozen=True)
class Fit:
    """Hold how well a title fits a question, from 0 to 1, and where it stands: in words[begin:end]."""

    score: float
    begin: int
    end: int


@dataclass(frozen=True)
class Meant:
    """Hold the word of a title that a word of a question stands for, and how many letters are wrong."""

    word: str
    edits: int


def fit(asked: Sequence[str], held: Sequence[str], weigh: Callable[[str], float]) -> Fit:
    """Lay the words `held` by a title over those of a question; `weigh` tells from 0 to 1 how rare a word is."""
    found = _found(asked, held)
    if not found:
        return Fit(0.0, 0, 0)
    begin, end = min(found), max(found) + 1
    lacking = Counter(held) - Counter(meant.word for meant in found.values())
    inside = [asked[at] for at in range(begin, end) if at not in found and asked[at] not in GLUE]
    beside, beyond, aside = _others(asked, begin, end)
    covered = sum(weigh(meant.word) * (1 - EDIT * meant.edits) for meant in found.values())
    whole = sum(map(weigh, held))
    if covered < MOSTLY * whole:  # so little of this title stands there: another one is named
        beside, beyond = beside + beyond, []
    right = prod(1 - WRONG * min(1.0, weigh(word) / TELLING) for word in inside + beside)
    right *= (1 - BEYOND) ** len(beyond) * (1 - ASIDE) ** aside
    other_number = DIGIT.search(" ".join([*lacking, *beside]))
    if not inside and not other_number and covered >= max(EVIDENCE, NEARLY * whole):
        right = max(right, WHOLE)
    if DIGIT.search(" ".join(lacking)):
        right *= NUMBER
    return Fit(right * (covered / whole) ** LACKING, begin, end)


def similarity(asked: Sequence[str], held: Sequence[str]) -> float:
    """Compare the order and the spelling of words, from 0 to 100: what tells apart titles that fit alike."""
    from rapidfuzz.fuzz import ratio

    return ratio(" ".join(asked), " ".join(held))


def _found(asked: Sequence[str], held: Sequence[str]) -> dict[int, Meant]:
    """Find the title's words by their places: all together, else telling ones anywhere and common ones beside those."""
    for at in range(len(asked) - len(held), -1, -1):
        if asked[at : at + len(held)] == held:
            return {at + number: Meant(word, 0) for number, word in enumerate(held)}
    left, found = Counter(held), dict[int, Meant]()
    telling = [at for at, word in enumerate(asked) if word not in EITHER]
    _take(telling, asked, left, found)
    for at in telling:
        if at not in found and (meant := _meant(asked[at], left)):
            found[at] = meant
            left[meant.word] -= 1
    if not found:
        _take(range(len(asked)), asked, left, found)
        return found
    begin, end = min(found), max(found) + 1
    _take(range(begin, end), asked, left, found)
    for outwards in (range(end, len(asked)), range(begin - 1, -1, -1)):
        for at in outwards:
            if not left[asked[at]]:
                break
            _take([at], asked, left, found)
    return found


def _take(places: Sequence[int], asked: Sequence[str], left: Counter[str], found: dict[int, Meant]) -> None:
    for at in places:
        if at not in found and left[asked[at]] > 0:
            found[at] = Meant(asked[at], 0)
            left[asked[at]] -= 1


def _meant(word: str, left: Counter[str]) -> Meant | None:
    """Find the word that a misspelt one stands for."""
    from rapidfuzz.distance import OSA
    from rapidfuzz.process import extractOne

    choices = [other for other, number in left.items() if number > 0]
    near = extractOne(word, choices, scorer=OSA.distance, score_cutoff=MOST_EDITS)
    if near is None or DIGIT.search(word + near[0]) or near[1] > forgiven(max(word, near[0], key=len)):
        return None
    return Meant(near[0], int(near[1]))


def _others(asked: Sequence[str], begin: int, end: int) -> tuple[list[str], list[str], int]:
    """Give what else is named next to the title, and what beyond it, and count people's own words."""
    beside, beyond, aside = list[str](), list[str](), 0
    for outwards in (range(end, len(asked)), range(begin - 1, -1, -1)):
        apart = False
        for word in (asked[at] for at in outwards):
            if mended(word) in EITHER:
                aside += 1
                apart = apart or word not in GLUE
            elif apart:
                beyond.append(word)
            else:
                beside.append(word)
    return beside, beyond, aside


@lru_cache(2**16)
def mended(word: str) -> str:
    """Give the common word that a misspelt one stands for; any other as it is."""
    from rapidfuzz.distance import OSA
    from rapidfuzz.process import extractOne

    if word in EITHER or len(word) < SHORTEST:
        return word
    near = extractOne(word, _long(), scorer=OSA.distance, score_cutoff=1)
    return near[0] if near else word


@cache
def _long() -> tuple[str, ...]:
    return tuple(sorted(word for word in EITHER if len(word) >= SHORTEST))
