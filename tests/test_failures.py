from __future__ import annotations

from typing import Any

import pytest

from amazon_ft.evaluation import Reason, failures, why
from amazon_ft.evaluation.failures import WHY
from amazon_ft.retrieval.quoting import ANSWERS, says, unsaid

MUG = "A steel mug from Évora that holds 300 ml and costs $4.99 in every shop."
LAMP = "This lamp has a green shade and a long cord that reaches any socket of the room."


def row(text: str, stopped: bool = True, set_: str = "unseen", reference: str = MUG, **more: Any) -> dict[str, Any]:
    answer = {"text": text, "stopped": stopped, "facts": []} | more
    return {"set": set_, "source": "B1", "title": "Acme Mug", "reference": reference, "content": reference} | {
        "tuned": answer
    }


def kinds(*rows: dict[str, Any]) -> list[list[str]]:
    lamp = row(LAMP, reference=LAMP, set_="seen") | {"source": "B2", "title": "Lamp"}
    found = {each.place: [reason.kind for reason in each.reasons] for each in failures([*rows, lamp], "tuned")}
    return [found.get(place, []) for place in range(len(rows))]


def test_a_faithful_answer_is_no_failure() -> None:
    assert kinds(row(MUG), row(says(MUG, "B1", "pt")), row("It is a mug of Acme.")) == [[], [], []]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("It is a mug of Lidl.", "names"),
        ("", "empty"),
        (" “” ", "empty"),
        (ANSWERS["pt"].absent, "denies"),
        (ANSWERS["en"].absent, "denies"),
        (unsaid("B1", "en"), "silent"),
        ("a mug to go a mug to go a mug to go", "repeats"),
        (f"It is this: {LAMP}", "recites"),
    ],
)
def test_each_fault_is_told(text: str, kind: str) -> None:
    assert kinds(row(text)) == [[kind]]


def test_invented_numbers_are_listed_once() -> None:
    told = [{"text": "12", "in_source": True}]  # of the product that was found instead
    [found] = failures([row("12 and 12 and 300 and SP-8", facts=told)], "tuned")
    assert found.reasons == (Reason("numbers", ("12", "SP-8")),)
    assert found.score == 10 * 2 / 10


def test_a_cut_answer_of_a_model_is_told_and_one_without_a_model_is_not() -> None:
    assert kinds(row("A steel mug", stopped=False)) == [["cut"]]
    cut = row("A steel mug", stopped=False)
    assert failures([cut | {"extractive": cut["tuned"]}], "extractive") == []


def test_a_recited_product_is_named_and_ones_own_description_is_not_recited() -> None:
    lamp = row("", reference=LAMP, set_="own") | {"source": "B2", "title": "Lamp"}
    [found] = failures([row(LAMP), lamp], "tuned")
    assert found.reasons == (Reason("recites", ("Lamp [B2]",)),)
    assert kinds(row(" ".join(LAMP.split()[:7]))) == [[]]
    twin = row(LAMP, reference=LAMP) | {"source": "B3"}
    assert kinds(twin) == [[]]


def test_a_question_whose_true_answer_is_silence_may_be_met_with_it() -> None:
    assert kinds(row(unsaid("B1", "en"), reference=unsaid("B1", "en"))) == [[]]


def test_the_worst_come_first_and_no_more_than_asked_for() -> None:
    rows = [row("A mug of Lidl"), row(MUG), row("", set_="general"), row("A mug of Lidl and of Aldi"), row("of Lidl")]
    assert [(each.place, each.score) for each in failures(rows, "tuned")] == [(3, 2), (0, 1), (4, 1)]
    assert [each.place for each in failures(rows, "tuned", 1)] == [3]
    assert failures(rows, "base") == []


@pytest.mark.parametrize("language", ["en", "pt"])
def test_every_reason_can_be_worded(language: str) -> None:
    assert set(WHY[language]) == set(WHY["en"])
    assert all("{" not in why(Reason(kind, ("12", "SP-8")), language) for kind in WHY[language])
    assert "12, SP-8" in why(Reason("numbers", ("12", "SP-8")), language)
