"""Find products that are too much alike to stand on both sides of a split, or twice in a catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from amazon_ft.cleaning.batches import KEPT, REJECTED, keys
from amazon_ft.cleaning.duplicates import clusters
from amazon_ft.cleaning.pipeline import Output
from amazon_ft.files import replacing
from amazon_ft.products import ROWS_PER_BATCH, split_of

NEAR_DUPLICATES = pa.schema(
    [("cluster", pa.int64()), ("row", pa.int64()), ("uid", pa.string()), ("title", pa.string()), ("split", pa.string())]
)
HOMES = ("train", "test", "validation")  # where a cluster lives: the first of these in which it has a product
WITHHELD = "withheld"
SHOWN = 5  # clusters, and products of each


def nobody(into: Path) -> None:
    """Write that no near duplicates were looked for."""
    parquet.write_table(NEAR_DUPLICATES.empty_table(), into)


def near_duplicates(products: Path, into: Path) -> dict[str, Any]:
    """Write every product that has a near-duplicate description to `into`, with its cluster, and return the counts.

    `cluster` is the row in `products` of the first one. A cluster lives in one split: those whose title puts them
    into another one are withheld from all, and so no product ever moves from one split to another.
    """
    roots = clusters(batch.column(0) for batch in _batches(products, ["content"]))
    sizes = np.bincount(roots, minlength=len(roots))
    rows = np.flatnonzero(sizes[roots] > 1)
    table = _members(products, rows, roots)
    parquet.write_table(table, into, compression="zstd")
    largest = np.argsort(-sizes, kind="stable")[:SHOWN]
    shown = [table.filter(pc.equal(table["cluster"], root)).slice(0, SHOWN) for root in largest if sizes[root] > 1]
    return {
        "clusters": int((sizes > 1).sum()),
        "products": len(rows),
        "largest": int(sizes.max(initial=0)),
        "withheld": int(pc.sum(pc.equal(table["split"], WITHHELD)).as_py() or 0),
        "examples": [some.select(["uid", "title"]).to_pylist() for some in shown],
    }


def withheld(near: Path) -> set[int]:
    """Read which rows of a catalogue belong to no split, as a near duplicate of theirs stands in another one."""
    table = parquet.read_table(near, columns=["row", "split"])
    return set(table.filter(pc.equal(table["split"], WITHHELD))["row"].to_pylist())


def clusters_by_uid(near: Path) -> dict[str, str]:
    """Read which cluster of near duplicates a product belongs to; one that is like no other is not there."""
    table = parquet.read_table(near, columns=["uid", "cluster"])
    return {
        uid: f"cluster {cluster}"
        for uid, cluster in zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
    }


def keep_one_a_title(products: Path, rejected: Path, which: str) -> int:
    """Keep of all products of one title the 'first', or that with the 'longest' description; return how many go.

    Titles are the same if they differ in case alone. Those that go are added to `rejected`.
    """
    again = _repeats(products, longest=which == "longest")
    with ExitStack() as stack:
        kept, others = stack.enter_context(replacing(products)), stack.enter_context(replacing(rejected))
        stay, go = stack.enter_context(Output(kept, KEPT)), stack.enter_context(Output(others, REJECTED))
        for batch in _batches(rejected, REJECTED.names):
            go.write(pa.Table.from_batches([batch]))
        start = 0
        for batch in _batches(products, KEPT.names):
            mask = pa.array(again[start : start + len(batch)])
            stay.write(pa.Table.from_batches([batch.filter(pc.invert(mask))]))
            go.write(_as_rejected(batch.filter(mask)))
            start += len(batch)
    return int(again.sum())


def _repeats(products: Path, *, longest: bool) -> npt.NDArray[np.bool_]:
    titles, lengths = [], []
    for batch in _batches(products, ["title", "content"]):
        titles.append(keys([title.casefold() for title in batch.column(0).to_pylist()]))
        lengths.append(pc.utf8_length(batch.column(1)).to_numpy(zero_copy_only=False))
    key, length = np.concatenate(titles), np.concatenate(lengths)
    order = np.lexsort((np.arange(len(key)), -length if longest else np.zeros(len(key)), key))
    again = np.zeros(len(key), bool)
    again[order[1:]] = key[order][1:] == key[order][:-1]
    return again


def _as_rejected(batch: pa.RecordBatch) -> pa.Table:
    nothing = pa.nulls(len(batch))
    named = {"source": nothing, "row": nothing, "reason": ["repeated title"] * len(batch)}
    return pa.table({**named, **{name: batch.column(name) for name in KEPT.names}}, schema=REJECTED)


def _members(products: Path, rows: npt.NDArray[np.intp], roots: npt.NDArray[np.int64]) -> pa.Table:
    found, start = [], 0
    for batch in _batches(products, ["uid", "title"]):
        inside = rows[(rows >= start) & (rows < start + len(batch))]
        found.append(pa.Table.from_batches([batch]).take(pa.array(inside - start)))
        start += len(batch)
    table = pa.concat_tables(found)
    splits = [split_of(title) for title in table["title"].to_pylist()]
    members = list(zip(roots[rows].tolist(), splits, strict=True))
    homes: dict[int, str] = {}
    for cluster, split in members:
        homes[cluster] = min(homes.get(cluster, split), split, key=HOMES.index)
    held = [split if homes[cluster] == split else WITHHELD for cluster, split in members]
    return pa.table([roots[rows], rows, table["uid"], table["title"], held], schema=NEAR_DUPLICATES).sort_by(
        [("cluster", "ascending"), ("row", "ascending")]
    )


def _batches(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    with parquet.ParquetFile(path) as file:
        yield from file.iter_batches(ROWS_PER_BATCH, columns=columns)
