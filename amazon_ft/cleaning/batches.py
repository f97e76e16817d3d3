"""Clean one chunk as columns, so that rules run only on texts that they may change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from xxhash import xxh3_64_intdigest

from amazon_ft.cleaning.counting import JUDGED_OF_CHUNK, Change, Counts
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
    uids = [row.uid for row in filled]
    titles, contents = [row.title for row in filled], [row.content for row in filled]
    counts.judged = _judged(uids, titles, contents)
    changed: dict[str, set[int]] = {}
    arrays = [
        _apply(policy, name, texts, uids, counts, changed) for name, texts in (("title", titles), ("content", contents))
    ]
    counts.changed = Counter({rule: len(places) for rule, places in changed.items()})
    reasons = list(map(reason_to_reject, titles, contents))
    refused += [
        (number, reason, row.uid, row.title, row.content)
        for number, reason, row in zip(numbers, reasons, filled, strict=True)
        if reason
    ]
    good = [reason is None for reason in reasons]
    columns_ = [pa.array(uids, pa.string()), *arrays, pa.array(numbers, pa.int64())]
    names = [*KEPT.names, "row", "title_key", "content_key"]
    usable = pa.table([*columns_, _keys(titles), _keys(contents)], names).filter(pa.array(good, pa.bool_()))
    counts.rejected.update(reason for _, reason, *_ in refused)
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


def _apply(
    policy: Policy, name: str, texts: list[str], uids: Sequence[str], counts: Counts, changed: dict[str, set[int]]
) -> pa.Array:
    """Clean `texts` in place, give them as an array, and note which rows each rule changed."""
    counts.lengths[f"{name} read"] = Counter(map(int.bit_length, map(len, texts)))
    raw = pa.array(texts, pa.string())
    touched, shown = set[int](), dict[str, list[Change]]()
    places = _suspects(policy, raw, range(len(texts)))
    while places:
        steps = {place: some for place in places if (some := policy.once(texts[place]))}
        for place, some in steps.items():
            for rule, after in some:
                changed.setdefault(rule.name, set()).add(place)
                shown.setdefault(rule.name, []).append(_change(uids[place], name, texts[place], after))
                texts[place] = after
        touched |= steps.keys()
        # A look by Arrow at the texts that changed is cheaper than a second round of rules for all of them.
        places = list(steps) if policy.repeat else []
        places = _suspects(policy, pa.array([texts[place] for place in places], pa.string()), places)
    for rule_name, changes in shown.items():
        counts.show(rule_name, changes)
    mask = np.zeros(len(texts), bool)
    mask[list(touched)] = True
    return pc.replace_with_mask(raw, pa.array(mask), pa.array([texts[place] for place in sorted(touched)], pa.string()))


def _change(uid: str, name: str, before: str, after: str) -> Change:
    return crc32(uid.encode()), uid, name, before, after


def _suspects(policy: Policy, texts: pa.Array, places: Sequence[int]) -> list[int]:
    found = pc.match_substring_regex(texts, policy.suspect).to_numpy(zero_copy_only=False)
    return [places[place] for place in np.flatnonzero(found).tolist()]


def _judged(uids: Sequence[str], titles: Sequence[str], contents: Sequence[str]) -> list[tuple[int, str, str]]:
    """Take the rows whose uid has the lowest hashes, as they are before any rule."""
    ranks = np.fromiter(map(crc32, map(str.encode, uids)), np.uint32, len(uids))
    lowest = (
        np.argpartition(ranks, JUDGED_OF_CHUNK)[:JUDGED_OF_CHUNK] if len(ranks) > JUDGED_OF_CHUNK else range(len(ranks))
    )
    return [(int(ranks[place]), uids[place], f"{titles[place]}\n{contents[place]}") for place in lowest]


def _keys(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    return np.fromiter(map(xxh3_64_intdigest, map(str.encode, texts)), np.uint64, len(texts))
