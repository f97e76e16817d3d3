"""Clean one chunk as columns, so that rules run only on texts that they may change."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_64_intdigest

from amazon_ft.cleaning.counting import EXAMPLES, JUDGED_OF_CHUNK, Change, Counts
from amazon_ft.cleaning.rules import Policy, reason_to_reject
from amazon_ft.products import Product
from amazon_ft.sources.chunks import BadRow, Chunk, Columns, Rows, parse

TEXTS = [(name, pa.string()) for name in Product.__struct_fields__]
KEPT = pa.schema(TEXTS)
REJECTED = pa.schema([("source", pa.string()), ("row", pa.int64()), ("reason", pa.string()), *TEXTS])

Refused = tuple[int, str, str, str, str]  # row, reason, uid, title, content


@dataclass(frozen=True)
class Cleaned:
    """Hold what became of a chunk: its usable products, with keys, and the rest, with reasons (REJECTED).

    `usable` has the columns of KEPT, the `row` in the source, and 64-bit hashes title_key and content_key; that two
    texts of two million have the same key has a chance of one in ten million.
    """

    source: str
    usable: pa.Table
    rejected: pa.Table
    counts: Counts


def clean(chunk: Chunk, columns: Columns, policy: Policy) -> Cleaned:
    """Clean every row of a chunk and put it among the usable or, with a reason, among the rejected."""
    rows = parse(chunk, columns)
    counts = Counts(read=len(rows.rows))
    numbers, filled, refused = _filled(rows, counts)
    uids, titles, contents = ([getattr(row, name) for row in filled] for name in KEPT.names)
    for name, texts in (("title", titles), ("content", contents)):
        counts.lengths[f"{name} read"] = Counter(map(int.bit_length, map(len, texts)))
    changed: dict[str, set[int]] = {}
    arrays = [_apply(policy, texts, changed) for texts in (titles, contents)]
    _describe(filled, changed, policy, counts)
    reasons = list(map(reason_to_reject, titles, contents))
    refused += [
        (number, reason, row.uid, row.title, row.content)
        for number, reason, row in zip(numbers, reasons, filled, strict=True)
        if reason
    ]
    counts.rejected.update(reason for _, reason, *_ in refused)
    data = [pa.array(uids, pa.string()), *arrays, pa.array(numbers, pa.int64()), keys(titles), keys(contents)]
    good = pa.array([reason is None for reason in reasons], pa.bool_())
    usable = pa.table(data, [*KEPT.names, "row", "title_key", "content_key"]).filter(good)
    counts.kept = usable.num_rows
    return Cleaned(rows.source, usable, rejected(rows.source, sorted(refused)), counts)


def rejected(source: str, rows: Sequence[Refused]) -> pa.Table:
    """Make a table of rejected rows."""
    columns = list(zip(*rows, strict=True)) or [()] * 5
    return pa.table([[source] * len(rows), *map(list, columns)], schema=REJECTED)


def _filled(rows: Rows, counts: Counts) -> tuple[list[int], list[Product], list[Refused]]:
    """Set aside what is no product, and what is blank before any rule has looked at it."""
    numbers: list[int] = []
    filled: list[Product] = []
    refused: list[Refused] = []
    for number, row in zip(rows.numbers, rows.rows, strict=True):
        if isinstance(row, BadRow):
            counts.name(rows.source, row)
            refused.append((number, row.reason, "", "", row.text))
        elif not row.title or not row.content or row.title.isspace() or row.content.isspace():
            reason = "empty description" if row.title and not row.title.isspace() else "empty title"
            refused.append((number, reason, row.uid, row.title, row.content))
        else:
            numbers.append(number)
            filled.append(row)
    return numbers, filled, refused


def _apply(policy: Policy, texts: list[str], changed: dict[str, set[int]]) -> pa.Array:
    """Clean `texts` in place, give them as an array, and note which rows each rule changed."""
    raw = pa.array(texts, pa.string())
    touched = set[int]()
    places = _suspects(policy, raw, range(len(texts)))
    while places:
        again = []
        for place in places:
            if steps := policy.once(texts[place]):
                for rule, _ in steps:
                    changed.setdefault(rule.name, set()).add(place)
                texts[place] = steps[-1][1]
                again.append(place)
        touched.update(again)
        # A look by Arrow at the texts that changed is cheaper than a second round of rules for all of them.
        places = again if policy.repeat else []
        places = _suspects(policy, pa.array([texts[place] for place in places], pa.string()), places)
    mask = np.zeros(len(texts), bool)
    mask[list(touched)] = True
    return pc.replace_with_mask(raw, pa.array(mask), pa.array([texts[place] for place in sorted(touched)], pa.string()))


def _suspects(policy: Policy, texts: pa.Array, places: Sequence[int]) -> list[int]:
    found = pc.match_substring_regex(texts, policy.suspect).to_numpy(zero_copy_only=False)
    return [places[place] for place in np.flatnonzero(found).tolist()]


def _describe(rows: Sequence[Product], changed: Mapping[str, set[int]], policy: Policy, counts: Counts) -> None:
    """Count changes, and keep the rows with the lowest hashes of their uids as examples."""
    ranks = [crc32(row.uid.encode()) for row in rows]
    lowest = np.argsort(np.array(ranks, np.uint32), kind="stable")[:JUDGED_OF_CHUNK].tolist()
    counts.judged = [(ranks[place], rows[place].uid, f"{rows[place].title}\n{rows[place].content}") for place in lowest]
    for rule, places in changed.items():
        counts.changed[rule] = len(places)
        some = heapq.nsmallest(EXAMPLES, places, key=ranks.__getitem__)
        counts.show(rule, [change for place in some for change in _changes(rule, ranks[place], rows[place], policy)])


def _changes(rule: str, rank: int, row: Product, policy: Policy) -> Iterator[Change]:
    for name in ("title", "content"):
        before = getattr(row, name)
        for each, after in policy.trace(before):
            if each.name == rule:
                yield rank, row.uid, name, before, after
            before = after


def keys(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Hash texts to 64 bits each."""
    return np.fromiter(map(xxh3_64_intdigest, map(str.encode, texts)), np.uint64, len(texts))
