"""Authors that do as a script says, and a clock that nobody has to wait for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from amazon_ft.products import Product
from amazon_ft.reasoning.authors import Cost, Heard, Trouble, Written
from amazon_ft.reasoning.pace import Clock

SPENT = Cost(7, 3)  # of a row
LOST = Cost(5, 0)  # of a reply that was no row


def catalogue(number: int) -> list[Product]:
    return [Product(f"B{at:05}", f"Lamp {at}", f"A lamp of {at} W.") for at in range(number)]


def later(wait: float | None = None) -> Trouble:
    return Trouble("server away", "connection refused", again="later", wait=wait)


def otherwise() -> Trouble:
    return Trouble("invalid JSON", "at character 7", again="otherwise", cost=LOST)


def never() -> Trouble:
    return Trouble("key refused", "HTTP 401", again="never")


class FakeClock(Clock):
    """Let time pass only when nothing else happens; a lot is always the highest or the lowest."""

    def __init__(self, share: float = 1.0) -> None:
        self.time, self.share = 0.0, share
        self.waits, self.drawn = list[float](), list[float]()

    def now(self) -> float:
        return self.time

    def draw(self, longest: float) -> float:
        self.drawn.append(longest)
        return self.share * longest

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        for _ in range(50):
            if event.is_set():
                break
            await asyncio.sleep(0)
        else:
            if seconds is None:
                await event.wait()
            else:
                self.time += seconds
                self.waits.append(seconds)
        event.clear()


class Scripted:
    """Meet each request with what `meets(uid, number of the request, time)` gives: trouble, an error, or None: a row.

    A request takes `turns` of the loop. What was asked is in `asked` as (uid, seed); `most` were under way at once.
    """

    def __init__(self, meets: Callable[[str, int], BaseException | None] = lambda uid, number: None) -> None:
        self.meets, self.turns = meets, 3
        self.asked, self.numbers = list[tuple[str, int]](), Counter[str]()
        self.under_way = self.most = self.closed = 0
        self.version = 1

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"model": "scripted", "version": self.version}

    async def write(self, product: Product, seed: int, heard: Heard) -> Written:
        self.asked.append((product.uid, seed))
        self.numbers[product.uid] += 1
        number = self.numbers[product.uid]
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            for _ in range(self.turns):
                await asyncio.sleep(0)
            if met := self.meets(product.uid, number):
                raise met
            heard(SPENT.completion_tokens)
            title = product.title
            return Written(f"What is {title}?", f"{title} is a lamp.", f"It is {title}.", SPENT, "scripted")
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        self.closed += 1

    @property
    def uids(self) -> list[str]:
        return [uid for uid, _ in self.asked]


Script = Mapping[str, Sequence[Callable[[], BaseException]] | Callable[[], BaseException]]


def by_uid(script: Script) -> Callable[[str, int], BaseException | None]:
    """Meet a product's requests with its list one after the other, then with rows; with what is no list always."""

    def meets(uid: str, number: int) -> BaseException | None:
        met = script.get(uid, ())
        if callable(met):
            return met()
        return met[number - 1]() if number <= len(met) else None

    return meets


def endless(taken: list[int]) -> Iterator[Product]:
    """Give products without an end, and note how many were taken."""
    while True:
        taken.append(len(taken))
        yield Product(f"B{len(taken):06}", f"Lamp {len(taken)}", "A lamp.")
