"""What the rooms of the panel share: the desk, the rows, the language, and how a mistake is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from threading import RLock
from typing import Any, ParamSpec, Protocol

from amazon_ft.files import InputError
from amazon_ft.panel import labels, pieces
from amazon_ft.panel.language import Labels
from amazon_ft.recipes import Generation, Recipe
from amazon_ft.retrieval.answers import Reply
from amazon_ft.runs import Run

P = ParamSpec("P")


class Desk(Protocol):
    """Answer questions about a run: steps.Desk, or whatever answers in its stead."""

    @property
    def run(self) -> Run:
        """Name the run's files."""

    @property
    def recipe(self) -> Recipe:
        """Give the recipe of the run."""

    def rows(self) -> list[dict[str, Any]]:
        """Give what was answered so far."""

    def ask_row(
        self,
        question: str,
        uid: str = "",
        generation: Generation | None = None,
        heard: Callable[[str, str, int], bool | None] | None = None,
    ) -> tuple[Reply, dict[str, Any]]:
        """Answer a question, keep the answers, and give them as a reply and as a row."""


Export = Callable[[], Sequence[Path]]


class Status:
    """Say one sentence at a time in `place`, a control with HTML, and again when the language changes."""

    def __init__(self, place: Any, words: Callable[[], Labels]) -> None:
        self.place, self._words = place, words
        self.label = ""
        self.say()

    def say(self, label: str = "", kind: str = "", **values: object) -> None:
        """Say the sentence of a label of this name, filled in; its kind is "", "good" or "warn"."""
        self._tell(label, lambda words: pieces.said(words.lang, words.fill(getattr(words, label, ""), **values), kind))

    def list(self, label: str, names: Sequence[str]) -> None:
        """Say the sentence of a label, with names below it."""
        self._tell(label, lambda words: pieces.listed(words.lang, getattr(words, label), names))

    def refuse(self, text: str) -> None:
        """Say why something cannot be done, in the English of an InputError."""
        self._tell("", lambda _: pieces.said("en", text, "warn"))

    def relabel(self) -> None:
        """Say it in the language of the moment."""
        self.place.value = str(self._said(self._words()))

    def _tell(self, label: str, said: Callable[[Labels], object]) -> None:
        self.label, self._said = label, said
        self.relabel()


class State:
    """Hold the desk, its rows, the language, and a `place` for what is said about the whole panel."""

    def __init__(self, desk: Desk, language: str, place: Any) -> None:
        self.desk, self.words, self.lock = desk, labels.of(language), RLock()
        self.rows: list[Mapping[str, Any]] = list(desk.rows())
        self.status = self.speaking(place)

    @property
    def language(self) -> str:
        """Name the language."""
        return self.words.language

    def speak(self, language: str) -> Labels:
        """Change the language."""
        self.words = labels.of(language)
        return self.words

    def speaking(self, place: Any) -> Status:
        """Make a place say sentences."""
        return Status(place, lambda: self.words)

    def pressed(self, work: Callable[[], object]) -> Callable[[], None]:
        """Make a guarded call for a button: what was said before is gone."""

        def call() -> None:
            self.status.say()
            self.guarded(work)()

        return call

    def guarded(self, work: Callable[P, object], status: Status | None = None) -> Callable[P, None]:
        """Make a call that says what went wrong instead of raising it, so that the panel lives on."""
        tell = status or self.status

        @wraps(work)
        def call(*args: P.args, **named: P.kwargs) -> None:
            try:
                work(*args, **named)
            except InputError as error:
                tell.refuse(str(error))
            except Exception as error:
                why = str(error) or type(error).__name__
                tell.say("failed", "warn", why=why)

        return call
