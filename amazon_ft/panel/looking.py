"""The room in which one looks at recorded answers, row by row."""

from __future__ import annotations

from amazon_ft.panel import cards, choosing, controls
from amazon_ft.panel.pieces import line, said
from amazon_ft.panel.state import State


class Look:
    """Show one row at a time: of a set, in the order recorded or worst first."""

    def __init__(self, state: State) -> None:
        self._state, self._places, self._at = state, list[int](), 0
        self._failed: dict[int, list[str]] = {}
        self.sets = controls.choice(state.guarded(self._reorder))
        self.questions = controls.dropdown(state.guarded(self._jump))
        self.previous = controls.button(state.pressed(lambda: self._step(-1)))
        self.next = controls.button(state.pressed(lambda: self._step(1)))
        self.worst = controls.switch(state.guarded(self._reorder))
        self.place, self.answers = controls.html(), controls.html()
        self.place.layout.width = "auto"
        moves = controls.line(self.previous, self.next, self.worst, self.place)
        filters = controls.line(self.sets.control, self.questions.control)
        self.box = controls.stack(filters, moves, self.answers)

    def relabel(self) -> None:
        """Say everything in the language of the moment, and show the rows that there are now."""
        words = self._state.words
        self.previous.description, self.next.description = f"◀ {words.previous}", f"{words.next} ▶"
        self.worst.description, self.worst.tooltip = words.worst, words.worst_note
        self.questions.control.description = words.question
        found = choosing.sets(self._state.rows)
        options = [(words.every_set, choosing.EVERY), *((f"{words.set_(name)} {found[name]}", name) for name in found)]
        self.sets.offer(options, self.sets.value if self.sets.value in found else choosing.EVERY)
        self._reorder(self._places[self._at] if self._places else None)

    def show(self, place: int) -> None:
        """Show one row, of whatever set."""
        if place not in self._places:
            self.sets.offer(self.sets.control.options, choosing.EVERY)
        self._reorder(place)

    def _reorder(self, wanted: int | None = None) -> None:
        state = self._state
        places = choosing.of_set(state.rows, self.sets.value or choosing.EVERY)
        self._failed = choosing.worst(state.rows, state.language) if self.worst.value else {}
        self._places = choosing.worst_first(places, self._failed)
        self._at = self._places.index(wanted) if wanted in self._places else 0
        options = [
            (f"{number}. {choosing.name(state.rows[place])}", number - 1)
            for number, place in enumerate(self._places, 1)
        ]
        self.questions.offer(options, self._at if options else None)
        self._show()

    def _jump(self) -> None:
        self._at = self.questions.value or 0
        self._show()

    def _step(self, by: int) -> None:
        if len(self._places) < 2:
            self._state.status.say("no_other")
            return
        self._at = (self._at + by) % len(self._places)
        self.questions.offer(self.questions.control.options, self._at)
        self._show()

    def _show(self) -> None:
        words = self._state.words
        controls.enable([self.previous, self.next], len(self._places) > 1)
        if not self._places:
            self.place.value, self.answers.value = "", str(said(words.lang, words.no_rows))
            return
        place = self._places[self._at]
        self.place.value = str(line(words.lang, words.place.format(place=self._at + 1, number=len(self._places))))
        why = [f"{words.system(choosing.WORST)}: {reason}" for reason in self._failed.get(place, ())]
        self.answers.value = str(cards.card(self._state.rows[place], words.language, why))
