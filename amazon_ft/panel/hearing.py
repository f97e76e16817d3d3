"""Hear answers as they come, in a thread of their own: what was said so far, how fast, and an end to it. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread

EVERY = 0.1  # seconds between two pictures of what was heard


@dataclass(frozen=True)
class Heard:
    """Hold the answer of one system so far, and when its first tokens were heard."""

    text: str
    tokens: int
    first: int  # tokens that were there at `since`
    since: float
    now: float

    @property
    def rate(self) -> float:
        """Give tokens per second since the first; 0 where nothing can be said yet."""
        seconds = self.now - self.since
        return (self.tokens - self.first) / seconds if seconds > 0 else 0.0


class Hearing:
    """Listen to answers; `changed` is called when there is more to show, at most every EVERY seconds."""

    def __init__(self, changed: Callable[[], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._changed, self._clock = changed, clock
        self._shown, self._enough = -EVERY, Event()
        self.so_far: dict[str, Heard] = {}

    def stop(self) -> None:
        """End the answering at the next token."""
        self._enough.set()

    @property
    def stopped(self) -> bool:
        """Tell whether somebody had enough."""
        return self._enough.is_set()

    def heard(self, system: str, text: str, tokens: int) -> bool:
        """Take note of an answer so far; return true to end it."""
        now, before = self._clock(), self.so_far.get(system)
        first, since = (before.first, before.since) if before else (tokens, now)
        self.so_far = self.so_far | {system: Heard(text, tokens, first, since, now)}
        if now - self._shown >= EVERY:
            self._shown = now
            self._changed()
        return self.stopped


class OneAtATime:
    """Do work in a thread, one piece at a time."""

    def __init__(self) -> None:
        self._thread: Thread | None = None

    @property
    def busy(self) -> bool:
        """Tell whether there is work under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, work: Callable[[], object]) -> bool:
        """Begin the work unless some is under way; return whether it was begun."""
        if self.busy:
            return False
        self._thread = Thread(target=work, name="amazon-ft panel", daemon=True)
        self._thread.start()
        return True

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the work is done, for so many seconds at most; return whether it is."""
        if self._thread is not None:
            self._thread.join(seconds)
        return not self.busy
