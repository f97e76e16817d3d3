"""The review cell without a browser, pressed and filled by hand, its HTML read; and the path without widgets."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import drafting
import ipywidgets
import pytest

from amazon_ft import panel as house
from amazon_ft.files import InputError
from amazon_ft.panel import drafts, labels
from amazon_ft.panel.controls import AWAY, OFF, Command
from amazon_ft.panel.reviewing import Review
from amazon_ft.reasoning.authors import FIELDS, Decision
from amazon_ft.reasoning.reviews import Reviews, name

ROWS = drafting.rows()
FORMS = {"question": "Question", "reasoning": "Complex_CoT", "response": "Response"}


class Clock:
    """Tell a time that goes on by a while at each look, or stands still."""

    def __init__(self, step: float = 1.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.fixture
def reviews(tmp_path: Path) -> Reviews:
    return Reviews(tmp_path / "run" / "reviews.jsonl")


@pytest.fixture
def review(reviews: Reviews) -> Review:
    return Review(ROWS, reviews, drafting.faults, clock=Clock())


def read(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


def press(review: Review, *names: str) -> None:
    for each in names:
        review.buttons[each].click()


def order(review: Review, *said: str) -> None:
    for each in said:
        review.command.control.value = each
        enter(review)


def enter(review: Review) -> None:
    data = {"method": "custom", "content": {"event": "submit"}}
    review.command.control._handle_msg({"content": {"data": data}, "buffers": []})


def write(review: Review, **texts: str) -> None:
    for each, said in texts.items():
        review.areas[FORMS[each]].value = said


def shows(review: Review, row: dict[str, Any]) -> bool:
    return f"Row {name(row['key'])}" in read(review.row.value)


def is_off(review: Review, *names: str) -> bool:
    [off] = {OFF in review.buttons[each]._dom_classes for each in names}
    return off


def words(reviews: Reviews) -> list[str]:
    return [json.loads(line)["decision"] for line in reviews.path.read_text().splitlines()]


def every(widget: Any) -> list[Any]:
    return [widget, *(one for child in getattr(widget, "children", ()) for one in every(child))]


# Decide


def test_one_accepts_with_a_press_each(review: Review, reviews: Reviews) -> None:
    chosen = reviews.chosen(ROWS)
    for number, row in enumerate(chosen):
        assert shows(review, row)
        assert f"{number} of 20: {number} accepted, 0 edited, 0 rejected" in review.progress.value
        press(review, "accept")
        assert list(reviews.read()) == [each["key"] for each in chosen[: number + 1]]
    assert labels.EN.all_reviewed in review.row.value
    assert is_off(review, "accept", "edit", "reject", "skip")
    press(review, "accept")
    assert labels.EN.all_reviewed in review.status
    press(review, "edit", "skip")
    assert len(words(reviews)) == 20


def test_a_row_is_shown_with_its_product_and_nothing_of_it_is_markup(review: Review, reviews: Reviews) -> None:
    row = reviews.chosen(ROWS)[0]
    text = read(review.row.value)
    assert all(said in text for said in (row["title"], row["content"], row["uid"], *(row[each] for each in FIELDS)))
    assert "<b>" not in review.row.value


def test_numbers_are_checked_against_the_entry() -> None:
    right, wrong = ROWS[4], ROWS[3]
    assert '<mark class="aft-found">6</mark> litres' in drafts.draft(right, None, labels.EN)
    assert '<mark class="aft-invented">' not in drafts.draft(right, None, labels.EN).split("aft-legend")[0]
    shown = str(drafts.draft(wrong, None, labels.EN))
    assert '<mark class="aft-invented">75</mark> litres' in shown
    assert '<mark class="aft-found">3</mark>' in shown


@pytest.mark.parametrize(
    ("said", "invented"),
    [
        ("1. First.\n 2) Second.\nStep 7: third. Etapa 8.", []),
        ("It costs 30.", ["30"]),
        ("There are 5 reasons, and it costs 19,50.", []),
        ("1. It has 1 lid.", ["1"]),
        ("At $19.50, a KX-40.", ["KX-40"]),
        ("The Odell kettle No. 0, B000000000", []),
    ],
)
def test_what_counts_steps_is_no_fact(said: str, invented: list[str]) -> None:
    shown = str(drafts.draft(ROWS[0] | {"Complex_CoT": said}, None, labels.EN)).split("aft-legend")[0]
    found = set(re.findall('<mark class="aft-invented">([^<]*)', shown))
    assert found == set(invented)


def test_rows_without_any_end_are_said(reviews: Reviews) -> None:
    review = Review([], reviews)
    assert labels.EN.nothing_to_review in review.row.value
    for each in review.buttons:
        press(review, each)
    assert labels.EN.edit_first in review.status
    order(review, "a")
    assert labels.EN.nothing_to_review in review.status
    assert not reviews.path.exists()


def test_fewer_rows_than_asked_for(reviews: Reviews) -> None:
    assert "0 of 3:" in Review(ROWS[:3], reviews).progress.value
    assert "0 of 7:" in Review(ROWS, reviews, number=7).progress.value


def test_what_is_done_after_each_decision_finds_it_saved(reviews: Reviews) -> None:
    seen = list[int]()
    review = Review(ROWS, reviews, clock=Clock(), done=lambda: seen.append(len(reviews.read())))
    press(review, "accept", "reject", "skip", "back", "edit", "cancel", "edit")
    write(review, response="Thus.")
    press(review, "save")
    assert seen == [1, 2, 3]


def test_a_decision_stays_though_what_follows_fails(reviews: Reviews) -> None:
    def fail() -> None:
        raise OSError("no <room> left")

    review = Review(ROWS, reviews, clock=Clock(), done=fail)
    press(review, "accept")
    assert "That did not work: no &lt;room&gt; left" in review.status
    assert words(reviews) == ["accept"]
    assert shows(review, reviews.chosen(ROWS)[1])


def test_a_decision_that_cannot_be_saved_is_said_and_the_row_stays(review: Review, reviews: Reviews) -> None:
    reviews.path.mkdir(parents=True)
    press(review, "accept")
    assert "That did not work" in review.status
    reviews.path.rmdir()
    assert shows(review, reviews.chosen(ROWS)[0])
    press(review, "accept")
    assert words(reviews) == ["accept"]
    assert "did not work" not in review.status


# Back, skip, again


def test_a_row_is_looked_at_again_and_decided_anew(review: Review, reviews: Reviews) -> None:
    chosen = reviews.chosen(ROWS)
    press(review, "accept", "reject", "accept", "back", "back")
    assert shows(review, chosen[1])
    assert labels.EN.decisions["reject"] in review.row.value
    press(review, "accept")
    assert shows(review, chosen[3])
    assert "3 of 20: 3 accepted, 0 edited, 0 rejected" in review.progress.value
    assert words(reviews) == ["accept", "reject", "accept", "accept"]


def test_before_the_first_row_there_is_none(review: Review, reviews: Reviews) -> None:
    assert is_off(review, "back")
    press(review, "back")
    assert labels.EN.first_row in review.status
    press(review, "accept")
    assert not is_off(review, "back")
    assert labels.EN.first_row not in review.status
    press(review, "back")
    assert shows(review, reviews.chosen(ROWS)[0])
    assert is_off(review, "back")


def test_skipped_rows_come_last(review: Review, reviews: Reviews) -> None:
    chosen = reviews.chosen(ROWS)
    press(review, "skip", "skip")
    assert shows(review, chosen[2])
    press(review, *["accept"] * 18)
    assert shows(review, chosen[0])
    press(review, "skip")
    assert shows(review, chosen[1])
    press(review, "reject")
    assert shows(review, chosen[0])
    press(review, "skip")
    assert labels.EN.last_row in review.status
    assert shows(review, chosen[0])
    press(review, "accept")
    assert labels.EN.all_reviewed in review.row.value


def test_one_steps_on_through_decided_rows(review: Review, reviews: Reviews) -> None:
    chosen = reviews.chosen(ROWS)
    press(review, "accept", "accept", "accept", "back", "back", "back", "skip")
    assert shows(review, chosen[1])
    press(review, "skip", "skip")
    assert shows(review, chosen[3])


def test_one_comes_back_after_a_restart(review: Review, reviews: Reviews) -> None:
    chosen = reviews.chosen(ROWS)
    press(review, "accept", "skip", "reject")
    after = Review(ROWS, Reviews(reviews.path), clock=Clock())
    assert "2 of 20: 1 accepted, 0 edited, 1 rejected" in after.progress.value
    assert shows(after, chosen[1])
    press(after, "accept")
    assert shows(after, chosen[3])
    press(after, "back", "back")
    assert shows(after, chosen[0])
    assert labels.EN.decisions["accept"] in after.row.value


def test_all_decided_rows_can_be_looked_at_after_a_restart(reviews: Reviews) -> None:
    for row in ROWS:
        reviews.decide(row["key"], "accept")
    review = Review(ROWS, reviews, clock=Clock())
    assert labels.EN.all_reviewed in review.row.value
    press(review, "back")
    last = reviews.chosen(ROWS)[-1]
    assert shows(review, last)
    press(review, "reject")
    assert reviews.read()[last["key"]].decision == "reject"
    assert labels.EN.all_reviewed in review.row.value
    press(review, "back", "back", "skip")
    assert shows(review, last)
    press(review, "skip")
    assert labels.EN.all_reviewed in review.row.value


def test_what_another_window_decided_is_passed_over(review: Review, reviews: Reviews) -> None:
    chosen = reviews.chosen(ROWS)
    reviews.decide(chosen[1]["key"], "reject")
    press(review, "accept")
    assert shows(review, chosen[2])
    assert "2 of 20" in review.progress.value


# Edit


def test_an_edit_is_written_into_three_areas_and_saved(review: Review, reviews: Reviews) -> None:
    row = reviews.chosen(ROWS)[0]
    assert review._fields.layout.display == "none"
    assert AWAY in review._end._dom_classes
    assert is_off(review, "save", "cancel")
    press(review, "edit")
    assert review._fields.layout.display is None
    assert AWAY not in review._end._dom_classes
    assert not is_off(review, "save", "cancel")
    assert {each: area.value for each, area in review.areas.items()} == {each: row[each] for each in FIELDS}
    assert shows(review, row)
    write(review, response="It holds <b>two</b> litres.")
    press(review, "save")
    edited = Decision(row["key"], "edit", row["Question"], row["Complex_CoT"], "It holds <b>two</b> litres.")
    assert reviews.read() == {row["key"]: edited}
    assert review._fields.layout.display == "none"
    assert "1 of 20: 0 accepted, 1 edited, 0 rejected" in review.progress.value
    press(review, "back")
    assert "It holds &lt;b&gt;two&lt;/b&gt; litres." in review.row.value
    assert f"<summary>{labels.EN.original}</summary>" in review.row.value
    assert row["Response"] in read(review.row.value)
    press(review, "edit")
    assert review.areas["Response"].value == "It holds <b>two</b> litres."
    press(review, "cancel", "accept")
    assert reviews.read() == {row["key"]: edited}


def test_an_edit_with_faults_says_why_and_stays_open(review: Review, reviews: Reviews) -> None:
    press(review, "edit")
    write(review, reasoning="As the description says, it is so.")
    press(review, "save")
    assert labels.EN.not_saved in review.status
    assert "<li>&lt;Complex_CoT&gt; cites a context</li>" in review.status
    assert not reviews.path.exists()
    assert not is_off(review, "save")
    assert review.areas["Complex_CoT"].value == "As the description says, it is so."
    write(review, reasoning="It is so.")
    press(review, "save")
    assert review.status == str(labels_said())
    assert words(reviews) == ["edit"]


def labels_said() -> str:
    from amazon_ft.panel.pieces import said

    return str(said("en", ""))


def test_an_empty_text_is_not_saved(review: Review, reviews: Reviews) -> None:
    press(review, "edit")
    write(review, question=" \n")
    press(review, "save")
    assert "Question is empty" in review.status
    assert not reviews.path.exists()
    assert not is_off(review, "save")


def test_cancel_leaves_all_as_it_was(review: Review, reviews: Reviews) -> None:
    row = reviews.chosen(ROWS)[0]
    press(review, "edit")
    write(review, question="Else?")
    press(review, "cancel")
    assert not reviews.path.exists()
    assert shows(review, row)
    press(review, "edit")
    assert review.areas["Question"].value == row["Question"]


def test_while_one_edits_nothing_else_happens(review: Review, reviews: Reviews) -> None:
    press(review, "accept", "edit")
    write(review, question="Else?")
    assert is_off(review, "accept", "edit", "reject", "back", "skip")
    for each in ("accept", "edit", "reject", "back", "skip"):
        press(review, each)
        assert labels.EN.save_first in review.status
    assert review.areas["Question"].value == "Else?"
    assert words(reviews) == ["accept"]


@pytest.mark.parametrize("name", ["save", "cancel"])
def test_without_an_edit_there_is_nothing_to_save(review: Review, reviews: Reviews, name: str) -> None:
    press(review, name)
    assert labels.EN.edit_first in review.status
    assert not reviews.path.exists()


def test_an_edit_that_changes_nothing_accepts(review: Review, reviews: Reviews) -> None:
    press(review, "edit", "save")
    assert words(reviews) == ["accept"]


def test_letters_that_come_after_save_are_saved_too(reviews: Reviews) -> None:
    seen = list[int]()
    review = Review(ROWS, reviews, drafting.faults, clock=Clock(), done=lambda: seen.append(1))
    row, following = reviews.chosen(ROWS)[:2]
    press(review, "edit")
    write(review, response="It holds two lit")
    press(review, "save")
    write(review, response="It holds two litres.")
    assert reviews.read()[row["key"]].response == "It holds two litres."
    assert list(reviews.read()) == [row["key"]]
    assert len(seen) == 2
    assert shows(review, following)
    write(review, response="It holds two litres, as the description says.")
    assert labels.EN.not_saved in review.status
    assert reviews.read()[row["key"]].response == "It holds two litres."


def test_letters_that_come_after_cancel_or_the_next_decision_are_nobodys(review: Review, reviews: Reviews) -> None:
    press(review, "edit", "cancel")
    write(review, response="Late.")
    assert not reviews.path.exists()
    press(review, "edit")
    write(review, response="Once.")
    press(review, "save", "accept")
    write(review, response="Late.")
    assert words(reviews) == ["edit", "accept"]
    press(review, "edit", "cancel")
    assert words(reviews) == ["edit", "accept"]


def test_the_next_edit_begins_with_its_own_texts_and_saves_nothing(review: Review, reviews: Reviews) -> None:
    press(review, "edit")
    write(review, response="Thus.")
    press(review, "save", "edit")
    assert review.areas["Response"].value == reviews.chosen(ROWS)[1]["Response"]
    assert [decision.response for decision in reviews.read().values()] == ["Thus."]
    assert words(reviews) == ["edit"]


def test_faults_are_those_of_what_would_be_saved(reviews: Reviews) -> None:
    seen = list[dict[str, str]]()

    def faults(texts: dict[str, str], row: dict[str, Any]) -> list[str]:
        seen.append(texts | {"uid": row["uid"]})
        return []

    review, row = Review(ROWS, reviews, faults, clock=Clock()), reviews.chosen(ROWS)[0]
    press(review, "edit")
    write(review, response=" Thus.\n")
    press(review, "save")
    assert seen == [{each: row[each] for each in ("Question", "Complex_CoT", "uid")} | {"Response": "Thus."}]


# The keyboard


def test_letters_decide(review: Review, reviews: Reviews) -> None:
    row = reviews.chosen(ROWS)[3]
    order(review, "a", "R", " s ", "e")
    write(review, response="Thus.")
    order(review, "s", "b", "b", "skip", "Accept")
    assert words(reviews) == ["accept", "reject", "edit", "accept"]
    assert reviews.read()[row["key"]].response == "Thus."
    assert review.command.control.value == ""


def test_s_saves_while_one_edits_and_skips_otherwise(review: Review, reviews: Reviews) -> None:
    order(review, "e", "c", "s")
    assert shows(review, reviews.chosen(ROWS)[1])
    order(review, "e", "a")
    assert labels.EN.save_first in review.status
    order(review, "c", "c")
    assert labels.EN.edit_first in review.status
    assert not reviews.path.exists()


@pytest.mark.parametrize("said", ["x", "aa", "<b>", "1", "ä"])
def test_another_letter_is_answered_with_those_there_are(review: Review, reviews: Reviews, said: str) -> None:
    order(review, said)
    assert f"“{said}” is none of these: a accept" in read(review.status)
    assert shows(review, reviews.chosen(ROWS)[0])
    order(review, "e", said)
    assert f"“{said}” is none of these: s save" in read(review.status)
    assert not reviews.path.exists()


@pytest.mark.parametrize("language", ["en", "pt"])
def test_each_letter_means_one_thing_and_is_told(language: str) -> None:
    words = labels.of(language)
    for editing, names in ((False, drafts.LETTERS), (True, drafts.EDIT_LETTERS)):
        told = [part.split() for part in drafts.letters(editing, words).split(" · ")[:-1]]
        assert [drafts.meant(letter, editing, words) for letter, _ in told] == list(names)
        assert [word for _, word in told] == [getattr(words, each).casefold() for each in names]


def test_enter_alone_or_held_down_decides_nothing(review: Review, reviews: Reviews) -> None:
    for _ in range(5):
        enter(review)
    assert not reviews.path.exists()
    order(review, "a")
    for _ in range(50):
        enter(review)
    assert words(reviews) == ["accept"]


@pytest.mark.parametrize(("after", "heard"), [(0.4, ["a"]), (0.6, [])])
def test_a_letter_that_enter_overtook_is_heard(after: float, heard: list[str]) -> None:
    said, clock = list[str](), Clock(0)
    command = Command(said.append, clock)
    data = {"method": "custom", "content": {"event": "submit"}}
    command.control._handle_msg({"content": {"data": data}, "buffers": []})
    clock.now += after
    command.control.value = "a"
    assert said == heard
    assert command.control.value == ("" if heard else "a")
    command.control.value = "b"
    assert said == heard


def test_a_key_held_down_decides_once(reviews: Reviews) -> None:
    clock = Clock(0)
    review = Review(ROWS, reviews, clock=clock)
    clock.now += 1
    for _ in range(100):
        press(review, "accept")
        clock.now += 0.033
    assert words(reviews) == ["accept"]
    assert labels.EN.too_soon in review.status
    clock.now += 0.71
    press(review, "reject")
    assert words(reviews) == ["accept", "reject"]
    assert labels.EN.too_soon not in review.status


def test_a_key_held_down_on_save_does_not_accept_the_next_row(reviews: Reviews) -> None:
    clock = Clock(0)
    review = Review(ROWS, reviews, clock=clock)
    press(review, "edit")
    write(review, response="Thus.")
    clock.now += 1
    press(review, "save")
    for _ in range(100):  # version 8 has moved the keyboard there
        clock.now += 0.033
        press(review, "accept")
    assert words(reviews) == ["edit"]


def test_a_decision_before_anybody_can_have_read_is_none(reviews: Reviews) -> None:
    clock = Clock(0)
    review = Review(ROWS, reviews, clock=clock)
    clock.now = 0.69
    press(review, "accept")
    assert not reviews.path.exists()
    clock.now = 1.4
    press(review, "accept")
    assert words(reviews) == ["accept"]
    press(review, "skip", "back", "edit", "cancel")  # these do no harm
    assert labels.EN.too_soon not in review.status


@pytest.mark.parametrize("by_letter", [False, True], ids=["button", "letter"])
def test_the_keyboard_goes_back_to_where_it_came_from(
    review: Review, by_letter: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    focused = list[Any]()
    monkeypatch.setattr("amazon_ft.panel.controls.focus", focused.append)
    do = order if by_letter else press
    do(review, "accept", "edit")
    write(review, response="Thus.")
    do(review, "save", "edit", "cancel")
    home = review.command.control if by_letter else review.buttons["accept"]
    assert focused == [home, review.areas["Question"], home, review.areas["Question"], home]


def test_a_button_pressed_after_a_letter_takes_the_keyboard(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    focused = list[Any]()
    monkeypatch.setattr("amazon_ft.panel.controls.focus", focused.append)
    order(review, "a")
    press(review, "reject")
    order(review, "a")
    letter = review.command.control
    assert focused == [letter, review.buttons["accept"], letter]


# The language, the notebook


def test_it_speaks_portuguese(reviews: Reviews) -> None:
    review = Review(ROWS, reviews, drafting.faults, "pt", clock=Clock())
    assert [button.description for button in review.buttons.values()] == [
        *("Aceitar", "Editar", "Rejeitar", "Voltar", "Pular"),
        *("Salvar", "Cancelar"),
    ]
    order(review, "a", "p", "v", "e")
    write(review, response="Assim.")
    order(review, "s", "r", "s")
    assert labels.PT.edit_first in review.status
    assert words(reviews) == ["accept", "edit", "reject"]
    assert "3 de 20: aceitas 1, editadas 1, rejeitadas 1" in review.progress.value
    said = {"description", "placeholder", "value"}
    texts = [
        read(getattr(one, each, "")) for one in every(review.box) for each in said if "style>" not in one_value(one)
    ]
    for english in ("Question", "Reasoning", "Response", "Product", "Accept", "Row ", "found in the source"):
        assert not [text for text in texts if english in text]
    assert [text for text in texts if "Raciocínio" in text and "número que está na fonte" in text]


def one_value(widget: Any) -> str:
    return str(getattr(widget, "value", ""))


def test_another_language_is_refused(reviews: Reviews) -> None:
    with pytest.raises(InputError, match="speaks en and pt, not 'fr'"):
        Review(ROWS, reviews, language="fr")


def test_every_control_has_a_name(review: Review) -> None:
    kinds = ipywidgets.Button | ipywidgets.Text | ipywidgets.Textarea
    named = [one for one in every(review.box) if isinstance(one, kinds)]
    assert len(named) == 11
    assert all(one.description.strip() for one in named)


def test_decisions_leave_no_widgets_behind(review: Review) -> None:
    before = len(ipywidgets.widgets.widget._instances)
    press(review, "accept", "edit", "cancel", "reject", "back", "skip")
    assert len(ipywidgets.widgets.widget._instances) == before


def test_a_notebook_shows_the_widgets(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    displayed = list[object]()
    monkeypatch.setattr("IPython.display.display", displayed.append)
    review._ipython_display_()
    assert displayed == [review.box]


def test_without_ipywidgets_the_path_without_widgets_works() -> None:
    code = (
        "import sys; sys.modules['ipywidgets'] = None\n"
        "from amazon_ft import panel; print(panel.next_row, panel.decide, panel.Reviews)\n"
        "try: panel.Review\n"
        "except ImportError: print('no review')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("no review\n")
    assert house.Review is Review


# Without widgets


def name_of(shown: Any) -> str:
    return re.findall(r"Row (\w+)", repr(shown))[0]


def test_rows_are_decided_one_by_one_without_widgets(reviews: Reviews) -> None:
    seen = list[int]()
    for place, row in enumerate(reviews.chosen(ROWS, 4)):
        shown = house.next_row(ROWS, reviews, number=4)
        assert all(said in repr(shown) for said in (row["title"], row["content"], *(row[each] for each in FIELDS)))
        assert f"{place} of 4: {place} accepted" in repr(shown)
        assert row["title"] in read(shown.html)
        assert "<b>" not in shown.html
        told = house.decide(ROWS, reviews, name_of(shown), "accept", done=lambda: seen.append(len(reviews.read())))
        assert repr(told).startswith("You accepted this row.")
        assert "You accepted this row." in told.html
    assert seen == [1, 2, 3, 4]
    last = house.next_row(ROWS, reviews, number=4)
    assert repr(last) == "All rows have a decision.\n4 of 4: 4 accepted, 0 edited, 0 rejected"
    assert "4 of 4" in last.html


def test_a_row_is_edited_and_decided_anew_without_widgets(reviews: Reviews) -> None:
    row = name_of(house.next_row(ROWS, reviews))
    told = house.decide(ROWS, reviews, row, edit={"Response": "Thus."}, faults=drafting.faults)
    assert "You edited this row." in repr(told)
    assert "Response: Thus." in repr(told)
    house.decide(ROWS, reviews, row, edit={"Question": "Why?"})
    [decision] = reviews.read().values()
    assert (decision.question, decision.response) == ("Why?", "Thus.")
    assert "You rejected" in repr(house.decide(ROWS, reviews, decision.key, "reject"))
    assert words(reviews) == ["edit", "edit", "reject"]
    assert name_of(house.next_row(ROWS, reviews)) != row


@pytest.mark.parametrize(
    ("decision", "edit", "why"),
    [
        ("", None, 'decide "accept" or "reject", or give edit={"Response": ...}: one of the three'),
        ("edit", None, 'decide "accept" or "reject", or give edit='),
        ("accept", {"Response": "Thus."}, 'decide "accept" or "reject", or give edit='),
        ("keep", None, "a decision is accept, edit or reject, not 'keep'"),
        ("", {"Answer": "Thus."}, "a row has no text 'Answer'"),
        ("", {"Response": " "}, "Response is empty"),
        ("", {}, None),
        ("", {"Response": "As the description says."}, r"not saved, as the rules .* \(<Response> cites a context\)"),
    ],
)
def test_what_is_no_decision_is_refused_in_a_sentence(
    reviews: Reviews, decision: str, edit: dict[str, str] | None, why: str | None
) -> None:
    row = name_of(house.next_row(ROWS, reviews))
    if why is None:
        house.decide(ROWS, reviews, row, decision, edit=edit, faults=drafting.faults)
        assert words(reviews) == ["accept"]
        return
    with pytest.raises(InputError, match=why.replace("(", "\\(").replace("{", "\\{") if "edit=" in why else why):
        house.decide(ROWS, reviews, row, decision, edit=edit, faults=drafting.faults)
    assert not reviews.path.exists()


def test_a_row_of_another_name_is_refused(reviews: Reviews) -> None:
    with pytest.raises(InputError, match="no row is called 'zz': take the name that next_row shows"):
        house.decide(ROWS, reviews, "zz", "accept")


def test_the_path_without_widgets_speaks_portuguese_and_knows_of_no_rows(reviews: Reviews) -> None:
    shown = house.next_row(ROWS, reviews, language="pt")
    assert "Resposta: " in repr(shown)
    told = house.decide(ROWS, reviews, re.findall(r"Linha (\w+)", repr(shown))[0], "accept", language="pt")
    assert "Você aceitou esta linha." in repr(told)
    assert "Ainda não há linhas para revisar." in repr(house.next_row([], reviews, language="pt"))
