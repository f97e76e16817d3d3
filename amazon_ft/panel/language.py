"""What the panel says in one language, and how that language writes numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from amazon_ft.comparison.names import SETS, SYSTEMS, named


class _Comma(float):
    """Write a number with a decimal comma."""

    def __format__(self, form: str) -> str:
        return super().__format__(form).replace(".", ",")


@dataclass(frozen=True)
class Labels:
    """Hold what the panel says in one language; {names} are filled in with fill()."""

    language: str
    title: str
    modes: Mapping[str, str]
    # what a card says
    asked: str
    true: str
    accepted: str
    entry: str
    entry_true: str
    matches: str
    absent: str
    ambiguous: str
    passages: str
    quote: str
    others: str
    reasoning: str
    tokens: str
    speed: str
    empty: str
    word_for_word: str
    stopped: str
    cut: str
    user_ended: str
    copied: str
    invented: str
    right: str
    wrong: str
    legend_differs: str
    legend_found: str
    legend_invented: str
    legend_quote: str
    # Look
    every_set: str
    question: str
    previous: str
    next: str
    worst: str
    worst_note: str
    place: str
    no_rows: str
    no_other: str
    # Ask
    type_here: str
    ask: str
    stop: str
    decoding: str
    which: str
    loading: str
    waiting: str
    done: str
    ended: str
    empty_question: str
    busy: str
    idle: str
    stopping: str
    failed: str
    # Blind vote
    better: str
    tie: str
    skip: str
    next_pair: str
    pair: str
    blind_help: str
    left: str
    all_voted: str
    nothing_to_vote: str
    taken: str
    vote_first: str
    voted: str
    last_pair: str
    was: str
    chose: str
    chose_tie: str
    tally: str
    no_votes: str
    chance: str
    beyond_chance: str
    # Review
    accept: str
    edit: str
    reject: str
    back: str
    save: str
    cancel: str
    response: str
    product: str
    row: str
    reviewed: str
    decisions: Mapping[str, str]
    original: str
    letter: str
    letters: str
    edit_letters: str
    no_letter: str
    all_decided: str
    all_reviewed: str
    nothing_to_review: str
    first_row: str
    last_row: str
    save_first: str
    edit_first: str
    too_soon: str
    not_saved: str
    # Export
    export: str
    exporting: str
    exported: str

    @property
    def lang(self) -> str:
        """Name the language as HTML does."""
        return "pt-BR" if self.language == "pt" else self.language

    def fill(self, text: str, **values: object) -> str:
        """Put values into a text, numbers as the language writes them."""
        own = {name: _Comma(value) if isinstance(value, float) else value for name, value in values.items()}
        return text.format(**(own if self.language == "pt" else values))

    def pace(self, tokens: int, rate: float) -> str:
        """Say how many tokens came, and how many a second where that is known: where `rate` is above 0."""
        text = self.speed if rate else self.tokens
        return self.fill(text, tokens=tokens, rate=self.fill("{rate:.{digits}f}", rate=rate, digits=int(rate < 100)))

    def system(self, name: str) -> str:
        """Say what a system is called."""
        return named(name, SYSTEMS).label.said(self.language)

    def set_(self, name: str) -> str:
        """Say what a set is called."""
        return named(name, SETS).label.said(self.language)

    def meaning(self, name: str) -> str:
        """Say what a set is."""
        return named(name, SETS).meaning.said(self.language)
