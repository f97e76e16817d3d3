"""Find a catalogue, recognise it by its bytes, and read it in chunks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from amazon_ft.files import InputError
from amazon_ft.products import Product
from amazon_ft.sample import catalogue
from amazon_ft.sources import packed, tables
from amazon_ft.sources.chunks import COLUMNS, BadRow, Chunk, Columns, Lines, keys, parse, parse_line
from amazon_ft.sources.packed import BOM, SUFFIXES

BUNDLED = "bundled"
PARQUET = b"PAR1"
STRANGERS = {
    b"[": "one JSON array: write one object a line, for example with `jq -c '.[]'`",
    b"<": "a web page and not the data, as Drive sends for a file that is not shared or was asked for too often",
    b"BZh": "packed with bzip2: unpack it first",
    b"\xfd7zXZ": "packed with xz: unpack it first",
    b"\x28\xb5\x2f\xfd": "packed with zstd: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"Rar!": "a RAR archive: unpack it first",
    b"\xff\xfe": "UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "UTF-16 text: save it as UTF-8",
}


@dataclass(frozen=True)
class Source:
    """Hold what a user named: files in reading order, or a data set of the Hugging Face Hub."""

    files: tuple[Path, ...] = ()
    hub: str = ""

    @property
    def names(self) -> list[str]:
        """Name each file, or the data set."""
        return [f"hf:{self.hub}"] if self.hub else [path.name for path in self.files]


@dataclass
class Progress:
    """Tell how many bytes on disk there are to read, and how many are behind; 0 of 0 where nobody knows."""

    total: int = 0
    read: int = 0


def find(names: Iterable[str | Path]) -> Source:
    """Find what is named: 'bundled', files, folders of shards, 'drive', 'drive:ID', a Drive link, 'hf:OWNER/NAME'.

    A file on Drive is downloaded first. Raises InputError if there is no such thing.
    """
    given = [str(name) for name in names]
    hubs = [name.removeprefix("hf:") for name in given if name.startswith("hf:")]
    if hubs and len(given) > 1:
        raise InputError("a data set of the Hub cannot be read together with other sources: clean it in its own run.")
    if "" in hubs:
        raise InputError("hf: names no data set: write hf:OWNER/NAME, as on huggingface.co.")
    return Source(hub=hubs[0]) if hubs else Source(tuple(file for name in given for file in _files(name)))


def chunks(source: Source, columns: Columns, progress: Progress | None = None) -> Iterator[Chunk]:
    """Yield the rows of a source in order, some thousands at a time, and keep `progress` up to date.

    Raises InputError if a file is no catalogue, is damaged, or holds no row at all.
    """
    progress = progress or Progress()
    progress.total = sum(path.stat().st_size for path in source.files)
    if source.hub:
        yield from tables.from_hub(source.hub, columns)
    for path in source.files:
        before, empty = progress.read, True
        with path.open("rb") as raw:
            for chunk in _from_file(path, raw, columns):
                progress.read, empty = before + raw.tell(), False
                yield chunk
        progress.read = before + path.stat().st_size
        if empty:
            raise InputError(f"{path} is empty: give a catalogue with one JSON object a line.")


def read(source: str | Path, columns: Columns = COLUMNS) -> Iterator[Product | BadRow]:
    """Yield what each row of a catalogue holds, to look at it before any cleaning; raises InputError like `chunks`."""
    for chunk in chunks(find([source]), columns):
        yield from parse(chunk, columns).rows


def _files(name: str) -> list[Path]:
    path = catalogue.cached() if name == BUNDLED else Path(name)
    if path.is_dir():
        shards = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]
        if not shards:
            raise InputError(f"folder {path} holds no shard: their names must end in {', '.join(SUFFIXES)}.")
        return sorted(shards, key=_natural)
    if not path.exists() and re.match(r"drive$|drive:|https?://", name):
        from amazon_ft.sources import downloads

        asked = name.removeprefix("drive").removeprefix(":")
        file_id = downloads.file_id(asked) if asked else downloads.CATALOGUE.file_id
        known = file_id == downloads.CATALOGUE.file_id
        return [downloads.drive(downloads.CATALOGUE if known else downloads.DriveFile(file_id))]
    if not path.is_file():
        hub = f" (a data set of the Hub is written hf:{name})" if re.fullmatch(r"[\w.-]+/[\w.-]+", name) else ""
        raise InputError(f"{path} is not a file: give the path of trn.json, or of a catalogue like it{hub}.")
    return [path]


def _natural(file: Path) -> list[tuple[str, int]]:
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d*)", file.name)]


def _from_file(path: Path, raw: BinaryIO, columns: Columns) -> Iterator[Chunk]:
    if raw.read(4) == PARQUET:
        yield from tables.from_parquet(path, raw, columns)
        return
    raw.seek(0)
    with packed.opened(path, raw) as file:
        head = file.peek(packed.BUFFER).removeprefix(BOM).lstrip()
        for magic, what in {**STRANGERS, PARQUET: "Parquet in a packed file: unpack it first"}.items():
            if head.startswith(magic):
                raise InputError(f"{path} is {what}.")
        if not head or head.startswith(b"{"):
            yield from _from_lines(path, packed.blocks(file, path), columns)
        else:
            header = head.split(b"\n")[0].decode("utf-8", "replace").strip()
            yield from tables.from_csv(path, header, packed.blocks(file, path), columns)


def _from_lines(path: Path, blocks: Iterable[bytes], columns: Columns) -> Iterator[Chunk]:
    number, checked = 1, False
    for block in blocks:
        if not checked and not block.isspace():
            _check_first(path, block, columns)
            checked = True
        lines = block.count(b"\n") + (not block.endswith(b"\n"))
        if checked:
            yield Lines(path.name, number, lines, block)
        number += lines


def _check_first(path: Path, block: bytes, columns: Columns) -> None:
    line = next(line for line in block.split(b"\n") if line.strip())
    row = parse_line(line, columns, 1)
    if isinstance(row, BadRow) and row.reason.startswith("not"):
        start = line[:60].decode("utf-8", "replace").strip()
        raise InputError(
            f"the first row of {path} is {row.reason} (it begins {start!r}): give trn.json, or a file like it."
        )
    if not isinstance(row, BadRow) or row.reason.startswith("no "):
        tables.places(path, keys(line), columns)
