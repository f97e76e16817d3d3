"""Decisions about rows are on disk before the next one, the last one counts, and the choice of rows stays."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import drafting
import pytest

from amazon_ft.files import InputError
from amazon_ft.reasoning.authors import FIELDS, Decision
from amazon_ft.reasoning.reviews import Reviews, Tally, as_it_stands, find, name

ROWS = drafting.rows(100)
TEXTS = dict(zip(FIELDS, ("Why?", "So.", "Thus."), strict=True))


@pytest.fixture
def reviews(tmp_path: Path) -> Reviews:
    return Reviews(tmp_path / "run" / "reasoning_reviews.jsonl")


def keys(rows: list[Any]) -> list[str]:
    return [row["key"] for row in rows]


def lines(reviews: Reviews) -> list[dict[str, Any]]:
    return [json.loads(line) for line in reviews.path.read_text(encoding="utf-8").splitlines()]


# The file


def test_a_decision_is_one_line(reviews: Reviews) -> None:
    assert reviews.decide("a", "accept") == Decision("a", "accept")
    assert reviews.decide("b", "edit", TEXTS) == Decision("b", "edit", "Why?", "So.", "Thus.")
    assert reviews.decide("c", "reject") == Decision("c", "reject")
    assert [tuple(line) for line in lines(reviews)] == [("key", "decision", *FIELDS, "at")] * 3
    assert [line["Response"] for line in lines(reviews)] == ["", "Thus.", ""]
    assert all(line["at"].endswith("+00:00") for line in lines(reviews))


def test_what_was_saved_is_read(reviews: Reviews) -> None:
    assert reviews.read() == {}
    saved = [reviews.decide("a", "accept"), reviews.decide("b", "edit", TEXTS), reviews.decide("c", "reject")]
    assert list(Reviews(reviews.path).read().values()) == saved


def test_the_last_decision_about_a_key_counts(reviews: Reviews) -> None:
    for decision in ("accept", "reject", "edit", "accept", "reject"):
        saved = reviews.decide("a", decision, TEXTS if decision == "edit" else None)
        assert reviews.read() == {"a": saved}
    assert len(lines(reviews)) == 5


@pytest.mark.parametrize("word", ["", "Accept", "skip", "accepted", "edit "])
def test_another_word_is_refused(reviews: Reviews, word: str) -> None:
    with pytest.raises(InputError, match=f"a decision is accept, edit or reject, not {word!r}: decide again"):
        reviews.decide("a", word)
    assert not reviews.path.exists()


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("text", ["", " ", "\n\t ", "\u00a0", None])
def test_an_edit_has_all_its_texts(reviews: Reviews, field: str, text: str) -> None:
    with pytest.raises(InputError, match=f"{field} is empty: an edit has all of Question, Complex_CoT, Response"):
        reviews.decide("a", "edit", TEXTS | {field: text})
    assert not reviews.path.exists()


@pytest.mark.parametrize("texts", [None, {}, {"Response": "Thus."}])
def test_an_edit_without_texts_is_refused(reviews: Reviews, texts: dict[str, str] | None) -> None:
    with pytest.raises(InputError, match="Question is empty"):
        reviews.decide("a", "edit", texts)


def test_a_text_of_another_name_is_refused(reviews: Reviews) -> None:
    with pytest.raises(InputError, match="a row has no text 'Answer': edit Question, Complex_CoT or Response"):
        reviews.decide("a", "edit", TEXTS | {"Answer": "Thus."})
    with pytest.raises(InputError, match="'response'"):
        reviews.judge(ROWS[0], "edit", {"response": "Thus."})


@pytest.mark.parametrize("word", ["accept", "reject"])
def test_only_an_edit_has_texts(reviews: Reviews, word: str) -> None:
    with pytest.raises(InputError, match=f"only an edit has texts: leave them out to {word} a row"):
        reviews.decide("a", word, TEXTS)


def test_texts_come_back_as_the_file_holds_them(reviews: Reviews) -> None:
    said = TEXTS | {"Question": " É “isso”?\u2028\r\n", "Response": "half \ud83d\nof two"}
    saved = reviews.decide("a", "edit", said)
    assert (saved.question, saved.response) == ("É “isso”?", "half ?\nof two")
    assert reviews.read() == {"a": saved}


@pytest.mark.parametrize("torn", range(1, 90, 8))
def test_a_decision_torn_by_a_kill_is_as_if_it_had_not_been(reviews: Reviews, torn: int) -> None:
    first = reviews.decide("a", "accept")
    whole = reviews.path.read_bytes()
    reviews.decide("b", "reject")
    reviews.path.write_bytes(reviews.path.read_bytes()[: len(whole) + torn])
    assert reviews.read() == {"a": first}
    reviews.decide("c", "reject")
    assert list(reviews.read()) == ["a", "c"]
    assert reviews.path.read_bytes().startswith(whole)


@pytest.mark.parametrize(
    "line",
    [
        '{"key": 7}',
        '{"key": "a", "decision": "maybe", "Question": "", "Complex_CoT": "", "Response": ""}',
        '{"key": "a", "decision": "accept", "Question": "", "Complex_CoT": ""}',
        '{"key": null, "decision": "accept", "Question": "", "Complex_CoT": "", "Response": ""}',
    ],
    ids=["short", "word", "text", "key"],
)
def test_a_file_with_something_else_in_it_is_refused_in_a_sentence(reviews: Reviews, line: str) -> None:
    reviews.decide("a", "accept")
    with reviews.path.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(InputError, match=r"line 2 of .*reviews\.jsonl is no decision: mend it, or move the file away"):
        reviews.read()


def test_half_a_character_that_somebody_put_into_the_file_is_read_as_a_file_can_hold_it(reviews: Reviews) -> None:
    reviews.decide("a", "edit", {"Question": "Q @", "Complex_CoT": "C", "Response": "R"})
    reviews.path.write_text(reviews.path.read_text(encoding="utf-8").replace("@", "\\ud800"), encoding="utf-8")
    assert reviews.read()["a"].question == "Q ?"


# The choice


def test_the_choice_is_drawn_and_stays(reviews: Reviews) -> None:
    chosen = reviews.chosen(ROWS)
    assert len(set(keys(chosen))) == 20
    assert reviews.chosen(ROWS[::-1]) == chosen
    assert Reviews(reviews.path).chosen(ROWS) == chosen
    assert set(keys(replace(reviews, seed=1).chosen(ROWS))) != set(keys(chosen))
    assert 20 < sum(ROWS.index(row) for row in chosen) / 20 < 80


@pytest.mark.parametrize(("number", "given"), [(0, 0), (-1, 0), (1, 1), (7, 7), (100, 100), (500, 100)])
def test_so_many_are_chosen(reviews: Reviews, number: int, given: int) -> None:
    assert len(reviews.chosen(ROWS, number)) == given
    assert keys(reviews.chosen(ROWS, 100))[:given] == keys(reviews.chosen(ROWS, number))


def test_a_row_that_comes_twice_is_chosen_once(reviews: Reviews) -> None:
    assert len(reviews.chosen([*ROWS[:5], *ROWS[:5]])) == 5
    assert reviews.chosen([]) == []


@pytest.mark.parametrize("word", ["accept", "reject"])
def test_decisions_do_not_change_the_choice(reviews: Reviews, word: str) -> None:
    chosen = reviews.chosen(ROWS)
    for place, row in enumerate(chosen):
        assert reviews.left(chosen) == chosen[place:]
        reviews.decide(row["key"], word)
        assert reviews.chosen(ROWS) == chosen
    assert reviews.left(chosen) == []


def test_what_is_decided_stays_when_more_rows_come(reviews: Reviews) -> None:
    few = reviews.chosen(ROWS[:30])
    for row in few[:12]:
        reviews.decide(row["key"], "accept")
    many = reviews.chosen(ROWS)
    assert len(many) == 20
    assert set(keys(few[:12])) <= set(keys(many)) != set(keys(few))
    assert len(reviews.left(many)) == 8


def test_no_more_than_so_many_though_more_are_decided(reviews: Reviews) -> None:
    for row in ROWS[:30]:
        reviews.decide(row["key"], "accept")
    chosen = reviews.chosen(ROWS)
    assert len(chosen) == 20
    assert set(keys(chosen)) < set(keys(ROWS[:30]))


def test_decisions_about_other_rows_take_no_place(reviews: Reviews) -> None:
    chosen = reviews.chosen(ROWS)
    for number in range(40):
        reviews.decide(f"of-another-model-{number}", "accept")
    assert reviews.chosen(ROWS) == chosen
    assert reviews.tally(chosen) == Tally(20, 0, 0, 0)


def test_decisions_are_counted(reviews: Reviews) -> None:
    for row, word in zip(ROWS, ["accept"] * 5 + ["edit"] + ["reject"] * 2 + ["accept"], strict=False):
        reviews.decide(row["key"], word, TEXTS if word == "edit" else None)
    reviews.decide(ROWS[8]["key"], "reject")
    assert reviews.tally(ROWS) == Tally(100, accepted=5, edited=1, rejected=3)
    assert reviews.tally(ROWS).decided == 9
    assert reviews.tally([*ROWS[:5], *ROWS[:1]]) == Tally(5, 5, 0, 0)


# A row as it stands


def test_an_edit_names_only_what_changes(reviews: Reviews) -> None:
    row = ROWS[0]
    saved = reviews.judge(row, "edit", {"Response": " Thus. "})
    assert as_it_stands(row, saved) == {field: row[field] for field in FIELDS} | {"Response": "Thus."}
    again = reviews.judge(row, "edit", {"Question": "Why?"})
    assert (again.question, again.reasoning, again.response) == ("Why?", row["Complex_CoT"], "Thus.")
    assert reviews.read() == {row["key"]: again}


def test_who_accepts_an_edited_row_keeps_the_edit(reviews: Reviews) -> None:
    saved = reviews.judge(ROWS[0], "edit", TEXTS)
    assert reviews.judge(ROWS[0], "accept") == saved
    assert reviews.judge(ROWS[0], "reject").decision == "reject"
    assert reviews.judge(ROWS[0], "accept") == Decision(ROWS[0]["key"], "accept")


def test_an_edit_that_changes_nothing_accepts(reviews: Reviews) -> None:
    row = ROWS[0]
    as_written = {field: f" {row[field]}\n" for field in FIELDS}
    assert reviews.judge(row, "edit", as_written).decision == "accept"
    reviews.judge(row, "edit", TEXTS)
    assert reviews.judge(row, "edit", as_written).decision == "accept"


def test_an_edit_is_kept_where_the_rows_hold_it_already(reviews: Reviews) -> None:
    saved = reviews.judge(ROWS[0], "edit", TEXTS)
    sifted = ROWS[0] | TEXTS
    assert reviews.judge(sifted, "edit", TEXTS) == saved
    assert reviews.judge(sifted, "accept") == saved


def test_an_edit_needs_texts_here_too(reviews: Reviews) -> None:
    with pytest.raises(InputError, match="Question is empty"):
        reviews.judge(ROWS[0], "edit")
    with pytest.raises(InputError, match="Response is empty"):
        reviews.judge(ROWS[0], "edit", {"Response": " "})


# Names


def test_a_row_is_found_by_its_name_or_key() -> None:
    for row in ROWS:
        assert find(ROWS, name(row["key"])) is find(ROWS, row["key"]) is row


def test_a_name_that_is_part_of_another_is_found() -> None:
    short, long = ROWS[0] | {"key": "row-1"}, ROWS[1] | {"key": "row-11"}
    assert find([long, short], "row-1") is short


@pytest.mark.parametrize(("said", "why"), [("zz", "no row is called 'zz'"), ("", "no row is"), ("row", "several rows")])
def test_a_name_of_no_row_is_refused(said: str, why: str) -> None:
    rows = [row | {"key": f"row-{number}"} for number, row in enumerate(ROWS)]
    with pytest.raises(InputError, match=why):
        find(rows, said)
