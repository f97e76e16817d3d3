"""Characters in, characters or a reason out, with a count for every rule."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from amazon_ft.products import BadRow, Product

SHORTEST_CONTENT = 30  # characters; shorter ones name a format or repeat the title
BAD_ROWS_SHOWN = 5
TAIL = 240  # characters at the end of a text in which a closing note can stand

ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
HTML_NAMES = (
    "a|abbr|address|article|aside|b|base|big|blockquote|body|br|button|caption|center|cite|code|col|colgroup|dd|del"
    "|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer|form|frame|frameset|h[1-6]|head|header|hr|html|i"
    "|iframe|img|input|ins|kbd|label|legend|li|link|main|map|meta|nav|noscript|object|ol|optgroup|option|p|param|pre|q"
    "|s|samp|script|section|select|small|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|textarea"
    "|tfoot|th|thead|time|title|tr|tt|u|ul|ulu|var|video|wbr"
)
# Named elements only, so that "5 < 6 and 7 > 4" and "x <y and z> w" stay.
TAG = re.compile(rf"<!--.*?-->|</?(?:{HTML_NAMES})(?:\s[^<>]*)?/?>", re.IGNORECASE | re.DOTALL)
EDITION_NOTE = re.compile(r"\s*--\s?This text refers to .{1,60}?edition(?: of this title)?\.?\s*$")
COPYRIGHT_TAIL = re.compile(
    r"\s*(?:Copyright|\(c\)|©)\s?(?:\(c\)\s?|©\s?)?(?:19|20)\d\d\b[^.!?]{0,80}(?:\b(?:Inc|Ltd|Co|Corp)\b)?\.?"
    r"(?:\s*All rights reserved\.?)?\s*$",
    re.IGNORECASE,
)
RESIDUE = re.compile(r'"\s*/>\s*$')
PLACEHOLDER = re.compile(
    r"(?:book|novel|cd|dvd|vhs|audio cd)\s+by\b.{0,60}|(?:vhs|dvd|cd|video|audio)(?: tape| cassette| video| disc)?\.?",
    re.IGNORECASE,
)
# Python keeps C1 code points that Windows-1252 bytes were mistaken for; C0 ones carry nothing but white space.
CONTROLS: dict[int, str | None] = {
    **{code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)},
    **dict.fromkeys([*range(0x09), *range(0x0E, 0x20), 0x7F, 0xFEFF, 0x200B]),
}


@dataclass(frozen=True)
class Rule:
    """Name one change of text; applying it twice gives what once gave."""

    name: str
    apply: Callable[[str], str]


# Each rule looks first for what it changes: most texts need nothing, and a look costs a tenth of the change.
def unescape(text: str) -> str:
    """Turn HTML entities into characters until none is left, however often they were escaped."""
    while "&" in text and (plain := ENTITY.sub(lambda match: html.unescape(match[0]), text)) != text:
        text = plain
    return text


def drop_tags(text: str) -> str:
    """Replace HTML tags and comments by a space, and keep every other angle bracket."""
    while "<" in text and (plain := TAG.sub(" ", text)) != text:
        text = plain
    return text


def collapse_space(text: str) -> str:
    """Turn Windows-1252 controls into their characters and runs of white space into one space."""
    if text.isprintable():  # no control and no white space but the plain space
        return " ".join(text.split()) if "  " in text or text[:1] == " " or text[-1:] == " " else text
    return " ".join(text.translate(CONTROLS).split())


def drop_edition_note(text: str) -> str:
    """Drop a closing note that the text belongs to another edition."""
    return _without_tail(EDITION_NOTE, text) if "This text refers to" in text[-TAIL:] else text


def drop_copyright_tail(text: str) -> str:
    """Drop a closing copyright line."""
    end = text[-TAIL:].lower()
    return _without_tail(COPYRIGHT_TAIL, text) if "copyright" in end or "(c)" in end or "©" in end else text


def _without_tail(pattern: re.Pattern[str], text: str) -> str:
    start = max(0, len(text) - TAIL)
    return text[:start] + pattern.sub("", text[start:])


RULES = (
    Rule("unescape entities", unescape),
    Rule("drop tags and comments", drop_tags),
    Rule("collapse white space", collapse_space),
    Rule("drop edition note", drop_edition_note),
    Rule("drop copyright tail", drop_copyright_tail),
)


@dataclass
class Funnel:
    """Count what happened to every row."""

    read: int = 0
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    bad_rows: list[BadRow] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """Give the counts as plain values: read = kept + the sum of rejected."""
        return {
            "read": self.read,
            "kept": self.kept,
            "rejected": dict(self.rejected.most_common()),
            "changed": {rule.name: self.changed[rule.name] for rule in RULES},
            "bad_rows": [f"line {bad.line}: {bad.reason}" for bad in self.bad_rows],
        }


def trace(text: str) -> list[tuple[str, str]]:
    """Follow `text` through the rules to a fixed point: each rule that changed it, and the text after it."""
    steps: list[tuple[str, str]] = []
    before = None
    while text != before:
        before = text
        for rule in RULES:
            after = rule.apply(text)
            if after != text:
                steps.append((rule.name, after))
            text = after
    return steps


def clean_text(text: str) -> str:
    """Apply every rule in order until none changes anything."""
    return _last(trace(text), text)


def reason_to_reject(product: Product) -> str | None:
    """Say why a cleaned product cannot be used, or None if it can."""
    if not product.title:
        return "empty title"
    if not product.content:
        return "empty description"
    if RESIDUE.search(product.title):
        return "scraper residue as title"
    if product.content.casefold() == product.title.casefold():
        return "description is the title"
    if PLACEHOLDER.fullmatch(product.content):
        return "placeholder"
    if len(product.content) < SHORTEST_CONTENT:
        return "description too short"
    return None


def clean(rows: Iterable[Product | BadRow], funnel: Funnel) -> Iterator[Product]:
    """Yield the usable products, cleaned, and count every row in `funnel`; the first of equal rows wins."""
    seen: set[bytes] = set()
    for row in rows:
        funnel.read += 1
        product, reason = _cleaned(row, funnel)
        if product and not reason and _repeats(product, seen):
            reason = "duplicate"
        if product and not reason:
            funnel.kept += 1
            yield product
        else:
            funnel.rejected[reason or ""] += 1


def _cleaned(row: Product | BadRow, funnel: Funnel) -> tuple[Product | None, str | None]:
    if isinstance(row, BadRow):
        if len(funnel.bad_rows) < BAD_ROWS_SHOWN:
            funnel.bad_rows.append(row)
        return None, row.reason
    title, content = trace(row.title), trace(row.content)
    funnel.changed.update({name for name, _ in [*title, *content]})
    product = Product(row.uid, _last(title, row.title), _last(content, row.content))
    return product, reason_to_reject(product)


def _last(steps: list[tuple[str, str]], text: str) -> str:
    return steps[-1][1] if steps else text


def _repeats(product: Product, seen: set[bytes]) -> bool:
    key = blake2b(f"{product.title}\0{product.content}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
    repeated = key in seen
    seen.add(key)
    return repeated
