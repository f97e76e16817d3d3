from __future__ import annotations

import pytest

from amazon_ft.evaluation.facts import codes, names, precision, quantities, recall


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12 ounces", "12 oz"),
        ("1,200 g and 3/4 inch", "1200 g, 0.75 inch"),
        ("5'4\" tall", "5'4 foot"),
        ("10 x 20 cm", "10 cm, 20 cm"),
        ("10x20cm", "10 cm, 20 cm"),
        ("10-20 cm, 10 a 20 cm, 10 to 20 cm", ", ".join(["10 cm, 20 cm"] * 3)),
        ("2 x 300 ml", "2, 300 ml"),
        ("born in 1982 in Quebec, a 4-in-1", "1982, 4, 1"),
        ("a 12-in. pan, 12 in.", "12 inch, 12 inch"),
        ("R$ 10,50 or US$5 or 7 euros or £3", "10.5 real, 5 dollar, 7 euro, 3 pound sterling"),
        ("pack of 6, set of 4, 6-pack, kit com 9 peças", "6 pack, 4 piece, 6 pack, 9 piece"),
        ('"Volume 3" and 19" x 12" and “Part 2” of 3”', "3, 19 inch, 12 inch, 2, 3 inch"),
        ("1 1/2-inch, 2½ cups, .5 oz, 5.0 lb", "1.5 inch, 2.5 cup, 0.5 oz, 5 lb"),
        ("SP-857 and mp3 hide no number, 10mm and 64GB are", "10 mm, 64 gb"),
        ("464-page, 100 páginas, 20%, 20 por cento", "464 page, 100 page, 20 %, 20 %"),
        ("24/7, 10/12/2004, 1.200,50, 1.200.000", "24/7, 10/12/2004, 1200.5, 1200000"),
        ("8 fl. oz of 8 fl oz", "8 fl oz, 8 fl oz"),
        ("12V, 60 W, 100 m, 100 M, 2 h, 3M, in the 1980s", "12 volt, 60 watt, 100 m, 100, 2 hour, 3, 1980"),
        ("no number at all", ""),
    ],
)
def test_numbers_are_found_with_their_units(text: str, found: str) -> None:
    assert ", ".join(f"{each.value} {each.unit}".strip() for each in quantities(text)) == found


@pytest.mark.parametrize(
    ("said", "true", "precise", "recalled"),
    [
        ("12 oz", "12 ounces", (1, 1), (1, 1)),
        ("12 oz", "12 g", (0, 1), (0, 1)),
        ("12 oz", "12 g or 12 oz", (1, 1), (1, 2)),
        ("12", "12 oz", (0, 1), (0, 1)),
        ("12 oz", "12", (1, 1), (1, 1)),
        ("12", "item 12 of 12 oz", (1, 1), (1, 2)),
        ("12 oz " * 400, "12 ounces, or 12 oz, or 3 g", (1, 1), (1, 2)),
        ("12 " * 400 + "13", "12 oz", (0, 2), (0, 1)),
        ("1200", "1,200", (1, 1), (1, 1)),
        ("120", "1,200", (0, 1), (0, 1)),
        ("none", "none", (0, 0), (0, 0)),
    ],
)
def test_different_numbers_count_once_and_need_the_unit_that_the_truth_has(
    said: str, true: str, precise: tuple[int, int], recalled: tuple[int, int]
) -> None:
    assert precision(quantities(said), quantities(true)) == precise
    assert recall(quantities(said), quantities(true)) == recalled


@pytest.mark.parametrize("number", ["9" * 400 + " 1/2", "1" * 5_000 + "/2", "1/" + "2" * 5_000])
def test_a_fraction_of_very_many_digits_stays_text(number: str) -> None:
    [found] = quantities(f"{number} cup")
    assert (found.value, found.unit) == (number, "cup")


def test_codes_stand_in_their_source_whatever_their_case() -> None:
    assert codes("An SP-85 and 12 mugs", "The SP-857") == {"SP-85": False}
    assert codes("An SP-857 and an SP-85", "The SP-857") == {"SP-857": True, "SP-85": False}
    assert codes("An mp3 player", "plays MP3") == {"mp3": True}


def test_names_are_capitalised_words_inside_a_sentence() -> None:
    text = "This mug is by Marta, of São João. It is made in Quebec, by SP-8 and Black & Decker. I am."
    assert names(text, "marta, sao joao, black") == {
        "Marta": True,
        "São": True,
        "João": True,
        "Quebec": False,
        "Black": True,
        "Decker": False,
    }
