from __future__ import annotations

import time

import pytest

from amazon_ft.evaluation.claims import claims, unknown
from amazon_ft.retrieval.quoting import ANSWERS, says
from amazon_ft.sample import catalogue

CLAIMS = """
According to the description, it weighs 2 kg.
According to the product description, it is made of steel.
The context mentions that it is a book.
Based on the provided information, the lamp is blue.
Based on the information provided, the lamp is blue.
As stated in the listing, the chair folds.
The text above says that it is a DVD.
The text above is clear about that.
The entry says it holds 3 litres.
The catalogue entry does not give a weight.
From the description, I can tell that it is a novel.
Looking at the description, the author is a nurse.
The description states that it was printed in 1964.
The description doesn't mention the colour.
The description does not explicitly state the number of pages.
In the description, the film is called a comedy.
The product description highlights its steel handle.
The provided context does not include a price.
The given text says nothing of a warranty.
the details provided, it is a kettle
Its description says that it floats.
As described in the listing, this mug is blue.
It is mentioned in the description.
as mentioned in the text, the cover is red
The information given indicates a paperback.
The information you provided suggests a DVD.
I was asked with a context; the context states 5 litres.
The user provided the description.
the user has provided the product details
Based on the title and description, this is a course.
The title and the description both mention chess.
Judging from the description, it suits beginners.
As per the description the set has six pieces.
The listing notes a 3-year warranty.
The product's description lists four colours.
The book's description calls it a classic.
Let me look at the description again.
Reading the description, I see a steel body.
According to the catalogue, it costs $4.99.
According to the text, it costs $4.99.
The passage states that he was born in Porto.
The description of the product says it is a tin.
Based on the context, the answer is red.
From the context, it is clear that this is an album.
The above description tells us the size.
Nothing in the description speaks of batteries.
The blurb says that it is funny.
According to the listing's details, it is oak.
There is no mention of it in the product listing.
The synopsis mentions a lonely judge.
the excerpt says that it was filmed in Leeds
Checking the entry, I see 24 tracks.
the document specifies a 10-year warranty
THE DESCRIPTION SAYS SO.
the context provided does not tell
Segundo a descrição, o livro tem 356 páginas.
De acordo com o contexto, a panela é de aço.
O texto informa que o peso é de 2 kg.
Conforme a descrição do produto, ele é azul.
A descrição menciona uma garantia de três anos.
A descrição não informa o preço.
O contexto fornecido não cita a cor.
Com base na descrição, o álbum tem 19 faixas.
Com base nas informações fornecidas, é um DVD.
Como diz o anúncio, a bolsa é de couro.
O anúncio diz que ela é de couro.
As informações acima mostram o tamanho.
O texto acima deixa claro o autor.
De acordo com as informações do produto, custa R$ 40.
A descrição do produto destaca o cabo de aço.
Conforme mencionado na descrição, o filme é de 1980.
Na descrição do produto consta o material.
Segundo o catálogo, ela pesa 3 kg.
A ficha técnica indica 220 volts.
O trecho afirma que ele nasceu em Lisboa.
A entrada do catálogo não diz.
Analisando a descrição, vejo que é um romance.
Baseado no texto, o autor é Silva.
A sinopse conta e a sinopse diz que ele foge.
conforme consta na descrição, são 6 peças
O contexto não menciona isso.
de acordo com o texto, são 6 peças
According to the description that was provided, this is so.
The facts say that it floats.
According to the facts, it floats.
Looking at the facts, I see that it floats.
Let me check the details again.
The given facts don't mention a lid.
In the facts there is nothing on the lid.
The content mentions a lid.
I need to stick to the provided content.
The product page says that it floats.
As a model I only have what was supplied to me.
Going by what I'm given, it floats.
It's mentioned that the lid is loose.
It says here that the lid is loose.
I see that it says "loose lid" somewhere.
It doesn't specify the size of the lid.
The size of the lid is not explicitly stated.
There is no mention of a lid.
The customer provided some details about the lid.
The instructions tell me not to name a source.
I was told to keep the numbers.
In the prompt there is a lid.
The description is short on that.
The listing's headline has a lid.
Os fatos dizem que ela flutua.
Segundo os fatos, ela flutua.
Nos fatos, há uma tampa.
É mencionado que a tampa é solta.
O tamanho da tampa não é informado.
Não há menção à tampa.
Conforme informado, a tampa é solta.
Consta que a tampa é solta.
O usuário forneceu os detalhes da tampa.
Pelos dados que tenho, ela flutua.
O prompt pede uma resposta curta.
""".strip().splitlines()
NO_CLAIMS = """
A book about context switching in operating systems.
A product description writing course for beginners.
It sets the poems in the context of war.
In this context, a bolt is a short arrow.
The author describes his childhood in Porto.
The book describes the life of a nurse.
The manual explains how to write a good description.
I recall that this lamp weighs 920 g.
The historical context of the novel is rich.
She places the letters in the context of their time.
The title suggests that it is a novel.
The title says that there are 54 lessons.
The question asks for the price.
The user wants to know what it is made of.
From what I know, it is a paperback.
As far as I remember, it costs $34.99.
A text for students of law.
The text covers algebra and geometry.
The text includes exercises at the end of each chapter.
The pages are made of thick paper.
The pages include 230 drawings.
It has 356 pages and a detailed index.
The catalogue of the exhibition has 120 plates.
A listing of all lighthouses on the coast.
The film is based on the details of a true story.
The film is based on a novel.
It is based on the text of an old ballad.
The entry door is made of oak.
The entry level kit costs less.
This entry-level drum kit suits beginners.
A source of light for the workshop.
The source of the river is in the hills.
It gives information about birds.
For more information about birds, see the second volume.
It provides information on all major towns.
The details of the carving are fine.
The details are painted by hand.
A passage to India.
The passage of time is its theme.
He gives a vivid description of the battle.
A good description sells a product.
Job descriptions and interviews for managers.
The data cable is 2 m long.
Data structures in plain words.
A document case for papers of A4 size.
The document feeder takes 35 sheets.
A summary of the law of contract.
Context is everything for this painter.
Reading in context: a course for adults.
The story tells of a lonely judge.
The label says that it is safe in the oven.
Its name says it all.
As the title says, these are poems.
According to the author, love is a habit.
According to legend, the king sleeps there.
Based on my knowledge of this brand, it is steel.
Based on a true story.
Given the question, a short answer will do.
It is given to children from 3 years on.
The information age and its children.
The text is set in large print.
Large text and clear pictures help young readers.
The specifications of this lens are good.
The listing ship sank in 1912.
He mentions the war in every letter.
Um livro sobre o contexto da guerra.
No contexto da época, isso era comum.
Neste contexto, um parafuso é uma peça pequena.
O autor descreve a sua infância.
O contexto histórico do romance é rico.
Uma descrição viva da batalha.
O texto é impresso em letras grandes.
O livro informa sobre aves.
Um curso de descrição de produtos.
Segundo o autor, o amor é um hábito.
Segundo a lenda, o rei dorme ali.
De acordo com o título, são 54 lições.
Com base no que sei, é de aço.
A entrada da casa é de carvalho.
A entrada custa dez reais.
Informações sobre todas as cidades.
Os dados são de madeira.
Um jogo de dados para a família.
O cabo de dados tem 2 m.
Traz informações sobre a vida no campo.
O título diz que são 15 lições.
As páginas são de papel grosso.
A fonte de luz fica no alto.
Baseado em uma história real.
Lembro que ele tem 356 páginas.
As mentioned earlier, it floats.
The user mentioned the lid.
In fact, it floats, and the fact matters.
Let me recall the facts: it floats and has a lid.
I want to get the facts right.
The important details are the lid and the handle.
It's worth mentioning that it floats.
I don't recall any mention of a lid.
I should provide accurate information.
The customer gave the model's name.
I was given this boat by my aunt.
The instructions for the boat are simple.
The facts of life, told for children.
De fato, ela flutua.
Como mencionei antes, ela flutua.
Vale mencionar a tampa.
Lembro dos fatos principais: tampa e cabo.
O usuário mencionou a tampa.
""".strip().splitlines()
ENTRY = "B00M5 Mug, Fourth Edition\nHolds 1,200 ml, costs $4.50, has six buttons. Model SP-857, 3/4 inch."
ENTRY += " From World War II; twenty-five inches wide; a dozen in a box; 60 million sold."


def test_the_lists_are_long_and_in_both_languages() -> None:
    for some in (CLAIMS, NO_CLAIMS):
        assert len(set(some)) == len(some) >= 60
        assert sum(any(sign in "ãçéíóâêõú" for sign in text) for text in some) >= 10


@pytest.mark.parametrize("place", range(len(CLAIMS)))
def test_a_claimed_source_is_found(place: int) -> None:
    text = CLAIMS[place]
    found = claims(text)
    assert found, text
    assert all(phrase in text for phrase in found)
    assert claims(f"It is a mug. {text} So it goes.")
    assert claims(text.upper())


@pytest.mark.parametrize("place", range(len(NO_CLAIMS)))
def test_what_only_sounds_alike_is_no_claim(place: int) -> None:
    assert claims(NO_CLAIMS[place]) == [], NO_CLAIMS[place]


def test_phrases_come_in_order_with_their_words() -> None:
    text = "According to the description it floats. I recall a boat. The\ncontext does not mention\ta sail."
    assert claims(text) == ["According to the description", "The context does not mention"]
    assert claims("Segundo a descric\u0327a\u0303o, sim.") == ["Segundo a descrição"]
    assert claims("") == []


@pytest.mark.parametrize("language", sorted(ANSWERS))
def test_our_own_answers_from_a_source_claim_it(language: str) -> None:
    assert claims(says("It is red.", "B1", language))


def test_no_description_of_the_bundled_catalogue_claims_a_source() -> None:
    assert [each for each in catalogue.products() if claims(f"{each.title}. {each.content}")] == []


def test_letters_that_only_match_when_case_is_ignored_break_nothing() -> None:
    assert unknown("It weighs 7 g.", "s\u0131x, \u017fix") == ["7"]
    assert claims("The de\u017fcription \ufb01ts, the speci\ufb01cations say so.") is not None


def test_a_long_text_is_read_soon() -> None:
    start = time.process_time()
    assert len(claims("the description " * 20_000 + "says so. " + "the text of the a " * 20_000)) == 1
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It holds 1200 ml and costs 4.5 dollars.", []),
        ("It holds 450 ml.", ["450"]),
        ("O preço é R$ 4,50.", []),
        ("It has 6 buttons; it is the 4th edition.", []),
        ("It has 7 buttons.", ["7"]),
        ("SP-857 is not SP-858, and B00M5 is its number.", ["SP-858"]),
        ("1. It is a mug.\n2) It holds tea.\n* 3. So it does.", []),
        ("Step 3: it is 3/4 inch. 9. Done.", []),
        ("There are 2 reasons and 5 things to say, in 3 passos.", []),
        ("There are 9 handles.", ["9"]),
        ("First, there are two things; the third is none.", []),
        ("It was made in 1985.", ["1985"]),
        ("I'm 100% sure that it holds tea, and 3 main points speak for it.", []),
        ("It is the SP857, not the SP858.", ["SP858"]),
        ("Tem 1.200 ml.", []),
        ("Tem 1.300 ml.", ["1.300"]),
        ("It is of World War 2, 25 inches wide, a set of 12, sold 60,000,000 times.", []),
        ("It is of World War 3, 26 inches wide, sold 61,000,000 times.", ["3", "26", "61,000,000"]),
        ("It sold 60 million times, 7 thousand in Leeds.", ["7"]),
        ("", []),
    ],
    ids=range(20),
)
def test_unknown_are_numbers_and_codes_of_no_entry(text: str, found: list[str]) -> None:
    assert unknown(text, ENTRY) == found
