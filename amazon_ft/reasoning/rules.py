"""Write reasoning rows by rules, from the product alone: for the demo, whose tiny model cannot reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.products import Product, hash_of
from amazon_ft.prompts import fill
from amazon_ft.reasoning.authors import Cost, Heard, Trouble, Written
from amazon_ft.recipes import Reasoning
from amazon_ft.retrieval.facets import MATERIALS
from amazon_ft.retrieval.passages import sentences

MODEL = "made by rules"
LONGEST = 25  # words of a first sentence that answers what a product is
PLACE = r"([A-ZÀ-Þ]\w+(?: [A-ZÀ-Þ]\w+)?)"


@dataclass(frozen=True)
class Topic:
    """Hold what can be asked: the expression that finds the fact, what is asked, the questions, and the answers."""

    name: str
    fact: str
    questions: tuple[str, ...]
    answers: tuple[str, ...]
    leading: str  # the question that gives the fact away


TOPICS = (
    Topic(
        "the price",
        r"(\$\d[\d,]*(?:\.\d\d)?)",
        ("What does {title} cost?", "How much is {title}?", "What is the price of {title}?"),
        ("{name} costs {fact}.", "The price of {name} is {fact}.", "You pay {fact} for {name}."),
        "Does {title} cost {fact}?",
    ),
    Topic(
        "the weight",
        r"(?:weighs|weight) (\d[\d.]* k?g)\b",
        ("How heavy is {title}?", "What does {title} weigh?", "What is the weight of {title}?"),
        ("{name} weighs {fact}.", "The weight of {name} is {fact}.", "It is {fact} that {name} weighs."),
        "Does {title} weigh {fact}?",
    ),
    Topic(
        "how much it holds",
        r"holds (\d[\d.]* m?l)\b",
        ("How much does {title} hold?", "What is the capacity of {title}?", "How much goes into {title}?"),
        ("{name} holds {fact}.", "The capacity of {name} is {fact}.", "There is room for {fact} in {name}."),
        "Does {title} hold {fact}?",
    ),
    Topic(
        "the warranty",
        r"(?:guarantees it for |with an? |carries an? )(\d+[ -](?:year|month))",
        (
            "How long is the warranty of {title}?",
            "What warranty does {title} have?",
            "For how long is {title} covered?",
        ),
        (
            "The warranty of {name} is {fact}.",
            "{name} is covered for {fact}.",
            "{name} has a warranty of {fact}.",
        ),
        "Is the warranty of {title} {fact}?",
    ),
    Topic(
        "the number of pages",
        r"(\d+[ -]page)s?\b(?! booklet)",
        ("How many pages does {title} have?", "How long a book is {title}?", "What is the page count of {title}?"),
        ("{name} has {fact}.", "There are {fact} in {name}.", "The length of {name} is {fact}."),
        "Does {title} have {fact}?",
    ),
    Topic(
        "the running time",
        r"(\d+ minutes)",
        ("How long does {title} run?", "What is the running time of {title}?", "How many minutes long is {title}?"),
        ("{name} runs {fact}.", "The running time of {name} is {fact}.", "It takes {fact} to play {name}."),
        "Is the running time of {title} {fact}?",
    ),
    Topic(
        "the size",
        r"(\d[\d.]*(?: × \d[\d.]*)? [cm]m)\b",
        ("What size is {title}?", "How big is {title}?", "What does {title} measure?"),
        ("{name} measures {fact}.", "The size of {name} is {fact}.", "{name} comes in a size of {fact}."),
        "Does {title} measure {fact}?",
    ),
    Topic(
        "the material",
        rf"\b(?:of|from|100%) ((?:{MATERIALS}))\b",
        ("What is {title} made of?", "Which material is {title} made from?", "What is the material of {title}?"),
        ("{name} is made of {fact}.", "The material of {name} is {fact}.", "What {name} is made of is {fact}."),
        "Is {title} made of {fact}?",
    ),
    Topic(
        "the place it comes from",
        rf"\b(?:[Pp]rinted|[Mm]ade|[Ff]ilmed|[Rr]ecorded) in {PLACE}",
        ("Where was {title} made?", "From which place does {title} come?", "Where does {title} come from?"),
        ("{name} comes from {fact}.", "{name} was made in {fact}.", "The place that {name} comes from is {fact}."),
        "Does {title} come from {fact}?",
    ),
)
NO_TOPIC = ("What is {title}?", "Tell me about {title}.", "What can you say about {title}?")

ASKED = ("The customer asks about {asked}.", "What is asked here is {asked}.", "So {asked} is what matters here.")
RECALLED = (
    "I remember {name} and what kind of thing it is.",
    "I have {name} clearly in mind, with all that belongs to it.",
    "{name} is something that I know well from the shop.",
)
READ = (
    "The entry of {name} tells what I need to know.",
    "I look at the entry of {name} to find it.",
    "The words that answer this stand in the entry of {name}.",
)
CONCLUDED = (
    "It comes to {fact}, so that is what I will say.",
    "What stays in mind is {fact}, and nothing speaks against it.",
    "The fact to give is {fact}, in one plain sentence.",
)
TOLD = (
    "There is one sentence that says it all, so I will give just that.",
    "The best answer is short: what it is and what sets it apart.",
    "I will say what it is, and leave out what nobody asked for.",
)
# One row in ten is spoiled on purpose, as real models spoil them, so that the gate has something to do.
ONE_IN = 10
SPOILED = ("cites a context", "invents a number", "leads", "says nothing", "is no JSON")
CITED = "According to the description that was provided, this is so."
INVENTED = "If I am not mistaken, only 7,391 of them were ever sold."


@dataclass(frozen=True)
class RuleMade:
    """Write the same rows for the same products, whatever the seed: an Author without a model, in English.

    Nobody is asked, so a row costs no tokens. Raises InputError for another language.
    """

    reasoning: Reasoning

    def __post_init__(self) -> None:
        if self.reasoning.language != "en":
            raise InputError("rows made by rules are in English: choose another author for another language.")

    @property
    def identity(self) -> Mapping[str, Any]:
        """Give what decides a row beside the product: the rules themselves, and whether the entry may be cited."""
        rules = (TOPICS, NO_TOPIC, ASKED, RECALLED, READ, CONCLUDED, TOLD, ONE_IN, SPOILED, CITED, INVENTED, LONGEST)
        return {
            "server": "none",
            "model": MODEL,
            "digest": f"{hash_of(repr(rules)):016x}",
            "options": {},
            "prompts": {},
            "reads_entry": self.reasoning.reads_entry,
        }

    @property
    def told(self) -> Mapping[str, Any]:
        """Give nothing: there is no server to tell of."""
        return {}

    async def write(self, product: Product, seed: int, heard: Heard) -> Written:
        """Write the row of a product.

        Raises Trouble for a row that is spoiled by being no JSON, with every other seed.
        """
        return self.row(product, seed)

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    def row(self, product: Product, seed: int = 0) -> Written:
        """Write the row of a product at once.

        Raises Trouble as `write` does.
        """
        how = spoiled(product.uid)
        if how == "is no JSON" and hash_of(f"{product.uid} {seed}") % 2:
            raise Trouble("invalid JSON", f"The row of {product.uid} broke off.", again="otherwise")
        topic, fact = _topic(product)
        values = {"title": product.title, "name": _name(product.title), "fact": fact}
        question = _one(topic.questions if topic else NO_TOPIC, product, "question")
        response = fill(_one(topic.answers, product, "answer"), values) if topic else fact
        values["asked"] = topic.name if topic else "what it is"
        thoughts = (ASKED, READ if self.reasoning.reads_entry else RECALLED, CONCLUDED if topic else TOLD)
        thought = " ".join(fill(_one(some, product, str(place)), values) for place, some in enumerate(thoughts))
        texts = (fill(question, values), _capital(thought), _capital(response))
        return Written(*_spoil(texts, how, topic, values), cost=Cost(), model=MODEL)


def spoiled(uid: str) -> str:
    """Tell how the row of a product is spoiled: one of SPOILED, or ""."""
    rank = hash_of(f"{uid} spoiled")
    return SPOILED[rank // ONE_IN % len(SPOILED)] if rank % ONE_IN == 0 else ""


def _spoil(
    texts: tuple[str, str, str], how: str, topic: Topic | None, values: Mapping[str, str]
) -> tuple[str, str, str]:
    question, thought, response = texts
    if how == "cites a context":
        return question, f"{thought} {CITED}", response
    if how == "invents a number":
        return question, thought, f"{response} {INVENTED}"
    if how == "leads" and topic:
        return fill(topic.leading, values), thought, f"Yes. {response}"
    return (question, thought, "") if how == "says nothing" else texts


def _topic(product: Product) -> tuple[Topic | None, str]:
    """Choose one of the facts that are there, by the uid; without any, the first sentence answers."""
    found = [(topic, _worded(match[1])) for topic in TOPICS if (match := re.search(topic.fact, product.content))]
    if found:
        return found[hash_of(f"{product.uid} topic") % len(found)]
    spans = sentences(product.content)
    words = product.content[spans[0].start : spans[0].end].split() if spans else []
    return None, " ".join(words[:LONGEST]) + ("" if len(words) <= LONGEST else " ...")


def _worded(fact: str) -> str:
    """Word a number of pages, months or years as it stands after a verb: 2-year is 2 years."""
    match = re.fullmatch(r"(\d+)[ -](page|month|year)", fact)
    return f"{match[1]} {match[2]}{'' if match[1] == '1' else 's'}" if match else fact


def _name(title: str) -> str:
    """Shorten a title to what stands before its first colon, comma or bracket."""
    return re.split(r"[:,(]| - ", title)[0].strip() or title


def _one(some: tuple[str, ...], product: Product, what: str) -> str:
    return some[hash_of(f"{product.uid} {what}") % len(some)]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
