from __future__ import annotations

import gzip
import importlib.util
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from amazon_ft import steps
from amazon_ft.cleaning.rules import HTML_NAMES, OURS, WIDE_SPACES
from amazon_ft.cleaning.whole import Choices
from amazon_ft.runs import Run
from amazon_ft.sample import catalogue
from amazon_ft.sources import packed

ALONE = Choices(near_duplicates=False)
GOOD = ("A good title", "A description that is long enough and holds nothing that any rule would change")

Pair = tuple[str, str]


def _benchmark(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "benchmarks" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


reference = _benchmark("reference")
NAMES = sorted({*HTML_NAMES.replace("h[1-6]", "h1|h6").split("|"), *reference.ELEMENTS.split()})
NASTY = [
    *("&amp;", "&amp;amp;lt;b&amp;gt;", "&lt;br&gt;", "&am<!-- -->p;", "&bogus;", "&copyx;", "&notit;", "&amp", "&#"),
    *("&#151;", "&#x27;", "&#0;", "&#13;", "&nbsp;", "&#8203;", "&#xD800;", "&#99999999;", "&#x110000;", "&#٣;", "lt;"),
    *("<b>", "</p>", "<BR/>", "<a href='x'>", "<!-- x -->", "<!--", "-->", "<", ">", "<3", " 5 < 6 ", "x <y and z> w"),
    *("\x92s", "\x85", "\x81", "\x00", "\x0b", "\x1c", "\x1f", "\x7f", "\xa0", "\xad", "\r\n", "\t", " ", "  ", "\n"),
    *WIDE_SPACES,
    *(" Copyright 2001 Some House, Inc. All rights reserved.", " (c) 1999 X", "© 2004.", "COPYRIGHT (C) 2020", "copyr"),
    *("Copyright © A House, a part of Some House Inc. All rights reserved.", " All rights reserved", "(c)Copyright"),
    *(" -- This text refers to the Hardcover edition.", "--This text refers to an old edition of this title. "),
    *('" />', '"/>', "Book by ", "VHS Tape", "DVD", "café", "cafe\u0301", "日本", "ß", "İ", "ſ", "ﬁ", "\U0001f600"),
    *("word ", "R&D", "Copyright law", "in 1999. ", "(c)", "-- ", " edition", ";", "&", "b", "x" * 85, "y. " * 90),
]
PIECES = st.one_of(
    st.sampled_from(NASTY),
    st.builds("<{}{}{}>".format, st.sampled_from(["", "/"]), st.sampled_from(NAMES), st.sampled_from(["", " x", "/"])),
    st.text(max_size=6),
)
TEXTS = st.lists(PIECES, max_size=9).map("".join)


@st.composite
def catalogues(draw: st.DrawFn) -> list[Pair]:
    titles = [*draw(st.lists(TEXTS, min_size=1, max_size=4)), *("one", "two", "three", "four")]
    contents = [*draw(st.lists(TEXTS, min_size=1, max_size=4)), *draw(st.lists(TEXTS.map((GOOD[1]).__add__)))]
    again = [*contents, *titles, *(title.upper() for title in titles)]
    return draw(st.lists(st.tuples(st.sampled_from(titles), st.sampled_from(again)), max_size=30))


def _write(path: Path, pairs: Iterable[Pair]) -> Path:
    rows = [{"uid": f"B{place:09}", "title": title, "content": content} for place, (title, content) in enumerate(pairs)]
    path.write_text("".join(json.dumps(row, ensure_ascii=place % 2 == 0) + "\n" for place, row in enumerate(rows)))
    return path


@lru_cache(maxsize=1)
def _truth(source: Path) -> tuple[dict[str, Any], list[str], str]:
    with (gzip.open if source.suffix == ".gz" else open)(source, "rb") as lines:
        rows = list(reference.outcomes(lines))
    kept = [product for product, reason in rows if not reason]
    reasons = [reason for _, reason in rows if reason]
    counts = {"read": len(rows), "kept": len(kept), "rejected": dict(Counter(reasons))}
    return counts, reasons, reference.fingerprint(kept)


def _agree(source: Path, folder: Path, workers: int, size: int) -> dict[str, Any]:
    run, (counts, reasons, sha256) = Run(folder), _truth(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "CHUNK", size)
        steps.clean(run, source, ALONE, workers)
    assert reference.fingerprint_of(run.products) == sha256
    assert counts.items() <= json.loads(run.cleaning.read_text()).items()
    assert parquet.read_table(run.rejected)["reason"].to_pylist() == reasons
    return counts


@pytest.mark.parametrize("size", [1_000, packed.CHUNK])
@pytest.mark.parametrize("workers", [1, 2])
def test_the_bundled_catalogue_is_cleaned_as_by_the_reference(tmp_path: Path, workers: int, size: int) -> None:
    assert len(_agree(catalogue.cached(), tmp_path / "run", workers, size)["rejected"]) >= 6


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("synthetic") / "trn.json.gz"
    _benchmark("synthetic").write(path, 30_000)
    return path


@pytest.mark.parametrize(("workers", "size"), [(1, 150_000), (2, packed.CHUNK)])
def test_an_invented_catalogue_is_cleaned_as_by_the_reference(
    synthetic: Path, tmp_path: Path, workers: int, size: int
) -> None:
    counts = _agree(synthetic, tmp_path / "run", workers, size)
    assert counts["read"] == 30_000
    assert set(counts["rejected"]) == {
        *("empty title", "empty description", "scraper residue as title", "description is the title", "placeholder"),
        *("description too short", "duplicate", "publisher's blurb"),
    }


@settings(deadline=None, max_examples=150)
@given(catalogues(), st.sampled_from([1, 100, 1_000, packed.CHUNK]))
def test_nasty_rows_are_cleaned_as_by_the_reference(pairs: list[Pair], size: int) -> None:
    with TemporaryDirectory() as folder:
        source = _write(Path(folder) / "trn.json", [GOOD, *pairs])
        _agree(source, Path(folder) / "run", 1, size)


def test_thousands_of_nasty_rows_are_cleaned_as_by_the_reference(tmp_path: Path) -> None:
    rng = Random(11)

    def texts(number: int, start: str) -> list[str]:
        return [start + "".join(rng.choices(NASTY, k=rng.randrange(9))) for _ in range(number)]

    titles, contents = texts(400, ""), texts(700, "") + texts(700, GOOD[1])
    pairs = [(rng.choice(titles), rng.choice(rng.choice((contents, contents[-40:], titles)))) for _ in range(6_000)]
    source = _write(tmp_path / "trn.json", pairs)
    for workers, size in ((1, 3_000), (2, 30_000)):
        counts = _agree(source, tmp_path / f"run{workers}", workers, size)
        assert min(counts["kept"], *counts["rejected"].values()) > 0 and len(counts["rejected"]) >= 7


@given(TEXTS)
@settings(deadline=None, max_examples=600)
@example("a\u200bb")
@example("ends in a line break\n")
def test_a_text_without_suspects_is_left_alone_by_every_rule(text: str) -> None:
    found = re.search(OURS.suspect, text) is not None
    assert pc.match_substring_regex(pa.array([text]), OURS.suspect).to_pylist() == [found]
    assert found or [rule.name for rule in OURS.rules if rule.apply(text) != text] == []


@given(TEXTS)
@settings(deadline=None, max_examples=600)
def test_one_text_is_cleaned_as_by_the_reference(text: str) -> None:
    assert OURS.clean(text) == reference.cleaned(text)


@pytest.mark.parametrize("text", ["a <ſpan> b", "a <ımg> b", "(c) It ends. Copyrıght 2001 Foo"])
def test_letters_that_only_fold_to_ascii_are_no_tag_and_no_copyright(text: str) -> None:
    assert OURS.clean(text) == reference.cleaned(text)
    assert not OURS.once(text) or re.search(OURS.suspect, text)


def test_the_command_writes_and_counts_what_it_keeps(tmp_path: Path) -> None:
    counts, _, sha256 = _truth(catalogue.cached())
    assert reference.clean(catalogue.cached(), tmp_path / "kept.jsonl") == {**counts, "sha256": sha256}
    written = [json.loads(line).values() for line in (tmp_path / "kept.jsonl").read_text().splitlines()]
    assert reference.fingerprint(written) == sha256


@pytest.mark.parametrize("field", [0, 1, 2])
def test_the_hash_sees_order_and_every_text(field: int) -> None:
    products = [("1", "a", "b"), ("2", "c", "d")]
    changed = [(*products[0][:field], "x", *products[0][field + 1 :]), products[1]]
    hashes = [reference.fingerprint(some) for some in (products, changed, products[::-1], products[:1])]
    assert len(set(hashes)) == 4
    assert reference.fingerprint([("1", "ab", "c")]) != reference.fingerprint([("1", "a", "bc")])
