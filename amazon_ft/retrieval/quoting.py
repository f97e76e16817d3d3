"""Word an answer so that it can be checked, and check it: its quote, its numbers and codes, its source."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from amazon_ft.retrieval.facets import Facet
from amazon_ft.retrieval.passages import Span, content_words, pieces

SHORTEST_RUN = (3, 15)  # words and characters: fewer are found in any text
LONGEST_ANSWER = 20_000  # characters
LONGEST_SENTENCE = 600  # characters; what is longer is quoted in part
RARE = 1  # sentences: a word that no more than these hold must be in the sentence that answers

# Digits with their separators: 1,200 and 3/4 and 0.5 are one number each.
NUMBER = re.compile(r"\d+(?:[.,/]\d+)*")
QUOTED = re.compile(r"“([^“”]+)”")
CITATION = re.compile(r"\s*\[[^\[\]\s]+\]\s*\Z")
LIKELY_CITATION = re.compile(r"\s*\[(?=[^\]]*\d)[A-Z\d-]+\]\s*\Z")  # where nothing else says that it is one
# Letters and digits with hyphens between, and digits with their separators.
TOKEN = re.compile(r"[^\W_]++(?:-[^\W_]++|(?<=\d)[.,/](?=\d)[^\W_]++)*+")
CODE = re.compile(r"[^\W\d_]\d|[A-Z]-\d")
BOUNDARY = re.compile(r"\b")
TIMES = re.compile(r"(?<=\d)[x×](?=\d)")


@dataclass(frozen=True)
class Quote:
    """Hold a verbatim part of a description and its place: content[start:end] is text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Fact:
    """Hold a number or a code of an answer, and whether it stands in the source."""

    text: str
    in_source: bool


@dataclass(frozen=True)
class Wording:
    """Hold how answers are worded in one language."""

    lead: str
    unsaid: str
    other: str
    absent: str
    nearest: str
    several: str


ANSWERS = {
    "en": Wording(
        lead="According to the catalogue:",
        unsaid="The catalogue entry does not say.",
        other="The catalogue entry is about another product.",
        absent="The catalogue has no such product.",
        nearest="The nearest titles:",
        several="More than one product may be meant:",
    ),
    "pt": Wording(
        lead="Segundo o catálogo:",
        unsaid="A entrada do catálogo não informa.",
        other="A entrada do catálogo é sobre outro produto.",
        absent="O catálogo não tem esse produto.",
        nearest="Os títulos mais próximos:",
        several="Mais de um produto pode ser o que você procura:",
    ),
}


def says(quote: str, uid: str, language: str) -> str:
    """Word an answer that quotes the description of the product `uid`."""
    return f"{ANSWERS[language].lead} “{quote}” [{uid}]"


def unsaid(uid: str, language: str) -> str:
    """Word the answer that the entry of the product `uid` does not say what was asked."""
    return f"{ANSWERS[language].unsaid} [{uid}]"


def cites(answer: str, uid: str) -> bool:
    """Tell whether an answer names the product `uid`, as a whole word; no answer names an empty one."""
    return bool(uid) and re.search(rf"(?<!\w){re.escape(uid)}(?!\w)", answer) is not None


def bare(answer: str) -> str:
    """Give what an answer says, without lead, quotation marks and citation, however little of them it has."""
    text = answer.strip()
    lead = next((wording.lead for wording in ANSWERS.values() if text.startswith(wording.lead)), "")
    fixed = text.startswith(tuple(line for wording in ANSWERS.values() for line in (wording.unsaid, wording.other)))
    text = (CITATION if lead or fixed else LIKELY_CITATION).sub("", text[len(lead) :].lstrip())
    if text.startswith("“") and (lead or text.endswith("”")):
        text = text[1:].removesuffix("”")
    return text.strip()


def quoted(answer: str, content: str) -> Quote | None:
    """Find the description's words in an answer: between “ and ”, else the longest run of whole words.

    What stands between quotation marks counts only if the description holds it verbatim; a run has at least 3 words
    and 15 characters. None if there is neither. Of an answer that never ends, the first 20,000 characters are read.
    """
    answer = answer[:LONGEST_ANSWER]
    sign = next(sign for sign in map(chr, range(sys.maxunicode)) if sign not in answer and sign not in content)
    marked = _marked(content, sign)
    outermost = answer[answer.find("“") + 1 : max(answer.rfind("”"), 0)].strip() if "“" in answer else ""
    inner = sorted((part.strip() for part in QUOTED.findall(answer)), key=len, reverse=True)
    for text in (outermost, *inner):
        if text and (found := _find(_marked(text, sign), marked, sign)):
            return found
    return _longest_run(_marked(answer, sign), marked, sign)


def facts(answer: str, source: str) -> tuple[Fact, ...]:
    """Give each number and each code of an answer once, in order, and whether it stands in `source` as a whole.

    A code mixes letters and digits so that a letter comes before a digit: SP-857, B00M5GKD23, mp3. Digits before
    letters are a number with its unit: 10mm is the number 10. Digits inside a code are no number.
    """
    stand = {fact.casefold() for text in (source, source.upper()) for fact in _facts(text)}
    stand.update(number for word in TOKEN.findall(source) for number in _hyphenated(word))
    found: dict[str, str] = {}
    for text in _facts(answer):
        found.setdefault(text.casefold(), text)
    return tuple(Fact(text, folded in stand) for folded, text in found.items())


def extract(content: str, facet: Facet | None, about: str) -> Quote | None:
    """Answer a question by quoting the description and nothing else; None if no sentence answers.

    Without a facet that has evidence and without `about`, all of it; for a facet the sentence with its evidence, and
    the next one if that has it too; else the sentence that holds most of the content words of `about`, all rare ones.
    """
    evidence = facet.evidence if facet else ""
    asked = set(content_words(about))
    if not evidence and (facet or not about.strip()):
        return _quote(content, Span(len(content) - len(content.lstrip()), len(content.rstrip())))
    parts = pieces(content, LONGEST_SENTENCE)
    if evidence:
        return _evident(content, parts, re.compile(evidence, re.IGNORECASE), asked)
    return _about(content, parts, asked)


def _quote(content: str, span: Span) -> Quote | None:
    text = content[span.start : span.end]
    return Quote(text, span.start, span.end) if text else None


def _evident(content: str, parts: Sequence[Span], evidence: re.Pattern[str], asked: set[str]) -> Quote | None:
    texts = [content[part.start : part.end] for part in parts]
    matching = [place for place, text in enumerate(texts) if evidence.search(text)]
    if not matching:
        return None
    best = max(matching, key=lambda place: (len(asked.intersection(content_words(texts[place]))), -place))
    last = best + 1 if best + 1 in matching else best
    return _quote(content, Span(parts[best].start, parts[last].end))


def _about(content: str, parts: Sequence[Span], asked: set[str]) -> Quote | None:
    held = [asked.intersection(content_words(content[part.start : part.end])) for part in parts]
    known = Counter(word for words in held for word in words)
    rare = {word for word in asked if known[word] <= RARE}  # also those that the description lacks
    fit = [place for place, words in enumerate(held) if words >= rare and 2 * len(words) >= len(asked) > 0]
    best = max(fit, key=lambda place: (len(held[place]), -place), default=None)
    return None if best is None else _quote(content, parts[best])


def _marked(text: str, sign: str) -> str:
    """Put a sign at every word boundary: a marked text holds another one only where whole words meet whole words."""
    return sign.join(BOUNDARY.split(text))


def _find(marked_text: str, marked: str, sign: str) -> Quote | None:
    place = marked.find(marked_text)
    if place < 0:
        return None
    text, start = marked_text.replace(sign, ""), place - marked.count(sign, 0, place)
    return Quote(text, start, start + len(text))


def _longest_run(answer: str, marked: str, sign: str) -> Quote | None:
    """Go over a marked answer once: what is found from a word on reaches as far as from the word before, or farther."""
    words = [word.span() for word in re.finditer(rf"{re.escape(sign)}\w+{re.escape(sign)}", answer)]
    best, last = "", 0
    for first, (start, _) in enumerate(words):
        last = max(first, last)
        while last < len(words) and answer[start : words[last][1]] in marked:
            last += 1
        run = answer[start : words[last - 1][1]] if last > first else ""
        if last - first >= SHORTEST_RUN[0] and len(run) > len(best):
            best = run
    found = _find(best, marked, sign)
    return found if found and len(found.text) >= SHORTEST_RUN[1] else None


def _facts(text: str) -> Iterator[str]:
    for word in TOKEN.findall(TIMES.sub(" x ", text)):
        if CODE.search(word):
            yield word
        else:
            yield from NUMBER.findall(word)


def _hyphenated(word: str) -> Iterator[str]:
    """Give the numbers of a word that is written with hyphens, as 857 in SP-857, but not what a code hides."""
    for part in word.split("-"):
        if not CODE.search(part):
            yield from NUMBER.findall(part)
