"""Clean a whole catalogue, chunk by chunk, on several cores if wanted, into Parquet files and counts."""

from __future__ import annotations

import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from amazon_ft.cleaning import batches
from amazon_ft.cleaning.batches import KEPT, REJECTED, Cleaned
from amazon_ft.cleaning.counting import HEADS, Counts
from amazon_ft.cleaning.rules import Policy
from amazon_ft.files import InputError
from amazon_ft.products import PARQUET, ROWS_PER_BATCH
from amazon_ft.sources.chunks import Chunk, Columns

SAME_DESCRIPTION = 3  # products; a text that stands on more is about their publisher and not about them
PREFIX = 3  # characters of a uid: books are 000 to 999, most other things B00
MIX = np.uint64(0x9E3779B97F4A7C15)

FOLD = 100_000  # keys

Keys = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]


def clean(
    chunks: Iterator[Chunk],
    columns: Columns,
    policy: Policy,
    kept: Path,
    rejected: Path,
    *,
    workers: int = 1,
    strict: bool = False,
    progress: Callable[[Counts], object] = lambda counts: None,
) -> Counts:
    """Write the usable products to `kept`, the other rows with reasons to `rejected`, and return the counts.

    All three are the same for any number of workers. The first of equal rows wins, and the first SAME_DESCRIPTION of
    equal descriptions. With `strict`, raises InputError at the first row that is no product.
    """
    total, pairs, descriptions = Counts(), Tally(), Tally()
    work = partial(batches.clean, columns=columns, policy=policy)
    with Output(kept, KEPT) as products, Output(rejected, REJECTED) as others:
        for cleaned in _in_order(work, chunks, workers):
            if strict and cleaned.counts.bad_rows:
                raise InputError(
                    f"{cleaned.counts.bad_rows[0]}: mend that line, or leave out --strict to count such rows and go on."
                )
            first, repeats = _first_ones(cleaned, pairs, descriptions)
            _describe(first, total.kept, cleaned.counts)
            total.add(cleaned.counts)
            products.write(first.select(KEPT.names))
            others.write(pa.concat_tables([cleaned.rejected, repeats]).sort_by("row"))
            progress(total)
    return total


class Tally:
    """Count how often each key came, in some 20 bytes a key; a dictionary takes 150."""

    def __init__(self) -> None:
        self.old = self.recent = _Sums(np.empty(0, np.uint64), np.empty(0, np.int64))

    def earlier(self, keys: Keys) -> Numbers:
        """Give how often each of `keys` came before it, in earlier calls and in this one, and count it."""
        if not len(keys):
            return np.zeros(0, np.int64)
        distinct, which, numbers = np.unique(keys, return_inverse=True, return_counts=True)
        before = self.old.of(distinct) + self.recent.of(distinct)
        self.recent = self.recent.plus(distinct, numbers)
        if len(self.recent.keys) > FOLD:  # to move all old keys for every chunk would cost a tenth of the whole
            self.old = self.old.plus(self.recent.keys, self.recent.numbers)
            self.recent = _Sums(keys[:0], numbers[:0])
        return np.asarray(before[which] + _ranks(which, numbers))


@dataclass(frozen=True)
class _Sums:
    """Hold a number for each of some keys, in the order of the keys."""

    keys: Keys
    numbers: Numbers

    def of(self, keys: Keys) -> Numbers:
        """Give the numbers of `keys`, 0 for one that is not there."""
        if not len(self.keys):
            return np.zeros(len(keys), np.int64)
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[place] == keys, self.numbers[place], 0)

    def plus(self, keys: Keys, numbers: Numbers) -> _Sums:
        """Add numbers to those of their keys."""
        every = np.concatenate([self.keys, keys])
        order = np.argsort(every, kind="stable")  # two sorted runs: merged, not sorted
        every = every[order]
        first = np.flatnonzero(np.concatenate([[True], every[1:] != every[:-1]]))
        return _Sums(every[first], np.add.reduceat(np.concatenate([self.numbers, numbers])[order], first))


def _ranks(which: npt.NDArray[np.intp], numbers: npt.NDArray[np.intp]) -> Numbers:
    """Number the members of each group, from 0, in their order."""
    order = np.argsort(which, kind="stable")
    ranks = np.empty(len(which), np.int64)
    ranks[order] = np.arange(len(which)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    return ranks


def _first_ones(cleaned: Cleaned, pairs: Tally, descriptions: Tally) -> tuple[pa.Table, pa.Table]:
    """Take away equal rows and descriptions that stand on too many products, and give both kinds."""
    title, content = (cleaned.usable.column(name).to_numpy() for name in ("title_key", "content_key"))
    duplicate = pairs.earlier(title * MIX ^ content) > 0
    blurb = np.zeros(len(content), bool)
    blurb[~duplicate] = descriptions.earlier(content[~duplicate]) >= SAME_DESCRIPTION
    again = duplicate | blurb
    reasons = np.where(duplicate, "duplicate", "publisher's blurb")[again].tolist()
    repeats = cleaned.usable.filter(pa.array(again))
    named = {"source": [cleaned.source] * len(reasons), "row": repeats.column("row"), "reason": reasons}
    cleaned.counts.kept -= len(reasons)
    cleaned.counts.rejected.update(reasons)
    table = pa.table({**named, **{name: repeats.column(name) for name in KEPT.names}}, schema=REJECTED)
    return (cleaned.usable.filter(pa.array(~again)) if again.any() else cleaned.usable), table


def _describe(products: pa.Table, before: int, counts: Counts) -> None:
    """Count lengths of texts and beginnings of uids, of the head of the file and of all of it."""
    for name in ("title", "content"):
        lengths = pc.utf8_length(products.column(name)).to_numpy()
        bins = np.bincount(np.frexp(lengths)[1])
        counts.lengths[f"{name} kept"] = Counter({int(place): int(bins[place]) for place in np.flatnonzero(bins)})
    prefixes = pc.utf8_slice_codeunits(products.column("uid"), 0, PREFIX)
    for name, some in [*((f"first {head:,}", prefixes[: max(0, head - before)]) for head in HEADS), ("all", prefixes)]:
        if len(some):
            counts.prefixes[name] = Counter({row["values"]: row["counts"] for row in pc.value_counts(some).to_pylist()})


def _in_order(work: Callable[[Chunk], Cleaned], chunks: Iterator[Chunk], workers: int) -> Iterator[Cleaned]:
    """Do the work on each chunk and give the results in order; a second process is not worth it for one chunk."""
    yield from map(work, islice(chunks, 1))
    second = list(islice(chunks, 1))
    if workers == 1 or not second:
        yield from map(work, chain(second, chunks))
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin) as pool:
        waiting: deque[Future[Cleaned]] = deque()
        try:
            for chunk in chain(second, chunks):
                with _ctrl_c_put_off():
                    waiting.append(pool.submit(work, chunk))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise InputError(
                "a worker process died, for want of memory or in a script without `if __name__ == '__main__':`: "
                "ask for 1 worker."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _ctrl_c_put_off() -> Iterator[None]:
    """Put Ctrl-C off, also in processes born meanwhile: while they start they could only answer with a traceback."""
    if os.name == "nt":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Begin a worker process: leave Ctrl-C to its parent, and end when that has been killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if parent := parent_process():
        Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


class Output:
    """Write tables to one Parquet file in row groups of a fixed size."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.writer = parquet.ParquetWriter(path, schema, **PARQUET)
        self.waiting: list[pa.Table] = []

    def __enter__(self) -> Output:
        return self

    def __exit__(self, kind: object, *_: Any) -> None:
        if kind is None:
            self._flush()
        self.writer.close()

    def write(self, table: pa.Table) -> None:
        """Write rows, now or with later ones."""
        self.waiting.append(table)
        if sum(len(each) for each in self.waiting) >= ROWS_PER_BATCH:
            self._flush()

    def _flush(self) -> None:
        if self.waiting:
            self.writer.write_table(pa.concat_tables(self.waiting))
        self.waiting = []
