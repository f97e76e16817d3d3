"""Hold how fast and how patiently rows are asked for, and tell a server that is away from a product that fails."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field

from amazon_ft.files import InputError
from amazon_ft.products import Product, hash_of
from amazon_ft.reasoning.authors import Cost, Trouble

LIMITS = ("rows", "tokens", "minutes")


@dataclass(frozen=True)
class Pace:
    """Hold how many requests are under way at once, how often a product is asked, how long is waited, when to stop.

    `rows` written and `tokens` spent count what the ledger has, `minutes` are those of this run.
    """

    workers: int = 4
    tries: int = 5
    rows: int | None = None
    tokens: int | None = None
    minutes: float | None = None
    seed: int = 3407
    wait: float = 1.0  # seconds before the second request at the most; twice as many before each further one
    longest_wait: float = 300.0  # seconds; a server that asks for more is not waited for
    troubles: int = 5  # in a row, none answered in between: the server is away
    pause: float = 5.0  # seconds before a server that is away is tried again; twice as many before each further time
    probes: int = 12  # requests in vain, with these pauses half an hour: the run stops

    def __post_init__(self) -> None:
        for name in ("workers", "tries", "troubles", "probes"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}.")
        for name in LIMITS:
            limit = getattr(self, name)
            if limit is not None and not limit > 0:
                raise InputError(f"{name} must be above 0, not {limit}, or None for no limit.")
        if not (0 <= self.wait <= self.longest_wait and 0 <= self.pause <= self.longest_wait):
            raise InputError("wait and pause are seconds, at least 0 and at most longest_wait.")

    def longest(self, delays: int) -> float:
        """Give the seconds that are waited at the most after so much trouble; by lot it is less."""
        return min(self.longest_wait, self.wait * 2.0 ** min(delays - 1, 60))

    def paused(self, probes: int) -> float:
        """Give the seconds before the next probe of a server that is away, after so many in vain."""
        return min(self.longest_wait, self.pause * 2.0 ** min(probes, 60))


class Clock:
    """Give time, chance, and a wait that an event ends; a test has another one."""

    def now(self) -> float:
        """Give the seconds since some moment."""
        return time.monotonic()

    def draw(self, longest: float) -> float:
        """Draw a wait between 0 and `longest`, so that many who were sent away do not come back at once."""
        return random.uniform(0, longest)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Wait for an event, and clear it, or for seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
        event.clear()


@dataclass(eq=False)
class Asked:
    """Hold a product while it is asked for: what it took, what counts against it, when it is asked again."""

    product: Product
    key: str
    seed: int = 0
    cost: Cost = field(default_factory=Cost)
    seconds: float = 0.0
    tries: int = 0  # requests
    otherwise: int = 0  # replies that were no row: each next request has another seed
    charged: int = 0  # requests that count against it
    delays: int = 0  # waits so far
    ready: float = 0.0  # on the clock
    trouble: Trouble | None = None
    on_behalf_of: Asked | None = None  # a row that is there is asked for once more, to see if the server answers

    def seeded(self, seed: int) -> int:
        """Give the next request's seed: the same at every run for the same product, author and replies so far."""
        self.seed = hash_of(f"{seed} {self.key} {self.otherwise}") % 2**31
        return self.seed


class Breaker:
    """Tell a server that is away from a product that it cannot answer, and let few requests through meanwhile.

    Trouble that would pass later is charged to its product once another request is answered: the server was there.
    After `troubles` in a row without any answer one request alone is made at once. If it has trouble, too, the server
    is away: nothing is charged, and one request is made after each pause, until one is answered. From then on the
    requests under way grow by one an answer. Trouble after tokens came is charged at once: somebody had sent them.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._streak: list[Asked | None] = []
        self.slots = pace.workers  # requests that may be under way
        self.until: float | None = None  # when the next probe is due; None while the server is there
        self.probe: Asked | None = None
        self.probes = 0  # in vain

    def answered(self) -> None:
        """Take note of a reply, whatever it was."""
        for asked in self._streak:
            if asked:
                asked.charged += 1
        self._streak.clear()
        self.slots = min(self._pace.workers, self.slots + 1)
        self.until, self.probe, self.probes = None, None, 0

    def troubled(self, asked: Asked, trouble: Trouble, now: float) -> None:
        """Take note of a request that came to nothing and may be made again later."""
        heard, wait = trouble.cost.completion_tokens > 0, trouble.wait or 0.0
        asked.charged += heard
        if asked is self.probe:
            self._streak.clear()
            self.until = now + max(self._pace.paused(self.probes), wait)
            self.probe, self.probes = None, self.probes + 1
        elif not self.probes:
            self._streak.append(None if heard else asked)
            if self.until is None and len(self._streak) >= self._pace.troubles:
                self.slots, self.until = 1, now + wait

    def spent(self, asked: Asked) -> bool:
        """Tell whether a product has used up its tries."""
        return asked.charged >= self._pace.tries
