"""Word questions about a title as users do, in English and Portuguese, and spoil them by rules of stated chances."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

LETTER, NUMBER = re.compile(r"[^\W\d_]"), re.compile(r"\d")
WORD = re.compile(r"[^\W\d_]{4,}")  # what may have a typo
# The words people ask with were chosen with the validation questions; those of the test are worded by somebody who
# saw neither these nor the code.
TEMPLATES = {
    "validation": {
        "en": (
            "What is the description of product {title}?",
            "Tell me about {title}",
            "What is the price of {title}?",
            "Is {title} available on VHS?",
            "Is {title} suitable for children?",
            "Who wrote {title}?",
            "What is {title} made of?",
            "How much does {title} weigh?",
            "Describe {title}, please",
            "hi, do you know anything about {title}?",
            "I'm thinking of buying {title}. What should I know?",
            "{title} - what colour is it?",
            "how long is the warranty on {title}",
            "Does {title} come with batteries?",
            "my brother wants {title} for his birthday, would a ten year old like it?",
            "Looking for details on {title}",
            "{title}: how many pages?",
            "could you look up {title} and tell me what is in the box?",
            "what do people use {title} for?",
            "Where was {title} made?",
            "{title}",
            "Can you tell me a bit more about {title}?",
            "how much does {title} cost",
            "{title} - how heavy is it?",
            "I need info on {title} for a gift",
            "Hi there! Could you please show me the description of {title}? Thanks a lot",
            "who wrote {title} and when",
            "how many pages does {title} have?",
            "Does {title} come with any kind of warranty, and for how long?",
            "pls whats in the box with {title}",
            "Would my seven year old like {title} or is it too hard for her?",
            "{title} is it any good for beginners?",
            "My sister keeps talking about {title}, what exactly is it?",
            "dimensions of {title} please",
            "Which colours can I get {title} in?",
            "is {title} machine washable or do i have to wash it by hand",
            "Good morning, I was wondering where {title} is made.",
            "What age is {title} recommended for?",
            "Is there an ebook or audio version of {title}?",
            "I saw {title} on your site yesterday and forgot to check the size, can you help?",
            "gimme the details for {title}",
            "thinking about buying {title} for my dad, he loves camping, good idea?",
            "{title}, what's the story about?",
            "How much can {title} hold?",
            "Before I order {title} I'd like to know whether batteries are included.",
            "Sorry to bother you again, but will {title} fit in a small apartment kitchen?",
            "any idea how long {title} lasts",
            "So my cat is super picky lol, do you think she would go for {title}?",
            "Explain to me what {title} does and who makes it",
            "u got {title}? whats the price and how big is it",
        ),
        "pt": (
            "Qual é a descrição do produto {title}?",
            "Fale sobre {title}",
            "Quanto custa {title}?",
            "O {title} serve para crianças?",
            "Existe {title} em VHS?",
            "Quem escreveu {title}?",
            "De que é feito {title}?",
            "Quanto pesa o {title}?",
            "Descreva {title}, por favor",
            "oi, você sabe alguma coisa sobre {title}?",
            "Estou pensando em comprar {title}. O que preciso saber?",
            "{title} - qual é a cor?",
            "qual a garantia do {title}",
            "O {title} vem com pilhas?",
            "meu irmao quer {title} de aniversario, uma crianca de dez anos vai gostar?",
            "Procuro detalhes de {title}",
            "{title}: quantas páginas tem?",
            "pode procurar {title} e me dizer o que vem na caixa?",
            "para que as pessoas usam {title}?",
            "Onde foi fabricado o {title}?",
            "{title}",
            "Você pode me falar um pouco mais sobre {title}?",
            "quanto ta custando {title}",
            "{title} pesa quanto mais ou menos?",
            "Preciso de informações sobre {title} para dar de presente",
            "De que material é feito {title}?",
            "Oi, tudo bem? Poderia me mostrar a descrição de {title}, por favor? Obrigada!",
            "quem foi que escreveu {title}",
            "Quantas páginas tem {title}?",
            "{title} tem garantia de quanto tempo?",
            "oq vem na caixa de {title}",
            "Será que meu filho de oito anos ia gostar de {title}?",
            "{title} serve pra quem ta começando agora?",
            "Minha amiga vive falando de {title}, o que é isso afinal?",
            "me passa as medidas de {title} pfv",
            "Em quais cores vocês têm {title}?",
            "da pra lavar {title} na maquina ou estraga",
            "Bom dia! Gostaria de saber onde {title} é fabricado.",
            "A partir de que idade {title} é indicado?",
            "Existe versão digital de {title} ou só a impressa?",
            "Vi {title} no site ontem e esqueci de olhar o tamanho, você me ajuda?",
            "vc sabe me dizer pq {title} é tao caro",
            "to querendo comprar {title} pro meu pai que adora pescar, vale a pena?",
            "{title} fala sobre o quê?",
            "Qual é a capacidade de {title}, em litros?",
            "Antes de fechar o pedido, queria confirmar se {title} já vem com pilha.",
            "Desculpa incomodar de novo, mas {title} cabe numa cozinha pequena de apartamento?",
            "manda os detalhes de {title} ai",
            "Minha cachorra é bem enjoada rsrs, acha que ela vai curtir {title}?",
            "Como eu cuido de {title} para durar bastante?",
            "vcs tem {title}? qual a marca e o preço",
        ),
    },
    "test": {
        "en": (
            "What is the description of product {title}?",
            "Is {title} available on VHS?",
            "Tell me about {title}",
            "Is {title} suitable for children?",
            "What can you tell me about the product {title}?",
            "how much does {title} weigh",
            "Hi there! Could you please tell me who wrote {title} and what year it came out? Thanks so much",
            "{title} - how many pages?",
            "whats the price on {title} rn",
            "I'm trying to figure out whether {title} is dishwasher safe, my last one melted.",
            "does {title} come with batteries or do i gotta buy them separate",
            "Good morning. I should be grateful for the full particulars of {title}.",
            "My grandson turns seven on Saturday, do you think he would enjoy {title}?",
            "yo is {title} any good or nah",
            "need dimensions for {title} pls",
            "{title}, does it run small? I usually wear a medium",
            "What colors does {title} come in?",
            "Where is {title} manufactured, if you don't mind me asking?",
            "Would you recommend {title} for somebody with sensitive skin?",
            "A friend at church mentioned {title} and I can't remember what it was about, can you remind me dear?",
            "Kindly confirm the warranty period applicable to {title}.",
            "what all is in the box with {title}",
            "Looking for info on {title}",
            "i saw {title} on tiktok, what is it exactly??",
            "Can I put {title} in the washing machine or is it hand wash only?",
            "My husband wants {title} for the workshop. Is it strong enough to cut through oak?",
            "{title} plot summary no spoilers",
            "Does the movie {title} have Spanish subtitles?",
            "How many liters does {title} hold when it's full to the brim?",
            "Before I order, what is {title} made of? Plastic or metal?",
            "is there a paperback of {title} or only hardcover",
            "I would like a few more details regarding {title} before placing an order for our office.",
            "ok so my sister keeps going on about {title}, like what even is the big deal with it lol",
            "What age is {title} meant for?",
            "Do you folks still carry {title}? Mine finally gave out after fifteen years.",
            "{title}: does it smell strong? I get headaches from perfume.",
            "Sorry to bother you, but I don't understand what {title} is used for.",
            "read me the blurb for {title}",
            "Thinking about {title} as a gift for my boss, is that a safe pick?",
            "I've got {title} in my cart and just want to know what it does first",
        ),
        "pt": (
            "Qual a descricao do produto {title}?",
            "O {title} serve para criancas?",
            "Me fale sobre {title}",
            "{title} está disponível em VHS?",
            "Quais são as características do produto {title}?",
            "quanto custa {title}",
            "Oi, tudo bem? Queria saber quantas páginas tem o livro {title}, por favor",
            "{title} vem com pilha ou tem q comprar separado",
            "Bom dia. Solicito, por gentileza, informações detalhadas a respeito de {title}.",
            "mano vale a pena comprar {title} ou é furada",
            "De que material é feito {title}?",
            "Minha neta faz cinco aninhos domingo, será que ela vai gostar de {title}?",
            "{title} tem garantia de quanto tempo?",
            "qual o peso e as medidas de {title} pfv",
            "Quem escreveu {title} e em que ano foi lançado?",
            "vcs tem {title} em outras cores",
            "Tenho pele oleosa, posso usar {title} sem medo de dar espinha?",
            "O que vem na caixa quando a gente compra {title}?",
            "to procurando um presente pro meu pai e vi {title}, oq é isso exatamente",
            "{title} pode ir no micro-ondas?",
            "Boa tarde meu filho, me explica pra que serve esse tal de {title} que eu não entendi nada",
            "resumo de {title} sem spoiler",
            "O filme {title} é dublado ou só legendado?",
            "Quantos litros cabem em {title}?",
            "Gostaria de mais detalhes sobre {title} antes de fechar o pedido da empresa.",
            "qual a voltagem de {title}, aqui em casa é 220",
            "Vi uma moça falando de {title} no instagram e fiquei curiosa.",
            "{title}, qual a faixa etaria",
            "Sabe me dizer se {title} é nacional ou importado?",
            "Como faço pra lavar {title} sem estragar?",
            "Prezados, favor informar as especificações técnicas de {title}. Atenciosamente, Marcos.",
            "gnt alguem sabe se {title} é bom msm",
            "Estou em dúvida se levo {title}, a forma é pequena? Eu visto 42.",
            "quero saber mais de {title}",
            "Minha professora pediu {title} pra escola, é capa dura ou brochura?",
            "Será que {title} aguenta furar concreto ou é só pra madeira mesmo?",
            "Desculpa incomodar, mas do que se trata {title}? Obrigada!",
            "{title} tem cheiro forte? sou alergica a perfume",
            "Me indicaram {title} pra organizar o escritório, você acha que funciona em mesa pequena?",
            "le pra mim o que ta escrito na descricao de {title} ai",
        ),
    },
}
QUOTES = ('""', "''", "“”", "\u2018’", "«»")
KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Words:
    """Hold a title's words: those at `fixed` places stay as they are, those at `needed` ones may only have a typo."""

    words: tuple[str, ...]
    fixed: frozenset[int] = frozenset()
    needed: frozenset[int] = frozenset()

    def __str__(self) -> str:
        return " ".join(word for word in self.words if word)

    def changed(self, place: int, word: str) -> Words:
        """Put another word at a place, and fix it there; an empty one leaves the place out."""
        return replace(self, words=(*self.words[:place], word, *self.words[place + 1 :]), fixed=self.fixed | {place})


def open_places(title: Words) -> list[int]:
    """List the places of words that may have a typo: four letters or more, no digit."""
    words = enumerate(title.words)
    return [
        place for place, word in words if place not in title.fixed and WORD.search(word) and not NUMBER.search(word)
    ]


def spoilt(
    value: Value, rules: Iterable[tuple[str, float, Callable[[Value, Random], Value]]], rng: Random, noise: list[str]
) -> Value:
    """Apply each rule at its chance, and note the names of those that changed something."""
    for name, chance, rule in rules:
        if rng.random() < chance and (changed := rule(value, rng)) != value:
            value = changed
            noise.append(name)
    return value


def typo(title: Words, rng: Random) -> Words:
    """Change one letter of a word that has had no typo yet."""
    if not (places := open_places(title)):
        return title
    place = rng.choice(places)
    word = changed = title.words[place]
    start, end = next(WORD.finditer(word)).span()
    while changed == word:
        letter = rng.randrange(start, end - 1)
        changed = word[:letter] + rng.choice(EDITS)(word[letter], word[letter + 1], rng) + word[letter + 2 :]
    return title.changed(place, changed)


def _beside(letter: str, rng: Random) -> str:
    for row in KEYS:
        if (place := row.find(letter.lower())) >= 0:
            near = rng.choice(row[max(0, place - 1) : place] + row[place + 1 : place + 2])
            return near.upper() if letter.isupper() else near
    return letter


EDITS: tuple[Callable[[str, str, Random], str], ...] = (  # of a letter and the next one
    lambda one, two, rng: two + one,
    lambda one, two, rng: two,
    lambda one, two, rng: one + one + two,
    lambda one, two, rng: _beside(one, rng) + two,
)


def missing_word(title: Words, rng: Random) -> Words:
    """Leave out a word of a title of three or more: no number, and not all that names the product."""
    kept = title.fixed | title.needed
    words = [place for place, word in enumerate(title.words) if LETTER.search(word)]
    places = [place for place in words if place not in kept and not NUMBER.search(title.words[place])]
    return title.changed(rng.choice(places), "") if places and len(title.words) >= 3 else title


def unpunctuated(text: str, rng: Random) -> str:
    """Drop apostrophes and dots, make the other signs spaces, and keep what stands between digits."""
    plain = re.sub(r"(?<!\d)[.,/]|[.,/](?!\d)|['’]", lambda found: "" if found[0] in ".'’" else " ", text)
    return " ".join(re.sub(r"[^\w\s.,/]", " ", plain).split()) or text


def quoted(text: str, rng: Random) -> str:
    """Put signs of quotation around a text that it does not hold itself."""
    signs = rng.choice([signs for signs in QUOTES if not set(signs) & set(text)] or ["“”"])
    return f"{signs[0]}{text}{signs[1]}"


def unaccented(text: str, rng: Random) -> str:
    """Drop the accents of letters."""
    return "".join(sign for sign in unicodedata.normalize("NFD", text) if not unicodedata.combining(sign))


ON_WORDS = (("typo", 0.4, typo), ("second typo", 0.1, typo), ("missing word", 0.2, missing_word))
ON_TITLE = (("punctuation dropped", 0.4, unpunctuated), ("quotes", 0.2, quoted))
ON_QUESTION: tuple[tuple[str, float, Callable[[str, Random], str]], ...] = (
    ("lower case", 0.4, lambda text, rng: text.lower()),
    ("accents dropped", 0.4, unaccented),
    ("question mark missing", 0.3, lambda text, rng: text.removesuffix("?")),
)
