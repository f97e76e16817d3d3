from __future__ import annotations

import time
from random import Random

import pytest

from amazon_ft.retrieval.facets import DESCRIPTION, FACETS, Facet
from amazon_ft.retrieval.quoting import ANSWERS, Fact, Quote, bare, cites, extract, facts, quoted, says, unsaid

MUG = "Ondremar makes this steel mug in Évora. It holds 512 ml, weighs 310 g and costs $4.99. Model SP-857, on VHS."
WEIGHT = Facet("weight", ("{title}?",), ("{title}?",), r"\bweigh\w* \d|\d+ g\b")


def part(text: str) -> Quote:
    return Quote(text, MUG.index(text), MUG.index(text) + len(text))


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize("quote", [MUG, "It holds 512 ml", "Évora", "a “quoted” word"])
def test_an_answer_gives_back_what_it_was_made_of(language: str, quote: str) -> None:
    answer = says(quote, "B00M5GKD23", language)
    assert answer == f"{ANSWERS[language].lead} “{quote}” [B00M5GKD23]"
    assert bare(answer) == quote
    assert cites(answer, "B00M5GKD23")
    content = f"Before. {quote} After."
    assert quoted(answer, content) == Quote(quote, 8, 8 + len(quote))


def test_both_languages_word_the_same_things_differently() -> None:
    assert set(ANSWERS) == {"en", "pt"}
    texts = [text for wording in ANSWERS.values() for text in (wording.lead, wording.unsaid, wording.other)]
    assert len(set(texts)) == 6
    assert says("x", "U1", "en") == "According to the catalogue: “x” [U1]"
    assert unsaid("U1", "en") == "The catalogue entry does not say. [U1]"


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (unsaid("u1", "pt"), ANSWERS["pt"].unsaid),
        (ANSWERS["en"].other, ANSWERS["en"].other),
        ("According to the catalogue: “It holds 512", "It holds 512"),
        ("A steel mug. [B00M5GKD23]", "A steel mug."),
        ("A steel mug. [Paperback]", "A steel mug. [Paperback]"),
        ("A steel mug [DVD]", "A steel mug [DVD]"),
        ("“A steel mug.”", "A steel mug."),
        ("He says “hi” and “bye”", "He says “hi” and “bye”"),
        ("", ""),
    ],
)
def test_bare_drops_the_frame_and_nothing_else(answer: str, left: str) -> None:
    assert bare(answer) == left


@pytest.mark.parametrize(
    ("answer", "uid", "named"),
    [
        ("so [B001].", "B001", True),
        ("so B001", "B001", True),
        ("so [B0012]", "B001", False),
        ("so XB001", "B001", False),
        ("[U+1]", "U+1", True),
        ("[UU1]", "U+1", False),
        ("any. thing", "", False),
    ],
)
def test_a_uid_is_cited_as_a_whole_word(answer: str, uid: str, named: bool) -> None:
    assert cites(answer, uid) is named


@pytest.mark.parametrize(
    ("answer", "quote"),
    [
        ("They say “holds 512 ml” there", "holds 512 ml"),
        ("“VHS”", "VHS"),
        ("“12 ml”", None),
        ("“”", None),
        ("“It holds 9 ml” or “weighs 310 g”", "weighs 310 g"),
        ("I think it holds 512 ml, weighs 310 pounds", "holds 512 ml, weighs 310"),
        ("“steel mug in Lisbon” is this steel mug in Évora!", "this steel mug in Évora"),
        ("It holds 512 ml", "It holds 512 ml"),
        ("a steel mug", None),
        ("g and c", None),
        ("eel mug in Évora", None),
        ("IT HOLDS 512 ML, WEIGHS", None),
        ("", None),
        ("”“", None),
    ],
)
def test_a_quote_is_verbatim_and_of_whole_words(answer: str, quote: str | None) -> None:
    assert quoted(answer, MUG) == (part(quote) if quote else None)


def test_a_run_has_three_words() -> None:
    content = "An extraordinarily comprehensive guide."
    assert quoted("extraordinarily comprehensive!", content) is None
    assert quoted("an extraordinarily comprehensive guide", content) == Quote(content[3:-1], 3, len(content) - 1)


def test_the_place_of_a_quote_is_always_true() -> None:
    rng = Random(3407)
    for _ in range(300):
        content = "".join(rng.choice("ab é.“”1\0 ") for _ in range(60))
        start = rng.randrange(50)
        answer = rng.choice(["", "“", "ab "]) + content[start : start + 40] + rng.choice(["", "”", "zz"])
        found = quoted(answer, content)
        assert found is None or (found.text and content[found.start : found.end] == found.text and found.text in answer)


def test_quoting_is_fast_where_texts_repeat_themselves() -> None:
    start = time.perf_counter()
    assert quoted("a b " * 500, "a b c " * 350) is None
    assert quoted("aaaa " * 400, "aaaa " * 40_000 + "b")
    assert quoted("x " * 1_000, "a" * 2_000) is None
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("answer", "source", "found"),
    [
        ("12 ml", "512 ml", {"12": False}),
        ("It costs 4.99, 4.99!", "$4.99", {"4.99": True}),
        ("4 mugs", "$4.99", {"4": False}),
        ("SP-857 and sp-857", "model sp-857", {"SP-857": True, "857": True}),
        ("SP-85", "model SP-857", {"SP-85": False}),
        ("[B00M5GKD23]", "x B00M5GKD23", {"B00M5GKD23": True}),
        ("5 and 23", "B00M5GKD23", {"5": False, "23": False}),
        ("a 10mm bolt", "10 mm", {"10": True}),
        ("a 10 mm bolt", "10mm", {"10": True}),
        ("from the mid-1990s", "the 1990s", {"1990": True}),
        ("10x12 inches", "10 x 12 in.", {"10": True, "12": True}),
        ("10 x 12 inches", "10x12 in.", {"10": True, "12": True}),
        ("1,200 g", "1,200g", {"1,200": True}),
        ("MP3 player, 3/4 inch", "an mp3, 3/4", {"MP3": True, "3/4": True}),
        ("b2 then 7 then B2", "7", {"b2": False, "7": True}),
        ("no number", "3", {}),
    ],
)
def test_numbers_and_codes_stand_in_the_source_as_a_whole(answer: str, source: str, found: dict[str, bool]) -> None:
    assert facts(answer, source) == tuple(Fact(text, stands) for text, stands in found.items())


@pytest.mark.parametrize(("facet", "about"), [(DESCRIPTION, ""), (DESCRIPTION, "children"), (None, ""), (None, " ")])
def test_the_description_is_quoted_whole(facet: Facet | None, about: str) -> None:
    assert extract(f" {MUG}\n", facet, about) == Quote(MUG, 1, 1 + len(MUG))
    assert extract("", facet, about) is None


def test_a_facet_is_answered_by_the_sentence_with_its_evidence() -> None:
    assert extract(MUG, WEIGHT, "") == part("It holds 512 ml, weighs 310 g and costs $4.99.")
    assert extract("A mug of steel.", WEIGHT, "steel") is None
    text = "First. It weighs 310 g. The lid weighs 20 g. The box weighs 90 g. Last."
    assert extract(text, WEIGHT, "").text == "It weighs 310 g. The lid weighs 20 g."
    assert extract(text, WEIGHT, "the boxes").text == "The box weighs 90 g."
    assert extract("It weighs 1 g. Red. It weighs 2 g.", WEIGHT, "").text == "It weighs 1 g."


def test_every_facet_of_the_table_can_be_asked() -> None:
    for facet in FACETS:
        found = extract(MUG, facet, "")
        assert found is None or MUG[found.start : found.end] == found.text


@pytest.mark.parametrize(
    ("about", "quote"),
    [
        ("available on VHS", "Model SP-857, on VHS."),
        ("made of STEEL in Evora", "Ondremar makes this steel mug in Évora."),
        ("a model with VHS", "Model SP-857, on VHS."),
        ("available on DVD", None),
        ("steel on VHS", None),
        ("para crianças", None),
        ("em aço", None),
        ("is it good", None),
        ("???", None),
    ],
)
def test_free_words_are_answered_by_the_sentence_that_holds_them_or_not_at_all(about: str, quote: str | None) -> None:
    assert extract(MUG, None, about) == (part(quote) if quote else None)


def test_of_common_words_most_are_enough_but_no_rare_one_may_lack() -> None:
    text = "The lamp has a red switch. A red lamp has a plug. The switch is red. Dim it."
    assert extract(text, None, "red lamp switch").text == "The lamp has a red switch."
    assert extract(text, None, "red lamp plug").text == "A red lamp has a plug."
    assert extract(text, None, "red lamp fuse") is None


def test_a_long_sentence_is_quoted_in_part() -> None:
    text = "word " * 1_000 + "weighs 5 g " + "word " * 1_000
    found = extract(text, WEIGHT, "")
    assert found and "weighs 5 g" in found.text and len(found.text) <= 1_200


def test_of_an_answer_that_never_ends_only_the_beginning_is_read() -> None:
    content = "It is a kit of twelve brass parts"
    assert quoted("word " * 4_000 + content, content) is None
    assert quoted("word " * 3_900 + content, content) == Quote(content, 0, len(content))
