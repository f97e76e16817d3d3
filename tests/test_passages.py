from __future__ import annotations

import time
from itertools import pairwise

import pytest

from amazon_ft.retrieval.passages import OMISSION, Passages, Span, fit, pieces, sentences

BOOK = (
    "A quiet tale of the sea. The ferryman loses his oar. It weighs 310 g and has 212 pages. "
    "Critics were kind. The strap is made of leather. Printed in Évora in 1964."
)


def split(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentences(text)]


@pytest.mark.parametrize(
    "parts",
    [
        ["One ends.", "Two ends!", "Three ends?"],
        ["Mr. Orrin met Dr. Vale at St. Bride.", "They left."],
        ["See Vol. 2 and No. 5, pp. 34, e.g. the map.", "It is old."],
        ["It weighs 2.5 kg and costs $4.99.", "A lid is included."],
        ["Made in the U.S. by Ondremar Inc. of Perth.", "Sold in the U.S.", "It lasts."],
        ["By J. K. Varrick and A. Moltrik.", "She lives in Cork."],
        ["A broken watch, a winter in Osaka...", "This tale is long."],
        ["Rain, frost, sun... and wind!", "It stands… well, most."],
        ['"What a tale!" he said.', '"Yes."', "(And more.)", "“Quite.”", "Fin."],
        ["Wait?!", "No."],
        ["1. Open the box.", "2. Close it."],
        ["Cut 10 in. deep, or pour 8 oz. Bottled oil.", "It weighs 310 g.", "Last."],
        ["Visit www.ondremar.example today.", "Ask for e.g. a lid."],
        ["Uma caneca de aço.", "É de Évora."],
        ["It has 12 parts"],
    ],
)
def test_sentences_end_where_a_reader_ends_them(parts: list[str]) -> None:
    assert split(" ".join(parts)) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("The end.Next comes this.", ["The end.", "Next comes this."]),
        ("First out in 1984.It sold.", ["First out in 1984.", "It sold."]),
        ('"A gem."Another voice.', ['"A gem."', "Another voice."]),
        ("Shades may vary .These are natural", ["Shades may vary .", "These are natural"]),
        ("A Ph.D wrote U.S.A on a 2.5L jar.", ["A Ph.D wrote U.S.A on a 2.5L jar."]),
        ("By Mr.Orrin of St.Bride.", ["By Mr.Orrin of St.Bride."]),
        ("各位好。再见！谢谢", ["各位好。", "再见！", "谢谢"]),
    ],
)
def test_glued_sentences_are_told_from_abbreviations(text: str, parts: list[str]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize(
    "text", ["", "   ", " . ", "...", "  a  ", "No end", "\n One. \t Two.\n", BOOK, "1. 2. 3.", "🙂. 🙂", '."' * 9]
)
def test_sentences_cover_everything_but_the_spaces_between(text: str) -> None:
    assert "".join("".join(split(text)).split()) == "".join(text.split())
    assert all(part and part == part.strip() for part in split(text))
    spans = sentences(text)
    assert all(left.end <= right.start for left, right in pairwise(spans))


@pytest.mark.parametrize(
    "text", ["." * 200_000 + "x", '."' * 100_000, "1. " * 66_000, "Mr. " * 50_000, "(" * 200_000, "a" * 200_000]
)
def test_no_text_costs_the_square_of_its_length(text: str) -> None:
    start = time.perf_counter()
    assert fit(text, "mr a", 400).text
    assert time.perf_counter() - start < 3


def test_pieces_split_a_long_sentence_between_words() -> None:
    text = "word " * 100 + "end. Next."
    parts = [text[span.start : span.end] for span in pieces(text, 60)]
    assert max(map(len, parts)) <= 60
    assert " ".join(parts) == text
    assert [span.end - span.start for span in pieces("x" * 25, 10)] == [10, 10, 5]


def test_a_description_that_fits_is_given_whole() -> None:
    assert fit(BOOK, "strap", len(BOOK)) == Passages(BOOK, (Span(0, len(BOOK)),), True)
    assert fit("", "", 5) == Passages("", (), True)


def test_what_serves_the_question_comes_first_and_keeps_its_order() -> None:
    chosen = fit(BOOK, "What are the pages and the straps?", 80)
    assert chosen.text == "It weighs 310 g and has 212 pages. [...] The strap is made of leather."
    assert not chosen.whole
    assert OMISSION.join(BOOK[span.start : span.end] for span in chosen.spans) == chosen.text


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    text = "The lamp is red. The lamp is big. The lamp is old. The fuse is new. The lamp is here."
    assert fit(text, "lamp fuse", 20).text == "The fuse is new."


def test_words_are_found_without_accents_case_and_endings() -> None:
    assert fit(BOOK, "EVORA", 40).text == "Printed in Évora in 1964."
    assert fit("A quiet tale. Boxes hold batteries. The end.", "battery box", 25).text == "Boxes hold batteries."


@pytest.mark.parametrize("wanted", ["", "is it the of", "what does it come with?"])
def test_the_first_sentences_are_chosen_when_nothing_is_wanted(wanted: str) -> None:
    chosen = fit(BOOK, wanted, 60)
    assert chosen.text == "A quiet tale of the sea. The ferryman loses his oar."
    assert chosen.spans == (Span(0, len(chosen.text)),)


def test_room_that_is_left_goes_to_the_first_sentences() -> None:
    assert fit(BOOK, "leather", 70).text == "A quiet tale of the sea. [...] The strap is made of leather."


def test_a_sentence_longer_than_the_limit_is_cut_at_a_word() -> None:
    text = "The long winding sentence never comes to any end at all"
    assert fit(text, "", 20).text == "The long winding"
    assert fit(text, "winding", 20).text in text
    assert fit("x" * 50, "", 20).text == "x" * 20


def test_a_part_that_counts_more_than_it_is_long_is_cut() -> None:
    text = "a b c d e f g h i j k l " + "extraordinarily-comprehensive " * 10
    assert fit(text, "", 5, lambda part: len(part.split())).text == "a b c d e"


@pytest.mark.parametrize("limit", [0, -5])
def test_no_room_gives_no_text(limit: int) -> None:
    assert fit(BOOK, "sea", limit) == Passages("", (), False)


@pytest.mark.parametrize("limit", [1, 2, 5, 13, 40, 111])
def test_a_count_of_tokens_is_never_exceeded(limit: int) -> None:
    def tokens(text: str) -> int:
        return sum(1 + len(word) // 4 for word in text.split()) + text.count(".")

    for wanted in ("", "leather strap", "pages 1964"):
        chosen = fit(BOOK * 3, wanted, limit, tokens)
        assert tokens(chosen.text) <= limit
        assert OMISSION.join((BOOK * 3)[span.start : span.end] for span in chosen.spans) == chosen.text


def test_the_longest_description_is_measured_few_times() -> None:
    text, asked = BOOK * 1_300, [0]

    def count(part: str) -> int:
        asked[0] += 1
        return len(part.split())

    assert len(text) > 197_622
    assert fit(text, "leather", 300, count).text
    assert asked[0] <= 20
