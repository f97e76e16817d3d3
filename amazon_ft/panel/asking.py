"""The room in which one asks a question of one's own and watches the answers come."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from amazon_ft.panel import cards, controls
from amazon_ft.panel.hearing import Hearing, OneAtATime
from amazon_ft.panel.pieces import said, silent_line
from amazon_ft.panel.state import State
from amazon_ft.recipes import Generation
from amazon_ft.retrieval.answers import Reply

SETTLED = 0.25  # seconds: Enter can overtake the last letters on their way to the kernel
MOST_TOKENS = 8192
WIDEST = 90  # characters of a product on a button
MOST_MEANT = 5  # products that one chooses from


class Ask:
    """Ask, in a thread of its own, and show the answers of all systems side by side while they come."""

    def __init__(self, state: State, answered: Callable[[], object]) -> None:
        self._state, self._answered, self._work = state, answered, OneAtATime()
        self._hearing, self._question = Hearing(self._coming), ""
        self._row: Mapping[str, Any] | None = None
        self._candidates: list[tuple[str, str]] = []
        self.question = controls.text(self.ask)
        self.ask_button = controls.button(self.ask, "primary")
        self.stop = controls.button(self._stop)
        controls.enable([self.stop], False)
        self.decoding = _decoding(state.desk.recipe.generation)
        self.manner = controls.Folded(controls.line(*self.decoding.values()))
        self.status, self.progress, self.answers = controls.html(), controls.html(), controls.html()
        self._says = state.speaking(self.status)
        self._which = controls.html()
        self._choices = [controls.button(partial(self._choose, place)) for place in range(MOST_MEANT)]
        self.candidates = controls.stack()
        self.candidates.add_class("aft-candidates")
        typed = controls.line(self.question, self.ask_button, self.stop)
        below = (self.status, self.progress, self.candidates, self.answers)
        self.box = controls.stack(typed, self.manner.box, *below)

    def relabel(self) -> None:
        """Say everything in the language of the moment."""
        words = self._state.words
        self.question.description, self.question.placeholder = words.question, words.type_here
        self.ask_button.description, self.stop.description = words.ask, words.stop
        self.manner.name(words.decoding)
        for name, field in self.decoding.items():
            field.description = name
        with self._state.lock:
            self._offer()
            self._says.relabel()
            if self._row:
                self.answers.value = str(cards.card(self._row, words.language))
            elif self._work.busy:
                self._coming()

    def ask(self, uid: str = "") -> None:
        """Ask what stands in the field, or the last question again about the product named by `uid`."""
        if self._work.busy:
            self._says.say("busy")
            return
        controls.enable([self.ask_button], False)
        controls.enable([self.stop], True)
        self._hearing = Hearing(self._coming)
        if not self._work.start(partial(self._answer, uid)):
            raise AssertionError("only the thread of the kernel asks")

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the answers are there, for so many seconds at most; return whether they are."""
        return self._work.wait(seconds)

    def _answer(self, uid: str) -> None:
        try:
            self._state.guarded(self._answer_or_fail, self._says)(uid)
        finally:
            self._ready()

    def _ready(self) -> None:
        controls.enable([self.ask_button], True)
        controls.enable([self.stop], False)

    def _answer_or_fail(self, uid: str) -> None:
        state, began = self._state, time.monotonic()
        self._says.say()
        if not uid:
            self._question = self._settled()
        if not self._question.strip():
            self._says.say("empty_question", "warn")
            return
        self._row, self._candidates, self.answers.value = None, [], ""
        self._offer()
        self._says.say("loading")
        reply, row = state.desk.ask_row(self._question, uid, self._generation(), self._hearing.heard)
        with state.lock:
            seconds = time.monotonic() - began
            state.rows.append(row)
            self._row = row
            self.answers.value, self.progress.value = str(cards.card(row, state.language)), ""
        self._answered()
        with state.lock:
            self._finish(reply, seconds)

    def _finish(self, reply: Reply, seconds: float) -> None:
        """Say that all is done only once it is: the next question may come at once."""
        self._ready()
        if reply.match.kind == "ambiguous":
            self._candidates = [(str(each), each.entry.uid) for each in reply.match.candidates[:MOST_MEANT]]
        self._offer()
        self._says.say("ended" if self._hearing.stopped else "done", "good", seconds=seconds)

    def _settled(self) -> str:
        """Wait until no more letters come."""
        text, since = self.question.value, time.monotonic()
        while time.monotonic() - since < SETTLED:
            time.sleep(SETTLED / 10)
            if self.question.value != text:
                text, since = self.question.value, time.monotonic()
        return str(text)

    def _generation(self) -> Generation:
        return replace(self._state.desk.recipe.generation, **{name: one.value for name, one in self.decoding.items()})

    def _stop(self) -> None:
        self._says.say("stopping" if self._work.busy else "idle")
        self._hearing.stop()
        controls.enable([self.stop], False)

    def _coming(self) -> None:
        state, heard = self._state, self._hearing.so_far
        with state.lock:
            if self._row is not None or not heard:
                return
            if self._says.label == "loading":
                self._says.say()
            texts = {system: heard[system].text if system in heard else None for system in cards.MODELS}
            lines = [
                f"{state.words.system(name)}: {state.words.pace(one.tokens, one.rate)}" for name, one in heard.items()
            ]
            self.progress.value = str(silent_line(state.words.lang, " · ".join(lines)))
            self.answers.value = str(cards.coming(self._question, texts, state.language))

    def _offer(self) -> None:
        """Offer the products that may be meant."""
        words = self._state.words
        self._which.value = str(said(words.lang, words.which))
        for button, (name, _) in zip(self._choices, self._candidates, strict=False):
            button.description = name if len(name) <= WIDEST else f"{name[: WIDEST - 1]}…"
            button.tooltip = name
        number = len(self._candidates)
        self.candidates.children = [self._which, *self._choices[:number]] if number else []

    def _choose(self, place: int) -> None:
        if place < len(self._candidates):
            self.ask(self._candidates[place][1])


def _decoding(usual: Generation) -> dict[str, Any]:
    """Make a field for each value of a Generation."""
    return {
        "temperature": controls.number(usual.temperature, 0.0, 1.5, 0.1),
        "top_p": controls.number(usual.top_p, 0.05, 1.0, 0.05),
        "max_new_tokens": controls.number(usual.max_new_tokens, 1, MOST_TOKENS),
        "seed": controls.number(usual.seed, 0, 2**31 - 1),
    }
