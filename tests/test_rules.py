from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amazon_ft.cleaning import rules
from amazon_ft.cleaning.rules import OURS, Policy, Rule

PIECES = st.lists(
    st.sampled_from(
        [
            "&",
            "amp;",
            "lt;",
            "gt;",
            "#39;",
            "#151;",
            "<",
            ">",
            "br",
            "/",
            "!--",
            "-->",
            " ",
            "x",
            "--This text refers to the",
            "edition.",
            "Copyright 1999 A",
            "Inc.",
            "\x97",
            "b ",
        ]
    )
).map("".join)
LONG = "A steel mug that holds 300 ml and weighs 120 g."


@pytest.mark.parametrize(
    ("dirty", "clean_"),
    [
        ("Kerr&#8217;s &#x201C;mug&#x201D;", "Kerr’s “mug”"),
        ("A &amp;amp;quot;B&amp;amp;quot;", 'A "B"'),
        ("1990&#151;1995", "1990—1995"),
        ("?a=1&copy=2 &copy; R&D AT&T", "?a=1&copy=2 © R&D AT&T"),
        ("one<br>two&lt;br /&gt;three<!-- x -->", "one two three"),
        ("<P CLASS='a'>Mug</P>", "Mug"),
        ("5 < 6 and 7 > 4; x <y and z> w; <3", "5 < 6 and 7 > 4; x <y and z> w; <3"),
        ("a\t b\u00a0\n c", "a b c"),
        ('caf\u00e9 \x97 3/4" 20% $4.99 2-8 years', 'caf\u00e9 — 3/4" 20% $4.99 2-8 years'),
        (f"{LONG}--This text refers to thePaperbackedition.", LONG),
        (f"{LONG}  --This text refers to an out of print or unavailable edition of this title.", LONG),
        (f"{LONG}Copyright 1994 Quillmark Business Press, Inc.", LONG),
        (f"{LONG}Copyright 1994 Quillmark, Inc.--This text refers to theHardcoveredition.", LONG),
        (f"{LONG} © 2001 Quillmark Ltd.", LONG),
        (f"{LONG}Copyright © Quillmark Business, a division of Quillmark Inc. All rights reserved.", LONG),
        (f"{LONG}(Jan.) (c)Copyright © Quillmark Library. All rights reserved", f"{LONG}(Jan.)"),
        (f"{LONG} Copyright law matters.", f"{LONG} Copyright law matters."),
        ("In 1994 the Copyright Act changed. It matters.", "In 1994 the Copyright Act changed. It matters."),
    ],
)
def test_rules(dirty: str, clean_: str) -> None:
    assert OURS.clean(dirty) == clean_


@pytest.mark.parametrize("rule", OURS.rules, ids=lambda rule: rule.name)
@given(text=st.text() | PIECES)
def test_every_rule_is_idempotent(rule: Rule, text: str) -> None:
    once = rule.apply(text)
    assert rule.apply(once) == once


@given(st.text())
def test_all_rules_together_are_idempotent(text: str) -> None:
    assert OURS.clean(OURS.clean(text)) == OURS.clean(text)


def test_trace_follows_the_text_rule_by_rule() -> None:
    steps = OURS.trace(f"{LONG} &lt;br&gt;--This text refers to thePaperbackedition.")
    assert [rule.name for rule, _ in steps] == [
        "unescape entities",
        "drop tags and comments",
        "collapse white space",
        "drop edition note",
    ]
    assert steps[-1][1] == LONG


@pytest.mark.parametrize(
    ("title", "content", "reason"),
    [
        ("", LONG, "empty title"),
        (" ", LONG, "empty title"),
        ("", "", "empty title"),
        ("Mug", " ", "empty description"),
        ("Steel Mug", "steel mug", "description is the title"),
        (
            "Steel Straße 7, the whole length of it",
            "STEEL STRASSE 7, THE WHOLE LENGTH OF IT",
            "description is the title",
        ),
        ("Mug", "VHS Tape", "placeholder"),
        ("Mug", "Book by Tamsin Quorle", "placeholder"),
        ("Mug", "A red one.", "description too short"),
        ('Industrial & Scientific" />', LONG, "scraper residue as title"),
        ("Mug", LONG, None),
        ("Mug", "Book by Tamsin Quorle, who drinks from a mug of steel, and tells the story of her whole life.", None),
    ],
)
def test_unusable_products_have_a_reason(title: str, content: str, reason: str | None) -> None:
    assert rules.reason_to_reject(title, content) == reason


@pytest.mark.parametrize(
    "piece", ["<!--", "<", "&", "<a ", "--This text refers to ", "Copyright 1999 ", " \n", "<!---->", "&amp;"]
)
def test_a_long_hostile_text_costs_little(piece: str) -> None:
    text = (piece * 200_000)[:200_000] + ">"
    start = time.process_time()
    OURS.clean(text)
    assert time.process_time() - start < 5  # a search that grows with the square of the length takes minutes


@given(st.text() | PIECES)
def test_a_text_that_is_not_suspect_is_changed_by_no_rule(text: str) -> None:
    if not re.search(OURS.suspect, text):
        assert OURS.once(text) == []


def test_a_policy_that_goes_over_a_text_once_stops_there() -> None:
    peel = Policy("peel", "", (Rule("peel", lambda text: text.removeprefix("a")),))
    assert [replace(peel, repeat=repeat).clean("aaab") for repeat in (False, True)] == ["aab", "b"]
