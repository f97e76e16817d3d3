"""The panel in a notebook: look at answers, ask, vote blindly, take it home; in English or Portuguese."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from amazon_ft import steps
from amazon_ft.panel import controls
from amazon_ft.panel.asking import Ask
from amazon_ft.panel.looking import Look
from amazon_ft.panel.pieces import style
from amazon_ft.panel.state import Desk, Export, State
from amazon_ft.panel.votes import Votes
from amazon_ft.panel.voting import Vote

LANGUAGES = [("English", "en"), ("Português", "pt")]


class Panel:
    """Look at the answers of a run, ask questions of your own, and vote; the last line of a cell shows it.

    No model is loaded before a question is asked. `export` writes what one takes home and names the files.
    """

    def __init__(self, desk: Desk, language: str = "en", export: Export | None = None) -> None:
        self._status = controls.html()
        self._state = State(desk, language, self._status)
        self._export = export or (lambda: steps.export(desk.run, desk.recipe))
        guarded = self._state.guarded
        self.look = Look(self._state)
        self.ask = Ask(self._state, guarded(self.look.relabel))
        self.vote = Vote(self._state, Votes(desk.run.votes))
        self._rooms: dict[str, Look | Ask | Vote] = {"look": self.look, "ask": self.ask, "vote": self.vote}
        self.mode = controls.choice(guarded(self._change))
        self.language = controls.choice(guarded(self._speak))
        self.export = controls.button(guarded(self._write))
        self._name, self._room = controls.html(), controls.stack()
        self._name.layout.width = "auto"
        self._name.add_class("aft-grow")
        head = controls.line(self._name, self.language.control, self.export)
        sheets = controls.html(str(style("cards", "panel")))
        self.box = controls.stack(sheets, head, self.mode.control, self._status, self._room)
        self.box.add_class("aft-panel")
        self.language.offer(LANGUAGES, language)
        self._relabel("look" if self._state.rows else "ask")

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until a question that was asked is answered, for so many seconds at most; return whether it is."""
        return self.ask.wait(seconds)

    @property
    def status(self) -> str:
        """Give the sentence that the panel says at the moment, as HTML."""
        return str(self._status.value)

    def _ipython_display_(self, **_: Any) -> None:
        from IPython.display import display

        display(self.box)  # type: ignore[no-untyped-call]

    def _relabel(self, mode: str) -> None:
        words = self._state.words
        self._name.value = str(Markup('<div class="aft aft-name" lang="{}">{}</div>').format(words.lang, words.title))
        self.mode.offer([(label, name) for name, label in words.modes.items()], mode)
        self.export.description = words.export
        for room in self._rooms.values():
            self._state.guarded(room.relabel)()
        self._enter()

    def _change(self) -> None:
        self._state.status.say()
        self._enter()

    def _enter(self) -> None:
        self._room.children = [self._rooms[self.mode.value].box]

    def _speak(self) -> None:
        self._state.speak(self.language.value)
        self._state.status.relabel()
        self._relabel(self.mode.value)

    def _write(self) -> None:
        status = self._state.status
        controls.enable([self.export], False)
        try:
            status.say("exporting")
            status.list("exported", [str(path) for path in self._export()])
        finally:
            controls.enable([self.export], True)
