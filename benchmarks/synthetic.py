"""Write an invented trn.json.gz of the real file's size, order, lengths and dirt, the same bytes for the same seed.

    python benchmarks/synthetic.py PATH [--rows N]

The words are random and mean nothing: the file measures speed, memory and cleaning, not training.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from json.encoder import encode_basestring_ascii as quoted
from math import ceil
from pathlib import Path
from random import Random
from string import ascii_uppercase, digits
from typing import Any

import numpy as np
from isal import igzip

from amazon_ft.files import InputError, replacing
from amazon_ft.sample import dirt
from amazon_ft.sample.dirt import Dirt, Spoil
from amazon_ft.sample.words import words as catalogue_words

ROWS, MOST_ROWS = 2_248_619, 4_000_000
BOOKS = 0.25  # of all rows, at the head of the file
BLANK_TITLE, BLANK_CONTENT = 126_834 / ROWS, 731_382 / ROWS  # the second counts rows that have a title
LONGEST = 197_622  # characters of one description
LABELS, MOST_LABELS, MEAN_LABELS = 1_305_265, 150, 22.2
# Numbers of words at these quantiles, in a straight line of logarithms between them.
QUANTILES = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
TITLE_WORDS = (1.5, 2.2, 2.8, 4.1, 6.1, 8.8, 11.8, 13.5, 19, 28, 43)
CONTENT_WORDS = (2, 11.5, 15, 28, 53.5, 106, 172, 234, 425, 1_110, 5_700)

BATCH, MEMORY, FRESH = 10_000, 20_000, 1_000  # rows made at once, kept to be repeated, and replaced after each batch
BLURBS, INVENTED, TABLE = 300, 40_000, 2**20  # a word is as likely as its number of places in a table
EXACT, SAME_TITLE, NEAR = 0.0125, 0.0235, 0.07  # of rows tried; many have no usable source
BOOK_EMPTY, OTHER_EMPTY = 0.148, 0.02  # descriptions that say nothing of their product: 12.4% of books have a blurb
SHORTEST_SOILED = 12  # words; what some kinds of dirt need to find a place

COMMON = (
    "the and of to a in is for with that this on as it by are from you or be an at his her your has can not their will "
    "have was which all one he who more but its into they new about we how up out she when them what also been these "
    "book so time first only most no use some other two than may if life any our world my through best years there "
    "work made make people like features includes many just every great each after over such between while both where "
    "set easy design own used high get good very small full size home family history three story way part even back "
    "then find water light black white long body year quality want help day little provides perfect free love under"
)
SPECIALS = {  # what stands among the words, with its share
    "{word}'s {word}'s {word}'s {word}s' don't it's you'll isn't": 0.02,
    '"{word}"': 0.005,
    "({word})": 0.006,
    "{number} {number}-{word} {number}:": 0.012,
    "{number}-inch {number}mm {number}-ft. {number}W {number}oz {number}-pound": 0.002,
    "{code}-{number} {code}{number}": 0.0016,
    "${number}.95 ${number}.00 ${number}.50 {number}%": 0.0008,
    "1/2 1/4 3/4 1/{number} 5/8": 0.002,
    "& & -- -- - ... / + R&D e.g. vs. {word}; {word}; {word}: {word}: {word}! {word}?": 0.012,
}
ANGLES = (" 5 < 6 ", " x <y and z> w ", " <3 ", " 7 > 4 ")
ACCENTED = (" café ", " naïve ", " façade ", " señor ", " jalapeño ", " crème ", " Märchen ", " Ångström ", " übel ")
CONTROLS = ("\x92s ", " \x96 ", "\x93", " \x0b", "\x1f ", "\x00")
ONSETS = "b bl br c ch cl d dr f fl g gr h j k l m n p pl pr qu r s sc sh sl st t th tr v w y z"
VOWELS = "a e i o u a e i o ai ea ee ie oo ou"
CODAS = "l m n r s t d ck ll nd ng nt rd rt ss st"
THREE_SIGNS = ["".join(signs) for signs in product(digits + ascii_uppercase, repeat=3)]
RELEVANCES = [", ".join(["1.0"] * number) for number in range(MOST_LABELS + 1)]

Array = np.ndarray[Any, np.dtype[Any]]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Lexicon:
    """Hold every word in five forms, their lengths, and tables of the words of descriptions and of titles."""

    forms: Array  # of str, each with a closing space: plain, capital, end, capital end, before a comma
    lengths: Array
    prose: Array
    names: Array


def write(path: Path, rows: int = ROWS, seed: int = 3407) -> None:
    """Write `rows` lines of invented catalogue to a gzip file, the same bytes for the same rows and seed.

    Raises InputError if `rows` is not between 1 and 4,000,000, the most that get a uid each.
    """
    if not 1 <= rows <= MOST_ROWS:
        raise InputError(f"{rows:,} rows cannot be invented: ask for 1 to {MOST_ROWS:,}.")
    with (
        replacing(path) as temporary,
        temporary.open("wb") as file,
        igzip.IGzipFile("", "wb", compresslevel=2, fileobj=file, mtime=0) as zipped,
    ):
        for batch in _batches(rows, seed):
            zipped.write(batch.encode("ascii"))


def _batches(rows: int, seed: int) -> Iterator[str]:
    draw, rng = np.random.default_rng(seed), Random(seed)
    lexicon = lexicon_of(rng)
    blurbs = draw_texts(lexicon, draw.integers(25, 120, BLURBS), draw)
    memory: list[Pair] = []
    for start in range(0, rows, BATCH):
        places = np.arange(start, min(start + BATCH, rows))
        pairs = _pairs(lexicon, places < BOOKS * rows, blurbs, draw, rng)
        _repeat(pairs, memory, draw, rng)
        _remember(pairs, memory, rng)
        if rows // 2 in places:
            pairs[rows // 2 - start] = _longest(lexicon, draw)
        yield "".join(_lines(pairs, _uids(places, rows, rng), draw))


def lexicon_of(rng: Random) -> Lexicon:
    """Invent the words: the commonest first, then those of syllables, then those with numbers and signs."""
    words = _words(rng)
    rank, special = np.arange(len(words)), sum(SPECIALS.values())
    prose, names = ((1 - special) * weights / weights.sum() for weights in (1 / (rank + 2.7), 1 / (rank + 300)))
    for kind, share in SPECIALS.items():
        more = [_special(kind, rng.choice(words[20:5_000]), rng) for _ in range(1_500)]
        words += more
        prose, names = (np.append(shares, np.full(len(more), share / len(more))) for shares in (prose, names))
    ends = [word if word[-1] in ".!?" else f"{word}." for word in words]
    kinds = (words, map(_capital, words), ends, map(_capital, ends), (f"{word}," for word in words))
    forms = np.array([f"{form} " for kind in kinds for form in kind], dtype=object)
    return Lexicon(forms, np.array([len(form) for form in forms]), _table(prose), _table(names))


def _words(rng: Random) -> list[str]:
    words = dict.fromkeys(COMMON.split())
    syllables = [onset + vowel for onset in ONSETS.split() for vowel in VOWELS.split()]
    codas = ["", "", "", *CODAS.split()]
    while len(words) < INVENTED:
        word = "".join(rng.choices(syllables, k=rng.choice((1, 2, 2, 2, 3, 3, 4)))) + rng.choice(codas)
        words[_capital(word) if rng.random() < 0.1 else word] = None
    return list(words)


def _special(kind: str, word: str, rng: Random) -> str:
    number = rng.choice((rng.randrange(2, 13), rng.randrange(10, 100), rng.randrange(100, 2_010)))
    code = "".join(rng.choices(ascii_uppercase, k=rng.randrange(1, 4)))
    return rng.choice(kind.split()).format(word=word, number=number, code=code)


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _table(shares: Array) -> Array:
    ends = np.rint(np.cumsum(shares) / shares.sum() * TABLE).astype(np.int64)
    return np.repeat(np.arange(len(shares), dtype=np.uint32), np.diff(ends, prepend=0))


def draw_texts(lexicon: Lexicon, counts: Array, draw: np.random.Generator, title: bool = False) -> list[str]:
    """Draw a text of each number of words; no word gives an empty one."""
    ends, total = np.cumsum(counts), int(counts.sum())
    words = (lexicon.names if title else lexicon.prose)[draw.integers(0, TABLE, total, dtype=np.uint32)]
    first = np.zeros(total + 1, dtype=bool)
    first[[0, *ends]] = True
    form = _title_forms(words, first) if title else _sentence_forms(first, draw)
    codes = words + form * np.uint32(len(lexicon.forms) // 5)
    whole = "".join(lexicon.forms[codes].tolist())
    bounds = np.append(0, np.cumsum(lexicon.lengths[codes]))[np.append(0, ends)]
    stops = np.maximum(bounds[1:] - 1, bounds[:-1])  # without the closing space
    return [whole[start:stop] for start, stop in zip(bounds[:-1].tolist(), stops.tolist(), strict=True)]


def _title_forms(words: Array, first: Array) -> Array:
    return (first[:-1] | (words > 60)).astype(np.uint32)  # the commonest words stay small inside a title


def _sentence_forms(first: Array, draw: np.random.Generator) -> Array:
    total = len(first) - 1
    breaks = np.cumsum(draw.integers(6, 26, total // 6 + 1))
    first[breaks[breaks < total]] = True
    form = first[:-1] + 2 * first[1:].astype(np.uint32)
    commas = draw.integers(0, max(1, total), total // 16)
    form[commas[form[commas] == 0]] = 4
    return form


def _pairs(lexicon: Lexicon, book: Array, blurbs: list[str], draw: np.random.Generator, rng: Random) -> list[Pair]:
    chance, second, third = draw.random((3, len(book)))
    titled = chance >= BLANK_TITLE
    described = np.where(titled, chance >= BLANK_TITLE + BLANK_CONTENT, second < 0.5)
    counts = described * draw_counts(CONTENT_WORDS, len(book), draw)
    titles = draw_texts(lexicon, titled * draw_counts(TITLE_WORDS, len(book), draw), draw, title=True)
    contents = draw_texts(lexicon, counts, draw)
    empty = titled & described & (third < np.where(book, BOOK_EMPTY, OTHER_EMPTY))
    for kind in DIRT:
        texts, base, fit = contents, described, ~empty & (counts >= SHORTEST_SOILED)
        if kind.field == "title":
            texts, base, fit = titles, titled, titled
        base = base & book if kind.books_only else base
        share = kind.share * base.sum() / max(1, (base & fit).sum())
        _change(texts, base & fit & (draw.random(len(book)) < share), kind.apply, rng)
    for row in np.flatnonzero(empty).tolist():
        contents[row] = _says_nothing(titles[row], bool(book[row]), blurbs, rng)
    _change(titles, ~titled & (third > 0.93), lambda text, rng: " ", rng)
    _change(contents, ~described & (third > 0.93), lambda text, rng: " ", rng)
    return list(zip(titles, contents, strict=True))


def draw_counts(words: tuple[float, ...], number: int, draw: np.random.Generator) -> Array:
    """Draw `number` numbers of words from their values at QUANTILES."""
    return np.rint(np.exp(np.interp(draw.random(number), QUANTILES, np.log(words)))).astype(np.int64)


def _change(texts: list[str], rows: Array, apply: Spoil, rng: Random) -> None:
    for row in np.flatnonzero(rows).tolist():
        texts[row] = apply(texts[row], rng)


def _says_nothing(title: str, book: bool, blurbs: list[str], rng: Random) -> str:
    if not book:
        return rng.choices((title, "VHS Tape"), (0.012, OTHER_EMPTY - 0.012))[0]
    writer = rng.choice(catalogue_words()["shared"]["fields"]["last"])
    blurb = blurbs[int(len(blurbs) ** rng.random()) - 1]  # as likely as one over its rank
    return rng.choices((title, f"Book by {writer}", blurb), (0.012, 0.012, BOOK_EMPTY - 0.024))[0]


def _repeat(pairs: list[Pair], memory: list[Pair], draw: np.random.Generator, rng: Random) -> None:
    chance = draw.random(len(pairs))
    for row in np.flatnonzero(chance < EXACT + SAME_TITLE + NEAR).tolist():
        place = rng.randrange(len(memory) + row) if memory or row else 0
        source = memory[place] if place < len(memory) else pairs[place - len(memory)]
        title, content = pairs[row]
        if chance[row] < EXACT:
            pairs[row] = source
        elif chance[row] < EXACT + SAME_TITLE:
            pairs[row] = (source[0] if source[0].strip() and title.strip() else title, content)
        else:
            pairs[row] = (title, _one_sentence_changed(content, source[1], rng))


def _one_sentence_changed(content: str, source: str, rng: Random) -> str:
    sentences, fresh = source.split(". "), content.split(". ")
    if len(sentences) < 3 or len(fresh) < 2:
        return content
    sentences[rng.randrange(len(sentences) - 1)] = fresh[0]
    return ". ".join(sentences)


def _remember(pairs: list[Pair], memory: list[Pair], rng: Random) -> None:
    if len(memory) < MEMORY:
        memory += pairs
    else:
        for pair in rng.sample(pairs, min(FRESH, len(pairs))):
            memory[rng.randrange(MEMORY)] = pair


def _longest(lexicon: Lexicon, draw: np.random.Generator) -> Pair:
    title, content = draw_texts(lexicon, np.array([8, LONGEST // 4]), draw)
    return title, content[: LONGEST - 1] + "."


def _uids(places: Array, rows: int, rng: Random) -> Iterator[str]:
    books = ceil(BOOKS * rows)
    step = 36**6 // max(1, rows - books)
    for place in places.tolist():
        if place < books:
            yield _isbn(place * 1_000_000 // books)
        else:
            high, low = divmod((place - books) * step + int(rng.random() * step), 36**3)
            yield f"B000{THREE_SIGNS[high]}{THREE_SIGNS[low]}"


def _isbn(number: int) -> str:
    body = f"{number:06}"
    check = -sum(weight * int(digit) for weight, digit in zip(range(7, 1, -1), body, strict=True)) % 11
    return f"000{body}{(check + 1) % 10}"  # a check digit that no printed book can have


def _lines(pairs: list[Pair], uids: Iterable[str], draw: np.random.Generator) -> Iterator[str]:
    for uid, (title, content), labels in zip(uids, pairs, _related(len(pairs), draw), strict=True):
        yield (
            f'{{"uid": "{uid}", "title": {quoted(title)}, "content": {quoted(content)}, '
            f'"target_ind": {labels}, "target_rel": [{RELEVANCES[len(labels)]}]}}\n'
        )


def _related(rows: int, draw: np.random.Generator) -> Iterator[list[int]]:
    row = np.repeat(np.arange(rows), np.minimum(draw.geometric(1 / MEAN_LABELS, rows), MOST_LABELS))
    drawn = np.sort(row * LABELS + draw.integers(0, LABELS, len(row)))
    drawn = drawn[np.diff(drawn, prepend=-1) > 0]  # no label twice in a row
    labels, ends = (drawn % LABELS).tolist(), np.searchsorted(drawn, np.arange(1, rows + 1) * LABELS).tolist()
    return (labels[start:end] for start, end in pairwise([0, *ends]))


def _entities(text: str, rng: Random) -> str:
    spoil = rng.choices((dirt.entities, dirt.double_entities), (7, 1))[0]
    return spoil(text if dirt.SPECIAL.search(text) else text.replace(" ", " — ", 1), rng)


def _glued(text: str, rng: Random) -> str:
    place = text.find(". ", rng.randrange(len(text) // 2)) + 1
    return text[:place] + text[place + 1 :] if place else text.replace(" ", "", 1)


def _amid(fillings: tuple[str, ...]) -> Spoil:
    def spoil(text: str, rng: Random) -> str:
        place = text.find(" ", rng.randrange(len(text) // 2))
        return text[:place] + rng.choice(fillings) + text[place + 1 :]

    return spoil


DIRT = (
    Dirt("glued words", 0.244, "content", _glued, reversible=False),
    Dirt("angle brackets", 0.004, "content", _amid(ANGLES), reversible=False),
    Dirt("accents", 0.039, "content", _amid(ACCENTED), reversible=False),
    Dirt("copyright tail", 0.117, "content", dirt.copyright_tail, reversible=True, books_only=True),
    Dirt("edition note", 0.171, "content", dirt.edition_note, reversible=True, books_only=True),
    Dirt("line break", 0.054, "content", dirt.line_break, reversible=True),
    Dirt("paragraph", 0.017, "content", dirt.paragraph, reversible=True),
    Dirt("bold", 0.017, "content", dirt.bold, reversible=True),
    Dirt("comment", 0.005, "content", dirt.comment, reversible=True),
    Dirt("entities", 0.208, "content", _entities, reversible=True),
    Dirt("escaped tags", 0.012, "content", dirt.escaped_tags, reversible=True),
    Dirt("loose space", 0.031, "content", dirt.loose_space, reversible=True),
    Dirt("controls", 0.014, "content", _amid(CONTROLS), reversible=True),
    Dirt("entities in title", 0.022, "title", _entities, reversible=True),
    Dirt("residue", 0.002, "title", lambda text, rng: 'Industrial & Scientific" />', reversible=False),
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write an invented trn.json.gz like the real one.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int, default=ROWS)
    arguments = parser.parse_args()
    write(arguments.path, arguments.rows)
