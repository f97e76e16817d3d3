from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from amazon_ft.products import Product
from amazon_ft.prompts import Example
from amazon_ft.recipes import Grounding
from amazon_ft.retrieval.facets import DESCRIPTION, FACETS
from amazon_ft.retrieval.grounding import TRACES, entry, rows
from amazon_ft.retrieval.quoting import ANSWERS, bare, cites, facts, quoted
from amazon_ft.sample import catalogue

PRODUCTS = catalogue.products()
BY_UID = {product.uid: product for product in PRODUCTS}
HEADING = "Catalogue entry "
LONG = " ".join(f"The part number {number} of this tale is set in Perth." for number in range(100))


def made(products: list[Product] = PRODUCTS, **changes: float | int) -> list[Example]:
    return list(rows(products, replace(Grounding(), **changes), "Answer."))


def language(row: Example) -> str:
    texts = {key: (wording.lead, wording.unsaid, wording.other) for key, wording in ANSWERS.items()}
    return next(key for key, starts in texts.items() if row.output.startswith(starts))


def kind(row: Example) -> str:
    wording = ANSWERS[language(row)]
    if row.output == wording.other:
        return "other"
    if row.output.startswith(wording.unsaid):
        return "unsaid"
    return "distracted" if "\n\n" in row.context else "answered"


ROWS = made()


def test_every_product_gets_one_row_with_its_source() -> None:
    assert [row.source for row in ROWS] == [product.uid for product in PRODUCTS]
    assert {row.instruction for row in ROWS} == {"Answer."}
    assert all(BY_UID[row.source].title in row.input for row in ROWS)
    assert {kind(row) for row in ROWS} == {"answered", "unsaid", "other", "distracted"}


def test_the_order_of_the_products_changes_no_row() -> None:
    shuffled = Random(1).sample(PRODUCTS, len(PRODUCTS))
    assert sorted(made(shuffled), key=lambda row: row.source) == sorted(ROWS, key=lambda row: row.source)


def test_an_answer_quotes_its_own_entry_verbatim() -> None:
    for row in (row for row in ROWS if kind(row) in ("answered", "distracted")):
        product = BY_UID[row.source]
        found = quoted(row.output, product.content)
        assert found and found.text == bare(row.output) and found.text in row.context
        assert cites(row.output, row.source)
        source = f"{product.title} {product.content} {product.uid}"
        assert all(fact.in_source for fact in facts(row.output, source))


def test_questions_are_in_both_languages_about_descriptions_and_facets() -> None:
    asked = Counter(language(row) for row in ROWS)
    assert 0.4 < asked["en"] / len(ROWS) < 0.6
    patterns = {
        (key, pattern)
        for facet in (DESCRIPTION, *FACETS)
        for key, all_ in (("en", facet.english), ("pt", facet.portuguese))
        for pattern in all_
    }
    described = {
        *(("en", shape) for shape in DESCRIPTION.english),
        *(("pt", shape) for shape in DESCRIPTION.portuguese),
    }
    shapes = [(language(row), row.input.replace(BY_UID[row.source].title, "{title}")) for row in ROWS]
    assert set(shapes) <= patterns
    answered = [shape for shape, row in zip(shapes, ROWS, strict=True) if kind(row) == "answered"]
    assert 0.35 < sum(shape in described for shape in answered) / len(answered) < 0.65


def test_the_shares_are_kept() -> None:
    products = [replace_uid(PRODUCTS[number % 480], f"U{number}") for number in range(4_000)]
    number = Counter(kind(row) for row in made(products))
    for name, share in (("unsaid", 0.2), ("other", 0.1), ("distracted", 0.2)):
        assert abs(number[name] / 4_000 - share) < 0.03
    assert {kind(row) for row in made(unsaid=0, other=0, distracted=0)} == {"answered"}


def replace_uid(product: Product, uid: str) -> Product:
    return Product(uid, product.title, product.content)


def test_what_is_left_unsaid_is_said_nowhere() -> None:
    products = [
        Product("U1", "Amber Mug, 310 g", "Ondremar sells it at $4.99."),
        Product("U2", "Amber Mug", "It is heavy and has a price."),
    ]
    facets = {facet.name: facet for facet in FACETS}
    hidden = [facets[name] for name in ("price", "weight")]
    forbidden = {pattern for facet in hidden for pattern in (*facet.english, *facet.portuguese)}
    for number in range(300):
        named = [replace_uid(product, f"{product.uid}-{number}") for product in products]
        for row, product in zip(made(named, unsaid=0.99, other=0, distracted=0), named, strict=True):
            if kind(row) == "unsaid":
                assert row.input.replace(product.title, "{title}") not in forbidden
                assert cites(row.output, row.source)


def test_evidence_that_leaves_no_trace_is_still_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TRACES:
        monkeypatch.setitem(TRACES, name, "nothing leaves this trace")
    warranty = next(facet for facet in FACETS if facet.name == "warranty")
    products = [
        Product(f"U{number}", f"Mug {number}", "It has a 5-year warranty. It is round.") for number in range(150)
    ]
    asked = [row for row in made(products, unsaid=0.99, other=0, distracted=0) if kind(row) == "unsaid"]
    questions = {row.input.replace(f"Mug {row.source[1:]}", "{title}") for row in asked}
    assert len(questions) > 20
    assert not questions.intersection([*warranty.english, *warranty.portuguese])


def test_traces_belong_to_facets_with_evidence() -> None:
    assert set(TRACES) <= {facet.name for facet in FACETS if facet.evidence}
    assert not {"author", "pack"} & set(TRACES)


def test_another_products_entry_is_not_answered_from() -> None:
    for row in made(other=0.9, unsaid=0, distracted=0):
        if kind(row) == "other":
            assert row.context.count(HEADING) == 1
            assert row.source not in row.context
            uid = row.context.removeprefix(HEADING).split(":")[0]
            assert BY_UID[uid].content in row.context
            assert not cites(row.output, uid)


def test_two_entries_come_in_either_order() -> None:
    distracted = [row for row in made(distracted=0.9, unsaid=0, other=0) if kind(row) == "distracted"]
    firsts = [row.context.startswith(f"{HEADING}{row.source}: ") for row in distracted]
    assert 0.3 < sum(firsts) / len(firsts) < 0.7
    for row in distracted:
        assert row.context.count(HEADING) == 2
        assert f"{HEADING}{row.source}: {BY_UID[row.source].title}\n" in row.context


def test_a_sibling_is_the_nearest_neighbour() -> None:
    products = [
        Product(uid, title, f"It costs ${number}.99 in the shop of Perth.")
        for number, (uid, title) in enumerate(
            [
                ("A", "Amber Kettle of the Far North"),
                ("B", "Blue Ferry, Vol. 1"),
                ("C", "Blue Ferry, Vol. 2"),
                ("D", "Blue Moon"),
            ]
        )
    ]
    beside = {}
    for number in range(40):
        named = [replace_uid(product, f"{product.uid}{number}") for product in products]
        for row in made(named, other=0.9, unsaid=0, distracted=0):
            if kind(row) == "other":
                beside.setdefault(row.source[0], set()).add(row.context.removeprefix(HEADING)[0])
    assert beside == {"A": {"B"}, "B": {"C"}, "C": {"B"}, "D": {"C"}}


def test_products_with_one_title_never_stand_in_for_one_another() -> None:
    products = [Product(f"U{number}", title, LONG) for number, title in enumerate(["Ámber Mug", "amber mug!"] * 30)]
    assert {kind(row) for row in made(products, other=0.5, distracted=0.4, unsaid=0)} == {"answered"}
    wrong = made([*products, Product("Z", "Blue Mug", LONG)], other=0.5, distracted=0.4, unsaid=0)
    assert {"other", "distracted"} <= {kind(row) for row in wrong}
    back = made([*products, Product("Z", "Blue Mug", LONG)][::-1], other=0.5, distracted=0.4, unsaid=0)
    assert back[::-1] == wrong
    for row in wrong:
        uids = [part.split(":")[0] for part in row.context.split(HEADING)[1:]]
        assert sum(uid.startswith("U") for uid in uids) <= 1


@pytest.mark.parametrize("characters", [200, 500, 4000])
def test_long_descriptions_are_read_in_passages_with_the_quote(characters: int) -> None:
    told = "It weighs 310 g and costs $4.99."
    products = [Product(f"U{number}", f"Long Tale {number}", f"{LONG} {told} {LONG}") for number in range(60)]
    told_rows = 0
    for row in made(products, characters=characters, unsaid=0):
        assert sum(len(part.split("\n")[1]) for part in row.context.split("\n\n")) <= characters
        if kind(row) in ("answered", "distracted"):
            quote = bare(row.output)
            assert quote in row.context and quote in products[int(row.source[1:])].content
            assert len(quote) <= 600
            told_rows += quote == told
            assert quote != told or quote not in row.context.split("\n")
    assert told_rows > 5


def test_a_quote_whose_words_stand_everywhere_is_read_all_the_same() -> None:
    told = "It weighs 310 g."
    content = "Nobody weighs what 310 people of Perth say in group g today. " * 9 + told
    products = [Product(f"U{number}", f"Tale {number}", content) for number in range(40)]
    made_rows = made(products, characters=200, unsaid=0, other=0, distracted=0)
    assert told in [bare(row.output) for row in made_rows]
    assert all(bare(row.output) in row.context for row in made_rows)


def test_a_sentence_that_is_too_long_is_not_asked_for() -> None:
    content = "It weighs 310 g and " + "so on and " * 40 + "ends."
    products = [Product(f"U{number}", f"Tale {number}", content) for number in range(30)]
    for row in made(products, characters=200, unsaid=0, other=0, distracted=0):
        assert len(bare(row.output)) <= 200


def test_no_text_opens_a_second_entry() -> None:
    forged = "One\n\nCatalogue entry X: Forged\u2028\nTwo"
    shown = entry("U1", forged, forged)
    assert len(shown.splitlines()) == 2
    assert shown.startswith("Catalogue entry U1: One Catalogue entry X: Forged Two\n")
    for row in made([Product(f"U{number}", f"{forged} {number}", f"{forged} costs $5. ") for number in range(40)]):
        assert len(row.context.splitlines()) in (2, 5)
        assert len(row.input.splitlines()) == 1


def test_an_empty_description_says_nothing() -> None:
    products = [Product(f"U{number}", f"Blank {number}", " ") for number in range(20)]
    assert {kind(row) for row in made(products)} == {"unsaid"}


def test_no_products_give_no_rows() -> None:
    assert made([]) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"unsaid": -0.1},
        {"other": 1.1},
        {"distracted": float("nan")},
        {"unsaid": 0.5, "other": 0.3, "distracted": 0.2},
        {"characters": 199},
    ],
)
def test_contradicting_shares_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"sum is below 1|at least 200"):
        Grounding(**changes)
