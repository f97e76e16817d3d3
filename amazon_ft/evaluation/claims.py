"""Find what a text claims that it cannot know: a source that it was not given, numbers that stand in no entry."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from amazon_ft.evaluation.facts import quantities
from amazon_ft.evaluation.wordings import ENGLISH, PORTUGUESE, Wording
from amazon_ft.retrieval.quoting import TOKEN, facts

AROUND = 60  # characters before and behind a noun in which what belongs to it stands
WORDS = re.compile(r"\w+")
SENTENCE = re.compile(r"(?<=[.!?]) ")  # no claim reaches over its end
POINTING = ("this", "that", "these")  # in this context


# Numbers that count a text's own steps, and things that only a text has: they are no facts of a product.
OWN = (
    "reasons|things|steps|points|questions|aspects|factors|ways|possibilities|razões|motivos|coisas|passos|pontos"
    "|perguntas|aspectos|fatores|maneiras|possibilidades"
)
STEPS = re.compile(
    r"(?:^|(?<=[.:;]\s))[ \t]*(?:[-*#]+[ \t]*)?\(?\d{1,2}[.)](?=\s)"
    r"|\b(?:step|passo|etapa|point|ponto|reason|razão) \d{1,2}\b"
    rf"|\b\d{{1,2}} (?:(?:main|key|good|big|other|different) )?(?:{OWN})\b"
    r"|\b100 ?% (?:sure|certain|confident|positive|correct|de certeza)\b",
    re.IGNORECASE | re.MULTILINE,
)
SPELLED = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen",
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth",
    "um dois três quatro cinco seis sete oito nove dez onze doze",
    "uma duas",
    "primeiro segundo terceiro quarto quinto sexto sétimo oitavo nono décimo",
    "primeira segunda terceira quarta quinta sexta sétima oitava nona décima",
    "i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx",  # single letters are no numbers
)
DIGITS = {word: number for words in SPELLED for number, word in enumerate(words.split(), 1) if word not in "ivx"}
TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
DIGITS |= TENS | {"dozen": 12, "hundred": 100, "thousand": 1000}
LARGE = re.compile(r"(\d[\d.,]*) (thousand|million|billion|mil|milh(?:ão|ões)|bilh(?:ão|ões))\b", re.IGNORECASE)
ZEROS = {"t": 3, "mil": 3, "m": 6, "b": 9}
STEP_START = re.compile(r"\s(?:(?<=[.:;]\s)|(?<=\n))")
DIGIT = re.compile(r"\d")
WITH_DIGIT = re.compile(r"\d\S*(?: \d\S*)*")
DOTTED = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+")  # thousands as Portuguese writes them


@dataclass(frozen=True)
class Reader:
    """Hold the expressions that find the claims of one language."""

    phrase: re.Pattern[str]
    leads: re.Pattern[str]
    looks: re.Pattern[str]
    says: re.Pattern[str]
    tells: re.Pattern[str]
    foreign: re.Pattern[str]
    plain: re.Pattern[str]


def _reader(word: Wording) -> Reader:
    sure, unsure = ("|".join(nouns.split()) for nouns in (word.sure, word.unsure))
    parts = {
        "phrase": rf"\b(?=\w)(?:(?P<the>{word.the}) (?:(?:title|name|título|nome)(?: and| e)(?: {word.the})? )?)?"
        rf"(?:(?P<given>{word.given}) )?(?:{word.such} ){{0,2}}(?:(?P<sure>{sure})|(?:{unsure}))\b"
        rf"(?: (?:{word.whose})\b)?(?: (?P<behind>{word.given})\b)?",
        "leads": rf"\b(?:{word.leads}) \Z",
        "looks": rf"\b(?:{word.looks}) \Z",
        "says": rf",? (?:{word.adverb} ){{0,3}}(?:{word.says})\b",
        "tells": rf",? (?:{word.adverb} ){{0,3}}(?:{word.tells})\b",
        "foreign": rf" (?:{word.foreign})",
        "plain": rf"\b(?:{word.plain})(?!\w)",
    }
    return Reader(**{name: re.compile(part) for name, part in parts.items()})


READERS = {word: _reader(word) for word in (ENGLISH, PORTUGUESE)}
NOUNS = {noun: reader for word, reader in READERS.items() for noun in f"{word.sure} {word.unsure}".split()}
TRIGGERS = {reader: frozenset(word.triggers.split()) for word, reader in READERS.items()}
HINTS = frozenset(NOUNS).union(*TRIGGERS.values())  # most sentences have none of these words


def claims(text: str) -> list[str]:
    """List the phrases by which a text claims a source about a product, as "according to the description".

    In English and Portuguese; a phrase is given as it stands, its accents composed and its white space single.
    """
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    folded = plain.replace("\u0130", "I").lower()  # no other letter grows
    hints = HINTS.intersection(WORDS.findall(folded))
    sentences = zip(SENTENCE.split(plain), SENTENCE.split(folded), strict=True) if hints else ()
    told = ((said, low) for said, low in sentences if any(hint in low for hint in hints))
    return [said[start:end] for said, low in told for start, end in _claims(low)]


def unknown(text: str, entry: str) -> list[str]:
    """List the numbers and codes of a text that stand nowhere in `entry`, digits, words or thousands aside.

    The numbers of its own steps are none, nor is what it counts of its own, as in "2 reasons".
    """
    source = _with_digits(entry)
    missing = [fact.text for fact in facts(_with_digits(text), source) if not fact.in_source]
    if not missing or not (missing := _still(missing, plain := _without_steps(text))):
        return []
    known, codes = _known(entry), {_joined(code) for code in TOKEN.findall(source)}
    missing = _still(missing, LARGE.sub(lambda large: " " if _whole(large) in known else large[0], plain))
    return [fact for fact in missing if not (_values(fact) or {fact}) <= known and _joined(fact) not in codes | known]


def _still(missing: list[str], text: str) -> list[str]:
    """Keep of what is missing in an entry what stands in a text from which something was taken out."""
    stated = {fact.text.casefold() for fact in facts(_with_digits(text), "")}
    return [each for each in missing if each.casefold() in stated]


def _with_digits(text: str) -> str:
    """Leave only words with digits, which alone can hold a fact, once; a mark stands between what was apart."""
    words = " ".join(text.split())
    runs = (words[words.rfind(" ", 0, run.start()) + 1 : run.end()] for run in WITH_DIGIT.finditer(words))
    return " ; ".join(dict.fromkeys(runs))


def _without_steps(text: str) -> str:
    parts = (part for part in STEP_START.split(text) if DIGIT.search(part))  # STEPS is slow
    return STEPS.sub(" ", "\n".join((*parts, "")))


def _joined(fact: str) -> str:
    """Write LN-700 as LN700, and 1.200 as 1200."""
    return fact.replace("." if DOTTED.fullmatch(fact) else "-", "").casefold()


def _values(text: str) -> set[str]:
    return {each.value for each in quantities(text)}


def _known(entry: str) -> set[str]:
    """Give each number of an entry, also those in words, in Roman capitals and with a million behind."""
    words = [word.casefold() for word in WORDS.findall(entry)]
    known = {DIGITS[word] for word in words if word in DIGITS}
    known |= {TENS[ten] + DIGITS[one] for ten, one in pairwise(words) if ten in TENS and DIGITS.get(one, 10) < 10}
    return (
        _values(_with_digits(entry))
        | {str(number) for number in known}
        | {_whole(large) for large in LARGE.finditer(entry)}
    )


def _whole(large: re.Match[str]) -> str:
    number, word = large[1].replace(",", ""), large[2].casefold()
    zeros = ZEROS.get(word) or ZEROS[word[0]]
    whole, _, part = number.partition(".")
    return whole + part.ljust(zeros, "0") if len(part) <= zeros else number


def _claims(sentence: str) -> list[tuple[int, int]]:
    """Find the places of claims in a sentence of small letters."""
    words = frozenset(WORDS.findall(sentence))
    found = [] if NOUNS.keys().isdisjoint(words) else list(_sourced(sentence))
    for reader, triggers in TRIGGERS.items():
        if not triggers.isdisjoint(words):
            found += [match.span() for match in reader.plain.finditer(sentence)]
    last, apart = 0, list[tuple[int, int]]()
    for start, end in sorted(found):
        if start >= last:
            apart.append((start, end))
            last = end
    return apart


def _sourced(text: str) -> Iterator[tuple[int, int]]:
    """Find the places where a source is named."""
    for reader, phrase in _phrases(text):
        start, end = phrase.span()
        sure, the = bool(phrase["sure"]), phrase["the"]
        said = reader.says.match(text, end) or (reader.tells.match(text, end) if sure else None)
        if the and said:
            yield start, said.end()
        elif (the or phrase["given"] or phrase["behind"]) and not reader.foreign.match(text, end):
            lead = _lead(text, start, reader, sure and bool(the) and the not in POINTING)
            if lead or phrase["behind"] or (the and phrase["given"]):
                yield lead.start() if lead else start, end


def _phrases(text: str) -> Iterator[tuple[Reader, re.Match[str]]]:
    """Find the phrases around the nouns, looking nowhere else: most texts have few."""
    done = 0
    for word in WORDS.finditer(text):
        reader = NOUNS.get(word[0])
        if reader and word.start() >= done:
            around = reader.phrase.finditer(text, max(done, word.start() - AROUND), word.end() + AROUND)
            if phrase := next((phrase for phrase in around if phrase.end() > word.start()), None):
                done = phrase.end()
                yield reader, phrase


def _lead(text: str, end: int, reader: Reader, sure: bool) -> re.Match[str] | None:
    start = max(0, end - AROUND)
    return reader.leads.search(text, start, end) or (reader.looks.search(text, start, end) if sure else None)
