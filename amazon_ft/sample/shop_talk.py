"""Invent the small talk of a shop, for a first model to learn its words from.

No title of the catalogue is in it, because the talk never sets a noun right after a brand and uses no
adjective of a book's title. No description is, because each of those names its maker and the talk's never do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from random import Random

from amazon_ft.sample.words import categories, draw, names, sentence, values, words

Turns = tuple[str, str]


def conversations(number: int, seed: int) -> Iterator[Turns]:
    """Yield `number` different pairs of a user's turn and an assistant's turn, of 15 to 60 words each."""
    rng, said = Random(f"{seed} talk"), set[Turns]()
    kinds, weights = list(KINDS), list(KINDS.values())
    while len(said) < number:
        turns = rng.choices(kinds, weights)[0](rng)
        if turns not in said:
            said.add(turns)
            yield turns


def chat(rng: Random) -> Turns:
    """Ask about a price, a colour, an hour or the like in English, and answer."""
    return _filled(rng.choice(words()["talk"]["english"]), rng)


def portuguese(rng: Random) -> Turns:
    """Ask and answer in Portuguese."""
    return _filled(rng.choice(words()["talk"]["portuguese"]), rng)


def copying(rng: Random) -> Turns:
    """Give a line of words to say again, as it is or in small letters."""
    shape = rng.choice(words()["talk"]["copying"])
    line = shape.format_map(_drawn(shape, rng))
    if rng.random() < 0.2:
        return f"Write this line in small letters, please: {line}", f"In small letters it is: {line.lower()}"
    return rng.choice(words()["talk"]["asking"]) + line, f"Here it is again: {line}"


def describing(rng: Random) -> Turns:
    """Describe a thing of an unnamed maker in the shapes of the catalogue's descriptions."""
    category = rng.choice(categories())
    _, shape = rng.choice(category.shapes)
    unnamed = {name: rng.choice(makers) for name, makers in words()["unnamed"].items()}
    facts = draw(category.fields, names(shape), rng) | unnamed
    asked = rng.choice(words()["talk"]["describing"]).format(category=category.name)
    return asked, sentence(shape, facts)


def meaning(rng: Random) -> Turns:
    """Ask what a word means that stands on a box, and say it."""
    word, means = rng.choice(list(words()["talk"]["meanings"].items()))
    asked = 'What does "{word}" mean? It stands on the box of my {noun}.'
    facts = _drawn("{noun}", rng) | {"word": word}
    return sentence(asked, facts), f'The word "{word}" means {means}.'


def heavier(rng: Random) -> Turns:
    """Ask which of two things is heavier, in grams or kilograms, and say why."""
    one, other = _drawn("{noun}{noun2}", rng).values()
    light, heavy = sorted(rng.sample(range(100, 6000, 50), 2))
    sides = [(one.lower(), heavy), (other.lower(), light)]
    (first, its), (second, whose) = rng.sample(sides, 2)
    asked = f"Which is heavier, the {first} of {_weight(its)} or the {second} of {_weight(whose)}?"
    return asked, f"The {one.lower()} is heavier: {_weight(heavy)} is more than {_weight(light)}."


def total(rng: Random) -> Turns:
    """Ask what several things cost together, and work it out."""
    count, price = rng.randrange(2, 10), rng.randrange(2, 40)
    noun = _drawn("{noun}", rng)["noun"].lower()
    asked = f"One {noun} costs ${price}. What do I pay if I take {count} of them?"
    return asked, f"You pay ${count * price}, because {count} times ${price} is ${count * price}."


KINDS: dict[Callable[[Random], Turns], float] = {
    chat: 0.40,
    copying: 0.20,
    describing: 0.18,
    heavier: 0.07,
    total: 0.05,
    meaning: 0.05,
    portuguese: 0.05,
}


def _filled(shapes: tuple[str, str], rng: Random) -> Turns:
    asked, answered = shapes
    facts = _drawn(asked + answered, rng)
    return sentence(asked, facts), sentence(answered, facts)


def _drawn(shape: str, rng: Random) -> dict[str, str]:
    while True:
        facts = draw(_pool(), names(shape), rng)
        if len(set(facts.values())) == len(facts):
            return facts


def _weight(grams: int) -> str:
    return f"{grams / 1000:g} kg" if grams >= 1000 else f"{grams} g"


@cache
def _pool() -> dict[str, tuple[str, ...]]:
    """Gather the facts of every category, each also under its name and 2, for a second one in a sentence."""
    pool: dict[str, tuple[str, ...]] = {}
    for category in categories():
        for name, facts in category.fields.items():
            pool[name] = tuple(dict.fromkeys(pool.get(name, ()) + facts))
    pool |= {name: values(spec) for name, spec in words()["talk"]["fields"].items()}
    return pool | {f"{name}2": facts for name, facts in pool.items()}
