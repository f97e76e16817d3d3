"""Kinds of dirt in a scraped catalogue, each a small function, with the shares measured in a real one."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html.entities import codepoint2name
from random import Random
from typing import Literal

from msgspec.structs import replace

from amazon_ft.products import Product
from amazon_ft.sample.words import words

SPECIAL = re.compile(r"['\"&<>]|[^\x00-\x7f]")
EDITIONS = ("Paperback", "Hardcover", "Mass Market Paperback", "Library Binding", "Audio CD")

Spoil = Callable[[str, Random], str]


@dataclass(frozen=True)
class Dirt:
    """Hold one kind of dirt: its share of the rows it may fall on, and whether cleaning can undo it."""

    name: str
    share: float
    field: Literal["title", "content"]
    apply: Spoil
    reversible: bool
    books_only: bool = False


@dataclass(frozen=True)
class Junk:
    """Hold one kind of row without a usable product: its share of all rows, and the category it falls in."""

    name: str
    share: float
    apply: Callable[[Product, Random], Product]
    category: str = ""


def glued_words(text: str, rng: Random) -> str:
    """Lose a space between two words, before a capital letter if there is one."""
    places = [match.start() for match in re.finditer(r"(?<=[a-z.]) (?=[A-Z])", text)]
    places = places or [match.start() for match in re.finditer(r"(?<=[a-z]) (?=[a-z])", text)]
    return _cut(text, rng.choice(places), "") if places else text


def dash_damage(text: str, rng: Random) -> str:
    """Turn dashes into the letter or mark that a wrong encoding left."""
    return text.replace("—", rng.choice("A?"))


def ellipsis_damage(text: str, rng: Random) -> str:
    """Turn ellipses into exclamation marks."""
    return text.replace("...", "!")


def copyright_tail(text: str, rng: Random) -> str:
    """Append a reviewer's copyright line without a space before it."""
    return f"{text}Copyright {rng.randrange(1984, 2005)} {rng.choice(words()['companies'])}, Inc."


def edition_note(text: str, rng: Random) -> str:
    """Append a note that names another edition, with the spaces lost around the name."""
    if rng.random() < 0.2:
        return f"{text}--This text refers to an out of print or unavailable edition of this title."
    return f"{text}{rng.choice(['', '  '])}--This text refers to the{rng.choice(EDITIONS)}edition."


def line_break(text: str, rng: Random) -> str:
    """Put a line break tag for the space between two sentences."""
    return text.replace(". ", "." + rng.choice(["<br>", "<br />", "<BR>", "<br><br>"]), 1)


def paragraph(text: str, rng: Random) -> str:
    """Wrap the text in paragraph tags."""
    return f"<p>{text}{rng.choice(['</p>', ''])}"


def bold(text: str, rng: Random) -> str:
    """Set one word in bold or italic type."""
    tag = rng.choice("bi")
    return _around_a_word(text, f"<{tag}>", f"</{tag}>", rng)


def escaped_tags(text: str, rng: Random) -> str:
    """Put a tag that was escaped as if it were text."""
    broken = line_break(text, rng)
    return re.sub(r"<br ?/?>", lambda match: html.escape(match[0]), broken, flags=re.IGNORECASE)


def comment(text: str, rng: Random) -> str:
    """Put an HTML comment between two words."""
    return _cut(text, rng.choice(_spaces(text)), f" <!-- page {rng.randrange(1, 90)} --> ")


def entities(text: str, rng: Random) -> str:
    """Write every special character as a named, decimal or hex entity, mixed in one text."""
    return SPECIAL.sub(lambda match: _entity(match[0], rng), text)


def double_entities(text: str, rng: Random) -> str:
    """Escape special characters twice."""
    return entities(text, rng).replace("&", "&amp;") if SPECIAL.search(text) else text


def loose_space(text: str, rng: Random) -> str:
    """Put double spaces, a tab or a line break for single spaces, and a space at the end."""
    for place in sorted(rng.sample(_spaces(text), 2), reverse=True):
        text = _cut(text, place, rng.choice(["  ", "\t", "\n", " \r\n"]))
    return text + " "


def hard_space(text: str, rng: Random) -> str:
    """Put a non-breaking space, as a character or as an entity, for a single space."""
    return _cut(text, rng.choice(_spaces(text)), rng.choice(["\u00a0", "&nbsp;", "&#160;", "&#xA0;"]))


DIRT = (
    # What cannot be undone comes first and becomes part of what a cleaner can find.
    Dirt("glued words", 0.244, "content", glued_words, reversible=False),
    Dirt("dash damage", 0.02, "content", dash_damage, reversible=False),
    Dirt("ellipsis damage", 0.015, "content", ellipsis_damage, reversible=False),
    # 11.4% and 16.7% of all books described: more of these, because blurbs and "Book by" stay as they are.
    Dirt("copyright tail", 0.137, "content", copyright_tail, reversible=True, books_only=True),
    Dirt("edition note", 0.2, "content", edition_note, reversible=True, books_only=True),
    Dirt("line break", 0.04, "content", line_break, reversible=True),
    Dirt("paragraph", 0.015, "content", paragraph, reversible=True),
    Dirt("bold", 0.015, "content", bold, reversible=True),
    Dirt("comment", 0.006, "content", comment, reversible=True),
    Dirt("entities", 0.19, "content", entities, reversible=True),
    Dirt("double entities", 0.03, "content", double_entities, reversible=True),
    Dirt("escaped tags", 0.015, "content", escaped_tags, reversible=True),
    Dirt("entities in title", 0.022, "title", entities, reversible=True),
    Dirt("loose space", 0.04, "content", loose_space, reversible=True),
    Dirt("hard space", 0.025, "content", hard_space, reversible=True),
)


def blank_content(product: Product, rng: Random) -> Product:
    """Lose the description."""
    return replace(product, content=rng.choice(["", "", "", " "]))


def blank_title(product: Product, rng: Random) -> Product:
    """Lose the title."""
    return replace(product, title=rng.choice(["", "", "", " "]))


def shared_blurb(product: Product, rng: Random) -> Product:
    """Describe the product with what its publisher says of every book."""
    return replace(product, content=rng.choice(words()["blurbs"]))


def title_again(product: Product, rng: Random) -> Product:
    """Describe the product with its title."""
    return replace(product, content=product.title)


def book_by(product: Product, rng: Random) -> Product:
    """Describe a book with its writer's surname and nothing else."""
    return replace(product, content=f"Book by {rng.choice(words()['shared']['fields']['last'])}")


def tape(product: Product, rng: Random) -> Product:
    """Describe a film with its carrier and nothing else."""
    return replace(product, content="VHS Tape")


def residue(product: Product, rng: Random) -> Product:
    """Keep a piece of the page's markup as the title."""
    return replace(product, title='Industrial & Scientific" />')


JUNK = (
    Junk("blank content", 0.324, blank_content),
    Junk("blank title", 0.056, blank_title),
    Junk("shared blurb", 0.033, shared_blurb, "books"),  # 12.4% of the books that have a description
    Junk("title again", 0.012, title_again),
    Junk("book by", 0.012, book_by, "books"),
    Junk("tape", 0.006, tape, "vhs"),
    Junk("residue", 0.005, residue, "industrial & scientific"),
)


def soil(rows: Sequence[Product], dirt: Dirt, rng: Random) -> list[Product]:
    """Apply one kind of dirt to its share of the rows, at least one, chosen among those it can change."""
    soiled = list(rows)
    eligible = [place for place, row in enumerate(rows) if not dirt.books_only or is_book(row)]
    left = max(1, round(dirt.share * len(eligible)))
    for place in rng.sample(eligible, len(eligible)):
        if not left:
            break
        changed = _with(soiled[place], dirt, rng)
        left -= changed != soiled[place]
        soiled[place] = changed
    return soiled


def is_book(product: Product) -> bool:
    """Say whether the uid is that of a book."""
    return not product.uid.startswith("B")


def _with(product: Product, dirt: Dirt, rng: Random) -> Product:
    if dirt.field == "title":
        return replace(product, title=dirt.apply(product.title, rng))
    return replace(product, content=dirt.apply(product.content, rng))


def _entity(char: str, rng: Random) -> str:
    code = ord(char)
    decimal = "&#151;" if char == "—" else f"&#{code};"  # its place in Windows-1252, as scraped pages have it
    named = f"&{codepoint2name[code]};" if code in codepoint2name else decimal
    return rng.choice([named, decimal, f"&#x{code:X};"])


def _spaces(text: str) -> list[int]:
    return [match.start() for match in re.finditer(r"(?<=\w) (?=\w)", text)]


def _around_a_word(text: str, before: str, after: str, rng: Random) -> str:
    match = rng.choice(list(re.finditer(r"(?<= )\w+(?= )", text)))
    return f"{text[: match.start()]}{before}{match[0]}{after}{text[match.end() :]}"


def _cut(text: str, place: int, filling: str) -> str:
    return text[:place] + filling + text[place + 1 :]
