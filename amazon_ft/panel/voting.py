"""The room in which one votes without knowing which answer is whose."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from markupsafe import Markup

from amazon_ft.panel import ballots, controls
from amazon_ft.panel.pieces import line, said
from amazon_ft.panel.state import State
from amazon_ft.panel.votes import TIE, Votes, votable

TOO_SOON = 0.7  # seconds: nobody reads two answers in less, but a key held down comes again


class Vote:
    """Show pairs in an order drawn by lot, save each vote at once, then say which was which, and the tally."""

    def __init__(self, state: State, votes: Votes, clock: Callable[[], float] = time.monotonic) -> None:
        self._state, self._votes, self._clock = state, votes, clock
        self._rows: dict[str, Mapping[str, Any]] = {}
        self._skipped: list[str] = []
        self._key, self._cast, self._since = "", dict[str, str](), clock()
        self.left, self.right, self.tie = (
            controls.button(state.pressed(partial(self._vote, side))) for side in ("left", "right", TIE)
        )
        self.skip = controls.button(state.pressed(self._skip))
        self.next = controls.button(state.pressed(self._next), "primary")
        self.pair, self.remaining = controls.html(), controls.html()
        self.remaining.layout.width = "auto"
        choices = controls.line(self.left, self.right, self.tie, self.skip, self.next, self.remaining)
        self.box = controls.stack(choices, self.pair)

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
        if self._too_soon():
            return
        if not self._is_open():
            self._state.status.say(self._why_closed())
        elif self._key in self._votes.read():
            self._turn()
            self._show()
            self._state.status.say("taken", "warn")
        else:
            self._cast, self._since = self._votes.cast(self._key, side), self._clock()
            self._show()
            controls.focus(self.next)

    def _skip(self) -> None:
        if not self._is_open():
            self._state.status.say(self._why_closed())
        elif len(self._left()) < 2:
            self._state.status.say("last_pair")
        else:
            self._skipped = [*(key for key in self._skipped if key != self._key), self._key]
            self._turn()
            self._show()

    def _next(self) -> None:
        if self._too_soon():
            return
        if self._is_open():
            self._state.status.say("vote_first")
        elif not self._left():
            self._state.status.say(self._why_closed())
        else:
            self._turn()
            self._show()
            controls.focus(self.left)

    def _too_soon(self) -> bool:
        """Tell whether a press comes too soon to be meant; a key held down never stops being so."""
        now = self._clock()
        soon = now - self._since < TOO_SOON
        if soon:
            self._since = now
        return soon

    def _is_open(self) -> bool:
        return bool(self._key) and not self._cast

    def _why_closed(self) -> str:
        if self._left():
            return "voted"
        return "all_voted" if self._rows else "nothing_to_vote"

    def _left(self) -> list[str]:
        """Give the keys without a vote; those that were skipped come last."""
        left = self._votes.left(self._rows)
        return [*(key for key in left if key not in self._skipped), *(key for key in self._skipped if key in left)]

    def _turn(self) -> None:
        self._cast, self._key, self._since = {}, next(iter(self._left()), ""), self._clock()

    def _show(self) -> None:
        words, left = self._state.words, self._left()
        controls.enable([self.left, self.right, self.tie], self._is_open())
        controls.enable([self.skip], self._is_open() and len(left) > 1)
        controls.enable([self.next], bool(self._cast) and bool(left))
        self.remaining.value = str(line(words.lang, words.left.format(number=len(left))))
        self.pair.value = str(self._pair(bool(left)))

    def _pair(self, left: bool) -> Markup:
        words, row = self._state.words, self._rows.get(self._key)
        all_voted = said(words.lang, words.all_voted if self._rows else words.nothing_to_vote, "good")
        if row is not None and not self._cast:
            return ballots.blind(row, self._votes.sides(self._key), words.language)
        tally = self._votes.tally(self._rows)
        if row is None:
            return all_voted + ballots.tallied(tally, words.language)
        return (Markup() if left else all_voted) + ballots.revealed(row, self._cast, tally, words.language)
