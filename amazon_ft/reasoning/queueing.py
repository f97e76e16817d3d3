"""Choose which product is asked for next: what was put off before what is new, a probe while the server is away."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from amazon_ft.products import Product
from amazon_ft.reasoning.authors import Cost, Trouble
from amazon_ft.reasoning.ledger import FAILED, Ledger, Line, cost, key
from amazon_ft.reasoning.pace import Asked, Breaker, Clock, Pace

AHEAD = 4  # products, for each worker, that may wait to be asked again before no further one is taken up


class Queue:
    """Hold the products that are still to be asked for; of those in the iterable, one is looked at ahead."""

    def __init__(
        self,
        products: Iterable[Product],
        ledger: Ledger,
        identity: Mapping[str, Any],
        pace: Pace,
        retry_failed: bool,
        clock: Clock,
    ) -> None:
        self._products, self._identity, self._retry_failed = products, identity, retry_failed
        self._pace, self._clock, self._ledger = pace, clock, ledger
        self.breaker = Breaker(pace)
        self.stopped = False  # by another thread
        self.known = 0  # products with a line that stays
        self.rows = 0  # written, in this run or before
        self.waiting = list[Asked]()
        self.answered: Asked | None = None  # a product whose row is there
        self._unknown: Iterator[Asked] = iter(())
        self._fresh: Asked | None = None  # the next one

    def open(self) -> None:
        """Read the ledger and look at the first product; the minutes begin."""
        lines = self._ledger.read()
        self._before = sum((cost(one) for one in lines.values()), Cost())
        self._lines = {name: one if one["outcome"] == FAILED else None for name, one in lines.items()}  # no texts
        self._began = self._clock.now()
        self._unknown = self._left_over()
        self._fresh = next(self._unknown, None)

    def _left_over(self) -> Iterator[Asked]:
        """Give each product once that the ledger has no line of, and count those that it has."""
        seen = set[str]()
        for product in self._products:
            if self.stopped:
                return
            name = key(product, self._identity)
            if name in seen:
                continue
            seen.add(name)
            failed = self._lines.get(name)
            if name not in self._lines or (failed and self._retry_failed):
                yield _carried(Asked(product, name), failed)
                continue
            self.known += 1
            if not failed:
                self.rows += 1
                self.answered = Asked(product, name)

    def limit(self, under_way: int, spent: Cost) -> str:
        """Name what keeps any further request from starting, or give "" if nothing does."""
        if self.stopped:
            return "interrupted"
        if not (self._fresh or self.waiting):
            return "" if under_way else "done"
        if self._pace.rows and self.rows >= self._pace.rows:
            return "rows"
        in_all = self._before + spent
        if self._pace.tokens and in_all.prompt_tokens + in_all.completion_tokens >= self._pace.tokens:
            return "tokens"
        return "minutes" if self._clock.now() >= self._deadline else ""

    @property
    def _deadline(self) -> float:
        return self._began + 60 * self._pace.minutes if self._pace.minutes else math.inf

    def due(self, under_way: int) -> Asked | None:
        """Take the product that is asked for now, if there is one, while so many are under way."""
        now, breaker = self._clock.now(), self.breaker
        if breaker.until is not None:
            if breaker.probe is None and breaker.until <= now:
                breaker.probe = self._probe(under_way)
                return breaker.probe
            return None
        if under_way >= breaker.slots:
            return None
        first = min(self.waiting, key=lambda asked: asked.ready, default=None)
        if first and first.ready <= now:
            self.waiting.remove(first)
            return first
        return self._take_up(under_way) if len(self.waiting) < AHEAD * self._pace.workers else None

    def idle(self, under_way: int) -> float | None:
        """Give the seconds after which there is something to do even if no request ends; None if there is nothing."""
        times, breaker = [self._deadline], self.breaker
        if breaker.until is not None:
            probing = breaker.probe is None and (self.waiting or self._may_take_up(under_way))
            times += [breaker.until] if probing else []
        elif under_way < breaker.slots:
            times += [asked.ready for asked in self.waiting]
        return None if math.isinf(min(times)) else max(0.0, min(times) - self._clock.now())

    def put_off(self, asked: Asked, trouble: Trouble) -> None:
        """Let a product be asked for again: at once with another seed, or later after a wait drawn by lot."""
        asked.trouble = trouble
        if trouble.again == "otherwise":
            asked.otherwise, asked.charged, asked.ready = asked.otherwise + 1, asked.charged + 1, self._clock.now()
        else:
            asked.delays += 1
            wait = (trouble.wait or 0.0) + self._clock.draw(self._pace.longest(asked.delays))
            asked.ready = self._clock.now() + wait
        self.waiting.append(asked)

    def take_spent(self) -> list[Asked]:
        """Take out the products that have used up their tries."""
        spent = [asked for asked in self.waiting if self.breaker.spent(asked)]
        self.waiting = [asked for asked in self.waiting if asked not in spent]
        return spent

    def alone(self, under_way: int) -> bool:
        """Tell whether one product is all that is left, and no other could show that the server is there."""
        return self._fresh is None and under_way + len(self.waiting) == 1 and not self.answered

    def _may_take_up(self, under_way: int) -> bool:
        taken = self.rows + under_way + len(self.waiting)
        return self._fresh is not None and not (self._pace.rows and taken >= self._pace.rows)

    def _take_up(self, under_way: int) -> Asked | None:
        if not self._may_take_up(under_way):
            return None
        asked, self._fresh = self._fresh, next(self._unknown, None)
        return asked

    def _probe(self, under_way: int) -> Asked | None:
        """Choose what shows whether the server is there: a new product, else one that it answered, else any."""
        if self._may_take_up(under_way) or not self.waiting:
            return self._take_up(under_way)
        least = min(self.waiting, key=lambda asked: asked.tries)
        if self.answered:
            return Asked(self.answered.product, self.answered.key, on_behalf_of=least)
        self.waiting.remove(least)
        return least


def _carried(asked: Asked, failed: Line | None) -> Asked:
    """Let a product that failed before go on from there: its next line takes the place of the old one."""
    if failed:
        asked.cost, asked.seconds = cost(failed), failed["seconds"]
        asked.tries = asked.otherwise = failed["tries"]  # seeds that were not tried
    return asked
