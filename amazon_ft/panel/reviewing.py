"""The cell in which a class accepts, edits or rejects rows that a model wrote, with the keyboard alone if it likes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from amazon_ft.files import InputError
from amazon_ft.panel import controls, drafts, labels
from amazon_ft.panel.pieces import line, silent_line, style, whole
from amazon_ft.panel.state import Status
from amazon_ft.panel.voting import TOO_SOON
from amazon_ft.reasoning.authors import FIELDS, Decision
from amazon_ft.reasoning.reviews import ACCEPT, EDIT, NUMBER, REJECT, Reviews, as_it_stands

Row = Mapping[str, Any]
Texts = Mapping[str, str]
Faults = Callable[[Texts, Row], list[str]]

LINES = dict(zip(FIELDS, (2, 8, 4), strict=True))
HASTY = (ACCEPT, REJECT, "save")  # what a key held down must not do again and again


class Review:
    """Show rows one by one, drawn by hash, and keep each decision at once; the last line of a cell shows it.

    `faults` says what is wrong with an edit, which is then not saved; `done` is called after each decision.
    """

    def __init__(
        self,
        rows: Iterable[Row],
        reviews: Reviews,
        faults: Faults | None = None,
        language: str = "en",
        number: int = NUMBER,
        done: Callable[[], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.words, self._reviews, self._clock = labels.of(language), reviews, clock
        self._faults, self._done = faults or (lambda texts, row: []), done or (lambda: None)
        self._rows, self._at, self._visited = reviews.chosen(rows, number), -1, list[int]()
        self._editing = False
        self._saved: Row | None = None  # whose last letters may still be on their way
        self._make()
        self._home, self._since = self.buttons[ACCEPT], clock()
        self._turn()
        self._show()

    @property
    def status(self) -> str:
        """Give the sentence that is said at the moment, as HTML."""
        return str(self._status.value)

    def _ipython_display_(self, **_: Any) -> None:
        from IPython.display import display

        display(self.box)  # type: ignore[no-untyped-call]

    def _make(self) -> None:
        """Make the controls, from top to bottom as the Tab key goes."""
        words = self.words
        self._acts: dict[str, Callable[[], object]] = {
            **{word: partial(self._decide, word) for word in (ACCEPT, REJECT)},
            **{EDIT: self._open, "back": self._back, "skip": self._skip, "save": self._save, "cancel": self._cancel},
        }
        names = (*drafts.LETTERS, *drafts.EDIT_LETTERS)
        kinds = {ACCEPT: "primary", "save": "primary"}
        self.buttons = {name: controls.button(partial(self._press, name), kinds.get(name, "")) for name in names}
        for name, button in self.buttons.items():
            button.description = getattr(words, name)
        self.command = controls.Command(self._order)
        self.command.control.description = words.letter
        self.areas = {each: controls.area(lines, self._typed) for each, lines in LINES.items()}
        for each, area in self.areas.items():
            area.description = drafts.field(each, words)
        self.progress, self._status, self.row = controls.html(), controls.html(), controls.html()
        self._letters = controls.html()
        self._letters.layout.width = "auto"
        self._says = Status(self._status, lambda: self.words)
        self._fields = controls.stack(*self.areas.values())
        self._end = controls.line(*(self.buttons[name] for name in drafts.EDIT_LETTERS))
        decide = controls.line(*(self.buttons[name] for name in drafts.LETTERS))
        order = controls.line(self.command.control, self._letters)
        below = (self._fields, self._end, self._status, self.row)
        sheets = controls.html(str(style("cards", "panel")))
        self.box = controls.stack(sheets, self.progress, decide, order, *below)
        self.box.add_class("aft-panel")

    def _press(self, name: str) -> None:
        self._home = self.buttons[ACCEPT]
        if name in HASTY and self._too_soon():
            self._says.say("too_soon")
        else:
            self._guarded(self._acts[name])

    def _order(self, said: str) -> None:
        self._home, name = self.command.control, drafts.meant(said, self._editing, self.words)
        if name:
            self._guarded(self._acts[name])
        else:
            self._says.say("no_letter", said=said, letters=drafts.letters(self._editing, self.words))

    def _guarded(self, work: Callable[[], object]) -> None:
        """Say what went wrong instead of raising it; what was said before is gone."""
        self._says.say()
        try:
            work()
        except InputError as error:
            self._says.refuse(str(error))
        except Exception as error:
            self._says.say("failed", "warn", why=str(error) or type(error).__name__)

    def _too_soon(self) -> bool:
        """Tell whether a press comes too soon to be meant; a key held down never stops being so."""
        now = self._clock()
        soon = now - self._since < TOO_SOON
        if soon:
            self._since = now
        return soon

    def _now(self) -> Row | None:
        return self._rows[self._at] if self._at < len(self._rows) else None

    def _undecided(self) -> list[int]:
        """Give the places of rows without a decision: those after the present one first."""
        left = {row["key"] for row in self._reviews.left(self._rows)}
        places = [place for place, row in enumerate(self._rows) if row["key"] in left]
        return sorted(places, key=lambda place: place <= self._at)

    def _turn(self) -> None:
        """Go to the next row without a decision; where there is none, to the end."""
        self._at = next(iter(self._undecided()), len(self._rows))

    def _go(self, place: int) -> None:
        self._visited.append(self._at)
        self._at = place
        self._show()

    def _decide(self, word: str, texts: Texts | None = None) -> None:
        row = self._now()
        if self._editing and word != EDIT:
            self._says.say("save_first", "warn")
        elif row is None:
            self._closed()
        else:
            self._reviews.judge(row, word, texts)
            self._saved, self._editing = row if word == EDIT else None, False
            self._go(next(iter(self._undecided()), len(self._rows)))
            controls.focus(self._home)
            self._done()

    def _open(self) -> None:
        row = self._now()
        if self._editing:
            self._says.say("save_first", "warn")
        elif row is None:
            self._closed()
        else:
            self._editing, self._saved = True, None
            self._fill(as_it_stands(row, self._reviews.read().get(row["key"])))
            self._show()
            controls.focus(self.areas[FIELDS[0]])

    def _fill(self, texts: Texts) -> None:
        for each, area in self.areas.items():
            area.value = texts[each]

    def _save(self) -> None:
        row = self._now()
        if not self._editing or row is None:
            self._says.say("edit_first")
        elif self._passes(row):
            self._decide(EDIT, self._texts())

    def _passes(self, row: Row) -> bool:
        faults = self._faults(self._reviews.edited(row, self._texts()), row)
        if faults:
            self._status.value = str(drafts.refused(faults, self.words))
        return not faults

    def _texts(self) -> dict[str, str]:
        return {each: area.value for each, area in self.areas.items()}

    def _typed(self) -> None:
        """Save again what comes after Save: a press can overtake the last letters on their way to the kernel."""
        if self._saved is not None:
            self._guarded(partial(self._save_late, self._saved))

    def _save_late(self, row: Row) -> None:
        if self._passes(row):
            self._reviews.judge(row, EDIT, self._texts())
            self._show()
            self._done()

    def _cancel(self) -> None:
        if not self._editing:
            self._says.say("edit_first")
            return
        self._editing = False
        self._show()
        controls.focus(self._home)

    def _back(self) -> None:
        if self._editing:
            self._says.say("save_first", "warn")
        elif self._visited or self._at:
            self._at = self._visited.pop() if self._visited else self._at - 1
            self._show()
        else:
            self._says.say("first_row" if self._rows else "nothing_to_review")

    def _skip(self) -> None:
        others = [place for place in self._undecided() if place != self._at]
        if self._editing:
            self._says.say("save_first", "warn")
        elif self._now() is None:
            self._closed()
        elif self._at in self._undecided() and not others:
            self._says.say("last_row")
        else:
            self._go(others[0] if self._at in self._undecided() else self._at + 1)

    def _closed(self) -> None:
        self._says.say("all_reviewed" if self._rows else "nothing_to_review")

    def _show(self) -> None:
        words, row, decided = self.words, self._now(), self._reviews.read()
        tally, self._since = self._reviews.tally(self._rows), self._clock()
        self.progress.value = str(line(words.lang, drafts.progress(tally, words)))
        self.row.value = str(self._card(row, decided))
        controls.enable((self.buttons[name] for name in drafts.LETTERS), row is not None and not self._editing)
        can_go_back = not self._editing and bool(self._visited or self._at)
        controls.enable([self.buttons["back"]], can_go_back)
        controls.enable((self.buttons[name] for name in drafts.EDIT_LETTERS), self._editing)
        controls.show(self._fields, self._editing)
        controls.away(self._end, not self._editing)
        self._letters.value = str(silent_line(words.lang, drafts.letters(self._editing, words)))

    def _card(self, row: Row | None, decided: Mapping[str, Decision]) -> Any:
        if row is None:
            return whole(self.words.lang, drafts.closed(bool(self._rows), self.words))
        return drafts.draft(row, decided.get(row["key"]), self.words)
