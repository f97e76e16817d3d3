from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest
from pyarrow import parquet

from amazon_ft import steps
from amazon_ft.cleaning.counting import EXAMPLES, JUDGED
from amazon_ft.cleaning.pipeline import FOLD, SAME_DESCRIPTION, Tally
from amazon_ft.cleaning.rules import OURS
from amazon_ft.cleaning.whole import Choices
from amazon_ft.files import InputError
from amazon_ft.products import load
from amazon_ft.runs import Run
from amazon_ft.sources import packed
from amazon_ft.sources.chunks import Columns

TEXT = "A steel mug that holds {} ml and is made to be used every day."


def _row(uid: object, title: str, content: str) -> str:
    return json.dumps({"uid": str(uid), "title": title, "content": content}) + "\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "trn.json"
    rng = Random(1)
    lines = [_row(number, f"Mug {number}", TEXT.format(rng.randrange(10**9))) for number in range(2_000)]
    lines[7] = _row(7, "Mug 7", f"{TEXT.format('&amp;#51;00')}<br>--This text refers to thePaperbackedition.")
    lines[30:36] = [_row(number, f"Mug {number}", TEXT.format("equal")) for number in range(30, 36)]
    lines[40] = _row(999, "Mug 7", TEXT.format(300))
    lines[50] = "{torn\n"
    lines[51] = _row(51, " ", TEXT.format(1))
    lines[52] = _row(52, "Mug 52", "")
    path.write_text("".join(lines))
    return path


def _cleaned(source: Path, folder: Path, choices: Choices | None = None, workers: int = 1) -> Run:
    run = Run(folder)
    steps.clean(run, source, choices or Choices(), workers)
    return run


def test_every_row_is_kept_or_rejected_with_a_reason_and_its_place(source: Path, tmp_path: Path) -> None:
    run = _cleaned(source, tmp_path / "run")
    counts = json.loads(run.cleaning.read_text())
    assert counts["rejected"] == {
        "publisher's blurb": 3, "duplicate": 1, "empty description": 1, "empty title": 1, "not JSON": 1
    }  # fmt: skip
    assert counts["read"] == counts["kept"] + sum(counts["rejected"].values()) == 2_000
    assert counts["kept"] == len(list(load(run.products)))
    rejected = parquet.read_table(run.rejected).to_pylist()
    assert [(row["row"], row["reason"], row["uid"]) for row in rejected] == [
        (34, "publisher's blurb", "33"),
        (35, "publisher's blurb", "34"),
        (36, "publisher's blurb", "35"),
        (41, "duplicate", "999"),
        (51, "not JSON", ""),
        (52, "empty title", "51"),
        (53, "empty description", "52"),
    ]
    assert {row["source"] for row in rejected} == {"trn.json"}
    assert rejected[4]["content"] == "{torn"
    assert rejected[5]["content"] == TEXT.format(1)
    assert counts["bad_rows"][0].startswith("trn.json line 51: not JSON (")


def test_every_rule_is_counted_and_shown(source: Path, tmp_path: Path) -> None:
    counts = json.loads(_cleaned(source, tmp_path / "run").cleaning.read_text())
    assert counts["changed"] == {
        "unescape entities": 1,
        "drop tags and comments": 1,
        "collapse white space": 0,
        "drop edition note": 1,
        "drop copyright tail": 0,
    }
    assert list(counts["changed"]) == [rule.name for rule in OURS.rules]
    [shown] = counts["examples"]["unescape entities"]
    assert (shown["uid"], shown["field"]) == ("7", "content")
    assert "&amp;#51;00" in shown["before"]
    assert "300 ml" in shown["after"]
    assert len(shown["before"]) <= 300


def _bins(histogram: dict[str, list[int]]) -> tuple[list[int], ...]:
    return histogram["edges"][:-1], histogram["edges"][1:], histogram["kept"]


def test_lengths_and_prefixes_count_every_product(source: Path, tmp_path: Path) -> None:
    run = _cleaned(source, tmp_path / "run")
    counts = json.loads(run.cleaning.read_text())
    for name in ("title", "content"):
        histogram = counts["lengths"][name]
        found = Counter(len(getattr(row, name)) for row in load(run.products))
        for low, high, number in zip(*_bins(histogram), strict=True):
            assert number == sum(times for length, times in found.items() if low <= length < high)
        assert sum(histogram["read"]) == 1_997
    uids = [row.uid for row in load(run.products)]
    assert counts["prefixes"]["all"] == Counter(uid[:3] for uid in uids)
    assert counts["prefixes"]["first 100"] == Counter(uid[:3] for uid in uids[:100])
    assert list(counts["prefixes"]) == ["first 100", "first 1,000", "all"]
    assert counts["destroyed"]["rows"] == 500


FILES = ("products", "rejected", "near_duplicates", "cleaning")


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_writes_the_same_bytes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(packed, "CHUNK", 20_000)
    runs = [_cleaned(source, tmp_path / "one"), _cleaned(source, tmp_path / "many", workers=workers)]
    for name in FILES:
        assert getattr(runs[0], name).read_bytes() == getattr(runs[1], name).read_bytes()


def test_the_size_of_a_chunk_changes_no_product_and_no_count(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _cleaned(source, tmp_path / "whole")
    monkeypatch.setattr(packed, "CHUNK", 777)
    small = _cleaned(source, tmp_path / "small")
    assert list(load(whole.products)) == list(load(small.products))
    assert parquet.read_table(whole.rejected) == parquet.read_table(small.rejected)
    before, after = (json.loads(run.cleaning.read_text()) for run in (whole, small))
    assert before.pop("destroyed")["rows"] == 500  # of a chunk
    assert after.pop("destroyed")["rows"] == JUDGED
    assert before == after


def test_examples_are_a_sample_and_not_the_first_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "CHUNK", 3_000)
    source = tmp_path / "trn.json"
    source.write_text("".join(_row(f"{n:04}", f"Mug {n}", TEXT.format(f"&#{n};")) for n in range(200, 1_200)))
    counts = json.loads(_cleaned(source, tmp_path / "run").cleaning.read_text())
    uids = [shown["uid"] for shown in counts["examples"]["unescape entities"]]
    assert len(uids) == EXAMPLES
    assert max(uids) > "0400"
    assert counts["changed"]["unescape entities"] == 1_000


def test_strict_stops_at_the_first_bad_row(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trn\.json line 51: not JSON .*: mend that line, or leave out --strict"):
        _cleaned(source, tmp_path / "run", Choices(strict=True))
    assert not [path for path in (tmp_path / "run").iterdir() if path.name != "manifest.json"]


def test_a_catalogue_of_ones_own_columns(tmp_path: Path) -> None:
    source = tmp_path / "own.csv"
    source.write_text(f'asin;name;text\n0001;"Mug; red";{TEXT.format(1)}\n0002;Cup;{TEXT.format(2)}\n')
    run = _cleaned(source, tmp_path / "run", Choices(Columns("asin", "name", "text")))
    assert [(row.uid, row.title) for row in load(run.products)] == [("0001", "Mug; red"), ("0002", "Cup")]


def test_a_sample_is_of_the_whole_file(source: Path, tmp_path: Path) -> None:
    run = _cleaned(source, tmp_path / "run", Choices(sample=100))
    counts = json.loads(run.cleaning.read_text())
    assert counts["read"] == 101  # the torn row comes along to be counted
    uids = [int(row.uid) for row in load(run.products)]
    assert min(uids) < 200
    assert max(uids) > 1_800
    with pytest.raises(InputError, match=r"sample was 100, now 50"):
        _cleaned(source, tmp_path / "run", Choices(sample=50))


@pytest.mark.parametrize("policy", ["letters-only", "strip-tags", "none"])
def test_a_published_policy_can_be_chosen(source: Path, tmp_path: Path, policy: str) -> None:
    run = _cleaned(source, tmp_path / "run", Choices(policy=policy))
    assert json.loads(run.cleaning.read_text())["policy"] == policy
    seven = next(row.content for row in load(run.products) if row.uid == "7")
    assert ("amp51" in seven, "<br>" in seven) == {
        "letters-only": (True, False), "strip-tags": (False, False), "none": (False, True)
    }[policy]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [({"policy": "best"}, "choose one of ours, letters-only"), ({"repeated_titles": "last"}, "all, first, longest"),
     ({"sample": 0}, "1 or more")],
)  # fmt: skip
def test_choices_that_do_not_exist_are_refused(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Choices(**wrong)  # type: ignore[arg-type]


def test_a_tally_counts_as_a_dictionary_does() -> None:
    rng, tally, seen = np.random.default_rng(1), Tally(), Counter[int]()
    for size in (0, 1, 500, FOLD, FOLD, 500):
        keys = rng.integers(0, FOLD // 2, size, dtype=np.uint64)
        expected = []
        for key in keys.tolist():
            expected.append(seen[key])
            seen[key] += 1
        assert tally.earlier(keys).tolist() == expected


def test_three_products_may_share_a_description() -> None:
    assert SAME_DESCRIPTION == 3  # benchmarks and README name the number
