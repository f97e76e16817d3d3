"""What the rooms of the panel share: the desk, the rows, the language, and how a mistake is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from threading import RLock
from typing import Any, ParamSpec, Protocol

from amazon_ft.files import InputError
from amazon_ft.panel import labels
from amazon_ft.panel.labels import Labels
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
Say = Callable[[str, str], object]  # a sentence and its kind: "", "good" or "warn"


class State:
    """Hold the desk, its rows and the language; `say` shows a sentence."""

    def __init__(self, desk: Desk, language: str, say: Say) -> None:
        self.desk, self.words, self.lock = desk, labels.of(language), RLock()
        self.rows: list[Mapping[str, Any]] = list(desk.rows())
        self.say = say

    @property
    def language(self) -> str:
        """Name the language."""
        return self.words.language

    def speak(self, language: str) -> Labels:
        """Change the language."""
        self.words = labels.of(language)
        return self.words

    def guarded(self, work: Callable[P, object], say: Say | None = None) -> Callable[P, None]:
        """Make a call that says what went wrong instead of raising it, so that the panel lives on."""
        tell = say or self.say

        @wraps(work)
        def call(*args: P.args, **named: P.kwargs) -> None:
            try:
                work(*args, **named)
            except InputError as error:
                tell(str(error), "warn")
            except Exception as error:
                why = str(error) or type(error).__name__
                tell(self.words.failed.format(why=why), "warn")

        return call
