"""Open a file of text, packed or not, and give whole lines of it."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import BadGzipFile
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from isal import igzip, isal_zlib

from amazon_ft.files import InputError
from amazon_ft.sources.chunks import TOO_LONG

SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".gz", ".zip", ".parquet")
CHUNK = 4_000_000  # bytes: some 4,000 rows, the unit of work
LONGEST_LINE = 16_000_000  # bytes; the longest of the real file has 200,000
MOST_UNPACKED = 1_000_000_000  # bytes that any file may unpack to,
EXPANSION = 200  # or so many times its size on disk; text of products shrinks to a half
DAMAGE: tuple[type[Exception], ...] = (EOFError, BadGzipFile, zlib.error, isal_zlib.error, zipfile.BadZipFile)  # type: ignore[assignment]
BUFFER = 1 << 16
GZIP, ZIPS, BOM = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06"), b"\xef\xbb\xbf"  # the second: an empty archive
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextmanager
def opened(path: Path, raw: BinaryIO) -> Iterator[io.BufferedReader[Any]]:
    """Give the bytes of a file, of a gzip file, of the data in a zip archive, or of gzip in zip.

    Raises InputError, here or while the bytes are read, if the file is cut or damaged; nothing is unpacked to disk.
    """
    inner: BinaryIO = raw
    try:
        if _starts(raw, ZIPS):
            archive = zipfile.ZipFile(raw)
            inner = cast(BinaryIO, archive.open(_member(archive, path)))
        # What is thrown away closes what it reads from, so that there is one buffer and never a second.
        file: io.BufferedReader[Any] = io.BufferedReader(cast(io.RawIOBase, inner), BUFFER)
        if file.peek(2).startswith(GZIP):
            file = cast("io.BufferedReader[Any]", igzip.open(file, "rb"))
        if file.peek(4).startswith((GZIP, *ZIPS)):
            raise InputError(f"{path} holds a packed file that is packed again: unpack it once first.")
        with file:
            yield file
    except DAMAGE as error:
        raise InputError(f"{path} is cut or damaged ({error}): download it again.") from error


def _starts(raw: BinaryIO, magics: tuple[bytes, ...]) -> bool:
    head = raw.read(4)
    raw.seek(0)
    return head.startswith(magics)


def blocks(file: io.BufferedReader[Any], path: Path) -> Iterator[bytes]:
    """Yield whole lines, some megabytes at a time; TOO_LONG stands for a line that would not fit in memory.

    Raises InputError if the file unpacks to far more than any text does.
    """
    limit, unpacked = max(MOST_UNPACKED, EXPANSION * path.stat().st_size), 0
    while block := file.read(CHUNK):
        block = block if unpacked else block.removeprefix(BOM)
        rest = b"" if block.endswith(b"\n") else file.readline(LONGEST_LINE)
        unpacked = _within(unpacked + len(block) + len(rest), limit, path)
        if len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
            block, rest = block[: block.rfind(b"\n") + 1], TOO_LONG + b"\n"
            while (more := file.readline(LONGEST_LINE)) and not more.endswith(b"\n"):
                unpacked = _within(unpacked + len(more), limit, path)
        if block or rest:
            yield block + rest


def _within(unpacked: int, limit: int, path: Path) -> int:
    if unpacked > limit:
        raise InputError(f"{path} unpacks to over {limit:,} bytes, as zip bombs do: ask where it comes from.")
    return unpacked


def _member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    """Choose trn.json wherever it lies, else the only file of data."""
    files = [info for info in archive.infolist() if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16)]
    data = [info for info in files if PurePosixPath(info.filename).suffix.lower() in SUFFIXES]
    chosen = [info for info in data if PurePosixPath(info.filename).name.startswith("trn.")] or data
    if len(chosen) != 1:
        held = ", ".join(info.filename for info in files[:8]) or "nothing"
        raise InputError(f"{path} should hold trn.json or one file of data, but holds {held}: unpack the one you want.")
    if chosen[0].flag_bits & 1:
        raise InputError(f"{path} is encrypted: unpack it first.")
    if chosen[0].compress_type not in METHODS:
        raise InputError(f"{path} is packed with a method other than deflate: unpack it first.")
    return chosen[0]
