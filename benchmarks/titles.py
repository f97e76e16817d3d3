"""Invent a catalogue of titles and noisy questions about it, the same for the same seed.

Two thirds of the titles are long; the others are short and come in families of siblings that differ in one word.
Questions ask for products that are there and for products that are not. Most words are random and mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cached_property
from html import unescape
from itertools import islice
from pathlib import Path
from random import Random
from string import ascii_uppercase

import numpy as np
from noise import ON_QUESTION, ON_TITLE, ON_WORDS, TEMPLATES, WORD, Words, open_places, spoilt
from synthetic import COMMON, INVENTED, TITLE_WORDS, Array, Lexicon, draw_counts, draw_texts, lexicon_of

from amazon_ft import products
from amazon_ft.files import InputError, read_jsonl
from amazon_ft.products import Product, hash_of, normalised
from amazon_ft.sample.words import categories

KINDS = ("long", "hard", "real")
ABSENT = {"fresh": 0.5, "variant": 0.25, "word": 0.25, "unlisted": 0.0}  # shares of the questions about no product
ABSENT_REAL = {"fresh": 0.3, "variant": 0.2, "word": 0.25, "unlisted": 0.25}
UNLISTED = 4  # one in so many of the real titles
SPLITS = ("validation", "test")  # no product is asked for in both
HARD, REPEATED, ACCENTED = 0.35, 0.029, 0.06  # shares of the titles, the last of the long ones
SHORTEST_LONG, LONGEST_HARD, SIBLINGS = 5, 5, (2, 8)
RANKS = (150, 12_000)  # words of the lexicon in hard titles, the frequent ones drawn more often
SENTENCES = 4_000
ALIKE = 0.7  # a word this like another could be a typo of it
ACCENTS = dict(zip("aeiouAEIOU", "áéíõüÁÉÍÕÜ", strict=True))
NUMBERS = [str(number) for number in range(1, 25)]
COLOURS = sorted({colour for kind in categories() for colour in kind.fields["colour"]} | {"Silver", "Pink", "Brown"})
PEOPLE = ["Men's", "Women's", "Boys'", "Girls'"]
FRAMES: tuple[
    tuple[str, list[str]], ...
] = (  # what stands around the base of a hard title, and the values, a word each, in which siblings differ
    ("{base}, Vol. {value}", NUMBERS),
    ("{base}: Book {value}", NUMBERS),
    ("{base}, {value}", COLOURS),
    ("{value} {base}", COLOURS),
    ("{base} ({value})", ["VHS", "DVD", "CD", "Cassette", "Paperback", "Hardcover"]),
    ("{base}, Size {value}", ["XS", "S", "M", "L", "XL", "XXL", "3XL"]),
    ("{value}-Inch {base}", [*NUMBERS[3:], "4.5", "7.5", "8.5", "10.5"]),
    ("{base}, Pack of {value}", ["2", "3", "4", "5", "6", "8", "10", "12", "20", "24", "50", "100"]),
    ("{base}, {value} Edition", ["First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Tenth"]),
    ("{base} {value}", []),  # model numbers, each family its own
    ("{value} {base}", PEOPLE),
)
FRAME_WORDS = {word for frame, _ in FRAMES for word in normalised(frame.format(base="", value="")).split()}
BASES = ("brand noun", "word noun", "word noun", "word word", "word word", "material noun", "brand word noun", "word")


@dataclass(frozen=True, slots=True)
class Family:
    """Hold siblings: what their titles share, the value of each, and one value that none of them has."""

    base: str
    frame: str
    values: tuple[str, ...]
    spare: str

    def title(self, value: str) -> str:
        """Give the title of the sibling of this value."""
        return self.frame.format(base=self.base, value=value)


@dataclass(frozen=True)
class Catalogue:
    """Hold what was written: a title, uid, kind (a place in KINDS) and family (-1 without one) for each row."""

    path: Path
    titles: list[str]
    uids: list[str]
    kinds: Array
    members: Array
    families: list[Family]
    lexicon: Lexicon
    unlisted: Sequence[str] = ()  # real titles that were kept out, to ask for

    @cached_property
    def _index(self) -> tuple[Array, Array]:
        keys = np.fromiter((hash_of(normalised(title)) for title in self.titles), np.uint64, len(self.titles))
        order = np.argsort(keys, kind="stable")
        return keys[order], order

    @cached_property
    def bases(self) -> frozenset[str]:
        """Give the bases of all families, normalised."""
        return frozenset(normalised(family.base) for family in self.families)

    def named(self, title: str) -> tuple[str, ...]:
        """Give the uids of all products whose normalised title is that of `title`."""
        keys, order = self._index
        key = np.uint64(hash_of(normalised(title)))
        rows = order[np.searchsorted(keys, key, "left") : np.searchsorted(keys, key, "right")]
        return tuple(self.uids[row] for row in rows.tolist())


@dataclass(frozen=True)
class Asked:
    """Hold a question, the title it is about before any noise, and the uids of that title: none, no such product."""

    text: str
    language: str
    kind: str
    title: str
    uids: tuple[str, ...]
    noise: tuple[str, ...]


def write(path: Path, rows: int, seed: int, real: Path | None = None) -> Catalogue:
    """Write a products.parquet of `rows` invented products, and of those of a JSON lines file `real` among them.

    Raises InputError if `rows` is below 100.
    """
    if rows < 100:
        raise InputError(f"{rows:,} rows are too few for families and repeated titles: ask for 100 or more.")
    rng, draw = Random(seed), np.random.default_rng(seed)
    lexicon = lexicon_of(rng)
    lexicon = replace(lexicon, names=lexicon.prose)  # words of real titles are as frequent as in running text
    unique = rows - round(REPEATED * rows)
    families = _families(lexicon, round(HARD * unique), rng)
    hard = [(family.title(value), place) for place, family in enumerate(families) for value in family.values]
    titles = [*_long(lexicon, unique - len(hard), draw, rng), *(title for title, _ in hard)]
    members = np.array([-1] * (unique - len(hard)) + [place for _, place in hard])
    every = [row | {"title": unescape(row["title"])} for row in (read_jsonl(real) if real else [])]  # as cleaning does
    taken = [row for row in every if not _is_unlisted(row["title"])]
    titles += [row["title"] for row in taken]
    members = np.append(members, np.full(len(taken), -1))
    kinds = np.repeat([0, 1, 2], [unique - len(hard), len(hard), len(taken)])
    order = draw.permutation(np.append(np.arange(len(titles)), draw.integers(0, unique, rows - unique)))
    drawn = order.tolist()
    given = {unique + place: product for place, product in enumerate(taken)}
    uids = [given.get(place, {}).get("uid") or f"T{row:09}" for row, place in enumerate(drawn)]
    contents = (given[place]["content"] if place in given else "" for place in drawn)
    unlisted = [row["title"] for row in every if _is_unlisted(row["title"])]
    catalogue = Catalogue(
        path, [titles[place] for place in drawn], uids, kinds[order], members[order], families, lexicon, unlisted
    )
    said = _contents(lexicon, contents, draw, rng)
    products.write(path, map(Product, catalogue.uids, catalogue.titles, said))
    return catalogue


def _is_unlisted(title: str) -> bool:
    return hash_of(f"unlisted {normalised(title)}") % UNLISTED == 0


def _contents(lexicon: Lexicon, given: Iterable[str], draw: np.random.Generator, rng: Random) -> Iterator[str]:
    sentences = draw_texts(lexicon, draw.integers(6, 15, SENTENCES), draw)
    for content in given:
        chance = rng.random()
        yield content or f"{sentences[int(chance * SENTENCES)]} It has {int(chance * 1e9) % 997} parts."


def _long(lexicon: Lexicon, number: int, draw: np.random.Generator, rng: Random) -> list[str]:
    counts = draw_counts(TITLE_WORDS, 3 * number + 100, draw)
    titles = draw_texts(lexicon, counts[counts >= SHORTEST_LONG][:number], draw, title=True)
    return [_accented(title, rng) if rng.random() < ACCENTED else title for title in titles]


def _accented(title: str, rng: Random) -> str:
    words = title.split()
    place = rng.randrange(len(words))
    words[place] = re.sub("[aeiou]", lambda found: ACCENTS[found[0]], words[place], count=1)
    return " ".join(words)


def _families(lexicon: Lexicon, number: int, rng: Random) -> list[Family]:
    """Make families, each of a base of its own, until they have `number` titles or a few more."""
    families, bases, made, vocabulary = list[Family](), set[str](), 0, _vocabulary(lexicon)
    while made < number:
        family = _family(vocabulary, rng)
        if (base := normalised(family.base)) not in bases:
            bases.add(base)
            families.append(family)
            made += len(family.values)
    return families


def _vocabulary(lexicon: Lexicon) -> dict[str, list[str]]:
    first, last = RANKS
    capitals = len(lexicon.forms) // 5  # where the second form of the words begins
    words = [form.strip() for form in lexicon.forms[capitals + first : capitals + min(last, INVENTED)]]
    lists = {"word": words}
    for name in ("brand", "noun", "material"):
        lists[name] = [value for category in categories() for value in category.fields.get(name, ())]
    return lists


def _family(vocabulary: dict[str, list[str]], rng: Random) -> Family:
    """Make a family whose titles have two to five words."""
    frame, values = rng.choice(FRAMES)
    while True:
        base = " ".join(_part(vocabulary[name], rng) for name in rng.choice(BASES).split())
        if len(frame.format(base=base, value="1").split()) <= LONGEST_HARD:
            break
    values = values or _models(rng)
    drawn = rng.sample(values, min(rng.randint(*SIBLINGS) + 1, len(values)))
    return Family(base, frame, tuple(drawn[:-1]), drawn[-1])


def _part(words: list[str], rng: Random) -> str:
    return words[int(len(words) * rng.random() ** 2)]


def _models(rng: Random) -> list[str]:
    code = "".join(rng.choices(ascii_uppercase, k=rng.randint(1, 3))) + rng.choice(("", "-"))
    start, step = rng.randrange(10, 900), rng.choice((1, 2, 5, 10, 100))
    return [f"{code}{start + step * number}" for number in range(10)]


def questions(
    catalogue: Catalogue, kind: str, language: str, number: int, seed: int, split: str = "test"
) -> list[Asked]:
    """Ask for `number` products of a kind; a product comes twice only when all of its split have been asked for.

    Raises InputError if the catalogue has no product of that kind in that split.
    """
    rng = Random(f"{seed} {kind} {language} {split}")
    rows = islice(_rows(catalogue, (kind,), split, rng), number)
    return [
        _ask(catalogue, (kind, language, split), _words(catalogue, row), catalogue.titles[row], rng) for row in rows
    ]


def absent(catalogue: Catalogue, language: str, number: int, seed: int, split: str = "test") -> list[Asked]:
    """Ask for `number` products that do not exist; in those of "word", a title of the catalogue has another word."""
    rng = Random(f"{seed} absent {language} {split}")
    makers: dict[str, Iterator[Words]] = {
        "fresh": _fresh(catalogue, rng),
        "variant": _variants(catalogue, split, rng),
        "word": _other_words(catalogue, split, rng),
        "unlisted": _unlisted(catalogue, rng),
    }
    shares = ABSENT_REAL if catalogue.unlisted else ABSENT
    wanted = {kind: int(number * share) for kind, share in shares.items()}
    wanted["word"] += number - sum(wanted.values())
    found = []
    for kind, made in makers.items():
        new = (words for words in made if _is_new(catalogue, str(words), split))
        found += [
            _ask(catalogue, (kind, language, split), words, str(words), rng) for words in islice(new, wanted[kind])
        ]
    return found


def _rows(catalogue: Catalogue, kinds: tuple[str, ...], split: str, rng: Random) -> Iterator[int]:
    """Give rows of these kinds in a drawn order, round and round."""
    draw = np.random.default_rng(rng.getrandbits(64))
    rows = np.flatnonzero(np.isin(catalogue.kinds, [KINDS.index(kind) for kind in kinds]))
    while True:
        order = (row for row in draw.permutation(rows).tolist() if split_of(catalogue.titles[row]) == split)
        if (first := next(order, None)) is None:
            raise InputError(f"{catalogue.path} has no {' or '.join(kinds)} title for {split}: ask for more rows.")
        yield first
        yield from order


def split_of(title: str) -> str:
    """Name the split whose questions may be about this title."""
    return SPLITS[hash_of(f"asked {normalised(title)}") % len(SPLITS)]


def _words(catalogue: Catalogue, row: int) -> Words:
    place = int(catalogue.members[row])
    return _of_title(catalogue.titles[row], catalogue.families[place] if place >= 0 else None)


def _of_title(title: str, family: Family | None) -> Words:
    """Split a title into words, and fix the one that tells it from its siblings: nobody could know it otherwise."""
    words = tuple(title.split())
    if not family:
        return Words(words)
    telling = _places(family.frame.format(base=family.base, value="\0"))
    base = _places(family.frame.format(base="\0", value="1")) if " " not in family.base else frozenset()
    return Words(words, telling, base)


def _places(marked: str) -> frozenset[int]:
    return frozenset(place for place, word in enumerate(marked.split()) if "\0" in word)


def _is_new(catalogue: Catalogue, title: str, split: str) -> bool:
    return not catalogue.named(title) and split_of(title) == split


def _fresh(catalogue: Catalogue, rng: Random) -> Iterator[Words]:
    """Make titles as the catalogue's were made, of families that it does not have."""
    draw, vocabulary = np.random.default_rng(rng.getrandbits(64)), _vocabulary(catalogue.lexicon)
    while True:
        if rng.random() >= HARD:
            yield from map(Words, map(tuple, map(str.split, _long(catalogue.lexicon, 1, draw, rng))))
            continue
        family = _family(vocabulary, rng)
        if normalised(family.base) not in catalogue.bases:
            yield _of_title(family.title(family.values[0]), family)


def _variants(catalogue: Catalogue, split: str, rng: Random) -> Iterator[Words]:
    """Make titles of the catalogue's families with the value that no sibling has."""
    for row in _rows(catalogue, ("hard",), split, rng):
        family = catalogue.families[catalogue.members[row]]
        yield _of_title(family.title(family.spare), family)


def _unlisted(catalogue: Catalogue, rng: Random) -> Iterator[Words]:
    """Give the real titles that the catalogue was not given, in a drawn order, round and round."""
    while catalogue.unlisted:
        for title in rng.sample(catalogue.unlisted, len(catalogue.unlisted)):
            yield _of_title(title, None)


def _other_words(catalogue: Catalogue, split: str, rng: Random) -> Iterator[Words]:
    """Make titles of the catalogue with one word replaced by one of another title, and that word fixed."""
    rows = _rows(catalogue, KINDS, split, rng)
    for row, other in zip(rows, rows, strict=False):
        title, source = _words(catalogue, row), _words(catalogue, other)
        places, sources = _content(title), _content(source)
        if not places or not sources:
            continue
        place, [word] = rng.choice(places), WORD.findall(source.words[rng.choice(sources)])[:1]
        old = WORD.findall(title.words[place])[0]
        if SequenceMatcher(None, old.lower(), word.lower()).ratio() < ALIKE:
            yield title.changed(place, title.words[place].replace(old, word, 1))


def _content(title: Words) -> list[int]:
    """List the places of words that name a product: neither common ones nor what stands around a base."""
    plain = {*COMMON.split(), *FRAME_WORDS}
    return [place for place in open_places(title) if plain.isdisjoint(normalised(title.words[place]).split())]


def _ask(catalogue: Catalogue, about: tuple[str, str, str], title: Words, plain: str, rng: Random) -> Asked:
    """Word a question about a title and spoil it, but never into the title of another product."""
    kind, language, split = about
    uids, template = catalogue.named(plain), rng.choice(TEMPLATES[split][language])
    while True:
        noise: list[str] = []
        text = str(spoilt(title, ON_WORDS, rng, noise))
        if catalogue.named(text) in ((), uids):
            break
    text = template.format(title=spoilt(text, ON_TITLE, rng, noise))
    text = spoilt(text, ON_QUESTION, rng, noise)
    return Asked(text, language, kind, plain, uids, tuple(noise))
