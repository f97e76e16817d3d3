import html
import itertools
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amazon_ft.comparison import marked, segments
from amazon_ft.retrieval.quoting import facts

TRUE = "A kettle of 1.7 liters with a cool handle."
ENTRY = f"B07 Kettle KT-17, 30 cm {TRUE}"


def checked(answer: str, source: str) -> dict[str, bool]:
    return {fact.text: fact.in_source for fact in facts(answer, source)}


def plain(marked_text: str) -> str:
    return html.unescape(re.sub(r"</?mark[^>]*>", "", marked_text))


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


def test_segments_tell_what_differs_what_is_found_and_what_is_invented() -> None:
    assert segments(
        TRUE, "A kettle KT-17 of 1.7 pounds, 42 of them.", checked("A kettle KT-17 of 1.7 pounds, 42 of them.", ENTRY)
    ) == [
        ("", "A kettle "),
        ("found", "KT-17"),
        ("", " of "),
        ("found", "1.7"),
        ("", " "),
        ("differs", "pounds"),
        ("", ", "),
        ("invented", "42"),
        ("", " "),
        ("differs", "of them"),
        ("", "."),
    ]


def test_a_fact_that_the_entry_holds_is_found_even_where_the_true_description_lacks_it() -> None:
    assert ("found", "30") in segments(TRUE, "It is 30 cm", checked("It is 30 cm", ENTRY))


def test_a_code_is_one_segment_and_a_number_inside_it_is_none() -> None:
    assert segments("", "SP-857 and b07", checked("SP-857 and b07", ENTRY)) == [
        ("invented", "SP-857"),
        ("", " and "),
        ("found", "b07"),
    ]


def test_measures_on_both_sides_of_a_times_sign_are_told_apart() -> None:
    assert segments("", "2x30", checked("2x30", ENTRY)) == [("invented", "2"), ("", "x"), ("found", "30")]


def test_a_fact_that_was_not_checked_is_not_marked_as_one() -> None:
    assert segments("It is Paris", "It is 42", {}) == [("", "It is "), ("differs", "42")]


def test_without_a_reference_no_difference_is_marked() -> None:
    assert segments("", "Tea of 30 cm", checked("Tea of 30 cm", ENTRY)) == [
        ("", "Tea of "),
        ("found", "30"),
        ("", " cm"),
    ]


def test_an_empty_answer_has_no_segments() -> None:
    assert segments(TRUE, "", {}) == []


@given(st.text(), st.text(), st.text())
def test_segments_join_to_the_answer_and_neighbours_differ(reference: str, answer: str, source: str) -> None:
    runs = segments(reference, answer, checked(answer, source))
    assert "".join(text for _, text in runs) == answer
    assert all(text for _, text in runs)
    assert all(one[0] != other[0] for one, other in itertools.pairwise(runs))


@given(st.lists(st.sampled_from(["tea", "SP-857", "12", "1,5", "2x4", "_", "b07", "10mm"])).map(" ".join))
def test_a_text_that_is_its_own_source_has_only_found_facts(text: str) -> None:
    assert {kind for kind, _ in segments(text, text, checked(text, text))} <= {"", "found"}
