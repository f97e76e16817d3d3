from __future__ import annotations

from typing import Any

import pytest

from amazon_ft.evaluation import SCORES, measured, score_table
from amazon_ft.files import InputError
from amazon_ft.retrieval.quoting import ANSWERS

TRUE = "A steel mug from Évora that holds 300 ml and costs $4.99."


def answer(text: str, stopped: bool = True, **more: Any) -> dict[str, Any]:
    return {"text": text, "stopped": stopped, "facts": []} | more


def row(set_: str = "seen", reference: str = TRUE, **more: Any) -> dict[str, Any]:
    return {"set": set_, "source": "B1", "title": "Mug", "reference": reference} | more


def scores(text: str, reference: str = TRUE, stopped: bool = True) -> dict[str, Any]:
    table = score_table(measured([row(reference=reference) | {"tuned": answer(text, stopped)}] * 3))
    return dict(table["seen"]["tuned"])


def test_a_perfect_answer_scores_full_marks() -> None:
    assert scores(TRUE) == {
        "n": 3,
        "exact": 1.0,
        "rouge_l": 1.0,
        "rouge_1": 1.0,
        "chrf": 100.0,
        "number_precision": 1.0,
        "number_recall": 1.0,
        "code_precision": None,
        "name_precision": 1.0,
        "invented_numbers": 0,
        "cites": 0,
        "copied": 1.0,
        "longest_copied": 13,
        "nearest": 1.0,
        "length_ratio": 1.0,
        "repetition": 0,
        "stopped": 1.0,
        "right": None,
        "loss": None,
        "reasoned": None,
        "claims_source": None,
        "reasoning_invented": None,
        "perplexity": None,
    }
    assert tuple(scores(TRUE)) == ("n", *SCORES)


def test_an_invented_answer_is_told_by_its_numbers() -> None:
    found = scores("A steel mug from Évora that holds 450 ml and costs $4.99", stopped=False)
    assert found["exact"] == 0
    assert found["number_precision"] == 0.5
    assert found["stopped"] == 0
    assert found["rouge_l"] == found["rouge_1"] == pytest.approx(12 / 13, abs=1e-3)


def test_rouge_l_minds_the_order_and_rouge_1_does_not() -> None:
    assert scores("c b a", "a b c")["rouge_1"] == 1
    assert scores("c b a", "a b c")["rouge_l"] == pytest.approx(1 / 3, abs=1e-4)


def test_accented_words_count() -> None:
    assert scores("São Tomé", "São João")["rouge_1"] == 0.5


@pytest.mark.parametrize(
    ("said", "reference", "precision"),
    [
        ("no number", "3 mugs", None),
        ("30 mugs", "300 mugs", 0.0),
        ("1,200 g and 3/4 inch", "3/4 inch, 1,200 g", 1.0),
        ("4 mugs", "$4.99", 0.0),
        ("it costs 5.", "5 mugs", 1.0),
        ("it costs 5.", "it costs $5.", 0.0),
        ("5 mugs " * 400 + "6 mugs", "5 mugs", 0.5),
    ],
)
def test_numbers_are_compared_whole(said: str, reference: str, precision: float | None) -> None:
    assert scores(said, reference)["number_precision"] == precision


def test_a_score_is_a_ratio_of_sums_and_no_mean_of_ratios() -> None:
    rows = [row(reference="1 cm 2 cm 3 cm") | {"tuned": answer(text)} for text in ("1 cm", "2 cm 3 cm 4 cm", "none")]
    assert score_table(measured(rows))["seen"]["tuned"]["number_precision"] == 0.75


def test_sets_and_systems_are_scored_apart() -> None:
    right, wrong = answer(TRUE), answer("x")
    rows = [row(base=wrong, tuned=right), *[row("unseen", base=wrong, tuned=wrong)] * 2, row("own", base=right)]
    found = score_table(measured(rows))
    assert {set_: {system: found[set_][system]["exact"] for system in found[set_]} for set_ in found} == {
        "seen": {"base": 0, "tuned": 1},
        "variant": {"base": None, "tuned": None},
        "unseen": {"base": 0, "tuned": 0},
    }
    assert found["unseen"]["tuned"]["n"] == 2
    assert found["variant"]["tuned"] == {"n": 0} | dict.fromkeys(SCORES)


def test_general_questions_are_scored_where_there_are_any() -> None:
    asked = row("general", "Paris", accepted=["Paris"]) | {"base": answer("Paris"), "tuned": answer("Rome")}
    found = score_table(measured([row(extractive=answer(TRUE)), asked]))
    assert {system: each["right"] for system, each in found["general"].items()} == {"base": 1, "tuned": 0}
    assert found["general"]["base"]["exact"] is None
    assert list(found["seen"]) == ["extractive"]


def test_no_rows_have_no_scores() -> None:
    assert score_table([]) == {"seen": {}, "variant": {}, "unseen": {}}


def test_what_the_user_typed_is_never_scored() -> None:
    assert score_table(measured([row("own", tuned=answer(TRUE))])) == {"seen": {}, "variant": {}, "unseen": {}}


def test_invented_numbers_are_those_that_the_rows_own_entry_lacks() -> None:
    other = [{"text": "12", "in_source": True}]  # so the check says of the product that was found instead
    told = answer("12 of 300 ml and 500 ml, SP-8, of 1999", facts=other)
    rows = measured([row(tuned=told, content=f"{TRUE} It is of 1999."), row(tuned=answer("x"))])
    assert score_table(rows)["seen"]["tuned"]["invented_numbers"] == 1.5
    assert score_table(measured([row(tuned=told)]))["seen"]["tuned"]["invented_numbers"] == 4


@pytest.mark.parametrize("system", ["tuned_with_source", "base_with_source", "extractive"])
def test_who_found_no_product_is_not_praised_for_inventing_nothing(system: str) -> None:
    for wording in ANSWERS.values():
        assert (
            score_table(measured([row(**{system: answer(wording.absent)})]))["seen"][system]["invented_numbers"] is None
        )
        assert score_table(measured([row(tuned=answer(wording.absent))]))["seen"]["tuned"]["invented_numbers"] == 0
    assert score_table(measured([row(**{system: answer("12")})]))["seen"][system]["invented_numbers"] == 1


def test_perplexity_is_that_of_all_tokens_together() -> None:
    rows = [row(loss={"base": loss}) | {"base": answer("x")} for loss in ([10.0, 10], [0.0, 30])]
    found = score_table(measured(rows))["seen"]["base"]
    assert found["loss"] == 0.25
    assert found["perplexity"] == pytest.approx(1.2840, abs=1e-4)


def test_a_loss_that_is_no_number_is_not_counted_for_either_system() -> None:
    losses = [{"base": [10.0, 10], "tuned": [lost, 10]} for lost in (float("nan"), float("inf"), 5.0)]
    rows = measured([row(loss=loss, base=answer("x"), tuned=answer("x")) for loss in losses])
    found = score_table(rows)["seen"]
    assert [found[system]["loss"] for system in ("base", "tuned")] == [1, 0.5]
    assert rows[0]["base"]["measures"]["loss"] == rows[1]["tuned"]["measures"]["loss"] == [0, 0]
    assert score_table(rows[:1])["seen"]["tuned"]["loss"] is None


def test_a_perplexity_that_no_number_can_hold_is_none() -> None:
    found = score_table(measured([row(loss={"base": [8_000.0, 10]}) | {"base": answer("x")}]))["seen"]["base"]
    assert (found["loss"], found["perplexity"]) == (800, None)


def test_answers_that_were_not_measured_are_refused() -> None:
    with pytest.raises(InputError, match=r"the answer of tuned about 'B1' has no measures: give measured\(rows\)\."):
        score_table([row(tuned=answer("x"))])
