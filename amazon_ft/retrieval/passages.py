"""Split a description into sentences and choose those that serve a question and fit a limit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log

from amazon_ft.products import normalised

OMISSION = " [...] "
LONGEST = 1_000  # characters of a sentence from which on its parts are chosen apart

# Where a sentence may end; possessive, and only at the first mark of a run, so that a page of dots costs one pass.
WIDE = "\u3002\uff01\uff1f"  # the full stop, exclamation and question mark of texts without spaces
MARK = re.compile(rf"(?<![.!?…{WIDE}])([.!?…{WIDE}]++[\"'”’»)\]]*+)(\s*+)")
NEXT = re.compile(r"[\"'“\u2018«(\[¿¡]*+(\w*+)")
LAST = re.compile(r"[^\W_][\w.]*\Z")
LETTER = re.compile(r"[^\W\d_]")
INITIALS = re.compile(r"[A-ZÀ-Þ]|[^\W\d_](?:\.[^\W\d_])+")  # J and U.S and a.m, not the g of 310 g
STEM = re.compile(r"(\w{3,}?)(?:ing|ed|e)?(?:(?<!s)s)?")
LONGEST_ABBREVIATION = 12  # characters


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A full stop after these never ends a sentence; after the others only where the next word is one that begins many.
NEVER_LAST = _words(
    "mr mrs ms mme dr prof st sr sra dra vol vols no nos nr fig figs ed eds gr p pp pg pag ch rev gen col capt lt sgt"
    " maj hon gov sen rep messrs mt ft vs cf e.g i.e eg ie approx aprox incl"
)
SELDOM_LAST = _words(
    "inc ltd co corp bros jr ph.d oz lb lbs sq pt ct pcs gal dia jan feb aug sept oct nov dec dept univ"
)
BEGINNERS = _words(
    "a an the this that these those it its he she we you they his her our your their in on at by for from with as if"
    " when while there here and but or each all both includes including made comes features o os as um uma este esta"
    " isso ele ela"
)
# What a question is worded with and no sentence is found by: English, then Portuguese without accents.
STOP_WORDS = _words(
    "a an the this that these those it its he she we i you they his her our your their my me us them him is are was"
    " were be been being am do does did done has have had having can could will would shall should may might must of"
    " in on at by for from with without as if to into onto about over under up down out and but or nor not no yes so"
    " than then there here what which who whom whose when where why how any some each all both much many more most s"
    " t d ll re ve tell say said give know want please product item available come comes came coming need needs use"
    " used uses good suitable include includes included including work works get gets make makes made"
    " o os um uma uns umas de do da dos das em na nas nos por pelo pela para pra pro com sem sob sobre e ou mas se que"
    " qual quais quem quando onde como quanto quanta quantos quantas eh ser foi sao esta estao tem ter vem ha isso isto"
    " esse essa este ele ela eles elas seu sua seus suas meu minha ao aos eu voce nao sim ja mais muito produto"
    " disponivel serve servem precisa inclui funciona bom boa fala fale diga"
)


@dataclass(frozen=True)
class Span:
    """Hold a place in a description: content[start:end]."""

    start: int
    end: int


@dataclass(frozen=True)
class Passages:
    """Hold what was chosen of a description, where each passage stands in it, and whether that is all of it."""

    text: str
    spans: tuple[Span, ...]
    whole: bool


def sentences(text: str) -> list[Span]:
    """Split a text into sentences, without the spaces between them; every other character is in one of them."""
    spans: list[Span] = []
    end = len(text.rstrip())
    start = len(text) - len(text.lstrip())
    letter = _letter(text, start)
    for mark in MARK.finditer(text):
        if mark.start() > letter and mark.end() < end and _ends(text, mark):
            spans.append(Span(start, mark.end(1)))
            start = mark.end()
            letter = _letter(text, start)
    return [*spans, Span(start, end)] if start < end else spans


# Every facet is looked for in the pieces of one description.
@lru_cache(maxsize=8)
def pieces(text: str, most: int) -> tuple[Span, ...]:
    """Split a text into its sentences, and a sentence of over `most` characters between words."""
    found: list[Span] = []
    for span in sentences(text):
        start = span.start
        while span.end - start > most:
            spaces = [space.span() for space in re.finditer(r"\s+", text[start : start + most + 1])]
            end, after = spaces[-1] if spaces else (most, most)
            found.append(Span(start, start + end))
            start += after
        found.append(Span(start, span.end))
    return tuple(found)


def fit(content: str, wanted: str, limit: int, length: Callable[[str], int] = len) -> Passages:
    """Choose what of a description to read, in its order: all of it, else what fits into `limit` by `length`.

    Sentences with the words of `wanted` come first, the rarest words count most, and then the first sentences.
    `length` is asked some 10 to 40 times for the longest descriptions.
    """
    if limit <= 0:
        return Passages("", (), not content)
    size = length(content)
    if size <= limit:
        return Passages(content, (Span(0, len(content)),) if content else (), True)
    parts = pieces(content, max(1, min(LONGEST, limit * len(content) // size)))
    order = _ranked([content[part.start : part.end] for part in parts], set(content_words(wanted)))
    number = _most(len(order), lambda count: length(_text(content, _runs(parts, order[:count]))) <= limit)
    if number or not order:
        spans = _runs(parts, order[:number])
    else:
        spans = _cut(content, parts[order[0]], lambda text: length(text) <= limit)
    return Passages(_text(content, spans), spans, False)


def content_words(text: str) -> list[str]:
    """Give the words that a sentence is found by: folded, without stop words and the commonest English endings."""
    return [_stem(word) for word in normalised(text).split() if word not in STOP_WORDS]


def _letter(text: str, start: int) -> int:
    """Find the next letter: what has none, such as the 1. of a list, is no sentence of its own."""
    found = LETTER.search(text, start)
    return found.start() if found else len(text)


def _ends(text: str, mark: re.Match[str]) -> bool:
    after = NEXT.match(text, mark.end())
    word = after[1] if after else ""
    if mark[1][0] in WIDE:
        return True
    if word[:1].islower():
        return False
    if not mark[2] and not _glued(text[max(0, mark.start() - 4) : mark.start()].rstrip()[-2:], word):
        return False
    return mark[1].rstrip("\"'”’»)]") != "." or not _abbreviated(text, mark.start(), word)


def _glued(before: str, word: str) -> bool:
    """Tell "end.Next" and "1984.It" from "U.S.A", "Ph.D" and "2.5": two letters or digits, then a capital."""
    if len(before) < 2 or not before.isalnum() or not word[:1].isupper():
        return False
    return before.islower() or word[1:2].islower()


def _abbreviated(text: str, end: int, word: str) -> bool:
    last = LAST.search(text[max(0, end - LONGEST_ABBREVIATION) : end])
    if not last:
        return False
    short = last[0].casefold()
    if short in NEVER_LAST:
        return True
    return (short in SELDOM_LAST or bool(INITIALS.fullmatch(last[0]))) and word.casefold() not in BEGINNERS


def _stem(word: str) -> str:
    stem = STEM.fullmatch(word) if word.isascii() and word.isalpha() else None
    return re.sub("y$", "i", stem[1]) if stem else word


def _ranked(texts: Sequence[str], wanted: set[str]) -> list[int]:
    """Order the numbers of `texts` by the weight of the wanted words in each, the first ones first."""
    if not wanted:
        return list(range(len(texts)))
    held = [wanted.intersection(content_words(text)) for text in texts]
    known = Counter(word for words in held for word in words)
    weight = {word: log(1 + len(texts) / number) for word, number in known.items()}
    return sorted(range(len(texts)), key=lambda place: (-sum(weight[word] for word in sorted(held[place])), place))


def _most(number: int, fits: Callable[[int], bool]) -> int:
    """Bisect for the largest count up to `number` that fits; whatever `fits` does, the count found was asked."""
    low, high = 0, number
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _cut(content: str, part: Span, fits: Callable[[str], bool]) -> tuple[Span, ...]:
    """Cut a part that is too long after its last word that fits, or inside its first word."""
    text = content[part.start : part.end]
    ends = [space.start() for space in re.finditer(r"\s+", text)]
    words = _most(len(ends), lambda count: fits(text[: ends[count - 1]]))
    end = ends[words - 1] if words else _most(ends[0] if ends else len(text), lambda count: fits(text[:count]))
    return (Span(part.start, part.start + end),) if end else ()


def _runs(parts: Sequence[Span], chosen: Sequence[int]) -> tuple[Span, ...]:
    """Join chosen parts that follow one another, so that what stands between them stays as it is."""
    places = sorted(chosen)
    breaks = [place for place, (left, right) in enumerate(pairwise(places), 1) if right - left > 1]
    bounds = [0, *breaks, len(places)] if places else []
    return tuple(Span(parts[places[low]].start, parts[places[high - 1]].end) for low, high in pairwise(bounds))


def _text(content: str, spans: Sequence[Span]) -> str:
    return OMISSION.join(content[span.start : span.end] for span in spans)
