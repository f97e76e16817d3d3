"""Invent a catalogue: the clean truth, and the file that a scraper would have made of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from operator import attrgetter
from pathlib import Path
from random import Random
from string import ascii_uppercase, digits

from msgspec import structs

from amazon_ft.files import cache, write_text
from amazon_ft.products import Product
from amazon_ft.sample.dirt import DIRT, JUNK, Junk, soil
from amazon_ft.sample.words import Category, categories, draw, names, sentence, words

TITLE_LENGTHS = range(15, 71)
CONTENT_LENGTHS = range(60, 176)  # leaves room for an oddity below the 220 characters promised
BOOKS = 1 / 3
SAME_TITLE = 0.012  # each makes two products with one title
SIBLING = 0.05  # each makes a family of two or more
VARIES = ("colour", "size", "pieces", "volume", "pack")
DUPLICATES = 0.012  # of all rows
BLANK_UIDS = 0.03  # of all rows, and only of junk, so that every true product keeps its name


@dataclass(frozen=True)
class Draft:
    """Hold the shapes of a title and a description, and the facts that fill both."""

    title_shape: str
    content_shape: str
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Placed:
    """Hold a row and its place in the file: the number of its category, and how far into it as a fraction."""

    place: float
    row: Product


def products(number: int = 480, seed: int = 3407) -> list[Product]:
    """Invent `number` products, books first; each description is unique, a few titles are not."""
    return [placed.row for placed in _truth(number, seed, set())]


def rows(number: int = 480, seed: int = 3407) -> Iterator[dict[str, object]]:
    """Yield the products as scraped, in their order, with almost as many rows of junk among them."""
    scraped = _scraped(number, seed)
    rng = Random(f"{seed} targets")
    related = {row: _related(len(scraped), rng) for row in scraped}  # by row, so that equal rows stay equal
    for row in scraped:
        targets = related[row]
        yield row.as_dict() | {"target_ind": list(targets), "target_rel": [1.0] * len(targets)}


def lines(number: int = 480, seed: int = 3407) -> Iterator[str]:
    """Yield each row as one line of JSON, with its line end."""
    for row in rows(number, seed):
        yield json.dumps(row, ensure_ascii=False) + "\n"


def cached() -> Path:
    """Give the path of the bundled trn.json, written first if the cache does not hold it as it is now."""
    path, text = cache() / "bundled" / "trn.json", "".join(lines())
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
    return path


def _scraped(number: int, seed: int) -> list[Product]:
    rng, seen = Random(f"{seed} rows"), set[str]()
    soiled = _soiled(_truth(number, seed, seen), rng)
    total = round(number / (1 - DUPLICATES - sum(junk.share for junk in JUNK)))
    again = [_later(placed, rng) for placed in rng.sample(soiled, round(DUPLICATES * total))]
    placed = [*soiled, *_junk(total, number, seed, seen, rng), *again]
    return [each.row for each in sorted(placed, key=attrgetter("place"))]


def _truth(number: int, seed: int, seen: set[str]) -> list[Placed]:
    truth = [
        Placed(place + (rank + 0.5) / size, product)
        for place, size in enumerate(_sizes(number))
        for rank, product in enumerate(islice(_invented(place, Random(f"{seed} {place}"), seen), size))
    ]
    step = number // 5
    for odd, oddity in zip(range(step, number, max(1, step)), words()["oddities"], strict=False):
        row = truth[odd].row
        truth[odd] = replace(truth[odd], row=structs.replace(row, content=row.content + oddity))
    return truth


def _sizes(number: int) -> list[int]:
    books = round(BOOKS * number)
    share, rest = divmod(number - books, len(categories()) - 1)
    return [books, *(share + (place < rest) for place in range(len(categories()) - 1))]


def _invented(place: int, rng: Random, seen: set[str]) -> Iterator[Product]:
    category = categories()[place]
    last = _draft(category, rng)
    while True:
        draft = _next(last, category, rng)
        title, content = _titled(draft), sentence(draft.content_shape, draft.facts)
        fits = len(title) in TITLE_LENGTHS and len(content) in CONTENT_LENGTHS and content not in seen
        uid = _uid(place, rng)
        if fits and uid not in seen and (title not in seen or title == _titled(last)):
            seen.update((uid, title, content))
            yield Product(uid, title, content)
            last = draft


def _draft(category: Category, rng: Random) -> Draft:
    title, content = rng.choice(category.shapes)
    return Draft(title, content, draw(category.fields, names(title + content), rng))


def _next(last: Draft, category: Category, rng: Random) -> Draft:
    """Draw a product: one with the title of the last, a variant of the last, or most often another."""
    in_title, chance = names(last.title_shape), rng.random()
    if chance < SAME_TITLE:
        kept = in_title
    elif chance < SAME_TITLE + SIBLING and in_title[-1] in VARIES:
        kept = in_title[:-1]
    else:
        return _draft(category, rng)
    fresh = draw(category.fields, list(last.facts), rng)
    return replace(last, facts=fresh | {name: last.facts[name] for name in kept})


def _titled(draft: Draft) -> str:
    return draft.title_shape.format_map(draft.facts)


def _uid(place: int, rng: Random) -> str:
    if place:
        return f"B00{ascii_uppercase[place]}" + "".join(rng.choices(ascii_uppercase + digits, k=6))
    body = [0, *rng.choices(range(10), k=8)]
    check = -sum(weight * digit for weight, digit in zip(range(10, 1, -1), body, strict=True)) % 11
    wrong = (check + 1) % 10  # a check digit that no printed book can have
    return "".join(map(str, [*body, wrong]))


def _soiled(clean: list[Placed], rng: Random) -> list[Placed]:
    soiled = [placed.row for placed in clean]
    for dirt in DIRT:
        soiled = soil(soiled, dirt, rng)
    return [replace(placed, row=row) for placed, row in zip(clean, soiled, strict=True)]


def _junk(total: int, number: int, seed: int, seen: set[str], rng: Random) -> Iterator[Placed]:
    kinds = [junk for junk in JUNK for _ in range(round(junk.share * total))]
    spares = [_invented(place, Random(f"{seed} junk {place}"), seen) for place in range(len(categories()))]
    clean = []
    for junk in kinds:
        place = _place_of(junk, number, rng)
        clean.append(Placed(place + rng.random(), next(spares[place])))
    unnamed = set(rng.sample(range(len(kinds)), round(BLANK_UIDS * total)))
    for rank, (junk, placed) in enumerate(zip(kinds, _soiled(clean, rng), strict=True)):
        row = junk.apply(placed.row, rng)
        yield replace(placed, row=structs.replace(row, uid="") if rank in unnamed else row)


def _place_of(junk: Junk, number: int, rng: Random) -> int:
    if junk.category:
        return [category.name for category in categories()].index(junk.category)
    return rng.choices(range(len(categories())), weights=_sizes(number))[0]


def _later(placed: Placed, rng: Random) -> Placed:
    return replace(placed, place=rng.uniform(placed.place, int(placed.place) + 1))


def _related(total: int, rng: Random) -> list[int]:
    return sorted(rng.sample(range(total), min(total, rng.randrange(1, 9))))
