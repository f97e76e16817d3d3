from __future__ import annotations

import re
import time

import pytest

from amazon_ft.retrieval.facets import DESCRIPTION, FACETS, Facet
from amazon_ft.sample.catalogue import products

SENTENCES = {
    "price": (
        [
            "Loamwright sells this rake at $14.99.",
            "The list price is $5.",
            "It holds 2 L and costs $40.99.",
            "Price: $9.99.",
        ],
        [
            "He stole $5 million from a bank.",
            "It was sold for cash.",
            "A bargain in every way.",
            "The price of love is high.",
        ],
    ),
    "weight": (
        ["It weighs 820 g and is red.", "Length 150 mm, weight 2 kg.", "Weight: 6.6 lbs.", "A box weighing 12-ounces."],
        ["It carries up to 40 kg.", "He lost a lot of weight.", "Lose weight in 30 days.", "She weighs her words."],
    ),
    "size": (
        [
            "It measures 62 × 40 cm.",
            "The vice is 240 mm long.",
            'Size: 2 x 4 x 1/2".',
            "A box 9-inch high.",
            "Length 150 mm, weight 2 kg.",
        ],
        ["A story of some length.", "It is a measure of her talent.", "Comes in two sizes.", "Drive 20 miles by car."],
    ),
    "colour": (
        [
            "Color: Black",
            "The grip is teal and the price is low.",
            "This red kettle of enamel is new.",
            "Available in red and blue.",
        ],
        ["A black comedy of manners.", "In clear and simple words.", "The White House of old.", "Filmed in color."],
    ),
    "material": (
        [
            "It's made of cast iron.",
            "Made in Cork from bamboo, it lasts.",
            "Material: ABS",
            "It's 70% wool.",
            "Sewn in Graz from 60% linen.",
        ],
        ["She is made of tears.", "This book has good material.", "A study of the iron age.", "Paper money in Leeds."],
    ),
    "author": (
        [
            "A story by Marta Imbrogden, 292 pages.",
            "Illustrated by Odelle Quorle.",
            "This kettle by Pellgrove holds 2 L.",
            "Pellgrove makes this jug of tin.",
        ],
        ["She was stunned by Leeds.", "It happened by night.", "Written by hand.", "He sat by the fire."],
    ),
    "length": (
        [
            "It has 208 pages and 3 maps.",
            "Playing time: 72 minutes.",
            "A 70-minute film.",
            "Here are 12 tracks.",
            "A 256-page course.",
        ],
        [
            "Bake it for 15 minutes.",
            "The cartridge yields 300 pages.",
            "Turn the pages slowly.",
            "5 minutes to file all.",
        ],
    ),
    "date": (
        [
            "It was first printed in 1961.",
            "Recorded in Porto in 1988.",
            "An Italian film of 1980.",
            "First published May 3, 1999.",
        ],
        [
            "The war of 1914 changed him.",
            "He was born in 1950.",
            "Copyright 1987 Reed Business Information",
            "Printed on 1950 sheets.",
        ],
    ),
    "warranty": (
        [
            "It has a 7-year warranty.",
            "Loamwright guarantees this rake for 5 years.",
            "A lifetime guarantee.",
            "Money-back promise.",
        ],
        [
            "We guarantee that you laugh.",
            "He had no warrant.",
            "This does not come with a warranty card.",
            "Results are guaranteed.",
        ],
    ),
    "age": (
        [
            "For children of 3-6 years.",
            "Ages 3-6.",
            "The top suits 4-7 years.",
            "Intended for ages 8 and up.",
            "Gr. 3-7.",
        ],
        ["The Middle Ages were long.", "Two years ago.", "Seen through the ages.", "With 10-20 years of experience."],
    ),
    "format": (
        ["Now on VHS.", "The CD comes with a 20-page booklet.", "Paperback, 200 pages.", "Two cassettes in a case."],
        ["A rack for discs.", "Works with most CD players.", "A book by any name.", "Cassette players wanted."],
    ),
    "pack": (
        [
            "It ships in packs of 12.",
            "Package includes a lid.",
            "Pack of 6",
            "It has 40 pieces of beech.",
            "Includes 12 giant pins.",
        ],
        ["They pack their bags.", "In pieces on the floor.", "It includes all of them.", "It holds up to 50 sheets."],
    ),
    "origin": (
        [
            "Made in Cork from bamboo.",
            "Proudly made in the USA.",
            "Filmed in Łódź.",
            "It was printed in Évora.",
            "Country of origin: Chile",
        ],
        ["Made in March.", "Made in all sizes.", "She lives in Cork.", "He made it in the end."],
    ),
    "power": (
        [
            "It draws 12 watts and runs for hours.",
            "Requires two AA batteries.",
            "Battery included.",
            "Runs 20 hours on one charge.",
        ],
        ["A powerful story.", "The power of love.", "Charged with battery.", "In charge of everything."],
    ),
    "care": (
        [
            "Wash it at 30 °C.",
            "Machine washable.",
            "It is dishwasher safe.",
            "Easy to clean.",
            "Wipe clean with a cloth.",
        ],
        ["He took care of her.", "A clean break.", "Carefully written.", "It all came out in the wash."],
    ),
    "capacity": (
        [
            "It holds 4.6 L and is red.",
            "One bottle of 350 ml is enough.",
            "A 50 sheet capacity.",
            "Capacity: 2 gallons",
        ],
        ["She holds him close.", "A man of great capacity.", "It holds 40 pieces.", "A pint of bitter."],
    ),
}


def _answers(facet: Facet, sentence: str) -> bool:
    return bool(re.search(facet.evidence, sentence, re.IGNORECASE))


@pytest.mark.parametrize("facet", FACETS, ids=lambda facet: facet.name)
def test_evidence_finds_sentences_that_answer_and_no_others(facet: Facet) -> None:
    answering, other = SENTENCES[facet.name]
    assert [sentence for sentence in answering if not _answers(facet, sentence)] == []
    assert [sentence for sentence in other if _answers(facet, sentence)] == []


@pytest.mark.parametrize("facet", [DESCRIPTION, *FACETS], ids=lambda facet: facet.name)
def test_questions_name_the_title_once_and_at_different_places(facet: Facet) -> None:
    for questions in (facet.english, facet.portuguese):
        assert len(set(questions)) == len(questions) >= 3
        assert all(question.count("{title}") == 1 and question[-1] in "?." for question in questions)
        assert len({question.index("{title}") for question in questions}) >= 3


def test_facets_are_named_once_and_each_has_its_evidence() -> None:
    assert 12 <= len(FACETS) <= 16
    assert [facet.name for facet in FACETS] == list(SENTENCES)
    assert DESCRIPTION.evidence == "" and all(facet.evidence for facet in FACETS)


def test_every_facet_is_found_in_the_bundled_catalogue() -> None:
    contents = [product.content for product in products()]
    found = {facet.name: sum(_answers(facet, content) for content in contents) for facet in FACETS}
    assert min(found.values()) >= 5, found
    assert found["price"] == sum("$" in content for content in contents)


@pytest.mark.parametrize("text", ["made of " * 1_000, "1" * 5_000, "by A" * 2_000, "$5 " * 2_000, "From A a " * 1_000])
def test_evidence_is_looked_for_in_time(text: str) -> None:
    for facet in FACETS:
        begin = time.process_time()
        _answers(facet, text)
        assert time.process_time() - begin < 0.5, facet.name
