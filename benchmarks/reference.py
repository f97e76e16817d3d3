"""Clean a catalogue once more in the plainest way there is: one row after another, with the standard library alone.

    python benchmarks/reference.py SOURCE [--write FILE]

Its rules are written out anew from what those of amazon_ft promise and share no line with them, so that each can be
checked against the other. The last line is JSON: rows read and kept, rejected by reason, SHA-256 of the kept products.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

Product = tuple[str, str, str]  # uid, title, content

ELEMENTS = (
    "html head title base link meta style body address article aside footer header h1 h2 h3 h4 h5 h6 main nav section "
    "blockquote dd div dl dt figcaption figure hr li ol p pre ul ulu a abbr b big br cite code em font i kbd label q s "
    "samp small span strike strong sub sup time tt u var wbr center del ins img map video source embed iframe object "
    "param frame frameset noscript script caption col colgroup table tbody td tfoot th thead tr button fieldset form "
    "svg input legend optgroup option select textarea summary"
)
ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][0-9A-Za-z]{1,31});")
TAG = re.compile(rf"</?(?ai:{'|'.join(ELEMENTS.split())})(?:\s[^<>]*)?/?>")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
NOTHING = re.compile("[\x00-\x08\x0e-\x1f\x7f\u200b\ufeff]")
WINDOWS = {code: bytes([code]).decode("cp1252", "ignore") for code in range(0x80, 0xA0)}
SPACE = re.compile(r"\s+")
EDITION = re.compile(r"\s*--\s?This text refers to .{1,60}?edition(?: of this title)?\.?\s*$")
RESERVED = r"(?ai:all rights reserved)\.?"
COPYRIGHT = re.compile(
    r"\s*(?:(?ai:copyright|\(c\)|©)\s?){1,3}"
    rf"(?:(?:19|20)\d\d\b[^.!?]{{0,80}}\.?(?:\s*{RESERVED})?|[^.!?]{{1,100}}\.?\s*{RESERVED})\s*$"
)
RESIDUE = re.compile(r'"\s*/>\s*$')
PLACEHOLDER = re.compile(
    r"(?:book|novel|cd|dvd|vhs|audio cd)\s+by\b.{0,60}"
    r"|(?:vhs|dvd|cd|video|audio)(?: tape| cassette| video| disc)?\.?",
    re.IGNORECASE,
)
SHORTEST, LONGEST_PLACEHOLDER = 30, 80  # characters
SAME_DESCRIPTION = 3  # products


def outcomes(lines: Iterable[bytes]) -> Iterator[tuple[Product, str]]:
    """Give every row, cleaned where it holds texts, and why it is rejected: "" for a product that is kept."""
    pairs: set[tuple[str, str]] = set()
    descriptions: Counter[str] = Counter()
    for line in lines:
        if not line.strip():
            continue
        (uid, title, content), reason = _row(line)
        reason = reason or blank(title, content)
        if not reason:
            title, content = cleaned(title), cleaned(content)
            reason = unusable(title, content)
        if not reason and (title, content) in pairs:
            reason = "duplicate"
        if not reason:
            pairs.add((title, content))
            descriptions[content] += 1
            reason = "publisher's blurb" if descriptions[content] > SAME_DESCRIPTION else ""
        yield (uid, title, content), reason


def cleaned(text: str) -> str:
    """Apply the five rules in their order, until they leave the text as it is."""
    while (after := _once(text)) != text:
        text = after
    return text


def _once(text: str) -> str:
    text = collapse_space(drop_tags(unescape(text)))
    return COPYRIGHT.sub("", EDITION.sub("", text))


def unescape(text: str) -> str:
    """Turn HTML entities into characters until none is left."""
    while (after := ENTITY.sub(lambda entity: html.unescape(entity[0]), text)) != text:
        text = after
    return text


def drop_tags(text: str) -> str:
    """Put a space in the place of every comment and of every tag of a known element."""
    while (after := TAG.sub(" ", COMMENT.sub(" ", text))) != text:
        text = after
    return text


def collapse_space(text: str) -> str:
    """Read C1 controls as Windows-1252, drop the other controls, and leave single spaces between words."""
    return SPACE.sub(" ", NOTHING.sub("", text.translate(WINDOWS))).strip()


def blank(title: str, content: str) -> str:
    """Name the text that is missing, if one is."""
    return "empty title" if not title.strip() else "empty description" if not content.strip() else ""


def unusable(title: str, content: str) -> str:
    """Say why a product with these cleaned texts is no use, or give ""."""
    if reason := blank(title, content):
        return reason
    if RESIDUE.search(title):
        return "scraper residue as title"
    if content.casefold() == title.casefold():
        return "description is the title"
    if len(content) <= LONGEST_PLACEHOLDER and PLACEHOLDER.fullmatch(content):
        return "placeholder"
    return "description too short" if len(content) < SHORTEST else ""


def _row(line: bytes) -> tuple[Product, str]:
    nothing = ("", "", "")
    try:
        row: Any = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return nothing, "not UTF-8"
    except ValueError:
        return nothing, "not JSON"
    if not isinstance(row, dict) or "title" not in row:
        return nothing, "no title"
    texts = {name: row.get(name) for name in ("uid", "title", "content")}
    for name, value in texts.items():
        if isinstance(value, bool | list | dict):
            return nothing, f"{name} is not text"
    uid, title, content = ("" if value is None else str(value) for value in texts.values())
    number = hashlib.blake2b((title + content).encode(), digest_size=8).hexdigest()
    return (uid if uid.strip() else f"noid-{number}", title, content), ""


def fingerprint(products: Iterable[Iterable[str]]) -> str:
    """Hash products in their order with SHA-256, each text after its length in bytes."""
    whole = hashlib.sha256()
    for product in products:
        for text in product:
            data = text.encode("utf-8")
            whole.update(b"%d:%b" % (len(data), data))
    return whole.hexdigest()


def fingerprint_of(*paths: Path) -> str:
    """Hash the products of Parquet files, one file after another, as `fingerprint` does."""
    from pyarrow import parquet

    def products() -> Iterator[tuple[str, ...]]:
        for path in paths:
            for batch in parquet.ParquetFile(path).iter_batches(50_000, columns=["uid", "title", "content"]):
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    return fingerprint(products())


def clean(source: Path, into: Path | None = None) -> dict[str, Any]:
    """Clean a file of JSON lines, packed with gzip or not, write what is kept to `into`, and return the counts."""
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        opened = gzip.open if source.suffix == ".gz" else open
        lines = stack.enter_context(opened(source, "rb"))
        out = stack.enter_context(into.open("w", encoding="utf-8")) if into else None

        def kept() -> Iterator[Product]:
            for product, reason in outcomes(lines):
                counts[reason] += 1
                if not reason:
                    if out:
                        row = dict(zip(("uid", "title", "content"), product, strict=True))
                        out.write(json.dumps(row, ensure_ascii=False) + "\n")
                    yield product

        sha256 = fingerprint(kept())
    rejected = {reason: number for reason, number in counts.items() if reason}
    return {"read": counts.total(), "kept": counts[""], "rejected": rejected, "sha256": sha256}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE", type=Path, help="a file of JSON lines, packed with gzip or not")
    parser.add_argument("--write", metavar="FILE", type=Path, help="write the kept products as JSON lines")
    asked = parser.parse_args()
    print(json.dumps(clean(asked.source, asked.write), ensure_ascii=False))


if __name__ == "__main__":
    main()
