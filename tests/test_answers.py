"""Answers that are checked against their source, and replies that choose among them and say why."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amazon_ft.products import Product
from amazon_ft.retrieval import answers
from amazon_ft.retrieval.answers import CELLS, EXTRACTIVE, WITH_SOURCE, Reply, Source, Sourced
from amazon_ft.retrieval.facets import DESCRIPTION, FACETS
from amazon_ft.retrieval.index import Entry
from amazon_ft.retrieval.matching import Candidate, Match
from amazon_ft.retrieval.quoting import ANSWERS, Fact, Quote, cites
from amazon_ft.retrieval.wording import Reading
from amazon_ft.sample import catalogue

UID, TITLE = "B00M5GKD23", "Ondremar Enamel Mug of the Far North, 900 ml"
TEXT = "  Ondremar makes this mug in Évora. It holds 512 ml, weighs 310 g and costs $4.99. Model SP-857, on VHS.\n"
MUG = Product(UID, TITLE, TEXT)
BY_NAME = {facet.name: facet for facet in FACETS}
WEIGHT = Reading(BY_NAME["weight"], "", "en")
FACETLESS = Reading(None, "vhs", "en")
SILENT = Reading(BY_NAME["warranty"], "", "en")
PADDING = " ".join(f"Chapter {number} of this tale is set in Perth." for number in range(200))
LONG = Product(UID, TITLE, f"{PADDING} It weighs 77 g. {PADDING}")

UNTOLD = Reading(DESCRIPTION, "", "en")


def read(reading: Reading = UNTOLD, limit: int = 4_000) -> Source:
    return answers.read(MUG, 0.973, reading, limit)


def tuned(text: str, source: Source | None = None) -> Sourced:
    return answers.checked("tuned_with_source", source or read(), text, 12, True, 0.5)


def match(kind: str = "found", language: str = "en", candidates: int = 1) -> Match:
    some = tuple(Candidate(Entry(f"U{number}", f"Mug {number}", number), 0.97) for number in range(candidates))
    return Match(kind, Reading(None, "", language), some)


def replied(text: str, language: str = "en") -> Reply:
    source = read(WEIGHT)
    cells = {"tuned_with_source": tuned(text, source), EXTRACTIVE: answers.extractive(source, language)}
    return Reply("How heavy is the mug?", match(language=language), source, cells)


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("According to the catalogue: “It holds 512 ml” [B00M5GKD23]", "It holds 512 ml"),
        ("It is said that it holds 512 ml, weighs 310 g and is good.", "holds 512 ml, weighs 310 g and"),
        ("“Évora”", "Évora"),
        ("“Ondremar Enamel Mug of the Far North”", None),  # words of the title are no quote
        ("“B00M5GKD23”", None),
        ("“It holds 600 ml”", None),
        ("ondremar MAKES this MUG", None),
        ("", None),
    ],
)
def test_spans_are_found_in_the_description_alone(text: str, quote: str | None) -> None:
    found = tuned(text).quote
    assert (found and found.text) == quote
    assert found is None or TEXT[found.start : found.end] == found.text


def test_numbers_and_codes_are_looked_up_in_uid_title_and_description() -> None:
    answer = tuned(f"SP-857 holds 900 ml, 512 ml or 12 ml, says [{UID}], 12 ml of X9.")
    assert answer.facts == (
        *(Fact("SP-857", True), Fact("900", True), Fact("512", True), Fact("12", False)),
        *(Fact(UID, True), Fact("X9", False)),
    )
    assert answer.invented == ["12", "X9"]


def test_an_answer_carries_its_source() -> None:
    answer = tuned("“It holds 512 ml”")
    assert (answer.cell, answer.uid, answer.title, answer.score) == ("tuned_with_source", UID, TITLE, 0.973)
    assert (answer.tokens, answer.seconds, answer.stopped) == (12, 0.5, True)


def test_without_a_source_nothing_holds() -> None:
    answer = answers.checked("tuned", None, "“It holds 512 ml” The catalogue entry does not say.")
    assert (answer.uid, answer.title, answer.score, answer.quote) == ("", "", 0.0, None)
    assert answer.invented == ["512"]
    assert not answer.holds
    assert not answers.checked("tuned", None, ANSWERS["en"].unsaid).holds


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (f"According to the catalogue: “weighs 310 g” [{UID}]", True),
        ("It weighs: “weighs 310 g”", True),
        ("It holds 512 ml, weighs 310 g", True),
        (f"The catalogue entry does not say. [{UID}]", True),
        ("The catalogue entry does not say.", True),
        (f" A entrada do catálogo não informa. [{UID}]\n", True),
        ("The catalogue entry does not say. [B00OTHER99]", False),
        ("The catalogue entry does not say that it is red.", False),
        ("It is heavy.", False),
        ("“weighs 310 g” and “costs $9.99”", False),
        (f"According to the catalogue: “weighs 310 g” [{UID[:-1]}4]", False),
        ("", False),
    ],
)
def test_an_answer_holds_that_quotes_or_is_silent_and_invents_nothing(text: str, holds: bool) -> None:
    assert tuned(text).holds is holds


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize(
    ("reading", "quote"),
    [
        (UNTOLD, TEXT.strip()),
        (WEIGHT, "It holds 512 ml, weighs 310 g and costs $4.99."),
        (FACETLESS, "Model SP-857, on VHS."),
        (SILENT, None),
        (Reading(None, "children", "en"), None),
    ],
)
def test_the_extractive_answer_is_the_catalogues_own(reading: Reading, quote: str | None, language: str) -> None:
    answer = answers.extractive(read(reading), language)
    wording = ANSWERS[language]
    assert answer.text == (f"{wording.lead} “{quote}” [{UID}]" if quote else f"{wording.unsaid} [{UID}]")
    assert answer.quote == (Quote(quote, TEXT.index(quote), TEXT.index(quote) + len(quote)) if quote else None)
    assert (answer.cell, answer.holds, answer.invented, answer.tokens) == (EXTRACTIVE, True, [], 0)
    assert cites(answer.text, UID)


def test_the_extractive_answer_always_holds() -> None:
    for place, product in enumerate(catalogue.products()[::8]):
        for facet in (UNTOLD.facet, *FACETS):
            source = answers.read(product, 1.0, Reading(facet, "", "en"), 4_000)
            answer = answers.extractive(source, ("en", "pt")[place % 2])
            assert answer.holds
            assert cites(answer.text, product.uid)
            assert not answer.quote or product.content[answer.quote.start : answer.quote.end] == answer.quote.text


@settings(max_examples=200, deadline=None)
@given(
    content=st.text(alphabet="aB é.“”[]1 -\n,/x×$\u200f🎩", max_size=120),
    facet=st.sampled_from([None, UNTOLD.facet, *FACETS]),
    about=st.sampled_from(["", "a", "é 1"]),
)
def test_no_description_makes_an_extractive_answer_invent(content: str, facet: object, about: str) -> None:
    source = answers.read(Product("U-1", "Mug", content), 1.0, Reading(facet, about, "en"), 40)  # type: ignore[arg-type]
    answer = answers.extractive(source, "en")
    assert answer.invented == []
    assert answer.quote is None or content[answer.quote.start : answer.quote.end] == answer.quote.text


def test_a_short_description_is_read_whole() -> None:
    source = read(WEIGHT)
    assert source.passages.whole
    assert source.context == f"Catalogue entry {UID}: {TITLE}\n{TEXT.strip()}"
    assert tuned("x", source).whole


def test_a_long_one_is_read_around_what_answers() -> None:
    source = answers.read(LONG, 1.0, WEIGHT, 120)
    assert not source.passages.whole
    assert len(source.passages.text) <= 120
    assert "It weighs 77 g." in source.passages.text
    assert source.quote and source.quote.text == "It weighs 77 g."
    assert len(source.context) <= 120 + len(f"Catalogue entry {UID}: {TITLE}\n")


def test_a_limit_is_counted_in_the_models_own_measure() -> None:
    source = answers.read(LONG, 1.0, WEIGHT, 14, lambda text: len(text.split()))
    assert 4 <= len(source.passages.text.split()) <= 14
    assert "It weighs 77 g." in source.passages.text


def test_of_a_long_one_that_is_asked_for_the_beginning_is_read() -> None:
    source = answers.read(LONG, 1.0, UNTOLD, 120)
    assert source.passages.text == " ".join(f"Chapter {n} of this tale is set in Perth." for n in range(3))
    assert source.quote and source.quote.text == LONG.content


def test_the_checks_know_the_whole_of_what_is_read_in_passages() -> None:
    source = answers.read(LONG, 1.0, UNTOLD, 120)
    quoting = {cell: answers.checked(cell, source, "“It weighs 77 g.”") for cell in CELLS}
    assert all(answer.holds for answer in quoting.values())
    assert {cell for cell, answer in quoting.items() if not answer.whole} == set(WITH_SOURCE)


def test_a_tuned_answer_that_holds_is_given() -> None:
    reply = replied(f"According to the catalogue: “weighs 310 g” [{UID}]")
    assert reply.answer is reply.answers["tuned_with_source"]
    start = TEXT.index("weighs")
    assert str(reply) == (
        f"According to the catalogue: “weighs 310 g” [{UID}]\n"
        f"  source: {TITLE} [{UID}], score 0.97 (characters {start} to {start + 12})"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("It weighs 5 g, or 6 g: “weighs 310 g”", "5, 6 not in the source"),
        ("It is a mug.", "it quotes nothing"),
        ("", "it quotes nothing"),
    ],
)
def test_one_that_does_not_is_set_aside_and_it_is_said_why(text: str, why: str) -> None:
    reply = replied(text)
    assert reply.answer is reply.answers[EXTRACTIVE]
    answer, source, aside = str(reply).splitlines()
    assert answer == f"According to the catalogue: “It holds 512 ml, weighs 310 g and costs $4.99.” [{UID}]"
    assert source.startswith(f"  source: {TITLE} [{UID}], score 0.97 (characters ")
    assert aside == f"  set aside: the tuned model's answer ({why}): {text}"


def test_base_and_closed_book_answers_are_never_given() -> None:
    source = read()
    cells = {cell: answers.checked(cell, source, "“It holds 512 ml”") for cell in ("base", "tuned", "base_with_source")}
    assert Reply("x", match(), source, cells).answer is None
    assert Reply("x", match("absent"), None, {}).answer is None


def test_passages_are_said_to_be_passages() -> None:
    source = answers.read(LONG, 1.0, WEIGHT, 120)
    cells = {"tuned_with_source": tuned("“It weighs 77 g.”", source), EXTRACTIVE: answers.extractive(source, "en")}
    assert str(Reply("x", match(), source, cells)).endswith("; the model read passages of it, not all")
    assert not str(Reply("x", match(), source, {EXTRACTIVE: cells[EXTRACTIVE]})).endswith("not all")


def test_silence_has_a_source_and_no_place() -> None:
    source = read(SILENT)
    reply = Reply("x", match(), source, {EXTRACTIVE: answers.extractive(source, "pt")})
    assert str(reply) == f"A entrada do catálogo não informa. [{UID}]\n  source: {TITLE} [{UID}], score 0.97"


@pytest.mark.parametrize(
    ("kind", "language", "candidates", "lines"),
    [
        ("ambiguous", "en", 2, ["More than one product may be meant:", "  1. Mug 0 [U0]", "  2. Mug 1 [U1]"]),
        ("ambiguous", "pt", 1, ["Mais de um produto pode ser o que você procura:", "  1. Mug 0 [U0]"]),
        ("absent", "en", 1, ["The catalogue has no such product.", "The nearest titles:", "  1. Mug 0 [U0]"]),
        ("absent", "pt", 1, ["O catálogo não tem esse produto.", "Os títulos mais próximos:", "  1. Mug 0 [U0]"]),
        ("absent", "en", 0, ["The catalogue has no such product."]),
        ("absent", "pt", 0, ["O catálogo não tem esse produto."]),
    ],
)
def test_what_is_not_found_is_said_with_what_there_is(
    kind: str, language: str, candidates: int, lines: list[str]
) -> None:
    assert str(Reply("x", match(kind, language, candidates), None, {})).splitlines() == lines


def test_a_product_that_was_found_is_never_said_to_be_absent() -> None:
    source = read()
    for cells in ({}, {"tuned": answers.checked("tuned", source, "A mug.")}, {"tuned_with_source": tuned("A mug.")}):
        assert ANSWERS["en"].absent not in str(Reply("x", match(), source, cells))


def test_a_reply_is_plain_data() -> None:
    told = json.loads(json.dumps(replied("It weighs 5 g: “weighs 310 g”").as_dict()))
    assert (told["question"], told["kind"], told["answer"]) == ("How heavy is the mug?", "found", EXTRACTIVE)
    assert told["candidates"] == [{"uid": "U0", "title": "Mug 0", "row": 0, "score": 0.97}]
    own = told["answers"]["tuned_with_source"]
    start = TEXT.index("weighs 310 g")
    assert own["quote"] == {"text": "weighs 310 g", "start": start, "end": start + 12}
    assert own["facts"] == [{"text": "5", "in_source": False}, {"text": "310", "in_source": True}]
    assert {key: own[key] for key in ("uid", "title", "score", "tokens", "seconds", "cell")} == {
        "uid": UID, "title": TITLE, "score": 0.973, "tokens": 12, "seconds": 0.5, "cell": "tuned_with_source",
    }  # fmt: skip
    absent = json.loads(json.dumps(Reply("x", match("absent", "pt", 2), None, {}).as_dict()))
    assert (absent["answer"], absent["answers"], len(absent["candidates"])) == (None, {}, 2)


def test_a_table_has_a_row_for_each_answer() -> None:
    source = read()
    cells = {
        "tuned": answers.checked("tuned", source, "It holds 12 ml", stopped=False),
        EXTRACTIVE: answers.extractive(source, "en"),
    }
    first, second = Reply("x", match(), source, cells).table()
    assert first == {"who": "tuned", "answer": "It holds 12 ml [cut]", "quoted": "", "not in the source": "12"}
    assert (second["who"], second["quoted"], second["not in the source"]) == (EXTRACTIVE, TEXT.strip(), "")
    [alone] = Reply("x", match("absent"), None, {"tuned": cells["tuned"]}).table()
    assert alone["not in the source"] == ""
