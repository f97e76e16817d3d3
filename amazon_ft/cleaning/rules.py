"""Characters in, characters or a reason out. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

SHORTEST_CONTENT = 30  # characters; shorter ones name a format or repeat the title
LONGEST_PLACEHOLDER = 80  # characters
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
TAG = re.compile(rf"</?(?ai:{HTML_NAMES})(?:\s[^<>]*)?/?>")  # ASCII case alone: a long s is no s
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# Both begin with plain characters, which a search finds many times faster than white space.
EDITION_NOTE = re.compile(r"--\s?This text refers to .{1,60}?edition(?: of this title)?\.?\s*$")
MARK = r"(?:C(?ai:opyright)|c(?ai:opyright)|\((?ai:c)\)|©)"
RESERVED = r"(?ai:All rights reserved)\.?"
COPYRIGHT_TAIL = re.compile(
    rf"{MARK}\s?(?:{MARK}\s?){{0,2}}"
    rf"(?:(?:19|20)\d\d\b[^.!?]{{0,80}}\.?(?:\s*{RESERVED})?|[^.!?]{{1,100}}\.?\s*{RESERVED})\s*$"
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
CONTROL = re.compile(f"[{''.join(map(chr, CONTROLS))}]")
WIDE_SPACES = "\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"


@dataclass(frozen=True)
class Rule:
    """Name one change of text; applying it twice gives what once gave."""

    name: str
    apply: Callable[[str], str]


@dataclass(frozen=True)
class Policy:
    """Name an order of rules, and say why somebody would choose it."""

    name: str
    why: str
    rules: tuple[Rule, ...]
    suspect: str = ""  # RE2 and Python syntax; a text in which it finds nothing is changed by no rule

    repeat: bool = True  # until no rule changes anything; the published policies go over a text once

    def once(self, text: str) -> list[tuple[Rule, str]]:
        """Apply every rule in order, once: each rule that changed the text, and the text after it."""
        steps: list[tuple[Rule, str]] = []
        for rule in self.rules:
            after = rule.apply(text)
            if after is not text and after != text:
                steps.append((rule, after))
                text = after
        return steps

    def trace(self, text: str) -> list[tuple[Rule, str]]:
        """Follow `text` through the rules, again and again if the policy says so, until none changes it."""
        steps = more = self.once(text)
        while more and self.repeat:
            more = self.once(more[-1][1])
            steps = steps + more
        return steps

    def clean(self, text: str) -> str:
        """Give the text as the rules leave it."""
        steps = self.trace(text)
        return steps[-1][1] if steps else text


# Each rule looks first for what it changes: most texts need nothing, and a look costs a tenth of the change.
def unescape(text: str) -> str:
    """Turn HTML entities into characters until none is left, however often they were escaped."""
    while "&" in text and (plain := ENTITY.sub(_character, text)) != text:
        text = plain
    return text


def _character(entity: re.Match[str]) -> str:
    return _meant(entity[0])


_meant = lru_cache(maxsize=4096)(html.unescape)


def drop_tags(text: str) -> str:
    """Replace HTML tags and comments by a space, and keep every other angle bracket."""
    while "<" in text and (plain := TAG.sub(" ", _without_comments(text))) != text:
        text = plain
    return text


def _without_comments(text: str) -> str:
    end = text.rfind("-->") + 3  # no comment that begins later can close: looking there costs the square of the length
    return COMMENT.sub(" ", text[:end]) + text[end:] if end > 3 else text


def collapse_space(text: str) -> str:
    """Turn Windows-1252 controls into their characters and runs of white space into one space."""
    if text.isprintable():  # no control and no white space but the plain space
        return " ".join(text.split()) if "  " in text or text[:1] == " " or text[-1:] == " " else text
    return " ".join((text.translate(CONTROLS) if CONTROL.search(text) else text).split())


def drop_edition_note(text: str) -> str:
    """Drop a closing note that the text belongs to another edition."""
    return _without_tail(EDITION_NOTE, text) if "This text refers to" in text[-TAIL:] else text


def drop_copyright_tail(text: str) -> str:
    """Drop a closing copyright line."""
    end = text[-TAIL:].lower()
    return _without_tail(COPYRIGHT_TAIL, text) if "copyright" in end or "(c)" in end or "©" in end else text


def _without_tail(pattern: re.Pattern[str], text: str) -> str:
    while tail := pattern.search(text, max(0, len(text) - TAIL)):
        text = text[: tail.start()].rstrip()
    return text


OURS = Policy(
    "ours",
    "undo what the web page did to the text, drop what is not about the product, keep every other character",
    (
        Rule("unescape entities", unescape),
        Rule("drop tags and comments", drop_tags),
        Rule("collapse white space", collapse_space),
        Rule("drop edition note", drop_edition_note),
        Rule("drop copyright tail", drop_copyright_tail),
    ),
    suspect=rf"&#?[0-9A-Za-z]+;|<[!/A-Za-z]|[\x00-\x1f\x7f-\xa0{WIDE_SPACES}]|  |^ | $|This text refers to"
    r"|[Cc][Oo][Pp][Yy][Rr]|\([Cc]\)|©",
)


def reason_to_reject(title: str, content: str) -> str | None:
    """Say why a product with these cleaned texts cannot be used, or None if it can."""
    if not title or title.isspace():
        return "empty title"
    if not content or content.isspace():
        return "empty description"
    if title.endswith("/>") and RESIDUE.search(title):
        return "scraper residue as title"
    if len(content) <= 3 * len(title) and content.casefold() == title.casefold():
        return "description is the title"  # case folding makes a text three times as long at most
    if len(content) <= LONGEST_PLACEHOLDER and PLACEHOLDER.fullmatch(content):
        return "placeholder"
    if len(content) < SHORTEST_CONTENT:
        return "description too short"
    return None
