"""Say what is wrong with one reasoning row, by rules that each have a reason."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from amazon_ft.evaluation.checks import RUN
from amazon_ft.evaluation.claims import claims, unknown
from amazon_ft.products import Product, normalised
from amazon_ft.prompts import CONTROL
from amazon_ft.reasoning.authors import FIELDS
from amazon_ft.recipes import Reasoning
from amazon_ft.retrieval.passages import content_words

LANGUAGES = ("en", "pt", "es", "fr", "de", "it")  # among which a row's is told
# Words that no other one of them has: a text with so many of its own needs no closer look.
OWN_WORDS = {
    "en": "the and of to that it this are was with for you what so be have would which",
    "pt": "o os um uma do da dos das em não é são com ele ela isso então mas ser você também",
}
PLENTY = 0.2  # of a text's words
ENOUGH = 40  # characters from which on a language can be told
SURE = 0.9  # of another language
READ = 250  # characters of a text that its language is told by, and of a thought as many from its end
COPIED = 0.8  # of a description's words, 8 in a run, from which on it is copied whole
SHORTEST_COPY = 4  # runs: who thinks about a description of fewer words can hardly but say them all
SYMBOLS = frozenset("μΩπ")  # of Greece, but for units and formulas everywhere
WORD = re.compile(r"\w+")
LATIN = ("LATIN", "MICRO", "OHM", "KELVIN", "ANGSTROM", "FEMININE", "MASCULINE", "MODIFIER", "COMBINING")


@dataclass(frozen=True)
class Case:
    """Hold a row with its product, and what several rules read of both."""

    question: str
    reasoning: str
    response: str
    product: Product
    how: Reasoning

    @property
    def texts(self) -> tuple[str, str, str]:
        """Give question, reasoning and response."""
        return self.question, self.reasoning, self.response

    @cached_property
    def entry(self) -> str:
        """Give all that the product is known by."""
        return f"{self.product.uid}\n{self.product.title}\n{self.product.content}"


@dataclass(frozen=True)
class Rule:
    """Hold a rule for rows: its name, the reason that is counted, and whether a row breaks it."""

    name: str
    reason: str
    broken: Callable[[Case], bool]


def faults(row: Mapping[str, Any], product: Product, reasoning: Reasoning) -> list[str]:
    """List the reasons why a row cannot be trained on, the first in the order of RULES first."""
    case = _case(row, product, reasoning)
    if _empty(case):
        return [RULES[0].reason]  # nothing else can be said of a text that is not there
    return [rule.reason for rule in RULES if rule.broken(case)]


def first_fault(row: Mapping[str, Any], product: Product, reasoning: Reasoning) -> str:
    """Give the first reason why a row cannot be trained on, or ""."""
    case = _case(row, product, reasoning)
    return next((rule.reason for rule in RULES if rule.broken(case)), "")


def _case(row: Mapping[str, Any], product: Product, reasoning: Reasoning) -> Case:
    question, thought, response = (str(row[field]) for field in FIELDS)
    return Case(question, thought, response, product, reasoning)


def _empty(case: Case) -> bool:
    return not all(text.strip() for text in case.texts)


def _echoes(case: Case) -> bool:
    return normalised(case.response) == normalised(case.question)


def _controls(case: Case) -> bool:
    return any(CONTROL.search(text) for text in case.texts)


def _claims(case: Case) -> bool:
    return not case.how.reads_entry and any(claims(text) for text in case.texts)


def _invents(case: Case) -> bool:
    return bool(unknown("\n".join(case.texts), case.entry))


def _nameless(case: Case) -> bool:
    """A question that shares no content word with the title asks about nobody knows what."""
    if named := set(content_words(case.product.title)):
        return not named.intersection(content_words(case.question))
    return case.product.title.casefold().strip() not in case.question.casefold()


def _copies(case: Case) -> bool:
    if len(case.reasoning) < COPIED / 2 * len(case.product.content):  # far too short to hold it
        return False
    words, said = normalised(case.product.content).split(), f" {normalised(case.reasoning)} "
    own = [f" {' '.join(words[place : place + RUN])} " for place in range(0, len(words) - RUN + 1, RUN)]
    return len(own) >= SHORTEST_COPY and sum(run in said for run in own) >= COPIED * len(own)


def _foreign_letters(case: Case) -> bool:
    return bool(_scripts("".join(case.texts)) - _scripts(case.entry))


def _foreign_language(case: Case) -> bool:
    """Hold both ends of the reasoning, and question and answer together, against the language that was asked for."""
    title = set(WORD.findall(case.product.title.casefold()))
    ends = [case.reasoning[:READ], case.reasoning[READ:][-READ:]]
    told = [_language(text, title, case.how.language) for text in (*ends, f"{case.question} {case.response[:READ]}")]
    return any(language not in ("", case.how.language) and sure >= SURE for language, sure in told)


def _below(field: str, limits: str) -> Callable[[Case], bool]:
    return lambda case: len(getattr(case, field).split()) < getattr(case.how, limits)[0]


def _above(field: str, limits: str) -> Callable[[Case], bool]:
    return lambda case: len(getattr(case, field).split()) > getattr(case.how, limits)[1]


RULES = (
    Rule("empty", "a text is empty", _empty),
    Rule("echo", "the response is the question", _echoes),
    Rule("control", "control tokens or headings of a template", _controls),
    Rule("letters", "letters of another script", _foreign_letters),
    Rule("language", "another language", _foreign_language),
    Rule("claim", "cites a source that the trained prompt lacks", _claims),
    Rule("number", "numbers or codes that the product does not have", _invents),
    Rule("nameless", "the question does not name the product", _nameless),
    Rule("copy", "the reasoning copies the description", _copies),
    Rule("short question", "the question is too short", _below("question", "question_words")),
    Rule("long question", "the question is too long", _above("question", "question_words")),
    Rule("short reasoning", "the reasoning is too short", _below("reasoning", "reasoning_words")),
    Rule("long reasoning", "the reasoning is too long", _above("reasoning", "reasoning_words")),
    Rule("short response", "the response is too short", _below("response", "response_words")),
    Rule("long response", "the response is too long", _above("response", "response_words")),
)


def _scripts(text: str) -> set[str]:
    """Name the scripts of a text's letters beside the Latin one and the few signs that go with it."""
    if text.isascii():
        return set()
    letters = {sign for sign in text if not sign.isascii() and sign.isalpha()} - SYMBOLS
    return {script for sign in letters if (script := unicodedata.name(sign, "UNKNOWN").split()[0]) not in LATIN}


def _language(text: str, title: set[str], likely: str) -> tuple[str, float]:
    """Tell the language of a text without a title's words and names, and how sure that is; ("", 0) of too little."""
    words = [word for word in WORD.findall(text) if word[0].islower() and word.casefold() not in title]
    told = " ".join(words)
    if len(told) < ENOUGH:
        return "", 0.0
    own = frozenset(OWN_WORDS[likely].split())
    if sum(word in own for word in words) >= PLENTY * len(words):
        return likely, 1.0
    language, sure = _identifier().classify(told)
    return str(language), float(sure)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier
