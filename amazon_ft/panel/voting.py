"""The room in which one votes without knowing which answer is whose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from amazon_ft.panel import ballots, controls
from amazon_ft.panel.pieces import line, said
from amazon_ft.panel.state import State
from amazon_ft.panel.votes import TIE, Tally, Votes, votable


class Vote:
    """Show pairs in an order drawn by lot, save each vote at once, then say which was which, and the tally."""

    def __init__(self, state: State, votes: Votes) -> None:
        self._state, self._votes = state, votes
        self._rows: dict[str, Mapping[str, Any]] = {}
        self._skipped: list[str] = []
        self._key, self._cast = "", dict[str, str]()
        self.left = controls.button(state.guarded(lambda: self._vote("left")))
        self.right = controls.button(state.guarded(lambda: self._vote("right")))
        self.tie = controls.button(state.guarded(lambda: self._vote(TIE)))
        self.skip = controls.button(state.guarded(self._skip))
        self.next = controls.button(state.guarded(self._next), "primary")
        self.pair, self.tally, self.remaining = controls.html(), controls.html(), controls.html()
        self.remaining.layout.width = "auto"
        choices = controls.line(self.left, self.right, self.tie, self.skip, self.next, self.remaining)
        self.box = controls.stack(choices, self.pair, self.tally)

    def relabel(self) -> None:
        """Say everything in the language of the moment, and go on with the rows that there are now."""
        words = self._state.words
        for button, side in ((self.left, "left"), (self.right, "right")):
            button.description = words.better.format(side=ballots.SIDES[side])
        self.tie.description, self.skip.description = words.tie, words.skip
        self.next.description = f"{words.next_pair} ▶"
        self._rows = votable(self._state.rows, self._votes.systems)
        if self._key not in self._rows:
            self._turn()
        self._show()

    def _vote(self, side: str) -> None:
        if self._key and not self._cast:
            self._cast = self._votes.cast(self._key, side)
            self._show()
            controls.focus(self.next)

    def _skip(self) -> None:
        if self._key and not self._cast and len(self._left()) > 1:
            self._skipped = [*(key for key in self._skipped if key != self._key), self._key]
            self._turn()
            self._show()

    def _next(self) -> None:
        if self._cast and self._left():
            self._turn()
            self._show()
            controls.focus(self.left)

    def _left(self) -> list[str]:
        """Give the keys without a vote; those that were skipped come last."""
        left = self._votes.left(self._rows)
        return [*(key for key in left if key not in self._skipped), *(key for key in self._skipped if key in left)]

    def _turn(self) -> None:
        self._cast, self._key = {}, next(iter(self._left()), "")

    def _show(self) -> None:
        words, left = self._state.words, self._left()
        open_ = bool(self._key) and not self._cast
        controls.enable([self.left, self.right, self.tie], open_)
        controls.enable([self.skip], open_ and len(left) > 1)
        controls.enable([self.next], bool(self._cast) and bool(left))
        self.remaining.value = str(line(words.left.format(number=len(left))))
        tally = self._votes.tally()
        self.pair.value = str(self._pair(tally, bool(left)))
        self.tally.value = "" if self._cast else str(ballots.tallied(tally, words.language))

    def _pair(self, tally: Tally, left: bool) -> Markup:
        words, row = self._state.words, self._rows.get(self._key)
        if row is None:
            return said(words.all_voted if self._rows else words.nothing_to_vote, "good")
        if not self._cast:
            return ballots.blind(row, self._votes.sides(self._key), words.language)
        done = Markup() if left else said(words.all_voted, "good")
        return done + ballots.revealed(row, self._cast, tally, words.language)
