import html
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amazon_ft.comparison import marked, page, verdict

OUTSIDE = re.compile(r"""(src|href)\s*=\s*["']?\s*(https?:)?//|url\((?!["']?#)|@import|<script""", re.I)
TRUE = "A kettle of 1.7 liters with a cool handle."


def plain(marked_text: str) -> str:
    return html.unescape(re.sub(r"</?mark[^>]*>", "", marked_text))


def numbers(
    n: int,
    exact: float | None,
    rouge: float | None = 0.5,
    precision: float | None = 0.25,
) -> dict[str, Any]:
    return {
        "n": n,
        "exact": exact,
        "rouge_l": rouge,
        "rouge_1": rouge,
        "chrf": 40.0 if n else None,
        "number_precision": precision,
        "stopped": 1.0 if n else None,
    }


NONE = numbers(0, None, None, None)
SCORES = {
    "seen": {"base": numbers(96, 0.0, 0.1), "tuned": numbers(96, 0.97, 0.99)},
    "unseen": {"base": numbers(41, 0.0, 0.1), "tuned": numbers(41, 0.0, 0.4)},
}


def row(**changes: Any) -> dict[str, Any]:
    answer = {"text": TRUE, "tokens": 12, "stopped": True}
    return {
        "set": "unseen",
        "source": "B07",
        "title": "Kettle",
        "question": "What is a Kettle?",
        "reference": TRUE,
        "base": {"text": "I do not know it.", "tokens": 6, "stopped": False},
        "tuned": answer,
    } | changes


def rendered(*rows: dict[str, Any], scores: dict[str, Any] = SCORES, **about: str) -> str:
    return page(rows or (row(), row(set="seen")), scores, {"scores": '<svg role="img"></svg>'}, about)


def test_an_identical_answer_has_no_mark() -> None:
    assert marked(TRUE, TRUE) == TRUE


def test_case_and_punctuation_are_no_difference() -> None:
    assert "<mark" not in marked(TRUE, "a Kettle, of 1.7 liters; with a cool handle!")


def test_neighbours_that_differ_share_a_mark() -> None:
    assert marked("a cool handle", "a very hot handle") == "a <mark>very hot</mark> handle"


def test_a_number_from_nowhere_is_invented_and_a_shared_one_is_not() -> None:
    text = marked(TRUE, "It holds 1.7 liters and weighs 17 pounds.")
    assert '<mark class="invented">17</mark>' in text
    assert 'invented">1.7' not in text


def test_a_number_of_the_reference_in_another_place_is_not_invented() -> None:
    assert marked("9 deep, width 3", "width 3, 9") == "width 3, <mark>9</mark>"


def test_a_unit_does_not_hide_an_invented_number() -> None:
    assert marked("30 cm", "40cm") == '<mark class="invented">40</mark>cm'


def test_an_empty_answer_stays_empty() -> None:
    assert marked(TRUE, "") == ""


def test_an_answer_to_an_empty_reference_is_all_marked() -> None:
    assert marked("", "Tea tin") == "<mark>Tea tin</mark>"


def test_markup_in_an_answer_is_escaped() -> None:
    assert "<b>" not in marked("x", "<b>bold</b> & {} {0}")
    assert plain(marked("x", "<b>bold</b> & {} {0}")) == "<b>bold</b> & {} {0}"


@given(st.text(), st.text())
def test_marks_change_no_character(reference: str, answer: str) -> None:
    assert plain(marked(reference, answer)) == answer


@given(st.lists(st.sampled_from(["tea", "Tin", "12", "1,5", "<i>", "-", "\n"])).map(" ".join))
def test_a_text_never_differs_from_itself(text: str) -> None:
    assert "<mark" not in marked(text, text)


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        ("the tin " * 1000, "the " * 2000),
        ("a b " * 90, "a " * 500),
        ("tea tin lid " * 700, "lid tea " * 999),
    ],
)
def test_texts_that_repeat_themselves_stay_quick(reference: str, answer: str) -> None:
    started = time.perf_counter()
    assert plain(marked(reference, answer)) == answer
    assert time.perf_counter() - started < 20


def test_the_verdict_on_memorising() -> None:
    assert verdict(SCORES) == (
        "On the 96 products it was trained on, the tuned model gives 97% of the descriptions word for word; "
        "the base model 0%. On the 41 products it never saw it gives 0%: there, 75% of the numbers it states "
        "do not stand in the true description."
    )


def test_the_verdict_on_a_training_that_did_nothing() -> None:
    said = verdict({**SCORES, "seen": {"base": numbers(9, 0.0, 0.20), "tuned": numbers(9, 0.0, 0.21)}})
    assert "has not memorised them" in said
    assert "no closer to them (ROUGE-L 20% before, 21% after)" in said


def test_the_verdict_on_a_training_that_did_a_little() -> None:
    said = verdict({**SCORES, "seen": {"base": numbers(9, 0.0, 0.20), "tuned": numbers(9, 0.0, 0.45)}})
    assert "has not memorised them, though its wording has come closer" in said
    assert "only a part" in verdict({**SCORES, "seen": {"base": numbers(9, 0.0), "tuned": numbers(9, 0.3)}})


def test_the_verdict_without_held_out_products() -> None:
    said = verdict({**SCORES, "unseen": {"base": NONE, "tuned": NONE}})
    assert "97%" in said
    assert "No held-out product was asked" in said
    assert verdict({**SCORES, "unseen": {}}) == said == verdict({"seen": SCORES["seen"]})


def test_the_verdict_without_trained_products() -> None:
    said = verdict({**SCORES, "seen": {"base": NONE, "tuned": NONE}})
    assert said.startswith("No product of the training rows was asked")
    assert "On the 41 products" in said


def test_the_verdict_on_answers_without_numbers() -> None:
    silent = {"tuned": numbers(1, 0.0, precision=None)}
    assert "On the 1 product it never saw" in verdict({"unseen": silent})
    assert "its answers state no numbers" in verdict({"unseen": silent})


def test_the_verdict_doubts_unseen_products_that_are_known_by_heart() -> None:
    assert "in the training rows after all" in verdict({**SCORES, "unseen": {"tuned": numbers(41, 0.4)}})


@pytest.mark.parametrize(
    ("exact", "shown"), [(0.997, "99.7%"), (0.9999, "99.9%"), (1.0, "100%"), (0.98, "98%"), (0.002, "0.2%")]
)
def test_the_verdict_rounds_nothing_up_to_all(exact: float, shown: str) -> None:
    assert f"gives {shown} of" in verdict({"seen": {"tuned": numbers(1000, exact)}})


def test_the_page_holds_verdict_scores_and_answers() -> None:
    text = rendered(Recipe="demo")
    for part in (verdict(SCORES), "97.0%", "+97.0", "chrF++", "demo", "B07", "What is a Kettle?"):
        assert part in text
    assert text.count("✓ word for word") == 2
    assert text.count('class="badge warn">did not stop by itself') == 2


def test_the_page_shows_unseen_products_first() -> None:
    text = rendered(row(set="seen", title="Known"), row(set="unseen", title="New"))
    assert text.index("<h4>New") < text.index("<h4>Known")


def test_every_text_is_escaped() -> None:
    evil = '</title><script>alert("x")</script>'
    answer = {"text": evil, "tokens": 1, "stopped": True}
    text = rendered(
        row(title=evil, source=evil, question=evil, reference=evil, base=answer, tuned=answer, set=evil),
        scores={evil: {evil: {"n": 1, evil: evil}}},
        **{evil: evil},
    )
    assert "<script" not in text
    assert text.count("</title>") == 1


def test_a_difference_downwards_has_a_minus_sign() -> None:
    scores = {"seen": {"base": numbers(9, 0.5), "tuned": numbers(9, 0.25)}}
    assert "<td>\N{MINUS SIGN}25.0</td>" in rendered(scores=scores)


def test_a_set_without_products_has_no_table() -> None:
    text = rendered(scores={**SCORES, "unseen": {"base": NONE, "tuned": NONE}})
    assert "No product of this set was asked." in text
    assert "None" not in text


def test_unknown_sets_systems_and_metrics_are_shown_by_their_names() -> None:
    extra = {"n": 3, "exact": 0.5, "seconds": 1.25, "interval": [0.1, 0.9], "note": None}
    answer = {"text": "By the book.", "tokens": 4, "stopped": True}
    scores = {**SCORES, "rare": {"tuned": extra, "with_source": extra}}
    text = rendered(row(set="rare", with_source=answer, price=3), scores=scores)
    for part in ("rare", "with_source", "seconds", "1.25", "[0.1, 0.9]", "By the book"):
        assert part in text


def test_an_empty_comparison_is_still_a_page() -> None:
    text = page([], {}, {}, {})
    assert text.startswith("<!doctype html>")
    assert "No held-out product was asked" in text


def test_nothing_is_loaded_from_outside() -> None:
    text = rendered()
    assert not OUTSIDE.search(text)
    assert "default-src 'none'" in text


def test_ids_are_unique_and_links_lead_somewhere() -> None:
    text = rendered(Recipe="demo")
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|aria-labelledby=")([^"]+)', text)) <= set(ids)


def test_the_same_answers_make_the_same_page() -> None:
    assert rendered() == rendered()
