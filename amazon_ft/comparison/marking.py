"""The words of an answer that differ from the true description, and its facts: found in the source, or invented."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from amazon_ft.retrieval.quoting import CODE, NUMBER, TIMES, TOKEN

if TYPE_CHECKING:
    from markupsafe import Markup

# Numbers, words and what lies between them: together they are the whole text.
PIECE = re.compile(rf"{NUMBER.pattern}|[^\W\d]+|\W+")
TAGS = {
    "": "{}",
    "differs": "<mark>{}</mark>",
    "found": '<mark class="found">{}</mark>',
    "invented": '<mark class="invented">{}</mark>',
}


def marked(reference: str, answer: str) -> Markup:
    """Give `answer` as HTML, marking each word that does not follow `reference`, case and punctuation aside.

    A number that stands nowhere in `reference` is marked as invented.
    """
    pieces = PIECE.findall(answer)
    return html(_runs(zip(_kinds(reference, pieces), pieces, strict=True)))


def html(runs: Iterable[tuple[str, str]]) -> Markup:
    """Give segments as HTML, their text escaped."""
    from markupsafe import Markup

    return Markup().join(Markup(TAGS[kind]).format(text) for kind, text in runs)


def segments(reference: str, answer: str, facts: Mapping[str, bool]) -> list[tuple[str, str]]:
    """Cut `answer` into runs of a kind, in order: they join to the whole answer, and neighbours differ in kind.

    `facts` are its numbers and codes that were checked: text -> whether it stands in the source. Such a one is "found"
    or "invented"; other words are "differs" where they do not follow `reference`, unless that is empty. The rest is "".
    """
    pieces = PIECE.findall(answer)
    kinds = _kinds(reference, pieces) if reference.strip() else [""] * len(pieces)
    plain = ("differs" if kind == "invented" else kind for kind in kinds)
    runs = _runs(zip(plain, pieces, strict=True))
    return _runs(_overlaid(runs, _places(answer, facts))) if facts else runs


def _runs(pieces: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    together = groupby(pieces, key=lambda pair: pair[0])
    return [(kind, "".join(text for _, text in run)) for kind, run in together]


def _places(answer: str, facts: Mapping[str, bool]) -> list[tuple[int, int, str]]:
    """Give start, end and kind of each checked number and code of an answer."""
    stands = {text.casefold(): stand for text, stand in facts.items()}
    apart = TIMES.sub(" ", answer)  # as facts() takes 2x4 apart, but at the same places
    found = ((start, end, stands.get(answer[start:end].casefold())) for start, end in _tokens(apart))
    return [(start, end, "found" if stand else "invented") for start, end, stand in found if stand is not None]


def _tokens(text: str) -> Iterator[tuple[int, int]]:
    for word in TOKEN.finditer(text):
        if CODE.search(word[0]):
            yield word.span()
        else:
            yield from (number.span() for number in NUMBER.finditer(text, *word.span()))


def _overlaid(runs: Iterable[tuple[str, str]], places: Sequence[tuple[int, int, str]]) -> Iterator[tuple[str, str]]:
    """Cut runs where facts begin and end, and let a fact's kind win over its runs' own."""
    inside = {at: kind for start, end, kind in places for at in range(start, end)}
    edges = sorted({edge for start, end, _ in places for edge in (start, end)})
    begin = 0
    for kind, text in runs:
        end = begin + len(text)
        cuts = [begin, *edges[bisect_right(edges, begin) : bisect_left(edges, end)], end]
        for left, right in pairwise(cuts):
            yield inside.get(left, kind), text[left - begin : right - begin]
        begin = end


def _kinds(reference: str, pieces: Sequence[str]) -> list[str]:
    places = [place for place, piece in enumerate(pieces) if _is_word(piece)]
    said = [pieces[place].casefold() for place in places]
    true = [piece.casefold() for piece in PIECE.findall(reference) if _is_word(piece)]
    if said == true:
        return [""] * len(pieces)
    blocks = SequenceMatcher(None, said, true).get_matching_blocks()
    agree = {places[at] for block in blocks for at in range(block.a, block.a + block.size)}
    kinds = [""] * len(pieces)
    for place in set(places) - agree:
        invented = NUMBER.fullmatch(pieces[place]) and pieces[place] not in true
        kinds[place] = "invented" if invented else "differs"
    for gap in set(range(1, len(pieces) - 1)) - set(places):
        if kinds[gap - 1] == kinds[gap + 1] == "differs":
            kinds[gap] = "differs"
    return kinds


def _is_word(piece: str) -> bool:
    return piece[0].isalnum() or piece[0] == "_"
