"""Products on disk: split them, sample them, write them, read them back."""

from __future__ import annotations

import heapq
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path

import msgspec

from amazon_ft.files import InputError, replacing

ROWS_PER_BATCH = 50_000
HELD_OUT = {"validation": 0.1, "test": 0.1}


# A struct and not a dataclass: a line of JSON becomes one in a single C call, two million times.
class Product(msgspec.Struct, frozen=True, gc=False):
    """Hold one product of the catalogue."""

    uid: str
    title: str
    content: str

    def as_dict(self) -> dict[str, str]:
        """Give the product as plain values."""
        return msgspec.structs.asdict(self)


def sample(products: Iterable[Product], sizes: Mapping[str, int]) -> dict[str, list[Product]]:
    """Pick `sizes[split]` products of each split by hash of uid, in one pass, whatever the file's order."""
    heaps: dict[str, list[tuple[int, int, Product]]] = {split: [] for split in sizes}
    lowest = -(2**64)
    for number, product in enumerate(products):
        rank = -hash_of(product.uid)
        if rank < lowest:
            continue  # no split would take it: its title need not be looked at
        split = split_of(product.title)
        heap, item = heaps[split], (rank, -number, product)
        if len(heap) < sizes[split]:
            heapq.heappush(heap, item)
        elif heap:
            heapq.heappushpop(heap, item)
        if all(len(heaps[split]) == size for split, size in sizes.items()):
            lowest = min((heap[0][0] for heap in heaps.values() if heap), default=0)
    return {split: [product for *_, product in sorted(heap, reverse=True)] for split, heap in heaps.items()}


def split_of(title: str) -> str:
    """Assign a title to train, validation or test by its hash, so that new rows never move an old one.

    Titles that differ only in case, accents, punctuation or spaces fall on the same side.
    """
    share = hash_of(normalised(title)) / 2**64
    for split, size in HELD_OUT.items():
        if share < size:
            return split
        share -= size
    return "train"


def normalised(title: str) -> str:
    """Reduce a title to its lower-case unaccented words."""
    return " ".join(re.findall(r"\w+", unaccented(title.casefold())))


def unaccented(text: str) -> str:
    """Take the accents off a text, and what else Unicode writes as a letter and a mark."""
    if text.isascii():
        return text
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))


def hash_of(text: str) -> int:
    """Hash a text to 64 bits, the same on every machine and in every session."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def write(path: Path, products: Iterable[Product]) -> int:
    """Write products to a Parquet file, whole, and return how many there were."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(name, pa.string()) for name in Product.__struct_fields__])
    rows, number = iter(products), 0
    with replacing(path) as temporary, parquet.ParquetWriter(temporary, schema, **PARQUET) as writer:
        while batch := list(islice(rows, ROWS_PER_BATCH)):
            columns = {name: [getattr(product, name) for product in batch] for name in schema.names}
            writer.write_table(pa.table(columns, schema=schema))
            number += len(batch)
    return number


def write_shards(folder: Path, products: Iterable[Product], rows: int) -> list[Path]:
    """Write products in Parquet files of `rows` each, named as the Hub does, and return their paths.

    The folder appears whole. Raises InputError if `rows` is below 1.
    """
    check_shards(rows)
    left = iter(products)
    with replacing(folder) as temporary:
        temporary.mkdir()
        for number, first in enumerate(left):
            write(temporary / f"{number:05}", chain([first], islice(left, rows - 1)))
        written = sorted(temporary.iterdir())
        for path in written:
            path.rename(temporary / f"products-{path.name}-of-{len(written):05}.parquet")
    return sorted(folder.iterdir())


def check_shards(rows: int) -> None:
    """Refuse shards of no rows."""
    if rows < 1:
        raise InputError(f"shards of {rows} rows hold nothing: ask for 1 or more.")


def load(path: Path) -> Iterator[Product]:
    """Yield the products of a Parquet file that `write` made."""
    from pyarrow import parquet

    for batch in parquet.ParquetFile(path).iter_batches(ROWS_PER_BATCH, columns=list(Product.__struct_fields__)):
        yield from map(Product, *(column.to_pylist() for column in batch.columns))


def at(path: Path, rows: Sequence[int]) -> list[Product]:
    """Read the products in these rows of a Parquet file, in their order, and of the file no more than their groups."""
    from pyarrow import parquet

    file, found, first = parquet.ParquetFile(path), dict[int, Product](), 0
    for group in range(file.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        inside = sorted({row for row in rows if first <= row < first + size})
        if inside:
            table = file.read_row_group(group, columns=list(Product.__struct_fields__))
            taken = table.take([row - first for row in inside]).to_pylist()
            found.update(zip(inside, (Product(**row) for row in taken), strict=True))
        first += size
    return [found[row] for row in rows]


def row_of(path: Path, uid: str) -> int | None:
    """Find the first row of a Parquet file that holds the product `uid`."""
    from pyarrow import compute, parquet

    place = compute.index(parquet.read_table(path, columns=["uid"])["uid"], uid).as_py()
    return None if place < 0 else int(place)


# Every title and description is its own: a dictionary of values would only be built and thrown away.
PARQUET = {"compression": "zstd", "compression_level": 1, "use_dictionary": False}
