"""Show the worst answers of a system and say why: what it invented, whose description it recites, how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amazon_ft.evaluation import overlap
from amazon_ft.evaluation.checks import RUN, runs
from amazon_ft.evaluation.facts import names
from amazon_ft.evaluation.measures import ABSENT, GENERAL, WITHOUT_MODEL, invented, systems
from amazon_ft.evaluation.scoring import PRODUCT_SETS
from amazon_ft.products import normalised
from amazon_ft.retrieval.quoting import ANSWERS, bare

REPEATS = 0.3  # of an answer's 4-word runs: from here on it is stuck
FEWEST = 10  # words: a shorter answer's inventions are weighed as those of one this long
WEIGHTS = {"recites": 2.0, "empty": 1.0, "denies": 1.0, "silent": 1.0, "repeats": 0.5, "cut": 0.25}

WHY = {
    "en": {
        "numbers": "invents numbers or codes: {}",
        "names": "names what stands nowhere in the entry: {}",
        "recites": "recites the description of another product: {}",
        "empty": "says nothing",
        "denies": "says that there is no such product, though there is",
        "silent": "says that the entry does not say, though it does",
        "repeats": "repeats itself: {} of its four-word runs came before",
        "cut": "was cut at the limit of its length",
    },
    "pt": {
        "numbers": "inventa números ou códigos: {}",
        "names": "cita nomes que não estão na entrada: {}",
        "recites": "recita a descrição de outro produto: {}",
        "empty": "não diz nada",
        "denies": "diz que o produto não existe, mas ele existe",
        "silent": "diz que a entrada não informa, mas ela informa",
        "repeats": "se repete: {} das suas sequências de quatro palavras já tinham aparecido",
        "cut": "foi cortada no limite de tamanho",
    },
}
FIXED = {
    "denies": ABSENT,
    "silent": tuple(phrase for wording in ANSWERS.values() for phrase in (wording.unsaid, wording.other)),
}


@dataclass(frozen=True)
class Reason:
    """Hold one thing that is wrong with an answer: a kind of WHY, and what it is about."""

    kind: str
    detail: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """Hold an unfaithful answer: the place of its row, who gave it, how unfaithful it is, and why."""

    place: int
    system: str
    score: float
    reasons: tuple[Reason, ...]


def failures(rows: Sequence[Mapping[str, Any]], system: str, number: int = 12) -> list[Failure]:
    """Give the `number` worst answers of a system about products, the worst first; fewer if fewer have a fault.

    An answer's score is how many numbers, codes and names in ten words stand nowhere in its source, plus WEIGHTS for
    what else is wrong with it.
    """
    products = _products(rows)
    found = [
        _judged(place, row, system, products)
        for place, row in enumerate(rows)
        if row["set"] in PRODUCT_SETS and system in systems(row)
    ]
    return sorted((each for each in found if each.reasons), key=lambda each: (-each.score, each.place))[:number]


def why(reason: Reason, language: str) -> str:
    """Word a reason in English ("en") or Portuguese ("pt")."""
    return WHY[language][reason.kind].format(", ".join(reason.detail))


def _judged(place: int, row: Mapping[str, Any], system: str, products: Mapping[str, str]) -> Failure:
    text = bare(row[system]["text"])
    told = invented(row, system)
    unknown = [name for name, stands in names(text, _source(row)).items() if not stands and name not in told]
    other = _recited(text, _source(row), products)
    listed = {"numbers": told, "names": unknown, "recites": other}
    reasons = [Reason(kind, tuple(some)) for kind, some in listed.items() if some] + _faults(row, system, text)
    score = 10 * (len(told) + len(unknown)) / max(FEWEST, len(overlap.words(text)))
    score += sum(WEIGHTS.get(reason.kind, 0) for reason in reasons)
    return Failure(place, system, round(score, 4), tuple(reasons))


def _faults(row: Mapping[str, Any], system: str, text: str) -> list[Reason]:
    """Say what is wrong with an answer whatever its facts."""
    again, grams = overlap.repeated(overlap.words(text))
    share = again / grams if grams else 0
    faults = {
        "empty": not overlap.words(text),
        **{kind: text.startswith(said) and not row["reference"].startswith(said) for kind, said in FIXED.items()},
        "repeats": share >= REPEATS,
        "cut": not row[system]["stopped"] and system not in WITHOUT_MODEL,
    }
    return [Reason(kind, (f"{share:.0%}",) if kind == "repeats" else ()) for kind, wrong in faults.items() if wrong]


def _recited(text: str, source: str, products: Mapping[str, str]) -> list[str]:
    """Name the product of whose description the answer holds 8 words in a run that its own source does not."""
    own = f" {normalised(source)} "
    return next(([products[run]] for run in _runs(text) if run in products and run not in own), [])


def _products(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Give for each run of 8 words of the descriptions the first product that has it."""
    found: dict[str, str] = {}
    for row in rows:
        if row["set"] != GENERAL:
            for run in _runs(row["reference"]):
                found.setdefault(run, f"{row['title']} [{row['source']}]")
    return found


def _runs(text: str) -> list[str]:
    return [run for run in runs(text) if run.count(" ") > RUN]  # a shorter text's only run may be said by chance


def _source(row: Mapping[str, Any]) -> str:
    return "\n".join((row["source"], row["title"], row["reference"], row.get("content", "")))
