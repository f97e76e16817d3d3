"""Make the training rows of the `grounded` recipe from products, by rules: read the source, quote it, or say no."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TypeVar

from amazon_ft.products import Product, hash_of, normalised
from amazon_ft.prompts import Example, fill
from amazon_ft.recipes.values import Grounding
from amazon_ft.retrieval.facets import CARRIER, COLOURS, DESCRIPTION, FACETS, MATERIALS, VOLUME, YEAR, Facet
from amazon_ft.retrieval.passages import fit
from amazon_ft.retrieval.quoting import ANSWERS, extract, says, unsaid

T = TypeVar("T")
LANGUAGES = ("en", "pt")
LONGEST_QUOTE = 600  # characters; a longer description is quoted by its first sentences
DESCRIBED = 0.5  # of the answered rows; the others ask for a facet

DIGITS_OF_SIZE = r"""\d\s?-?(?:"|''|”|[mc]?m\b|in\b|ft\b|x)"""
# Evidence is narrow, so that a quote answers; a trace is wide, so that "does not say" is true. Whoever wrote or made
# a product and what comes with it can be told in any words: those facets have no trace and are never left unsaid.
TRACES = {
    "price": r"[$€£]|\bpric|\bcost|\bcheap|\bdollar|\beuro|\bcents?\b|\bfree\b",
    "weight": r"\bweigh|\bheav|\blight|\d\s?-?(?:m?g|kg|lbs?|oz)\b|\bgrams?\b|\bkilo|\bounce|\bpounds?\b|\btons?\b",
    "size": rf"{DIGITS_OF_SIZE}|\binch|\bfeet\b|\bfoot\b|\bmet(?:re|er)|\bsiz|\bmeasur|\bdimension|\bdiameter|\bwid"
    r"|\btall|\bhigh|\bheight|\blong|\blength|\bsmall|\blarge|\bmini|\bcompact|\bbig|\bthick|\bdeep",
    "colour": rf"\bcolou?r|\b(?:{COLOURS})",
    "material": rf"\b(?:{MATERIALS})|\bmade\b|\bmaterial|\bfib(?:re|er)|\bwood|\bcarbid|\bchrome|\bplated|\bcoated|%",
    "length": r"\bpage|\bpp\b|\bminutes?\b|\bhours?\b|\btrack|\bsongs?\b|\blong|\blength|\bshort|\btime\b|\bvolumes?\b"
    rf"|{DIGITS_OF_SIZE}|\binch",
    "date": rf"\b{YEAR}|\d0s\b|\bcentur|\byears?\b|\bdecade|\bpublish|\brelease|\bnew\b|\brecent",
    "warranty": r"warrant|guarant|money[- ]back|\bcovered\b",
    "age": r"\bage|\byears?\b|\byoung|\bchild|\bkids?\b|\bbab(?:y|ies)|\btoddler|\bteen|\bgrade|\bgr\.|\badult"
    r"|\bboys?\b|\bgirls?\b|\bjunior|\bfamil|\bschool|\bpre-?k|\binfant|\byouth|\bstudent|\breaders?\b",
    "format": rf"\b(?:{CARRIER})|\bdvd|\bcds?\b|\btapes?\b|\bpaper|\bhard|\bcover|\bedition|\bdis[ck]|\bvideo|\baudio"
    r"|\bformat",
    "origin": r"\b(?:made|makes|manufactured|produced|printed|assembled|imported|from|origin|country|built)\b"
    r"|(?-i:\b(?:in|of) (?:the )?[A-ZÀ-Þ]|USA|U\.S\.)",
    "power": r"batter|\bpower|\belectr|\bvolt|\bwatt|\bplug|\bcord|charg|\busb\b|\bsolar|\bamp|\bmanual"
    r"|\d\s?-?(?:v|w|ac|dc)\b",
    "care": r"wash|\bclean|\bwipe|\biron\b|\bdry|\bcare\b|\brinse|\bstain",
    "capacity": rf"\bh[eo]ld|capacit|\bvolume|\bfits?\b|\bcontain|\bstor|\d\s?-?(?:{VOLUME}|oz\b)|\bcups?\b|\bsheets?\b"
    r"|\broom|\bup to\b",
}


@dataclass(frozen=True)
class Asked:
    """Hold what is asked about a product and the words of its description that answer; "" if none do."""

    facet: Facet
    quote: str


def entry(uid: str, title: str, content: str) -> str:
    """Show a product as a model reads it: a heading and its description, one line each whatever they hold."""
    return f"Catalogue entry {_line(uid)}: {_line(title)}\n{_line(content)}"


def shown(product: Product, characters: int) -> str:
    """Show a product with the first passages of its description, of at most `characters`."""
    return entry(product.uid, product.title, fit(_line(product.content), "", characters).text)


def rows(products: Sequence[Product], grounding: Grounding, instruction: str) -> Iterator[Example]:
    """Make one row a product; its kind and its question come from a hash of its uid, whatever the products' order.

    A product that no other one or no open question can be found for gets an answered row. Products with the same
    title, as `normalised` reads it, never stand in for one another.
    """
    neighbours = _neighbours(products)
    for product in products:
        neighbour = neighbours.get(normalised(product.title))
        kind = _kind(product.uid, grounding) if product.content.strip() else "unsaid"
        if kind == "other" and neighbour:
            row = _other(product, neighbour, grounding.characters)
        elif kind == "unsaid" and (facets := _lacking(product)):
            row = _unsaid(product, _pick(facets, "facet", product.uid), grounding.characters)
        else:
            row = _answered(product, neighbour if kind == "distracted" else None, grounding.characters)
        yield replace(row, instruction=instruction, source=product.uid)


def _other(product: Product, neighbour: Product, limit: int) -> Example:
    language = _pick(LANGUAGES, "language", product.uid)
    question = _question(product, _asked(product, limit).facet, language)
    return Example("", question, ANSWERS[language].other, _read(neighbour, limit))


def _unsaid(product: Product, facet: Facet, limit: int) -> Example:
    language = _pick(LANGUAGES, "language", product.uid)
    return Example("", _question(product, facet, language), unsaid(product.uid, language), _read(product, limit))


def _answered(product: Product, distractor: Product | None, limit: int) -> Example:
    language = _pick(LANGUAGES, "language", product.uid)
    limit = limit // 2 if distractor else limit
    asked = _asked(product, limit)
    entries = [_read(product, limit, asked), *([_read(distractor, limit)] if distractor else [])]
    if _pick((True, False), "order", product.uid):
        entries.reverse()
    answer = says(asked.quote, product.uid, language)
    return Example("", _question(product, asked.facet, language), answer, "\n\n".join(entries))


def _kind(uid: str, grounding: Grounding) -> str:
    share = _share("kind", uid)
    for kind in ("unsaid", "other", "distracted"):
        if share < getattr(grounding, kind):
            return kind
        share -= getattr(grounding, kind)
    return "answered"


def _asked(product: Product, limit: int) -> Asked:
    """Choose what to ask: a facet that the description answers in at most `limit` characters, or the description."""
    content, uid = _line(product.content), product.uid
    if _share("described", uid) >= DESCRIBED:
        quotes = [(facet, extract(content, facet, "")) for facet in FACETS]
        known = [Asked(facet, quote.text) for facet, quote in quotes if quote and len(quote.text) <= limit]
        if known:
            return _pick(known, "facet", uid)
    return Asked(DESCRIPTION, fit(content, "", min(LONGEST_QUOTE, limit)).text)


def _lacking(product: Product) -> list[Facet]:
    """Find the facets of which neither title nor description says anything, not even in words that are no evidence."""
    title, content = _line(product.title), _line(product.content)
    return [
        facet
        for facet in FACETS
        if facet.name in TRACES
        and not re.search(TRACES[facet.name], f"{title} {content}", re.IGNORECASE)
        and not any(extract(text, facet, "") for text in (title, content))
    ]


def _question(product: Product, facet: Facet, language: str) -> str:
    patterns = facet.english if language == "en" else facet.portuguese
    return fill(_pick(patterns, "pattern", product.uid), {"title": _line(product.title)})


def _read(product: Product, limit: int, asked: Asked | None = None) -> str:
    """Show a product with passages of at most `limit` characters, the quote of `asked` among them."""
    content, quote = _line(product.content), asked.quote if asked else ""
    passages = fit(content, quote if asked and asked.facet.evidence else "", limit).text
    return entry(product.uid, product.title, passages if quote in passages else quote)


def _neighbours(products: Sequence[Product]) -> dict[str, Product]:
    """Find for each title the product whose title stands beside it in order, of the two the one that begins like it."""
    titled: dict[str, Product] = {}
    for product in sorted(products, key=attrgetter("uid", "content")):
        titled.setdefault(normalised(product.title), product)
    order = sorted(titled)
    beside = [[*order[max(0, place - 1) : place], *order[place + 1 : place + 2]] for place in range(len(order))]
    return {title: titled[_likest(title, others)] for title, others in zip(order, beside, strict=True) if others}


def _likest(title: str, others: Sequence[str]) -> str:
    return max(others, key=lambda other: _shared(title, other))


def _shared(left: str, right: str) -> int:
    """Count the characters with which two texts begin alike."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(left), len(right)))


def _share(what: str, uid: str) -> float:
    return hash_of(f"{what} {uid}") / 2**64


def _pick(options: Sequence[T], what: str, uid: str) -> T:
    return options[hash_of(f"{what} {uid}") % len(options)]


def _line(text: str) -> str:
    return " ".join(text.split())
