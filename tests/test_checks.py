from __future__ import annotations

import re
from typing import Any

import pytest

from amazon_ft.evaluation import NotComparable, check_prompts, check_same, check_unseen
from amazon_ft.files import InputError

TRUE = "A steel mug from Évora, made by hand, that holds 300 ml and costs $4.99."


def prompt(text: str, reference: str = TRUE, title: str = "Acme Mug") -> dict[str, str]:
    question = f"What is {title}?"
    return {"prompt": text, "source": "B1", "title": title, "question": question, "reference": reference}


def row(set_: str = "unseen", **more: Any) -> dict[str, Any]:
    return {
        "set": set_,
        "source": "B1",
        "title": "Acme Mug",
        "reference": TRUE,
        "cluster": "c1",
        "question": "?",
    } | more


def asked(how: str = "h1", budget: int = 128) -> dict[str, Any]:
    return {"stopped": True, "asked": how, "max_new_tokens": budget}


def record(uid: str = "B2", title: str = "A Lamp", content: str = "It shines.", cluster: str = "c2") -> dict[str, str]:
    return {"uid": uid, "title": title, "content": content, "cluster": cluster}


def test_an_answer_that_leaked_into_its_prompt_is_caught() -> None:
    leaked = prompt("Describe: Acme Mug. It is a STEEL mug from Evora made by hand that holds 300 ml")
    sentence = re.escape(
        "the closed-book prompt about B1 (Acme Mug) holds its answer, as in 'a steel mug from evora made by hand': "
        "ask with the title alone."
    )
    with pytest.raises(NotComparable, match=f"^{sentence}$"):
        check_prompts([prompt("What is Acme Mug?"), leaked])


def test_a_short_answer_leaks_as_a_whole() -> None:
    with pytest.raises(NotComparable, match="B1"):
        check_prompts([prompt("Say blue steel mug set", "Blue steel mug, set.")])
    check_prompts([prompt("Say blue steel mug", "Blue steel mug, set."), prompt("A lamp", "A lamp.")])


def test_what_the_title_says_is_no_leak() -> None:
    check_prompts([prompt(f"What is {TRUE}?", title=TRUE), prompt("a steel mug from Évora made by"), prompt("")])


@pytest.mark.parametrize(
    ("trained", "same"),
    [
        (record(uid="B1"), "uid"),
        (record(title="ACME, mug"), "title"),
        (record(content=TRUE.upper() + "\n"), "description"),
        (record(cluster="c1"), "near-duplicate cluster"),
    ],
)
@pytest.mark.parametrize("set_", ["variant", "unseen"])
def test_training_rows_scored_as_held_out_ones_are_caught(trained: dict[str, str], same: str, set_: str) -> None:
    sentence = re.escape(
        f"B1 (Acme Mug) of the set {set_} is in training: {trained['uid']} there has the same {same}; "
        "split the products again and train again."
    )
    with pytest.raises(NotComparable, match=f"^{sentence}$"):
        check_unseen([row("seen", source="B0", title="x", reference="y", cluster="z"), row(set_)], [record(), trained])


def test_a_row_whose_reference_is_a_part_is_known_by_its_whole_description() -> None:
    quoted = row(reference="It holds 300 ml.", content=TRUE)
    with pytest.raises(NotComparable, match="the same description"):
        check_unseen([quoted], [record(content=TRUE)])
    check_unseen([quoted], [record(content="It holds 300 ml.")])


def test_what_was_not_trained_on_may_be_scored_and_what_was_seen_too() -> None:
    check_unseen([row()], [record()])
    check_unseen([row("seen"), row("own"), row("general")], [record(uid="B1"), record(cluster="c1")])
    check_unseen([row(title="", reference="", cluster="")], [record(title="", content="", cluster="")])


@pytest.mark.parametrize(
    ("base", "tuned", "sentence"),
    [
        (asked("h1"), asked("h2"), "got another prompt or decoding about B1 (Acme Mug) (h1 and h2): ask both the same"),
        (asked(budget=64), asked(), "got another budget about B1 (Acme Mug) (64 and 128): ask both the same way."),
        (asked(""), asked(""), "no prompt or decoding is recorded for base"),
        (asked(budget=0), asked(budget=0), "no budget is recorded for base"),
        ({"stopped": True}, asked(), "no prompt or decoding is recorded for base"),
    ],
)
def test_another_prompt_or_budget_for_base_than_for_tuned_is_caught(
    base: dict[str, Any], tuned: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(NotComparable, match=re.escape(sentence)):
        check_same([row(base=asked(), tuned=asked()), row(base=base, tuned=tuned)])
    with pytest.raises(NotComparable, match=re.escape(sentence)):
        check_same([row(base_with_source=base, tuned_with_source=tuned)])


def test_equal_prompts_and_budgets_pass_and_where_nobody_was_asked_too() -> None:
    fixed = {"base_with_source": asked("", 0), "tuned_with_source": asked("", 0)}
    check_same([row(base=asked(), tuned=asked(), base_with_source=asked("h2"), tuned_with_source=asked("h2"))])
    check_same([row(base=asked(), retrieval={"kind": "found"}), row(retrieval={"kind": "absent"}, **fixed)])
    with pytest.raises(NotComparable):
        check_same([row(retrieval={"kind": "found"}, **fixed)])


def test_a_refusal_is_bad_input() -> None:
    assert issubclass(NotComparable, InputError)
