"""Run the requests for reasoning rows in one loop: start them, judge what came, and save it before it counts."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from amazon_ft.files import InputError
from amazon_ft.products import Product
from amazon_ft.reasoning.authors import Author, Cost, Trouble, Written
from amazon_ft.reasoning.ledger import FAILED, WRITTEN, Ledger, Line, line
from amazon_ft.reasoning.pace import Asked, Clock, Pace
from amazon_ft.reasoning.queueing import Queue

ALONE = 3  # probes, where one product alone is left and none was answered
REFUSALS = 10  # in a row, for the same reason: it is not the products


@dataclass(frozen=True)
class Finished:
    """Count what a run wrote, what failed, what the ledger had before; say why it stopped, and what it took.

    `reason` is "done", "rows", "tokens", "minutes" or "interrupted". `cost` has all requests of this run, also those
    for products that were left half asked, of which the ledger has no line.
    """

    written: int
    failed: int
    known: int
    reason: str
    cost: Cost
    seconds: float

    @property
    def interrupted(self) -> bool:
        """Tell whether Ctrl-C ended the run."""
        return self.reason == "interrupted"


class Run:
    """Ask for rows in the thread that calls work; another one may read the counts, stop it and drop it."""

    def __init__(
        self, author: Author, products: Iterable[Product], ledger: Ledger, pace: Pace, retry_failed: bool, clock: Clock
    ) -> None:
        self._author, self._ledger, self._pace, self._clock = author, ledger, pace, clock
        self._queue = Queue(products, ledger, author.identity, pace, retry_failed, clock)
        self._running = dict[asyncio.Task[Written], Asked]()
        self._lines = list[Line]()  # to be saved
        self._saving: asyncio.Task[Counter[str]] | None = None
        self._refused = Counter[str]()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._dropped = self._ending = False
        self._reason = ""
        self._seconds = 0.0
        self._cost = Cost()
        self.outcomes = Counter[str]()  # of this run, on disk
        self.heard = 0  # tokens
        self.notice = ""  # what is being waited for
        self.error: BaseException | None = None
        self.ended = threading.Event()

    @property
    def known(self) -> int:
        """Count the products seen so far that the ledger had."""
        return self._queue.known

    def work(self) -> None:
        """Run until nothing is left, a limit is reached, or somebody stops it; what went wrong is in `error`."""
        try:
            asyncio.run(self._all())
        except BaseException as error:
            self.error = error
        finally:
            self.ended.set()

    def stop(self) -> None:
        """Let no further request start."""
        self._queue.stopped = True
        if self._loop:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._changed.set)

    def drop(self) -> None:
        """Drop the requests under way, too."""
        self._dropped = True
        self.stop()

    def finished(self) -> Finished:
        """Count what came of the run."""
        written, failed = self.outcomes[WRITTEN], self.outcomes[FAILED]
        return Finished(written, failed, self.known, self._reason, self._cost, round(self._seconds, 3))

    async def _all(self) -> None:
        self._changed, began = asyncio.Event(), self._clock.now()
        self._loop = asyncio.get_running_loop()
        try:
            await self._until_stopped()
        finally:
            await self._end()
            self._seconds = self._clock.now() - began

    async def _until_stopped(self) -> None:
        self._queue.open()
        while not self._dropped:
            self._start()
            if self._reason and not self._running:
                return
            await self._clock.wait(self._changed, None if self._reason else self._queue.idle(len(self._running)))
            self._settle()

    async def _end(self) -> None:
        """Drop what is under way, save what had come, and close the author."""
        self._ending = True
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        try:
            self._settle()
        finally:
            try:
                while self._saving:
                    await asyncio.wait([self._saving])
                    self._save()
            finally:
                await self._author.close()

    def _start(self) -> None:
        while not self._reason:
            self._reason = self._queue.limit(len(self._running), self._cost)
            asked = None if self._reason else self._queue.due(len(self._running))
            if asked is None:
                return
            asked.tries += 1
            task = asyncio.create_task(self._write(asked))
            task.add_done_callback(lambda _: self._changed.set())
            self._running[task] = asked

    async def _write(self, asked: Asked) -> Written:
        started = self._clock.now()
        try:
            return await self._author.write(asked.product, asked.seeded(self._pace.seed), self._hear)
        finally:
            asked.seconds += self._clock.now() - started

    def _hear(self, tokens: int) -> None:
        self.heard += tokens

    def _settle(self) -> None:
        """Judge the requests that have ended, and save what came; then raise an error that is no Trouble."""
        errors = []
        for task in [task for task in self._running if task.done()]:
            asked, outcome = self._running.pop(task), _outcome(task)
            if isinstance(outcome, (Written, Trouble)):
                self._judge(asked, outcome)
            elif not (self._ending and task.cancelled()):
                errors.append(outcome)
        for asked in self._queue.take_spent():
            self._note(asked, asked.trouble or Trouble("not answered"))
        self._save()
        if errors:
            raise errors[0]

    def _judge(self, asked: Asked, outcome: Written | Trouble) -> None:
        (asked.on_behalf_of or asked).cost += outcome.cost
        self._cost += outcome.cost
        if isinstance(outcome, Trouble) and outcome.again == "later":
            self._later(asked, outcome)
            return
        self._queue.breaker.answered()
        self.notice = ""
        if asked.on_behalf_of:
            return
        if isinstance(outcome, Trouble) and outcome.again == "otherwise":
            self._queue.put_off(asked, outcome)
        else:
            self._note(asked, outcome)

    def _later(self, asked: Asked, trouble: Trouble) -> None:
        """Put a product off, and give up where the server will not be there for long or does not come back."""
        queue, wait = self._queue, trouble.wait or 0.0
        queue.breaker.troubled(asked, trouble, self._clock.now())
        if not asked.on_behalf_of:
            queue.put_off(asked, trouble)
        why = f"{trouble.reason}: {trouble.detail}" if trouble.detail else trouble.reason
        probes = min(ALONE, self._pace.probes) if queue.alone(len(self._running)) else self._pace.probes
        if wait > self._pace.longest_wait:
            self._give_up(f"the server asks to be left alone for {wait / 60:.0f} minutes ({why})")
        elif queue.breaker.probes >= probes:
            self._give_up(f"the server was tried {queue.breaker.probes} times with growing pauses in vain ({why})")
        elif queue.breaker.until is not None and queue.breaker.probes:
            seconds = max(0.0, queue.breaker.until - self._clock.now())
            self.notice = f"{trouble.reason}: tried again in {seconds:.0f} s"

    def _note(self, asked: Asked, outcome: Written | Trouble) -> None:
        """Note the line of a product that is written or has failed."""
        took = (asked.seed, asked.tries, asked.cost, asked.seconds)
        self._lines.append(line(asked.key, asked.product.uid, outcome, *took))
        if isinstance(outcome, Written):
            self._queue.rows += 1
            self._queue.answered = Asked(asked.product, asked.key)
            self._refused.clear()
        elif outcome.again == "never":
            self._refused[outcome.reason] += 1
            if self._refused[outcome.reason] >= REFUSALS:
                why = f"{outcome.reason}: {outcome.detail}" if outcome.detail else outcome.reason
                self._give_up(f"{REFUSALS} products in a row were refused ({why})", "; these count as failed")

    def _give_up(self, what: str, more: str = "") -> None:
        self._reason = self._reason or "away"
        self.error = self.error or InputError(
            f"{what}: all that was written is kept{more}; see to the server, then run this again for the rest."
        )

    def _save(self) -> None:
        """Save in a thread: while a disk takes its time, tokens come in, and so do the lines of the next save."""
        if self._saving and self._saving.done():
            saved, self._saving = self._saving, None
            self.outcomes += saved.result()
        if self._lines and not self._saving:
            lines, self._lines = self._lines, []
            self._saving = asyncio.create_task(asyncio.to_thread(self._add, lines))
            self._saving.add_done_callback(lambda _: self._changed.set())

    def _add(self, lines: list[Line]) -> Counter[str]:
        self._ledger.add(lines)
        return Counter(one["outcome"] for one in lines)


def _outcome(task: asyncio.Task[Written]) -> Written | BaseException:
    if task.cancelled():
        return asyncio.CancelledError()
    return task.exception() or task.result()
