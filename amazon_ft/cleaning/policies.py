"""Name the published cleaning rules beside ours, and count what each destroys."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Collection, Iterable

from amazon_ft.cleaning.rules import ENTITY, OURS, TAG, Policy, Rule, drop_tags, unescape

# Possessive repeats, bounded chains and fixed places to start keep every search linear in the length of the text.
DIGITS = r"[\d¼½¾]++(?:[.,]\d++)*+"
RANGE = rf"(?<![\w.,])\.?{DIGITS}(?:\s?(?:[-–—/x×]|to)\s?\.?{DIGITS}){{0,3}}"
LETTER = r"[^\W\d_]"
FOREIGN = r"(?:[^\W\d_A-Za-zªº²³¹¼½¾]|[\u0300-\u036f])"  # a letter outside ASCII, or an accent written on its own
UNIT = (
    r"ml|cl|dl|l|lit(?:er|re)s?|fl\.? oz|oz|ounces?|gallons?|quarts?|pints?|g|grams?|kg|mg|lbs?|pounds?|mm|cm|m|km"
    r"|met(?:er|re)s?|inch(?:es)?|ft|foot|feet|yards?|miles?|v|volts?|k?w|watts?|amps?|m?ah|hp|[kmg]?hz|[kmgt]b|db|rpm"
    r"|psi|mph|degrees?|years?|months?|weeks?|days?|hours?|minutes?|seconds?|pages?|pieces?|packs?|sheets?|mil"
)
KINDS: dict[str, re.Pattern[str]] = {
    "prices": re.compile(rf"(?:\b(?:US|R|C|A))?[$€£¥]\s?{DIGITS}|(?<![\w.,]){DIGITS}\s?[€¢]"),
    "percentages": re.compile(rf"{RANGE}\s?%"),
    "units": re.compile(rf"{RANGE}(?:[\s-]?(?:{UNIT})(?!\w)|[\"″]|\s?°[CF]?)", re.IGNORECASE),
    "accents": re.compile(rf"\b[A-Za-z\d_]*+{FOREIGN}(?:\w|[\u0300-\u036f])*+"),
    "apostrophes": re.compile(rf"\b(?:{LETTER}{{1,2}}['’]{LETTER}++|{LETTER}++['’](?:[a-z]{{1,3}}|[A-Z]{{1,2}})\b)"),
    "model codes": re.compile(
        r"(?<![\w-])(?=[A-Z-]{1,12}\d|(?:[A-Z]{2,5} )?\d{1,6}[A-Z]{1,4}\d)"
        r"(?:[A-Z]{2,5} (?=\d))?[A-Z\d]{1,12}(?:-[A-Z\d]{1,12}){0,3}(?![\w-])"
    ),
}
DIRT = {"entities": ENTITY, "tags": TAG}
BOILERPLATE = re.compile(r"\s*(?:--\s?This text refers to|Copyright|\(c\)|©)", re.IGNORECASE)


def keep_letters(text: str) -> str:
    """Delete every character but ASCII letters, digits, commas, periods and white space."""
    return re.sub(r"[^A-Za-z0-9,.\s]", "", text)


def drop_brackets(text: str) -> str:
    """Delete whatever stands between "<" and the next ">", tag or not."""
    end = text.rfind(">") + 1  # no "<" after it can close: looking there would cost the square of the length
    return re.sub(r"<[^>]+>", "", text[:end]) + text[end:]


def convert_entities(text: str) -> str:
    """Turn entities into characters until none is left, those without a semicolon too ("?a=1&copy=2")."""
    while (plain := html.unescape(text)) != text:
        text = plain
    return text


LETTERS_ONLY = Policy(
    "letters-only",
    "keep ASCII letters, digits, commas and periods and nothing else, the whitelist of the TinyLlama project",
    (Rule("keep letters, digits, commas and periods", keep_letters),),
    repeat=False,
)
STRIP_TAGS = Policy(
    "strip-tags",
    "delete whatever stands in angle brackets, and only then convert entities, as the Phi-3 project does",
    (Rule("drop angle brackets", drop_brackets), Rule("convert entities", convert_entities)),
    repeat=False,
)
NONE = Policy("none", "train on the rows as they come", (), repeat=False)
POLICIES: dict[str, Policy] = {policy.name: policy for policy in (OURS, LETTERS_ONLY, STRIP_TAGS, NONE)}


def destroyed(
    texts: Iterable[str], policies: Collection[Policy] = tuple(POLICIES.values())
) -> dict[str, dict[str, dict[str, int]]]:
    """Count the texts that hold each kind ("had"), those where a policy loses some of it ("lost"), and dirt ("left").

    {policy: {kind: {"had": texts, "lost": texts}, "left": {"entities": texts, "tags": texts, "rows": either}}}.
    All policies are judged on the same truth: entities converted, tags dropped, closing boilerplate out. A token is
    lost if it stands nowhere in the result; one that is still escaped ("don&#8217;t") can be had back, and so counts
    as dirt, not as lost.
    """
    had: Counter[str] = Counter()
    lost: dict[str, Counter[str]] = {policy.name: Counter() for policy in policies}
    left: dict[str, Counter[str]] = {policy.name: Counter() for policy in policies}
    for text in texts:
        truth = _plain(text)
        tokens = _tokens(_without_boilerplate(truth))
        had.update(tokens.keys())
        for policy in policies:
            result = policy.clean(text)
            plain = _plain(result)
            lost[policy.name].update(
                kind for kind, found in tokens.items() if any(token not in plain for token in found)
            )
            stays = [name for name, dirt in DIRT.items() if _stays(dirt, text, truth, result)]
            left[policy.name].update(stays + ["rows"] * bool(stays))
    return {
        name: {kind: {"had": had[kind], "lost": lost[name][kind]} for kind in KINDS}
        | {"left": {dirt: left[name][dirt] for dirt in (*DIRT, "rows")}}
        for name in lost
    }


def _plain(text: str) -> str:
    before = None
    while text != before:
        before = text
        text = drop_tags(unescape(text))
    return " ".join(text.split())


def _tokens(text: str) -> dict[str, set[str]]:
    found = {kind: {match[0] for match in pattern.finditer(text)} for kind, pattern in KINDS.items()}
    return {kind: tokens for kind, tokens in found.items() if tokens}


# Only a tail that begins like boilerplate is excused: whatever else our rules drop counts against them.
def _without_boilerplate(truth: str) -> str:
    kept = OURS.clean(truth)
    return kept if truth.startswith(kept) and BOILERPLATE.match(truth, len(kept)) else truth


# A whitelist hides the mark and leaves its letters: "Kerr&#8217;s" becomes "Kerr8217s", "one<br>two" "onebrtwo".
def _stays(dirt: re.Pattern[str], text: str, truth: str, result: str) -> bool:
    names = {name[0] for match in dirt.finditer(text) if (name := re.search(r"\w+", match[0]))}
    return bool(dirt.search(result)) or any(result.count(name) > truth.count(name) for name in names)
