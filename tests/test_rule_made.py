from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from amazon_ft.evaluation.claims import claims, unknown
from amazon_ft.files import InputError
from amazon_ft.products import Product
from amazon_ft.reasoning.authors import Cost, Trouble, Written
from amazon_ft.reasoning.gate import LEADING, REPEATED, faults, sift
from amazon_ft.reasoning.rules import MODEL, SPOILED, TOPICS, RuleMade, spoiled
from amazon_ft.recipes import BY_RULES, CLOSED, GROUNDED
from amazon_ft.sample import catalogue

PRODUCTS = catalogue.products()
AUTHOR = RuleMade(BY_RULES)
SOUND = [product for product in PRODUCTS if not spoiled(product.uid)]


def written(product: Product, author: RuleMade = AUTHOR) -> Written:
    """Write a row, asking again with the next seed as long as what came is no row."""
    for seed in range(40):
        try:
            return asyncio.run(author.write(product, seed, lambda tokens: None))
        except Trouble as trouble:
            assert trouble.again == "otherwise"
    raise AssertionError(f"no row for {product.uid}")


def texts(row: Written) -> dict[str, str]:
    return {"Question": row.question, "Complex_CoT": row.reasoning, "Response": row.response}


ROWS = {product.uid: written(product) for product in PRODUCTS}


@pytest.mark.parametrize("style", [BY_RULES, CLOSED, GROUNDED], ids=["rules", "closed", "grounded"])
def test_a_sound_row_has_no_fault_but_where_the_catalogue_itself_forges_a_token(style: object) -> None:
    own = replace(BY_RULES, reads_entry=style is GROUNDED)
    for product in SOUND:
        row = texts(RuleMade(own).row(product))
        assert faults(row, product, own) in ([], ["control tokens or headings of a template"]), row
        assert not unknown(" ".join(row.values()), "\n".join(product.as_dict().values()))


def test_a_sound_reasoning_is_short_and_claims_no_source() -> None:
    for product in SOUND:
        row = ROWS[product.uid]
        assert 20 <= len(row.reasoning.split()) <= 60
        assert 2 <= row.reasoning.count(". ") + 1 <= 5
        assert not claims(row.reasoning)
        assert product.title in row.question
        assert len(row.response.split()) <= 30


def test_a_grounded_reasoning_speaks_of_the_entry() -> None:
    rows = [RuleMade(replace(BY_RULES, reads_entry=True)).row(product) for product in SOUND[:30]]
    assert all("entry" in row.reasoning for row in rows)


def test_every_topic_is_asked_about_and_wording_varies() -> None:
    asked = Counter(topic.name for topic in TOPICS for row in ROWS.values() if topic.name in row.reasoning)
    assert set(asked) == {topic.name for topic in TOPICS}
    assert len({row.reasoning.split()[0] for row in ROWS.values()}) >= 3
    assert len({row.question for row in ROWS.values()}) > 0.95 * len(ROWS)


def test_about_one_row_in_ten_is_spoiled_in_each_of_the_ways() -> None:
    ways = Counter(how for product in PRODUCTS if (how := spoiled(product.uid)))
    assert set(ways) == set(SPOILED)
    assert 0.06 < ways.total() / len(PRODUCTS) < 0.14


def test_the_gate_sees_what_was_spoiled_and_lets_the_rest_through() -> None:
    products = {product.uid: product for product in PRODUCTS}
    lines = [{"key": uid, "uid": uid, "outcome": "written", "reason": "", **texts(row)} for uid, row in ROWS.items()]
    found = sift(lines, products, replace(BY_RULES, most_leading=0))
    reasons = {row["uid"]: row["reason"] for row in found.rejected}
    expected = {
        "cites a context": "cites a source that the trained prompt lacks",
        "invents a number": "numbers or codes that the product does not have",
        "says nothing": "a text is empty",
        "leads": LEADING,
    }
    for uid, how in ((uid, spoiled(uid)) for uid in products):
        if how in expected and (how != "leads" or ROWS[uid].response.startswith("Yes")):
            assert reasons[uid] in (expected[how], REPEATED), ROWS[uid]
        elif how != "is no JSON" and how not in expected:
            assert reasons.get(uid, REPEATED) in (REPEATED, "control tokens or headings of a template"), ROWS[uid]
    assert len(found.kept) > 0.8 * len(products)


def test_a_seed_changes_only_whether_what_is_no_json_becomes_a_row() -> None:
    broken = [product for product in PRODUCTS if spoiled(product.uid) == "is no JSON"]
    for product in PRODUCTS:
        if product not in broken:
            assert AUTHOR.row(product, 1) == AUTHOR.row(product, 2) == ROWS[product.uid]
    ended = Counter(_ends(product, seed) for product in broken for seed in range(100))
    assert set(ended) == {"a row", "invalid JSON"}
    assert 0.4 < ended["a row"] / ended.total() < 0.6


def _ends(product: Product, seed: int) -> str:
    try:
        return "a row" if AUTHOR.row(product, seed) == ROWS[product.uid] else "another row"
    except Trouble as trouble:
        return trouble.reason


def test_no_tokens_are_spent_and_the_rows_are_named_for_what_they_are() -> None:
    row = ROWS[SOUND[0].uid]
    assert (row.cost, row.model, MODEL) == (Cost(), "made by rules", "made by rules")
    closed, grounded = AUTHOR.identity, RuleMade(replace(BY_RULES, reads_entry=True)).identity
    assert closed["model"] == MODEL
    assert len(closed["digest"]) == 16
    assert closed != grounded
    assert closed == RuleMade(replace(BY_RULES, most_leading=0)).identity
    asyncio.run(AUTHOR.close())


@pytest.mark.parametrize(
    ("content", "response"),
    [
        ("A fine thing. It has no facts.", "A fine thing."),
        ("word " * 40, f"{'Word ' + 'word ' * 24}..."),
        ("It carries a 1-year warranty.", "1 year"),
        ("A 380-page course.", "380 pages"),
        ("It is printed in São Paulo in 1964", "São Paulo"),
        ("Only $1,299.00 today", "$1,299.00"),
    ],
    ids=range(6),
)
def test_any_product_has_an_answer(content: str, response: str) -> None:
    uid = next(f"X{n}" for n in range(99) if not spoiled(f"X{n}"))
    assert response in AUTHOR.row(Product(uid, "Thing: a tale", content)).response


def test_braces_of_a_title_stay_as_they_are() -> None:
    uid = next(f"X{n}" for n in range(99) if not spoiled(f"X{n}"))
    assert "The {fact} of {title}" in AUTHOR.row(Product(uid, "The {fact} of {title}", "It weighs 3 kg.")).question


def test_rules_write_english_only() -> None:
    with pytest.raises(InputError, match="English"):
        RuleMade(replace(BY_RULES, language="pt"))
