"""Find in training rows what is held out: its questions, its titles and its answers. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from amazon_ft.openai_jobs.findings import Trouble, quoted
from amazon_ft.products import unaccented

WORD, FOREIGN = re.compile(r"\w+"), re.compile(r"[^\x00-\x7f]+")
BETWEEN = {place: " " for place in range(128) if not WORD.match(chr(place))}
TITLE_WORDS, ANSWER_WORDS = 3, 5  # fewer, inside a longer text, are chance


@dataclass(frozen=True)
class HeldOut:
    """Hold a product that must not be trained on: its name here, all ways to ask for it, its answer and title."""

    name: str
    questions: tuple[str, ...]
    answer: str
    title: str = ""


def normalised(text: str) -> str:
    """Reduce a text to its lower-case unaccented words, as products.normalised does, at a third of its time."""
    folded = text.casefold()
    if not folded.isascii():
        folded = FOREIGN.sub(_plain, folded)
    words = folded.translate(BETWEEN).split() if folded.isascii() else WORD.findall(folded)
    return " ".join(words)


def _plain(match: re.Match[str]) -> str:
    return _letters(match[0])


@lru_cache(maxsize=4096)  # mostly single characters, and few
def _letters(text: str) -> str:
    """Take the accents off letters, and put spaces for what is none."""
    return "".join(char if WORD.match(char) else " " for char in unaccented(text))


class Phrases:
    """Find which of many phrases stand in a text, word by word; case, accents and punctuation do not count."""

    def __init__(self, phrases: Iterable[tuple[str, str]], words: int) -> None:
        self._whole = {text: name for text, name in phrases if text}
        bags = {text: set(pairwise(text.split())) for text in self._whole if text.count(" ") + 1 >= max(words, 2)}
        often = Counter(pair for bag in bags.values() for pair in bag)
        self._by_pair: dict[tuple[str, str], list[str]] = {}  # each under its rarest pair, which a text must have
        for text, bag in bags.items():
            self._by_pair.setdefault(min(bag, key=lambda pair: (often[pair], pair)), []).append(text)

    def same(self, text: str) -> str | None:
        """Name the phrase that a normalised text is."""
        return self._whole.get(text)

    def inside(self, text: str) -> str | None:
        """Name a phrase that a normalised text holds."""
        framed = f" {text} "
        for pair in self._by_pair.keys() & set(pairwise(text.split())):
            for phrase in self._by_pair[pair]:
                if f" {phrase} " in framed:
                    return self._whole[phrase]
        return None


class Held:
    """Hold all that is held out, ready to be looked for."""

    def __init__(self, held_out: Iterable[HeldOut]) -> None:
        every = list(held_out)
        titles = [(normalised(one.title), one.name) for one in every]
        asked = [(normalised(text), one.name) for one in every for text in one.questions]
        self._questions = Phrases([*titles, *asked], TITLE_WORDS)
        self._titles = Phrases(titles, TITLE_WORDS)
        self._answers = Phrases([(normalised(one.answer), one.name) for one in every], ANSWER_WORDS)
        self.empty = not every

    def leaks(self, question: str, answers: Iterable[str]) -> Iterator[Trouble]:
        """Name what a training row gives away of what is held out."""
        asked = normalised(question)
        if name := self._questions.same(asked):
            yield "leaked question", f"it asks for what is held out as {quoted(name)}"
        elif name := self._titles.inside(asked):
            yield "title of a held-out product", f"its question holds the title of {quoted(name)}, which is held out"
        for answer in map(normalised, answers):
            if name := self._answers.same(answer):
                yield "leaked answer", f"its answer is that of {quoted(name)}, which is held out"
            elif name := self._answers.inside(answer):
                yield "part of a held-out answer", f"its answer holds that of {quoted(name)}, which is held out"
