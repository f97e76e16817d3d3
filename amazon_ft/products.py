"""Rows on disk: read a catalogue, sample it, split it, write it."""

from __future__ import annotations

import gzip
import heapq
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec

from amazon_ft.files import InputError, replacing

GZIP_MAGIC = b"\x1f\x8b"
ROWS_PER_BATCH = 50_000
HELD_OUT = {"validation": 0.1, "test": 0.1}


@dataclass(frozen=True)
class Product:
    """Hold one product of the catalogue."""

    uid: str
    title: str
    content: str


@dataclass(frozen=True)
class BadRow:
    """Hold a line that gives no product, and why."""

    line: int
    reason: str


class _Line(msgspec.Struct):
    title: Any
    content: Any = ""
    uid: Any = ""


def read(source: Path) -> Iterator[Product | BadRow]:
    """Yield what each line of a .json, .jsonl or .json.gz catalogue holds: one JSON object a line.

    Raises InputError if the file is missing, empty, or does not begin with a row that has a title.
    """
    decode = msgspec.json.Decoder(_Line).decode
    empty = True
    with _opened(source) as file:
        for number, line in enumerate(_lines(file, source), start=1):
            if not line.strip():
                continue
            row: Product | BadRow
            try:
                row = _product(decode(line))
            except msgspec.DecodeError as error:
                if empty:
                    raise InputError(_not_a_catalogue(source, line, error)) from error
                reason = "no title" if isinstance(error, msgspec.ValidationError) else "not JSON"
                row = BadRow(number, reason)
            empty = False
            yield row
    if empty:
        raise InputError(f"{source} is empty: give a catalogue with one JSON object a line.")


def sample(products: Iterable[Product], sizes: Mapping[str, int]) -> dict[str, list[Product]]:
    """Pick `sizes[split]` products of each split by hash of uid, in one pass, whatever the file's order."""
    heaps: dict[str, list[tuple[int, int, Product]]] = {split: [] for split in sizes}
    for number, product in enumerate(products):
        split = split_of(product.title)
        heap, item = heaps[split], (-_hash(product.uid), -number, product)
        if len(heap) < sizes[split]:
            heapq.heappush(heap, item)
        else:
            heapq.heappushpop(heap, item)
    return {split: [product for *_, product in sorted(heap, reverse=True)] for split, heap in heaps.items()}


def split_of(title: str) -> str:
    """Assign a title to train, validation or test by its hash, so that new rows never move an old one.

    Titles that differ only in case, accents, punctuation or spaces fall on the same side.
    """
    share = _hash(normalised(title)) / 2**64
    for split, size in HELD_OUT.items():
        if share < size:
            return split
        share -= size
    return "train"


def normalised(title: str) -> str:
    """Reduce a title to its lower-case unaccented words."""
    plain = unicodedata.normalize("NFKD", title.casefold())
    return " ".join(re.findall(r"\w+", "".join(char for char in plain if not unicodedata.combining(char))))


def write(path: Path, products: Iterable[Product]) -> int:
    """Write products to a Parquet file, whole, and return how many there were."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(name, pa.string()) for name in Product.__dataclass_fields__])
    rows, number = iter(products), 0
    with replacing(path) as temporary, parquet.ParquetWriter(temporary, schema, compression="zstd") as writer:
        while batch := list(islice(rows, ROWS_PER_BATCH)):
            columns = {name: [getattr(product, name) for product in batch] for name in schema.names}
            writer.write_table(pa.table(columns, schema=schema))
            number += len(batch)
    return number


def load(path: Path) -> Iterator[Product]:
    """Yield the products of a Parquet file that `write` made."""
    from pyarrow import parquet

    for batch in parquet.ParquetFile(path).iter_batches(ROWS_PER_BATCH):
        for row in batch.to_pylist():
            yield Product(**row)


def _opened(source: Path) -> IO[bytes]:
    if not source.is_file():
        raise InputError(f"{source} is not a file: give the path of trn.json, or of a catalogue like it.")
    with source.open("rb") as file:
        zipped = file.read(2) == GZIP_MAGIC
    return gzip.open(source) if zipped else source.open("rb")  # type: ignore[return-value]


def _lines(file: IO[bytes], source: Path) -> Iterator[bytes]:
    try:
        for number, line in enumerate(file):
            yield line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
    except (EOFError, gzip.BadGzipFile) as error:
        raise InputError(f"{source} is cut or damaged ({error}): download it again.") from error


def _product(row: _Line) -> Product:
    title, content = _text(row.title), _text(row.content)
    return Product(_text(row.uid) or f"noid-{_hash(title + content):016x}", title, content)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _not_a_catalogue(source: Path, line: bytes, error: Exception) -> str:
    start = line[:60].decode("utf-8", "replace").strip()
    if line.lstrip().startswith(b"["):
        return f"{source} holds one JSON array: write one object a line, for example with `jq -c '.[]'`."
    if isinstance(error, msgspec.ValidationError):
        return f"the first row of {source} has no 'title' (it begins {start!r}): name its columns uid, title, content."
    return f"the first row of {source} is not JSON (it begins {start!r}): give trn.json, one JSON object a line."
