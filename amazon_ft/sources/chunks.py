"""Turn a chunk of a source into products, and into a reason for every row that gives none. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
from xxhash import xxh3_64_intdigest

from amazon_ft.files import InputError
from amazon_ft.products import Product, hash_of

TOO_LONG = b"\0"  # stands for a line that was too long to be held
PLACE_BITS = 40
UID = attrgetter("uid")
SHOWN = 2_000  # characters of a bad row that are kept, to look at


@dataclass(frozen=True)
class Columns:
    """Name the columns, or JSON keys, that hold each field of a product."""

    uid: str = "uid"
    title: str = "title"
    content: str = "content"

    def __post_init__(self) -> None:
        names = (self.uid, self.title, self.content)
        if len(set(names)) < len(names):
            raise InputError(f"one column cannot be two of uid, title, description ({', '.join(names)}): name three.")


COLUMNS = Columns()  # those of AmazonTitles-1.3MM


@dataclass(frozen=True)
class BadRow:
    """Hold a row that gives no product: its number in the file, why, where in it, and how it begins."""

    number: int
    reason: str
    detail: str = ""
    text: str = ""


@dataclass(frozen=True)
class Lines:
    """Hold whole lines of JSON, the number of the first one, and how many there are."""

    source: str
    first: int
    number: int
    data: bytes


@dataclass(frozen=True)
class Table:
    """Hold rows that a reader has taken apart: numbered (uid, title, content), or bad."""

    source: str
    rows: Sequence[tuple[int, Any, Any, Any] | BadRow]


Chunk = Lines | Table


@dataclass(frozen=True)
class Rows:
    """Hold what the rows of a chunk are, in order, and the number of each in its file."""

    source: str
    numbers: Sequence[int]
    rows: Sequence[Product | BadRow]


def parse(chunk: Chunk, columns: Columns) -> Rows:
    """Give a product or a reason for every row of a chunk; blank lines are no rows."""
    if isinstance(chunk, Table):
        rows = [row if isinstance(row, BadRow) else product(*row) for row in chunk.rows]
        return Rows(chunk.source, [row.number if isinstance(row, BadRow) else row[0] for row in chunk.rows], rows)
    products = _whole(chunk, _strict(columns))
    if products is not None and all(map(UID, products)):
        return Rows(chunk.source, range(chunk.first, chunk.first + len(products)), products)
    lines = [(number, line) for number, line in enumerate(chunk.data.split(b"\n"), chunk.first) if line.strip()]
    return Rows(
        chunk.source, [number for number, _ in lines], [parse_line(line, columns, number) for number, line in lines]
    )


def parse_line(line: bytes, columns: Columns, number: int) -> Product | BadRow:
    """Give the product of one line of JSON, or why there is none."""
    reason, detail = "not JSON", ""
    try:
        row = _lenient(columns).decode(line)
        return product(number, row.uid, row.title, row.content)
    except msgspec.ValidationError:
        reason = f"no {columns.title}"
    except UnicodeDecodeError as error:
        reason, detail = "not UTF-8", error.reason
    except (msgspec.DecodeError, RecursionError) as error:
        detail = str(error).removeprefix("JSON is malformed: ")
    if line.strip() == TOO_LONG:
        reason, detail = "line too long", ""
    return BadRow(number, reason, detail, line[:SHOWN].decode("utf-8", "backslashreplace").strip())


def keys(line: bytes) -> list[str]:
    """Give the keys of an object of JSON, whatever their values are; none if it is no object."""
    try:
        return list(msgspec.json.decode(line.decode("utf-8", "replace"), type=dict[str, msgspec.Raw]))
    except msgspec.DecodeError:
        return []


def product(number: int, *values: Any) -> Product | BadRow:
    """Give the product of a uid, title and content of any type; one without uid is named after its texts."""
    texts = [_text(value) for value in values]
    for name, text in zip(Product.__struct_fields__, texts, strict=True):
        if text is None:
            return BadRow(number, f"{name} is not text", "", json.dumps(values, default=str)[:SHOWN])
    uid, title, content = (text or "" for text in texts)
    try:
        f"{uid}{title}{content}".encode()
    except UnicodeEncodeError as error:
        shown = f"{title} {content}"[:SHOWN].encode("utf-8", "backslashreplace").decode()
        return BadRow(number, "not UTF-8", error.reason, shown)
    return Product(uid or f"noid-{hash_of(title + content):016x}", title, content)


def sample(chunks: Iterable[Chunk], columns: Columns, size: int) -> Iterator[Table]:
    """Pick `size` rows of a whole source by hash of uid, in one pass; rows that hold no product come along.

    Which rows are picked does not depend on their order; they come in the order of their file.
    """
    picked: dict[int, tuple[str, Any]] = {}  # by hash and, in the last bits, place in the source
    bad: dict[int, tuple[str, Any]] = {}  # by place
    seen, bound = 0, 2**64
    for chunk in chunks:
        rows = parse(chunk, columns)
        ranks = [-1 if isinstance(row, BadRow) else xxh3_64_intdigest(row.uid.encode()) for row in rows.rows]
        for place in [place for place, rank in enumerate(ranks) if rank < bound]:
            row = rows.rows[place]
            if isinstance(row, BadRow):
                bad[seen + place] = (rows.source, row)
            else:
                key = ranks[place] << PLACE_BITS | seen + place
                picked[key] = (rows.source, (rows.numbers[place], row.uid, row.title, row.content))
        seen += len(ranks)
        if len(picked) > size * 5 // 4:  # to sort a few more now and then costs less than to keep exactly so many
            picked = {key: picked[key] for key in sorted(picked)[:size]}
            bound = (max(picked) >> PLACE_BITS) + 1
    lowest = {key & (1 << PLACE_BITS) - 1: picked[key] for key in sorted(picked)[:size]}
    for source, some in groupby(sorted((lowest | bad).items()), key=lambda item: item[1][0]):
        yield Table(source, [row for _, (_, row) in some])


def _whole(chunk: Lines, decoder: msgspec.json.Decoder[Any]) -> list[Any] | None:
    """Decode all lines at once; None if one is bad or blank, so that they must be looked at one by one."""
    try:
        rows: list[Any] = decoder.decode_lines(chunk.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return rows if len(rows) == chunk.number else None


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@cache
def _strict(columns: Columns) -> msgspec.json.Decoder[Product]:
    if columns == COLUMNS:
        return msgspec.json.Decoder(Product)
    named = [(field, str, msgspec.field(name=getattr(columns, field))) for field in Product.__struct_fields__]
    return msgspec.json.Decoder(msgspec.defstruct("Renamed", named, bases=(Product,), frozen=True, gc=False))


@cache
def _lenient(columns: Columns) -> msgspec.json.Decoder[Any]:
    title = ("title", Any, msgspec.field(name=columns.title))
    rest = [(field, Any, msgspec.field(default="", name=getattr(columns, field))) for field in ("content", "uid")]
    return msgspec.json.Decoder(msgspec.defstruct("Line", [title, *rest]))
