from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amazon_ft.cleaning import policies
from amazon_ft.cleaning.policies import KINDS, LETTERS_ONLY, NONE, POLICIES, STRIP_TAGS, destroyed
from amazon_ft.cleaning.rules import OURS, Policy, Rule
from amazon_ft.sample import catalogue

RULES = [rule for policy in POLICIES.values() for rule in policy.rules]
PIECES = [
    "&",
    "amp;",
    "lt;",
    "gt;",
    "#39;",
    "#8217;",
    "copy",
    "<",
    ">",
    "<>",
    "br",
    "/",
    "!--",
    "-->",
    " ",
    "x",
    "é",
    "4",
]


def test_policies_are_named_explained_and_ours_comes_first() -> None:
    assert list(POLICIES) == ["ours", "letters-only", "strip-tags", "none"]
    assert POLICIES["ours"] is OURS
    assert all(name == policy.name and policy.why for name, policy in POLICIES.items())


@pytest.mark.parametrize(
    ("policy", "dirty", "result"),
    [
        (LETTERS_ONLY, "Kerr&#8217;s", "Kerr8217s"),
        (LETTERS_ONLY, "Kerr’s 3/4 inch", "Kerrs 34 inch"),
        (LETTERS_ONLY, "café", "caf"),
        (LETTERS_ONLY, "$4.99, 20% off: 2-8 years.", "4.99, 20 off 28 years."),
        (LETTERS_ONLY, "one<br>two", "onebrtwo"),
        (STRIP_TAGS, "5 < 6 and 7 > 4", "5  4"),
        (STRIP_TAGS, "Kerr&#8217;s <b>mug</b>", "Kerr’s mug"),
        (STRIP_TAGS, "one&lt;br&gt;two", "one<br>two"),
        (STRIP_TAGS, "?a=1&copy=2", "?a=1©=2"),
        (STRIP_TAGS, "<a <b> c> d < e", " c> d < e"),
        (NONE, " Kerr&#8217;s <br>", " Kerr&#8217;s <br>"),
        (OURS, "Kerr&#8217;s café &lt;br&gt; 5 < 6 and 7 > 4", "Kerr’s café 5 < 6 and 7 > 4"),
    ],
)
def test_policy(policy: Policy, dirty: str, result: str) -> None:
    assert policy.clean(dirty) == result


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@given(text=st.text() | st.lists(st.sampled_from(PIECES)).map("".join))
def test_a_rule_applied_twice_gives_what_once_gave(rule: Rule, text: str) -> None:
    once = rule.apply(text)
    assert rule.apply(once) == once


@pytest.mark.parametrize(
    ("kind", "text", "tokens"),
    [
        (
            "prices",
            "$4.99, R$ 1.299,00 or US$20. €20; 20 €, 99¢",
            ["$4.99", "R$ 1.299,00", "US$20", "€20", "20 €", "99¢"],
        ),
        ("prices", "Copyright 1999, page 12, a $ sign, A$AP", []),
        ("percentages", "20% off, 40 %, 50-60% and 0.3%", ["20%", "40 %", "50-60%", "0.3%"]),
        ("percentages", "per cent 20, % 5", []),
        ("units", '300 ml, 5.5", 3/4 inch, 2-8 years, 12V', ["300 ml", '5.5"', "3/4 inch", "2-8 years", "12V"]),
        (
            "units",
            '1½ inch, .5 mm, 8.3 x 11 cm, 4-1/2", 10-pack',
            ["1½ inch", ".5 mm", "8.3 x 11 cm", '4-1/2"', "10-pack"],
        ),
        ("units", "-5 °C, 90°, 1,760 liters, 3 to 5 days", ["5 °C", "90°", "1,760 liters", "3 to 5 days"]),
        ("units", "1994, 12 in all, 5 makers, Copyright 2001 Quillmark, X5 mm", []),
        ("accents", "café, Élan cafe\u0301 Ångström-12 naïve", ["café", "Élan", "cafe\u0301", "Ångström", "naïve"]),
        ("accents", "cafe 5 m² 1½ nº don’t 20 €", []),
        (
            "apostrophes",
            "Kerr’s don't O'Reilly l’été you're CHILDREN'S",
            ["Kerr’s", "don't", "O'Reilly", "l’été", "you're", "CHILDREN'S"],
        ),
        ("apostrophes", "'quoted' dogs' the '90s EXPRESS'Tony 5'", []),
        ("model codes", "WD-40, HTS 161D0, AB-1234X, F301", ["WD-40", "HTS 161D0", "AB-1234X", "F301"]),
        ("model codes", "12V, 3M, CD-ROM, 2-8, In 1994, IX, F-16s, USA, Copyright 1999 AB", []),
    ],
)
def test_kind(kind: str, text: str, tokens: list[str]) -> None:
    assert [match[0] for match in KINDS[kind].finditer(text)] == tokens


HARD = ["a", "A", "1", "1,", "1-", "1 to ", "a'", "A-", "$", "é", "a ", "A1-", "<", "<>", "< >", ">", "a\u0300", "1x1/"]


@pytest.mark.parametrize("piece", HARD)
def test_a_long_text_costs_little(piece: str) -> None:
    text = (piece * 200_000)[:200_000]
    start = time.process_time()
    for pattern in KINDS.values():
        sum(1 for _ in pattern.finditer(text))
    for policy in (LETTERS_ONLY, STRIP_TAGS):
        policy.clean(text)
    assert time.process_time() - start < 5  # a search that grows with the square of the length takes minutes


def test_what_each_policy_destroys_and_leaves() -> None:
    texts = [
        "Kerr&#8217;s café sells WD-40 for $4.99, 20% off.",
        "Fits 3/4 inch pipes<br>and children of 2-8 years.",
        "Boils if 5 < 6 l of water and a 12V lamp > 4 W.",
        "A plain mug.",
    ]
    table = destroyed(texts)
    assert list(table) == list(POLICIES)
    assert {kind: counts["had"] for kind, counts in table["ours"].items() if kind != "left"} == {
        "prices": 1, "percentages": 1, "units": 2, "accents": 1, "apostrophes": 1, "model codes": 1
    }  # fmt: skip
    lost = {name: {kind for kind in KINDS if counts[kind]["lost"]} for name, counts in table.items()}
    assert lost == {"ours": set(), "letters-only": set(KINDS), "strip-tags": {"units"}, "none": set()}
    assert {name: counts["left"] for name, counts in table.items()} == {
        "ours": {"entities": 0, "tags": 0, "rows": 0},
        "letters-only": {"entities": 1, "tags": 1, "rows": 2},
        "strip-tags": {"entities": 0, "tags": 0, "rows": 0},
        "none": {"entities": 1, "tags": 1, "rows": 2},
    }


def test_every_policy_is_judged_on_the_same_truth() -> None:
    table = destroyed(["Don&amp;#8217;t&lt;br&gt;go.", "Don’t go."])
    assert {counts["apostrophes"]["had"] for counts in table.values()} == {2}
    assert table["strip-tags"]["left"] == {"entities": 0, "tags": 1, "rows": 1}


def test_one_lost_token_of_many_counts_the_text_once() -> None:
    units = destroyed(["5 mm, 3/4 inch, 2-8 years"], [LETTERS_ONLY])["letters-only"]["units"]
    assert units == {"had": 1, "lost": 1}


@pytest.mark.parametrize(
    "tail",
    ["Copyright 1994 O'Quill Press, Inc.", "© 2001 Quillé Ltd.", "--This text refers to theO'Quilledition."],
)
def test_boilerplate_is_no_loss(tail: str) -> None:
    table = destroyed([f"A steel mug of 300 ml. {tail}"])
    assert table["ours"]["units"] == {"had": 1, "lost": 0}
    assert [kind for kind in KINDS if table["none"][kind]["had"]] == ["units"]


def test_a_rule_of_ours_that_drops_more_than_boilerplate_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    greedy = Policy(
        "ours", "Drop the last sentence.", (Rule("cut", lambda text: text.removesuffix(" It holds 300 ml.")),)
    )
    monkeypatch.setattr(policies, "OURS", greedy)
    assert destroyed(["A steel mug. It holds 300 ml."], [greedy])["ours"]["units"] == {"had": 1, "lost": 1}


def test_ours_loses_nothing_of_the_sample() -> None:
    texts = [f"{row['title']}\n{row['content']}" for row in catalogue.rows()]
    ours = destroyed(texts)["ours"]
    assert sum(ours[kind]["had"] for kind in KINDS) > 100
    assert [ours[kind]["lost"] for kind in KINDS] == [0] * len(KINDS)
    assert ours["left"] == {"entities": 0, "tags": 0, "rows": 0}


def test_no_texts_give_no_counts() -> None:
    assert destroyed([], [NONE])["none"]["prices"] == {"had": 0, "lost": 0}
