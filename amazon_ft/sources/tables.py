"""Read rows that are no lines of JSON: CSV, Parquet, a data set of the Hugging Face Hub."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

from amazon_ft.files import InputError
from amazon_ft.sources.chunks import COLUMNS, SHOWN, BadRow, Columns, Table
from amazon_ft.sources.packed import LONGEST_LINE

ROWS = 4_000  # a chunk
DELIMITERS = ",;\t|"

Row = tuple[int, Any, Any, Any] | BadRow


def places(where: object, names: Sequence[str], columns: Columns) -> list[int | None]:
    """Find uid, title and content among the names of a source's columns; a catalogue may have no uid.

    Raises InputError, with the names that there are, if one is missing.
    """
    asked = {"--uid-column": columns.uid, "--title-column": columns.title, "--description-column": columns.content}
    for option, name in asked.items():
        if name not in names and (name != COLUMNS.uid or option != "--uid-column"):
            has = ", ".join(map(repr, names[:12])) or "none"
            raise InputError(f"{where} has no column {name!r} (it has {has}): name the right one with {option}.")
    return [names.index(name) if name in names else None for name in asked.values()]


def from_csv(path: Path, header: str, blocks: Iterable[bytes], columns: Columns) -> Iterator[Table]:
    """Yield the rows of a CSV file whose first line is `header`, whatever of , ; tab | divides its fields."""
    if not header.replace("\t", "").isprintable():
        raise InputError(f"{path} is neither JSON nor CSV (it begins {header[:60]!r}): give a file like trn.json.")
    headers = {delimiter: next(csv.reader([header], delimiter=delimiter), []) for delimiter in DELIMITERS}
    delimiter = max(headers, key=lambda each: (columns.title in headers[each], len(headers[each])))
    if len(headers[delimiter]) < 2:
        raise InputError(f"{path} is neither JSON nor CSV (it begins {header[:60]!r}): give a file like trn.json.")
    csv.field_size_limit(LONGEST_LINE)
    texts = (block.decode("utf-8", "surrogateescape") for block in blocks)
    lines = chain.from_iterable(io.StringIO(text, newline="") for text in texts)
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        names = next(row for row in reader if row)
        yield from _tables(path.name, _csv_rows(reader, len(names), places(path, names, columns)))
    except csv.Error as error:
        raise InputError(
            f"{path} cannot be read after line {reader.line_num} ({error}): mend the quote that is not closed."
        ) from error


def from_parquet(path: Path, raw: BinaryIO, columns: Columns) -> Iterator[Table]:
    """Yield the rows of a Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(raw)
        names = file.schema_arrow.names
        wanted = [names[place] for place in places(path, names, columns) if place is not None]
        batches = (batch.to_pydict() for batch in file.iter_batches(ROWS, columns=wanted))
        yield from _tables(path.name, _numbered(batches, columns))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        raise InputError(f"{path} is cut or damaged ({reason}): download it again.") from error


def from_hub(name: str, columns: Columns) -> Iterator[Table]:
    """Yield the rows of a data set's training split as they come from the Hub, nothing kept on disk."""
    try:
        import datasets
    except ImportError as error:
        raise InputError(f"hf:{name} needs the datasets library: pip install 'amazon-ft[train]'.") from error
    try:
        rows = datasets.load_dataset(name, split="train", streaming=True)
        first = next(iter(rows))
    except (OSError, ValueError, StopIteration) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"hf:{name} cannot be read ({reason}): check its name on huggingface.co.") from error
    places(f"hf:{name}", list(first), columns)
    yield from _tables(name, _numbered(rows.iter(batch_size=ROWS), columns))


def _tables(name: str, rows: Iterator[Row]) -> Iterator[Table]:
    while some := list(islice(rows, ROWS)):
        yield Table(name, some)


def _csv_rows(reader: Any, width: int, at: Sequence[int | None]) -> Iterator[Row]:
    last = reader.line_num
    for row in reader:
        number, last = last + 1, reader.line_num
        if len(row) == width:
            uid, title, content = (None if place is None else row[place] for place in at)
            yield number, uid, title, content
        elif row:
            yield BadRow(number, "wrong number of fields", f"{len(row)} and not {width}", str(row)[:SHOWN])


def _numbered(batches: Iterable[Mapping[str, Sequence[Any]]], columns: Columns) -> Iterator[Row]:
    number = 0
    for batch in batches:
        titles = batch[columns.title]
        uids = batch.get(columns.uid, [None] * len(titles))
        for uid, title, content in zip(uids, titles, batch[columns.content], strict=True):
            number += 1
            yield number, uid, title, content
