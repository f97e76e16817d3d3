"""The door to the title index: every title of a catalogue, found by its words in milliseconds."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from threading import Lock
from typing import Any

from amazon_ft.files import InputError, digest, replacing, write_json
from amazon_ft.products import unaccented

LOCK, RETRIES = Lock(), 2
RACES = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT)  # another process was done first
FORMAT = 1  # of the index: an older one is built anew
ABOUT = "catalogue.json"  # what an index was built from, beside its own files
HEAP = 60_000_000  # bytes: enough for three segments of a million titles
FUZZY_LENGTHS = (4, 9)  # letters from which on one edit is forgiven, and two
MOST_EDITS = len(FUZZY_LENGTHS)
RARE = 30  # titles: a word that so few hold may be a misspelling of another
MOST_WORDS = 48  # that a title or a question is told by
DIGIT = re.compile(r"\d")
INSIDE = re.compile(r"(?<=\w)['’](?=\w)|(?<=s)['’]|(?<=\b[^\W\d_])\.(?=[^\W\d_]\b)")  # hell's, U.S.
PLAIN = re.compile(r"[A-Za-z0-9][^&'.\x80-\U0010ffff]*")  # nothing to read in another way
ALPHANUMERIC = re.compile(r"[^\W_]")
FORGIVABLE = 4  # words of a question whose misspellings are looked for: each takes its time
FORGIVEN = 12.0  # what a word that is spelled another way counts, on BM25's scale


@dataclass(frozen=True)
class Entry:
    """Hold what the index knows of a product: uid, title, and its row in products.parquet."""

    uid: str
    title: str
    row: int


@dataclass(frozen=True)
class Titles:
    """Hold an open index and the number of its titles."""

    number: int
    searcher: Any
    schema: Any
    analyzer: Any


def opened(products: Path, folder: Path) -> Titles:
    """Open the index of `products` in `folder`, built first where there is none or the catalogue has changed.

    Raises InputError if there is no catalogue.
    """
    if not products.exists():
        raise InputError(f"{products} is missing: do the step 'clean' first.")
    with LOCK:
        for _ in range(RETRIES):
            try:
                return _ready(products, folder)
            except InputError:
                raise
            except ValueError:  # tantivy's word for a file that is torn, missing or of another version
                (folder / ABOUT).unlink(missing_ok=True)
            except OSError as error:
                if error.errno not in RACES:
                    raise
        return _ready(products, folder)


def build(products: Path, folder: Path) -> None:
    """Write the index of a products.parquet, whole."""
    import tantivy

    with replacing(folder) as temporary:
        temporary.mkdir()
        index = tantivy.Index(_schema(), path=str(temporary))
        index.register_tokenizer("title", _analyzer())
        writer = index.writer(HEAP, 1)
        try:
            for row, uid, title in _rows(products):
                document = tantivy.Document()  # filled field by field: half the time of keywords
                document.add_bytes("key", f"{row} {uid}".encode())
                for spelling in _spellings(title):
                    document.add_text("title", spelling)
                writer.add_document(document)
            writer.commit()
        except BaseException:
            writer.rollback()
            raise
        finally:
            writer.wait_merging_threads()  # else they write on in a folder that is moved or removed
        write_json(temporary / ABOUT, {"format": FORMAT, **_stamp(products), "sha256": digest(products)})


def words(titles: Titles, text: str) -> list[str]:
    """Split a text into words as the index does, small and without accents; a text without any into its signs."""
    known = text.encode("utf-8", "replace").decode()  # a lone surrogate is no text
    found: list[str] = titles.analyzer.analyze(_spellings(known)[-1])
    return found[:MOST_WORDS]


def frequency(titles: Titles, word: str) -> int:
    """Count the titles that hold `word`."""
    return int(titles.searcher.doc_freq("title", word))


def forgiven(word: str) -> int:
    """Count the edits after which a word may still be meant: none in a short one or one with a digit."""
    return 0 if DIGIT.search(word) else sum(len(word) >= length for length in FUZZY_LENGTHS)


def search(titles: Titles, telling: Sequence[str], beside: Sequence[str], limit: int) -> list[Entry]:
    """Find the entries whose titles share most with these words, by BM25; rare `telling` words are forgiven edits."""
    from tantivy import Occur, Query

    parts = [_term(titles, word) for word in (*telling, *beside)]
    parts += [part for word in telling[:FORGIVABLE] for part in _misspelt(titles, word)]
    if not parts:
        return []
    whole = Query.boolean_query([(Occur.Should, part) for part in parts])
    return [
        _entry(titles.searcher.doc(address)) for _, address in titles.searcher.search(whole, limit, count=False).hits
    ]


def _spellings(title: str) -> list[str]:
    """Give a title and, last, what its words are read from: entities read, signs spelled where there is no word."""
    if PLAIN.fullmatch(title):
        return [title]
    plain = unescape(title) if "&" in title else title
    plain = unaccented(plain)
    if any(sign in plain for sign in "'’."):
        plain = INSIDE.sub("", plain)
    if not ALPHANUMERIC.search(plain):
        plain = " ".join(f"u{ord(char):x}" for char in plain if not char.isspace())
    return [title] if plain == title else [title, plain]


def _misspelt(titles: Titles, word: str) -> Iterator[Any]:
    from tantivy import Query

    if frequency(titles, word) < RARE and forgiven(word):  # one edit finds it; a second would take twice the time
        fuzzy = Query.fuzzy_term_query(titles.schema, "title", word, 1)
        yield Query.boost_query(fuzzy, FORGIVEN)


def _term(titles: Titles, word: str) -> Any:
    from tantivy import Query

    return Query.term_query(titles.schema, "title", word, "freq")


def _entry(document: Any) -> Entry:
    row, uid = document.get_first("key").decode().split(" ", 1)
    return Entry(uid, document.get_first("title"), int(row))


def _schema() -> Any:
    from tantivy import SchemaBuilder

    schema = SchemaBuilder()
    schema.add_text_field("title", stored=True, tokenizer_name="title", index_option="freq")
    schema.add_bytes_field("key", stored=True)  # row and uid: one field costs less than two
    return schema.build()


def _analyzer() -> Any:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    simple = TextAnalyzerBuilder(Tokenizer.simple())
    return simple.filter(Filter.lowercase()).filter(Filter.ascii_fold()).build()


def _rows(products: Path) -> Iterator[tuple[int, str, str]]:
    from pyarrow import ArrowInvalid, parquet

    row = 0
    try:
        file = parquet.ParquetFile(products)
    except ArrowInvalid as error:
        raise InputError(f"{products} is not what the step 'clean' wrote: move it away and clean again.") from error
    for batch in file.iter_batches(20_000, columns=["uid", "title"]):
        for uid, title in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield row, uid, title
            row += 1


def _ready(products: Path, folder: Path) -> Titles:
    if not _fits(products, folder):
        build(products, folder)
    return _open(folder)


def _open(folder: Path) -> Titles:
    import tantivy

    index = tantivy.Index.open(str(folder))
    searcher = index.searcher()
    searcher.doc_freq("title", "")  # touches the files that opening does not
    return Titles(searcher.num_docs, searcher, index.schema, _analyzer())


def _fits(products: Path, folder: Path) -> bool:
    about = folder / ABOUT
    if not about.exists():
        return False
    recorded, stamp = dict(json.loads(about.read_text(encoding="utf-8"))), _stamp(products)
    if recorded.get("format") != FORMAT:
        return False
    if {key: recorded.get(key) for key in stamp} == stamp:
        return True
    if recorded.get("sha256") != digest(products):
        return False
    with suppress(PermissionError):  # somebody else's folder: the hash is taken again next time
        write_json(about, {**recorded, **stamp})
    return True


def _stamp(products: Path) -> dict[str, int]:
    """Tell a file from another one without reading it."""
    status = products.stat()
    return {"bytes": status.st_size, "modified_ns": status.st_mtime_ns}
