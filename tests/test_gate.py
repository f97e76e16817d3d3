from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from amazon_ft.products import Product, hash_of
from amazon_ft.reasoning.authors import Decision
from amazon_ft.reasoning.faults import RULES
from amazon_ft.reasoning.gate import LEADING, REFUSED, REPEATED, UNKNOWN, Sifted, faults, sift
from amazon_ft.reasoning.leading import leading
from amazon_ft.recipes import CLOSED, GROUNDED

CONTENT = (
    "A steel kettle by Brasca that holds 3 litres and weighs 920 g. It is made in Porto, has two handles and carries a "
    "2-year warranty, and its whistle can be taken off for cleaning."
)
KETTLE = Product("B1", "Brasca Kettle, SP-857", CONTENT)
GOOD = {
    "Question": "How much water does the Brasca Kettle SP-857 hold?",
    "Complex_CoT": (
        "The customer wants to know the capacity of a kettle. I remember that the kettles of this brand are made of "
        "steel and rather large. This one holds 3 litres, so that is the answer to give."
    ),
    "Response": "The Brasca Kettle SP-857 holds 3 litres of water.",
}
LONG = " and so on with the kettle" * 200
PORTUGUESE = (
    "O cliente quer saber quanta água cabe na chaleira. Lembro que as chaleiras dessa marca são de aço e bem grandes. "
    "Esta leva 3 litros, então essa é a resposta."
)
BROKEN = {
    "empty": {"Response": " \n"},
    "echo": {"Response": GOOD["Question"].lower()},
    "control": {"Response": "It holds 3 litres.</think>"},
    "control, a heading": {"Complex_CoT": f"{GOOD['Complex_CoT']}\n### Response: it holds 3 litres."},
    "letters": {"Complex_CoT": f"{GOOD['Complex_CoT']} 所以答案是这样的。"},
    "letters of Greece": {"Response": "It holds 3 λίτρα of water."},
    "language": {"Complex_CoT": PORTUGUESE},
    "language of the answer": {
        "Question": "Quanta água cabe na chaleira Brasca Kettle SP-857 quando está cheia?",
        "Response": "Na chaleira cabem 3 litros de água quando ela está cheia.",
    },
    "claim": {"Complex_CoT": f"The description says that it holds 3 litres. {GOOD['Complex_CoT']}"},
    "claim in the question": {"Question": "According to the description, what does the Brasca Kettle hold?"},
    "claim in the response": {"Response": "As stated in the listing, the kettle holds 3 litres."},
    "number": {"Response": "The Brasca Kettle SP-857 holds 4 litres."},
    "number, a code": {"Complex_CoT": f"{GOOD['Complex_CoT']} It is better than the SP-858."},
    "nameless": {"Question": "How much does this product hold?"},
    "copy": {"Complex_CoT": f"What I recall of the kettle: {CONTENT.upper()} That is all."},
    "short question": {"Question": "The kettle?"},
    "long question": {"Question": f"What does the kettle hold{LONG}?"},
    "short reasoning": {"Complex_CoT": "I just know the kettle."},
    "long reasoning": {"Complex_CoT": f"I recall the kettle{LONG}."},
    "long response": {"Response": f"It holds 3 litres{LONG}."},
}


def line(uid: str = "B1", key: str = "", outcome: str = "written", **texts: str) -> dict[str, Any]:
    return {"key": key or f"key of {uid}", "uid": uid, "outcome": outcome, "reason": ""} | GOOD | texts


def catalogue(number: int) -> dict[str, Product]:
    names = [f"{brand} {noun}" for brand in ("Brasca", "Odell", "Quenby", "Tams") for noun in NOUNS]
    lovers = [f"{first}{last}o" for first in ("bar", "lun", "mep", "tov", "sig", "hul") for last in "bcdfghklmn"]
    return {f"U{n}": Product(f"U{n}", f"{names[n]} Kit", f"It is made for {lovers[n]} lovers.") for n in range(number)}


NOUNS = [*("kettle", "lamp", "tin", "chair", "drum", "tent", "rake", "globe", "flute", "scarf"), "clock", "stove"]
NOUNS += ["broom", "fork", "ladder"]


def written(product: Product, **texts: str) -> dict[str, Any]:
    row = {
        "Question": f"What is the {product.title} there for?",
        "Complex_CoT": f"The customer asks what this is good for. I recall the {product.title} and what it is made "
        f"for: {product.content} So the answer is a short one, and nothing else is to be said.",
        "Response": product.content,
    }
    return line(product.uid, **(row | texts))


def led(product: Product) -> dict[str, Any]:
    question = f"Is the {product.title} {product.content.removeprefix('It is ').removesuffix('.')}?"
    return written(product, Question=question, Response=f"Yes, {product.content}")


def reasons(sifted: Sifted) -> Mapping[str, int]:
    return Counter(row["reason"] for row in sifted.rejected)


def test_a_good_row_has_no_fault_in_either_style() -> None:
    assert faults(GOOD, KETTLE, CLOSED) == faults(GOOD, KETTLE, GROUNDED) == []


@pytest.mark.parametrize("how", sorted(BROKEN))
def test_each_rule_rejects_what_it_is_for_and_says_so(how: str) -> None:
    name = next(rule.name for rule in RULES if how.startswith(rule.name))
    expected = next(rule.reason for rule in RULES if rule.name == name)
    found = faults(GOOD | BROKEN[how], KETTLE, CLOSED)
    assert expected in found
    sifted = sift([line(**BROKEN[how])], {"B1": KETTLE}, CLOSED)
    assert (sifted.kept, [row["reason"] for row in sifted.rejected]) == ([], [found[0]])


def test_every_rule_has_a_name_and_a_reason_of_its_own_and_all_but_one_are_tried_here() -> None:
    assert len({rule.name for rule in RULES}) == len({rule.reason for rule in RULES}) == len(RULES)
    tried = {next(rule.name for rule in RULES if how.startswith(rule.name)) for how in BROKEN}
    assert {rule.name for rule in RULES} - tried == {"short response"}
    few = replace(CLOSED, response_words=(20, 30))
    assert faults(GOOD, KETTLE, few) == ["the response is too short"]


def test_what_stands_in_the_trained_prompt_may_be_cited() -> None:
    row = GOOD | BROKEN["claim"]
    assert faults(row, KETTLE, CLOSED) == ["cites a source that the trained prompt lacks"]
    assert faults(row, KETTLE, GROUNDED) == []


@pytest.mark.parametrize(
    "more",
    [
        "1. It is a kettle.\n2. It holds 3 litres.",
        "Step 1: think. There are 2 reasons for that.",
        "It has 2 handles and two reasons to be bought.",
        "Its number is B1, its model SP-857.",
    ],
    ids=["a list", "steps", "spelled in the entry", "uid and code"],
)
def test_numbers_of_steps_and_those_of_the_product_are_not_invented(more: str) -> None:
    assert faults(GOOD | {"Complex_CoT": f"{GOOD['Complex_CoT']}\n{more}"}, KETTLE, CLOSED) == []


def test_letters_of_a_script_that_the_entry_has_are_no_slip() -> None:
    product = replace_product(content=f"{CONTENT} The name means やかん.")
    row = GOOD | {"Response": "It holds 3 litres, and やかん is its name in Japan. Café, São, µ."}
    assert faults(row, product, CLOSED) == []
    assert faults(row, KETTLE, CLOSED) == ["letters of another script"]


def replace_product(**more: str) -> Product:
    return Product(**(KETTLE.as_dict() | more))


def test_a_title_in_another_language_makes_no_row_foreign() -> None:
    product = replace_product(title="O grande livro das chaleiras de aço para toda a família brasileira")
    row = GOOD | {"Question": f"How much does {product.title} hold?", "Response": f"{product.title} holds 3 litres."}
    assert faults(row, product, CLOSED) == []


@pytest.mark.parametrize("end", ["beginning", "end"])
def test_a_thought_that_changes_its_language_is_found_at_either_end(end: str) -> None:
    foreign = PORTUGUESE * 2
    thought = f"{foreign} {GOOD['Complex_CoT'] * 2}" if end == "beginning" else f"{GOOD['Complex_CoT'] * 2} {foreign}"
    assert faults(GOOD | {"Complex_CoT": thought}, KETTLE, CLOSED) == ["another language"]


def test_names_make_no_row_foreign() -> None:
    answer = (
        "National Brotherhood Award, James Tait Memorial Prize, Royal Society of Literature Award e Order of Leeds."
    )
    row = {"Question": "Quais prêmios ganhou Brasca Kettle?", "Complex_CoT": PORTUGUESE, "Response": answer}
    assert faults(row, KETTLE, replace(CLOSED, language="pt")) == []


def test_a_short_description_may_be_quoted_whole() -> None:
    short = replace_product(content="A steel kettle by Brasca that holds 3 litres, made in Porto for large families.")
    row = GOOD | {"Complex_CoT": f'The entry says "{short.content}" and so it holds 3 litres, for all I can see.'}
    assert faults(row, short, GROUNDED) == []


def test_a_micro_sign_of_greece_is_no_slip() -> None:
    assert faults(GOOD | {"Response": "It holds 3 litres and lets no \u03bcm of light through."}, KETTLE, CLOSED) == []


def test_portuguese_rows_are_asked_for_by_the_value() -> None:
    row = {
        "Question": "Quanta água cabe na Brasca Kettle SP-857?",
        "Complex_CoT": PORTUGUESE,
        "Response": "A chaleira leva 3 litros de água.",
    }
    own = replace(CLOSED, language="pt")
    assert faults(row, KETTLE, own) == []
    assert "another language" in faults(GOOD, KETTLE, own)
    assert faults(row | {"Complex_CoT": f"Segundo a descrição, são 3 litros. {PORTUGUESE}"}, KETTLE, own)


def test_a_title_of_stop_words_must_stand_in_the_question_as_it_is() -> None:
    product = replace_product(title="It & You")
    row = GOOD | {"Question": "How much does It & You hold in all?"}
    assert faults(row, product, CLOSED) == ["numbers or codes that the product does not have"]  # SP-857 in the answer
    assert "the question does not name the product" in faults(GOOD, product, CLOSED)


LED = [
    ("Is {title} available on VHS?", "Yes, it is available on VHS."),
    ("Is {title} available on VHS?", "It is sold on VHS."),
    ("Does {title} need batteries?", "It runs on two AA batteries."),
    ("Does {title} cost $4.99?", "Yes. You pay $4.99."),
    ("I look for a gift. Is {title} made of steel?", "Yes, of steel."),
    ("For a small kitchen, would {title} be a good kettle?", "It is a good kettle for small kitchens."),
    ("{title} is made of steel, right?", "Right, it is made of steel."),
    ("{title} comes from Porto, doesn't it?", "Yes."),
    ("So is it true that {title} has two handles?", "Indeed."),
    ("{title}: is it guaranteed?", "Yes, for two years."),
    ("Can I paint {title}?", "You can, any colour will do."),
    ("Is this lamp by Brasca rare?", "Few lamps are indeed so seldom seen."),
]
NOT_LED = [
    ("What is {title} made of?", "Yes, it is made of steel."),
    ("Is {title} a DVD or a cassette?", "It is a DVD."),
    ("Is {title} available on VHS?", "No, it is not available on VHS."),
    ("Is {title} available on VHS?", "Unfortunately VHS is out of print."),
    ("Does {title} need batteries?", "It has a cable."),
    ("Can you tell me what {title} is?", "It is a kettle."),
    ("Could you describe {title}?", "It is a kettle to describe with joy."),
    ("Do you know who made {title}?", "Brasca made it."),
    ("Tell me about {title}.", "Yes, it is a kettle."),
    ("How much is {title}, is it cheap?", "It costs $4.99."),
    ("Is {title} good? What does it weigh?", "It is good and weighs 920 g."),
    ("Is {title} made for beginners or for experts?", "It is made for beginners."),
    ("Does {title} include batteries?", "No, the batteries are sold apart."),
    ("Is {title} rare?", "It is certainly not hard to find."),
]
PT_LED = [
    ("{title} está disponível em VHS?", "Sim, está disponível em VHS."),
    ("O {title} é de aço?", "É de aço, com duas alças."),
    ("É verdade que {title} tem garantia?", "Sim, de dois anos."),
    ("Posso levar {title} para o acampamento?", "Claro, é leve."),
    ("Posso pintar {title}?", "Pode sim, de qualquer cor."),
]
PT_NOT_LED = [
    ("De que é feito {title}?", "É feito de aço."),
    ("Do que é feita a {title}?", "Sim, de aço."),
    ("{title} custa quanto?", "Custa pouco."),
    ("{title} foi lançado em que ano?", "Foi lançado há pouco."),
    ("{title} é em DVD ou em fita?", "É em DVD."),
    ("{title} está disponível em VHS?", "Não, não está em VHS."),
    ("Pode me dizer o material de {title}?", "O material é aço."),
    ("Fale sobre {title}.", "Sim, é uma chaleira."),
]


@pytest.mark.parametrize(
    ("pairs", "language", "is_led"),
    [(LED, "en", True), (NOT_LED, "en", False), (PT_LED, "pt", True), (PT_NOT_LED, "pt", False)],
    ids=["led", "not led", "led in Portuguese", "not led in Portuguese"],
)
@pytest.mark.parametrize("title", ["Brasca Kettle", "Is It You? Vol. 2.5 or What"])
def test_a_leading_question_gives_its_answer_away(
    pairs: list[tuple[str, str]], language: str, is_led: bool, title: str
) -> None:
    for question, response in pairs:
        assert leading(question.format(title=title), response, title, language) is is_led, (question, response)


@pytest.mark.parametrize(("share", "kept"), [(0, 0), (0.1, 2), (0.25, 6), (0.5, 18), (1, 22)])
def test_leading_questions_are_kept_up_to_their_share_of_all_kept_rows(share: float, kept: int) -> None:
    products = catalogue(40)
    lines = [(led if n < 22 else written)(product) for n, product in enumerate(products.values())]
    sifted = sift(lines, products, replace(CLOSED, most_leading=share))
    assert len(sifted.kept) == 18 + kept
    assert reasons(sifted) == ({LEADING: 22 - kept} if kept < 22 else {})
    taken = [row["uid"] for row in sifted.kept if row["Question"].startswith("Is")]
    assert taken == sorted((f"U{n}" for n in range(22)), key=hash_of)[:kept]


def test_what_was_accepted_counts_into_the_share_and_is_kept_over_it() -> None:
    products = catalogue(40)
    lines = [(led if n < 22 else written)(product) for n, product in enumerate(products.values())]
    accepted = {f"key of U{n}": Decision(f"key of U{n}", "accept") for n in range(5)}
    sifted = sift(lines, products, replace(CLOSED, most_leading=0.1), accepted)
    assert {row["uid"] for row in sifted.kept if row["Question"].startswith("Is")} == {f"U{n}" for n in range(5)}
    assert reasons(sifted) == {LEADING: 17}


def test_a_repeat_is_the_same_question_or_the_same_thought_or_long_pair_but_for_the_title() -> None:
    products = catalogue(4)
    first, *others = sorted(products.values(), key=lambda product: hash_of(product.uid))
    template, long = written(first)["Complex_CoT"].upper(), f"{first.content} They use it day after day."
    same = {
        "Question": {"Question": f"what IS the {first.title} there for"},
        "thought": {"Complex_CoT": template.replace(first.title.upper(), others[1].title)},
        "pair": {"Response": long},
    }
    products[others[0].uid] = Product(others[0].uid, f"Odd {first.title}", others[0].content)
    lines = [written(first, Response=long)] + [
        written(products[other.uid], **texts) for other, texts in zip(others, same.values(), strict=True)
    ]
    sifted = sift(lines, products, CLOSED)
    assert [row["uid"] for row in sifted.kept] == [first.uid]
    assert reasons(sifted) == {REPEATED: 3}
    accepted = {lines[1]["key"]: Decision(lines[1]["key"], "accept")}
    assert {row["uid"] for row in sift(lines, products, CLOSED, accepted).kept} >= {others[0].uid}


def test_short_answers_to_the_same_question_about_several_products_are_no_repeats() -> None:
    products = catalogue(6)
    lines = [
        written(product, Question=f"What is the {product.title} made of?", Response="Enamelled steel.")
        for product in products.values()
    ]
    assert len(sift(lines, products, CLOSED).kept) == 6


def test_the_order_of_the_ledger_decides_nothing() -> None:
    products = catalogue(60)
    rng = random.Random(3407)
    lines = [rng.choice([written, led, broken, failed])(product) for product in products.values()]
    lines += [written(products[f"U{n}"], Complex_CoT=lines[0]["Complex_CoT"]) | {"key": f"again {n}"} for n in range(9)]
    decisions = {each["key"]: Decision(each["key"], rng.choice(["accept", "reject"])) for each in lines[::7]}
    found = sift(lines, products, CLOSED, decisions)
    for _ in range(5):
        rng.shuffle(lines)
        assert sift(lines, products, CLOSED, decisions) == found
    ended = [row["uid"] for some in (found.kept, found.rejected, found.failed) for row in some]
    assert sorted(ended) == sorted(products)
    assert [row["uid"] for row in found.kept] == sorted((row["uid"] for row in found.kept), key=hash_of)
    assert found.kept and found.rejected and found.failed
    assert all(set(row) == {"uid", "key", "Question", "Complex_CoT", "Response"} for row in found.kept)


def broken(product: Product) -> dict[str, Any]:
    return written(product, Response="It costs $7,391.")


def failed(product: Product) -> dict[str, Any]:
    return line(product.uid, outcome="failed", Question="", Complex_CoT="", Response="") | {"reason": "timed out"}


def test_a_decision_rejects_accepts_or_edits() -> None:
    products = {"B1": KETTLE}
    bad = line(**BROKEN["number"])

    def decided(decision: str, *texts: str) -> Sifted:
        return sift([bad], products, CLOSED, {bad["key"]: Decision(bad["key"], decision, *texts)})

    good = tuple(GOOD.values())
    assert reasons(decided("reject")) == {REFUSED: 1}
    assert reasons(decided("accept")) == {"numbers or codes that the product does not have": 1}
    assert decided("edit", *good).kept == [GOOD | {"uid": "B1", "key": bad["key"]}]
    edited = decided("edit", good[0], good[1], "It holds 5 litres.")
    assert reasons(edited) == {"numbers or codes that the product does not have": 1}
    assert edited.rejected[0]["Response"] == "It holds 5 litres."


def test_of_a_product_with_several_lines_a_written_one_counts_and_the_last_of_a_key() -> None:
    lines = [line(key="b", outcome="failed"), line(key="a", **BROKEN["number"]), line(key="a")]
    found = sift(lines, {"B1": KETTLE}, CLOSED)
    assert ([row["key"] for row in found.kept], found.rejected, found.failed) == (["a"], [], [])


def test_failures_and_strangers_are_counted_with_their_reasons() -> None:
    products = catalogue(3)
    lines = [written(products["U0"]), failed(products["U1"]), failed(products["U2"]), line("gone")]
    found = sift(lines, products, CLOSED)
    assert found.counts == {"kept": 1, "rejected": {UNKNOWN: 1}, "failed": {"timed out": 2}}
    assert sift([], products, CLOSED).counts == {"kept": 0, "rejected": {}, "failed": {}}


def test_a_large_ledger_is_sifted_soon() -> None:
    """5,000 rows of 300 words are to take less than 5 s of CPU; here are 500."""
    rng = random.Random(3407)
    words = CONTENT.split() * 13
    thoughts = [" ".join(rng.sample(words, 300)) for _ in range(500)]
    products = {f"U{n}": Product(f"U{n}", f"Brasca Kettle {n}", CONTENT) for n in range(500)}
    lines = [
        written(products[f"U{n}"], Complex_CoT=thought, Response=f"Brasca Kettle {n} holds 3 litres.")
        for n, thought in enumerate(thoughts)
    ]
    sift(lines[:1], products, CLOSED)  # loads what tells languages
    start = time.process_time()
    assert len(sift(lines, products, CLOSED).kept) == 500
    assert time.process_time() - start < 2
