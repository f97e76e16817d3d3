"""From questions to products, over the bundled catalogue and the titles of the table below."""

from __future__ import annotations

import random
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amazon_ft import products
from amazon_ft.products import Product, normalised
from amazon_ft.retrieval import index, matching, wording
from amazon_ft.retrieval.facets import DESCRIPTION
from amazon_ft.retrieval.index import Titles
from amazon_ft.sample.catalogue import products as bundled

# A question, the title that it names, what it asks (nothing: no known facet) and its language.
CLEAR = """
What is the description of product Amber Ferryman? | Amber Ferryman | description | en
what is the description of product amber ferryman | amber ferryman | description | en
What's the description of Amber Ferryman? | Amber Ferryman | description | en
whats the description of amber ferryman | amber ferryman | description | en
WHAT IS THE DESCRIPTION OF AMBER FERRYMAN | AMBER FERRYMAN | description | en
Tell me about The Sundial of Graz. | The Sundial of Graz | description | en
Tell me about The Sundial of Graz | The Sundial of Graz | description | en
tell me more about the sundial of graz | the sundial of graz | description | en
Please tell me about Tollbrace Stapler OF-310, Red | Tollbrace Stapler OF-310, Red | description | en
Hi, can you tell me about Tollbrace Stapler OF-310? | Tollbrace Stapler OF-310 | description | en
Hello! Could you please describe Tollbrace Stapler OF-310 for me? | Tollbrace Stapler OF-310 | description | en
Describe Pellgrove Kettle KT-200, Teal. | Pellgrove Kettle KT-200, Teal | description | en
I'm looking for Pellgrove Kettle KT-200 | Pellgrove Kettle KT-200 | description | en
I'd like to know more about Pellgrove Kettle KT-200 | Pellgrove Kettle KT-200 | description | en
Do you have Pellgrove Kettle KT-200? | Pellgrove Kettle KT-200 | description | en
What is The Hollow Inkwell about? | The Hollow Inkwell | description | en
Give me some information about The Hollow Inkwell, please | The Hollow Inkwell | description | en
What is "The Price of Cork"? | The Price of Cork | description | en
Tell me about “Who Moved the Kettle?” | Who Moved the Kettle? | description | en
Tell me about «Os Moinhos» | Os Moinhos | description | en
tell me about 'the miller's boat' | the miller's boat | description | en
Tell me about the book called The Unlit Granary | The Unlit Granary | description | en
Tell me about the book "The Unlit Granary" | The Unlit Granary | description | en
Tell me about the movie Turnstile Nights | Turnstile Nights | description | en
Is The Sundial of Graz available on VHS? | The Sundial of Graz | format | en
is the sundial of graz available on vhs | the sundial of graz | format | en
Is the video The Sundial of Graz available on DVD? | The Sundial of Graz | format | en
Can I get Salted Tollgate on DVD? | Salted Tollgate | format | en
Does Salted Tollgate come on CD? | Salted Tollgate | format | en
Is Salted Tollgate available in Portuguese? | Salted Tollgate | | en
Are Wobblenest Kites available in blue? | Wobblenest Kites | | en
Is Wobblenest Marble Run good for children? | Wobblenest Marble Run | age | en
Is Algebra for Night Owls suitable for children? | Algebra for Night Owls | age | en
What age is Wobblenest Marble Run for? | Wobblenest Marble Run | age | en
How much does Moltrik Rivet Gun TL-130, 8" cost? | Moltrik Rivet Gun TL-130, 8" | price | en
How much is Hexbarrow Cable Gland 1/4"? | Hexbarrow Cable Gland 1/4" | price | en
how much does hexbarrow cable gland cost | hexbarrow cable gland | price | en
What is the price of Hexbarrow Cable Gland? | Hexbarrow Cable Gland | price | en
can you tell me how much hexbarrow cable gland costs | hexbarrow cable gland | price | en
Can you tell me what the price of Hexbarrow Cable Gland is? | Hexbarrow Cable Gland | price | en
Hexbarrow Cable Gland: how much is it? | Hexbarrow Cable Gland | price | en
Hexbarrow Cable Gland price | Hexbarrow Cable Gland | price | en
price of Hexbarrow Cable Gland | Hexbarrow Cable Gland | price | en
How heavy is Drovantis Bench Vice? | Drovantis Bench Vice | weight | en
How much does Drovantis Bench Vice weigh??? | Drovantis Bench Vice | weight | en
what does drovantis bench vice weigh | drovantis bench vice | weight | en
What are the dimensions of Drovantis Bench Vice? | Drovantis Bench Vice | size | en
How wide is Drovantis Bench Vice | Drovantis Bench Vice | size | en
What colour is Farnspire Scarf? | Farnspire Scarf | colour | en
what color is farnspire scarf | farnspire scarf | colour | en
What is Farnspire Scarf made of? | Farnspire Scarf | material | en
Can I wash Farnspire Scarf in the machine? | Farnspire Scarf | care | en
Is Farnspire Scarf machine washable? | Farnspire Scarf | care | en
Who wrote Crooked Almanac? | Crooked Almanac | author | en
Who is the author of What Is Left of Ghent? | What Is Left of Ghent | author | en
How many pages does Crooked Almanac have? | Crooked Almanac | length | en
How long is Crooked Almanac, Vol. 2? | Crooked Almanac, Vol. 2 | length | en
When was Crooked Almanac published? | Crooked Almanac | date | en
Where is Farnspire Scarf made? | Farnspire Scarf | origin | en
Does Kestrane Torch need batteries? | Kestrane Torch | power | en
Does Kestrane Torch have a warranty? | Kestrane Torch | warranty | en
Does Kestrane Torch come with a cable? | Kestrane Torch | | en
Does Kestrane Torch work with rain? | Kestrane Torch | | en
Kestrane Torch, is it available in red? | Kestrane Torch | | en
How many pieces are in Pimbrook Puzzle? | Pimbrook Puzzle | pack | en
How much does Tessamyr Milk Jug hold? | Tessamyr Milk Jug | capacity | en
What is the thread size of Krumhold Flow Meter 3/8"? | Krumhold Flow Meter 3/8" | size | en
Do you know if Kestrane Torch has a warranty? | Kestrane Torch | warranty | en
What is the price, please, of Amber Ferryman? | Amber Ferryman | price | en
how mcuh does amber ferryman cost | amber ferryman | price | en
Tell me abuot Amber Ferryman | Amber Ferryman | description | en
is amber ferryman avaliable on dvd | amber ferryman | format | en
Tell me about 🎩 Magic Hat 🎩! | 🎩 Magic Hat 🎩 | description | en
Tell me about كتاب الطبخ | كتاب الطبخ | description | en
Qual é a descrição do produto Amber Ferryman? | Amber Ferryman | description | pt
qual a descricao do produto amber ferryman | amber ferryman | description | pt
Qual a descrição de Amber Ferryman? | Amber Ferryman | description | pt
Fale sobre Amber Ferryman. | Amber Ferryman | description | pt
me fale mais sobre amber ferryman | amber ferryman | description | pt
Por favor, fale sobre Amber Ferryman | Amber Ferryman | description | pt
Oi, você pode me dizer quanto custa Amber Ferryman? | Amber Ferryman | price | pt
Você pode me dizer o preço do Tollbrace Stapler? | Tollbrace Stapler | price | pt
Gostaria de saber o preço do Tollbrace Stapler | Tollbrace Stapler | price | pt
gostaria de saber se o tollbrace stapler tem garantia | tollbrace stapler | warranty | pt
Quanto custa Tollbrace Stapler? | Tollbrace Stapler | price | pt
quanto custa o Tollbrace Stapler, por favor? | Tollbrace Stapler | price | pt
Qual é o preço do livro O Moinho Azul? | O Moinho Azul | price | pt
qual o preco do produto tollbrace stapler | tollbrace stapler | price | pt
Tollbrace Stapler custa quanto? | Tollbrace Stapler | price | pt
O Pimbrook Puzzle serve para crianças? | Pimbrook Puzzle | age | pt
o pimbrook puzzle serve para criancas | pimbrook puzzle | age | pt
Pimbrook Puzzle é indicado para que idade? | Pimbrook Puzzle | age | pt
Para que idade é Pimbrook Puzzle? | Pimbrook Puzzle | age | pt
Quem escreveu Crooked Almanac? | Crooked Almanac | author | pt
Quem é o autor do livro Crooked Almanac? | Crooked Almanac | author | pt
Quantas páginas tem Crooked Almanac? | Crooked Almanac | length | pt
quantas paginas tem o crooked almanac | crooked almanac | length | pt
Qual é o número de páginas de Crooked Almanac? | Crooked Almanac | length | pt
Em que ano saiu Crooked Almanac? | Crooked Almanac | date | pt
Quando foi publicado Crooked Almanac? | Crooked Almanac | date | pt
Turnstile Nights está disponível em VHS? | Turnstile Nights | format | pt
Tem Turnstile Nights em DVD? | Turnstile Nights | format | pt
Qual é a duração do filme Turnstile Nights? | Turnstile Nights | length | pt
De que é feito Farnspire Scarf? | Farnspire Scarf | material | pt
do que e feita farnspire scarf | farnspire scarf | material | pt
De que cor é Farnspire Scarf? | Farnspire Scarf | colour | pt
Onde é feito Farnspire Scarf? | Farnspire Scarf | origin | pt
Posso lavar Farnspire Scarf na máquina? | Farnspire Scarf | care | pt
Quanto pesa Drovantis Bench Vice? | Drovantis Bench Vice | weight | pt
Quais são as dimensões de Drovantis Bench Vice? | Drovantis Bench Vice | size | pt
quais as medidas do drovantis bench vice | drovantis bench vice | size | pt
Kestrane Torch precisa de pilhas? | Kestrane Torch | power | pt
Kestrane Torch vem com cabo? | Kestrane Torch | | pt
O Kestrane Torch é bom para acampar? | Kestrane Torch | | pt
Qual é a capacidade de Tessamyr Milk Jug? | Tessamyr Milk Jug | capacity | pt
O que é Tessamyr Milk Jug? | Tessamyr Milk Jug | description | pt
Fale sobre "O Que É Isso?" | O Que É Isso? | description | pt
Quantp custa Amber Ferryman | Amber Ferryman | price | pt
qual a descriçao do prodito amber ferryman | amber ferryman | description | pt
quanto cutsa amber ferryman? | amber ferryman | price | pt
"""
TABLE = [tuple(cell.strip() for cell in line.split("|")) for line in CLEAR.strip().splitlines()]
ODD = ["'; DROP", "AND OR NOT", "title:*", "!!!", "😀", "+ - && || ! ( ) { } [ ] ^ ~ * ? : \\ /"]
SIBLINGS = ["Amber Lantern, Vol. 1", "Amber Lantern, Vol. 2", "Amber Lantern, Vol. 3"]
TWINS = "Copper Rain Gauge"
OWN = [
    *("Tell Me About It", "What Is Left of Ghent", "O Que É Isso?", "Café &amp; Co.", "Hell's Kitchen Timer"),
    "The V.E.T. Kit",
]


@pytest.fixture(scope="module")
def titles(tmp_path_factory: pytest.TempPathFactory) -> Titles:
    named = {normalised(title) or title: title for title in [*(row[1] for row in TABLE), *OWN]}
    every = [*named.values(), *ODD, *SIBLINGS, TWINS, TWINS]
    folder = tmp_path_factory.mktemp("titles")
    own = [Product(f"U{place:03}", title, "x") for place, title in enumerate(every)]
    taken = {normalised(product.title) for product in own}
    others = [product for product in bundled() if normalised(product.title) not in taken]
    products.write(folder / "products.parquet", [*own, *others])
    return index.opened(folder / "products.parquet", folder / "titles")


def first(titles: Titles, question: str) -> tuple[str, str]:
    match = matching.find(titles, question)
    return match.kind, match.candidates[0].entry.title if match.candidates else ""


@pytest.mark.parametrize(("question", "title", "facet", "language"), TABLE, ids=[row[0] for row in TABLE])
def test_a_question_is_read(titles: Titles, question: str, title: str, facet: str, language: str) -> None:
    match = matching.find(titles, question)
    assert match.kind == "found"
    assert normalised(match.candidates[0].entry.title) == normalised(title)
    assert (match.reading.facet.name if match.reading.facet else "", match.reading.language) == (facet, language)


@pytest.mark.parametrize("product", bundled()[::17], ids=lambda product: product.uid)
@pytest.mark.parametrize("pattern", ["{}", "Tell me about {}.", "o {} serve para crianças?"])
def test_every_bundled_title_is_found_word_for_word(titles: Titles, product: Product, pattern: str) -> None:
    match = matching.find(titles, pattern.format(product.title))
    assert match.kind in ("found", "ambiguous")
    assert normalised(match.candidates[0].entry.title) == normalised(product.title)


@pytest.mark.parametrize("title", ODD)
def test_titles_that_mean_something_to_a_query_parser_are_only_words(titles: Titles, title: str) -> None:
    assert first(titles, title) == ("found", title)


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("tell me about tell me about it", "Tell Me About It"),
        ("Who is the author of What Is Left of Ghent?", "What Is Left of Ghent"),
        ("fale sobre o que e isso", "O Que É Isso?"),
        ("what does cafe & co cost", "Café &amp; Co."),
        ("what does Café &amp; Co. cost", "Café &amp; Co."),
        ("how loud is the hells kitchen timer", "Hell's Kitchen Timer"),
        ("how loud is the hell’s kitchen timer", "Hell's Kitchen Timer"),
        ("what is in the vet kit", "The V.E.T. Kit"),
        ("amber lantern vol 2", "Amber Lantern, Vol. 2"),
        ("abmer lantren vol. 2", "Amber Lantern, Vol. 2"),
        ("AMBER LANTERN — VOL 2???", "Amber Lantern, Vol. 2"),
        ("\u200fAmber Lantern\u200f, Vol. 2", "Amber Lantern, Vol. 2"),
        ("Cafe\u0301 & Co", "Café &amp; Co."),
    ],
)
def test_case_accents_entities_and_typos_are_no_obstacle(titles: Titles, question: str, title: str) -> None:
    assert first(titles, question) == ("found", title)


@pytest.mark.parametrize("question", ["Tell me about Amber Lantern", "quanto custa o amber lantern?"])
def test_siblings_are_offered_when_nothing_tells_which(titles: Titles, question: str) -> None:
    match = matching.find(titles, question)
    assert match.kind == "ambiguous"
    assert {candidate.entry.title for candidate in match.candidates[:3]} == set(SIBLINGS)


def test_two_products_of_one_title_are_offered(titles: Titles) -> None:
    match = matching.find(titles, f"What is the description of product {TWINS}?")
    assert match.kind == "ambiguous"
    assert [candidate.entry.title for candidate in match.candidates[:2]] == [TWINS, TWINS]
    assert match.candidates[0].entry.uid < match.candidates[1].entry.uid


@pytest.mark.parametrize(
    "question",
    [
        "Tell me about Quarrent Glass Teapot, 3 l",
        "Quanto custa a bicicleta Zumbido 900?",
        "amber lantern vol 9",
        "Who wrote The Purple Lantern of Nowhere?",
        "...",
        "what is the description of product",
        "",
    ],
)
def test_what_the_catalogue_lacks_is_not_found(titles: Titles, question: str) -> None:
    assert matching.find(titles, question).kind != "found"


def test_an_absent_product_has_its_nearest_titles(titles: Titles) -> None:
    match = matching.find(titles, "Tell me about the Silver Zinc Rain Barrel of Orlando")
    assert match.kind == "absent"
    assert 1 <= len(match.candidates) <= matching.SHOWN
    assert match.candidates[0].score < matching.POSSIBLE


def test_a_uid_settles_what_is_meant_and_the_question_what_is_asked(titles: Titles) -> None:
    entry = matching.find(titles, TWINS).candidates[1].entry
    match = matching.about(titles, "quanto custa?", entry)
    assert (match.kind, match.candidates[0].entry) == ("found", entry)
    assert match.reading.facet and match.reading.facet.name == "price"
    assert match.reading.language == "pt"


MONSTERS = {
    "letters": "x" * 10_000,
    "wording": "what is " * 1_250,
    "title": "amber lantern vol. 2 " * 500,
    "marks": "\u202e" * 50,
    "hats": "🎩" * 5_000,
    "quotes": '"' * 999,
    "surrogate": "\x00\ud800",
}


@pytest.mark.parametrize("question", MONSTERS.values(), ids=MONSTERS)
def test_a_monstrous_question_is_answered_at_once(titles: Titles, question: str) -> None:
    started = time.process_time()
    assert matching.find(titles, question).kind in ("found", "ambiguous", "absent")
    assert time.process_time() - started < 2


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=80))
def test_no_question_is_an_error(titles: Titles, text: str) -> None:
    match = matching.find(titles, text)
    assert len(match.candidates) <= matching.SHOWN
    assert all(0 <= candidate.score <= 1.0001 for candidate in match.candidates)


def test_a_misspelt_title_stands_below_the_right_one_and_above_another(titles: Titles) -> None:
    def score(question: str) -> float:
        return matching.find(titles, question).candidates[0].score

    right, wrong = score("Amber Lantern, Vol. 2"), score("Amber Lantren, Vol. 2")
    assert right == pytest.approx(1)
    assert 0.9 < wrong < right
    assert score("Amber Teapot, Vol. 2") < matching.FOUND


def test_a_wrong_letter_anywhere_seldom_finds_another_product(titles: Titles) -> None:
    rng, wrong = random.Random(3407), 0
    for product in bundled()[::3]:
        place = rng.randrange(len(product.title))
        typed = product.title[:place] + rng.choice(string.ascii_lowercase) + product.title[place + 1 :]
        match = matching.find(titles, f"Tell me about {typed}")
        wrong += match.kind == "found" and normalised(match.candidates[0].entry.title) != normalised(product.title)
    assert wrong <= 2


@pytest.mark.parametrize(
    ("before", "after", "facet", "about", "language"),
    [
        ("is", "available in blue", "", "blue", "en"),
        ("does", "come with a cable", "", "cable", "en"),
        ("o", "serve para criancas", "age", "", "pt"),
        ("qual a descricao do produto", "", "description", "", "pt"),
        ("", "", "description", "", "en"),
        ("waht is the pirce of", "", "price", "waht", "en"),
        ("how much is", "", "price", "", "en"),
        ("what is the thread size of", "", "size", "thread", "en"),
    ],
)
def test_the_words_beside_a_title_tell_what_is_asked(
    before: str, after: str, facet: str, about: str, language: str
) -> None:
    reading = wording.read(before.split(), after.split())
    assert (reading.facet.name if reading.facet else "") == facet
    assert (reading.about, reading.language) == (about, language)
    assert (reading.facet is DESCRIPTION) == (facet == "description")
