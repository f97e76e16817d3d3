from __future__ import annotations

import gzip
import importlib.util
import json
import re
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from amazon_ft.files import InputError

ROWS = 20_000
ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|\w+);")
TAG = re.compile(r"<!--.*?-->|</?(?:p|br|b|i) ?/?>", re.IGNORECASE | re.DOTALL)
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def synthetic() -> ModuleType:
    source = Path(__file__).parents[1] / "benchmarks" / "synthetic.py"
    spec = importlib.util.spec_from_file_location("synthetic", source)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def file(synthetic: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("synthetic") / "trn.json.gz"
    synthetic.write(path, ROWS)
    return path


@pytest.fixture(scope="module")
def rows(file: Path) -> Rows:
    with gzip.open(file, "rt", encoding="ascii") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def usable(rows: Rows) -> Rows:
    return [row for row in rows if row["title"].strip() and row["content"].strip()]


def _share(rows: Rows, pattern: str | re.Pattern[str], field: str = "content") -> float:
    return sum(re.search(pattern, row[field]) is not None for row in rows) / len(rows)


def _books(rows: Rows) -> Rows:
    return [row for row in rows if row["uid"].startswith("000")]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(
    synthetic: ModuleType, tmp_path: Path, file: Path
) -> None:
    for seed, same in ((3407, True), (3408, False)):
        synthetic.write(tmp_path / "again.gz", ROWS, seed)
        assert ((tmp_path / "again.gz").read_bytes() == file.read_bytes()) == same


def test_lines_are_written_as_the_json_module_writes_them(file: Path, rows: Rows) -> None:
    lines = gzip.decompress(file.read_bytes()).decode("ascii").splitlines()
    assert lines == [json.dumps(row) for row in rows]


@pytest.mark.parametrize("number", [1, 2, 3, 40, 10_001])
def test_the_file_has_the_rows_asked_for(synthetic: ModuleType, tmp_path: Path, number: int) -> None:
    synthetic.write(tmp_path / "few.gz", number)
    assert gzip.decompress((tmp_path / "few.gz").read_bytes()).count(b"\n") == number


@pytest.mark.parametrize("number", [0, 4_000_001])
def test_a_number_of_rows_that_cannot_be_is_refused(synthetic: ModuleType, tmp_path: Path, number: int) -> None:
    with pytest.raises(InputError, match="ask for 1 to 4,000,000"):
        synthetic.write(tmp_path / "none.gz", number)
    assert not list(tmp_path.iterdir())


def test_books_come_first_and_uids_rise(rows: Rows) -> None:
    uids = [row["uid"] for row in rows]
    assert len(rows) == ROWS
    assert uids == sorted(set(uids))
    assert all(re.fullmatch(r"000\d{7}", uid) for uid in uids[: ROWS // 4])
    assert all(re.fullmatch(r"B000[0-9A-Z]{6}", uid) for uid in uids[ROWS // 4 :])


def test_no_uid_is_a_printed_isbn(rows: Rows) -> None:
    for row in _books(rows):
        assert sum(weight * int(digit) for weight, digit in zip(range(10, 0, -1), row["uid"], strict=True)) % 11


def test_related_products_are_distinct_and_each_has_a_relevance(rows: Rows) -> None:
    for row in rows:
        labels = row["target_ind"]
        assert labels == sorted(set(labels)) and 0 <= labels[0] <= labels[-1] < 1_305_265
        assert row["target_rel"] == [1.0] * len(labels)
    assert sum(len(row["target_ind"]) for row in rows) / ROWS == pytest.approx(22.2, rel=0.04)


def test_blanks_have_their_shares(rows: Rows) -> None:
    blank_titles = [row for row in rows if not row["title"].strip()]
    blank_contents = [row for row in rows if row["title"].strip() and not row["content"].strip()]
    assert len(blank_titles) / ROWS == pytest.approx(0.0564, abs=0.006)
    assert len(blank_contents) / ROWS == pytest.approx(0.3253, abs=0.012)
    assert {row["content"] for row in blank_contents} == {"", " "}


def test_lengths_are_those_of_the_real_file(usable: Rows) -> None:
    titles, contents = (sorted(len(row[field]) for row in usable) for field in ("title", "content"))
    middle, high = len(usable) // 2, len(usable) * 95 // 100
    assert sum(titles) / len(titles) == pytest.approx(61, rel=0.05)
    assert (titles[len(titles) // 20], titles[high]) == pytest.approx((17, 125), rel=0.08)
    assert (contents[middle], contents[high]) == pytest.approx((398, 1_728), rel=0.08)
    assert sum(contents[:-1]) / len(contents) == pytest.approx(619, rel=0.06)
    assert contents[-1] == 197_622 > 4 * contents[-2]


@pytest.mark.parametrize(
    ("pattern", "share", "tolerance"),
    [
        (ENTITY, 0.217, 0.015),
        (r"&amp;(?:#|\w+;)", 0.026, 0.008),
        ("&#151;", 0.013, 0.006),
        (TAG, 0.07, 0.01),
        (r"<3 |5 < 6|<y and", 0.003, 0.002),
        (r"  |[\x00-\x1f\x80-\x9f]|\s$", 0.06, 0.012),
        (r"[^\W\d_\x00-\x7f]", 0.03, 0.008),
        (r"[a-z]\.[A-Z]", 0.24, 0.04),
        ("^VHS Tape$", 0.006, 0.003),
        ("'", 0.5, 0.05),
    ],
)
def test_dirt_has_its_share(usable: Rows, pattern: str | re.Pattern[str], share: float, tolerance: float) -> None:
    assert _share(usable, pattern) == pytest.approx(share, abs=tolerance)


@pytest.mark.parametrize(
    ("pattern", "share", "tolerance"),
    [("This text refers to", 0.167, 0.02), (r"Copyright \d{4}", 0.114, 0.02), ("^Book by ", 0.012, 0.005)],
)
def test_dirt_of_books_has_its_share(usable: Rows, pattern: str, share: float, tolerance: float) -> None:
    assert _share(_books(usable), pattern) == pytest.approx(share, abs=tolerance)


def test_titles_have_their_dirt(usable: Rows) -> None:
    assert _share(usable, ENTITY, "title") == pytest.approx(0.022, abs=0.006)
    assert _share(usable, '" />$', "title") == pytest.approx(0.002, abs=0.0015)
    again = sum(row["title"] == row["content"] for row in usable) / len(usable)
    assert again == pytest.approx(0.012, abs=0.004)


def test_rows_titles_and_descriptions_repeat_as_often_as_in_the_real_file(usable: Rows) -> None:
    pairs = Counter((row["title"], row["content"]) for row in usable)
    titles = Counter(row["title"] for row in usable)
    blurbs = Counter(row["content"] for row in _books(usable))
    assert 1 - len(pairs) / len(usable) == pytest.approx(0.012, abs=0.005)
    assert 1 - len(titles) / len(usable) == pytest.approx(0.029, abs=0.007)
    assert sum(count for count in blurbs.values() if count > 1) / blurbs.total() == pytest.approx(0.135, abs=0.025)


def test_some_descriptions_differ_from_another_in_one_sentence(usable: Rows) -> None:
    seen: dict[str, str] = {}
    near = 0
    for content in (row["content"] for row in usable):
        sentences = [sentence for sentence in content.split(". ") if len(sentence) > 40]
        others = [seen[sentence] for sentence in sentences if seen.get(sentence, content) != content]
        near += len(others) > 1
        seen.update(dict.fromkeys(sentences, content))
    assert near / len(usable) == pytest.approx(0.028, abs=0.01)


def test_words_are_drawn_afresh_and_not_copied_in_blocks(file: Path) -> None:
    packed = file.stat().st_size / len(gzip.decompress(file.read_bytes()))
    assert 0.38 < packed < 0.5
