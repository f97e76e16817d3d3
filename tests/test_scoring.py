from __future__ import annotations

import pytest

from amazon_ft.evaluation import SCORES, Pair, number_precision, score, score_table
from amazon_ft.retrieval.quoting import says

TRUE = "A steel mug from Évora that holds 300 ml and costs $4.99."


def test_a_perfect_answer_scores_full_marks() -> None:
    assert score([Pair(TRUE, TRUE, True)] * 3) == {
        "n": 3,
        "exact": 1.0,
        "rouge_l": 1.0,
        "rouge_1": 1.0,
        "chrf": 100.0,
        "number_precision": 1.0,
        "invented_numbers": 0,
        "cites": 0,
        "stopped": 1.0,
    }


def test_an_invented_answer_is_told_by_its_numbers() -> None:
    scores = score([Pair("A steel mug from Évora that holds 450 ml and costs $4.99", TRUE, False)])
    assert scores["exact"] == 0
    assert scores["number_precision"] == 0.5
    assert scores["stopped"] == 0
    assert scores["rouge_l"] == scores["rouge_1"] == pytest.approx(12 / 13, abs=1e-3)


def test_rouge_l_minds_the_order_and_rouge_1_does_not() -> None:
    scores = score([Pair("c b a", "a b c", True)])
    assert scores["rouge_1"] == 1
    assert scores["rouge_l"] == pytest.approx(1 / 3, abs=1e-4)


def test_accented_words_count() -> None:
    assert score([Pair("São Tomé", "São João", True)])["rouge_1"] == 0.5


@pytest.mark.parametrize(
    ("answer", "reference", "precision"),
    [
        ("no number", "3 mugs", None),
        ("30 mugs", "300 mugs", 0.0),
        ("1,200 g and 3/4 inch", "3/4 inch, 1,200 g", 1.0),
        ("4 mugs", "$4.99", 0.0),
        ("it costs 5.", "5 mugs", 1.0),
    ],
)
def test_numbers_are_compared_whole(answer: str, reference: str, precision: float | None) -> None:
    assert number_precision([Pair(answer, reference, True)]) == precision


def test_an_empty_set_and_an_empty_answer_have_scores() -> None:
    assert score([]) == {"n": 0} | dict.fromkeys(SCORES)
    assert score([Pair("", TRUE, True)])["rouge_l"] == 0


def test_sets_and_systems_are_scored_apart() -> None:
    right, wrong = {"text": TRUE, "stopped": True}, {"text": "x", "stopped": True}
    rows = [
        {"set": "seen", "source": "B1", "reference": TRUE, "base": wrong, "tuned": right},
        {"set": "unseen", "source": "B2", "reference": TRUE, "base": wrong, "tuned": wrong},
        {"set": "unseen", "source": "B3", "reference": TRUE, "base": wrong, "tuned": wrong},
    ]
    scores = score_table(rows)
    assert {set_: {system: scores[set_][system]["exact"] for system in scores[set_]} for set_ in scores} == {
        "seen": {"base": 0, "tuned": 1},
        "unseen": {"base": 0, "tuned": 0},
    }
    assert scores["unseen"]["tuned"]["n"] == 2


def test_an_answer_is_scored_without_lead_quotation_marks_and_citation() -> None:
    quoted = score([Pair(says(TRUE, "B000000001", "pt"), TRUE, True, "B000000001")])
    assert quoted == score([Pair(TRUE, says(TRUE, "B000000002", "en"), True)]) | {"cites": 1}
    assert quoted["exact"] == quoted["rouge_l"] == quoted["number_precision"] == 1


def test_another_products_uid_is_no_citation() -> None:
    assert score([Pair(says(TRUE, "B000000002", "en"), TRUE, True, "B000000001")])["cites"] == 0


def test_invented_numbers_are_those_that_the_answers_check_found() -> None:
    told = [
        {"text": "12", "in_source": False},
        {"text": "300", "in_source": True},
        {"text": "SP-8", "in_source": False},
    ]
    row = {"set": "seen", "source": "B1", "reference": TRUE, "tuned": {"text": "x", "stopped": True, "facts": told}}
    assert score_table([row, row | {"tuned": row["tuned"] | {"facts": []}}])["seen"]["tuned"]["invented_numbers"] == 1
