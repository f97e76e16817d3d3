from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amazon_ft import cleaning
from amazon_ft.cleaning import Funnel, clean, clean_text, trace
from amazon_ft.products import BadRow, Product
from amazon_ft.sample import catalogue

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
        ("In 1994 the Copyright Act changed. It matters.", "In 1994 the Copyright Act changed. It matters."),
    ],
)
def test_rules(dirty: str, clean_: str) -> None:
    assert clean_text(dirty) == clean_


@pytest.mark.parametrize("rule", cleaning.RULES, ids=lambda rule: rule.name)
@given(
    text=st.text()
    | st.lists(
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
)
def test_every_rule_is_idempotent(rule: cleaning.Rule, text: str) -> None:
    once = rule.apply(text)
    assert rule.apply(once) == once


@given(st.text())
def test_all_rules_together_are_idempotent(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)


def test_trace_follows_the_text_rule_by_rule() -> None:
    steps = trace(f"{LONG} &lt;br&gt;--This text refers to thePaperbackedition.")
    assert [name for name, _ in steps] == [
        "unescape entities",
        "drop tags and comments",
        "collapse white space",
        "drop edition note",
    ]
    assert steps[-1][1] == LONG


@pytest.mark.parametrize(
    ("product", "reason"),
    [
        (Product("1", " ", LONG), "empty title"),
        (Product("1", "Mug", "&nbsp; "), "empty description"),
        (Product("1", "Steel Mug", "steel  mug"), "description is the title"),
        (Product("1", "Mug", "VHS Tape"), "placeholder"),
        (Product("1", "Mug", "Book by Tamsin Quorle"), "placeholder"),
        (Product("1", "Mug", "A red one."), "description too short"),
        (Product("1", 'Industrial & Scientific" />', LONG), "scraper residue as title"),
    ],
)
def test_unusable_products_are_rejected_with_a_reason(product: Product, reason: str) -> None:
    funnel = Funnel()
    assert list(clean([product], funnel)) == []
    assert funnel.rejected == {reason: 1}


def test_every_row_is_accounted_for() -> None:
    product = Product("1", "Mug &amp; Cup", LONG)
    rows = [product, product, Product("2", "Mug & Cup", LONG), Product("3", "Mug", LONG), BadRow(5, "not JSON")]
    funnel = Funnel()
    kept = list(clean(rows, funnel))
    assert [row.uid for row in kept] == ["1", "3"]
    counts = funnel.as_dict()
    assert counts["rejected"] == {"duplicate": 2, "not JSON": 1}
    assert counts["read"] == counts["kept"] + sum(funnel.rejected.values()) == 5
    assert counts["changed"] == {rule.name: 2 * (rule.name == "unescape entities") for rule in cleaning.RULES}
    assert counts["bad_rows"] == ["line 5: not JSON"]


@pytest.fixture(scope="module")
def bundled() -> tuple[list[Product], Funnel]:
    funnel = Funnel()
    rows = (Product(str(row["uid"]), str(row["title"]), str(row["content"])) for row in catalogue.rows())
    return list(clean(rows, funnel)), funnel


def test_the_bundled_catalogue_loses_no_product_and_no_dirt_stays(bundled: tuple[list[Product], Funnel]) -> None:
    kept, funnel = bundled
    assert funnel.read == funnel.kept + sum(funnel.rejected.values())
    assert {product.uid for product in catalogue.products()} <= {product.uid for product in kept}
    text = "\n".join(product.title + product.content for product in kept)
    gone: tuple[Callable[[str], object], ...] = (cleaning.ENTITY.search, cleaning.TAG.search)
    assert not any(found(text) for found in gone)
    assert "This text refers" not in text
    assert "Copyright" not in text
